"""What of a performance is written: the tune, chords in one voice, or voices.

Times are in whole notes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError
from abcgen.midi.quantize import CHORD_SPREAD, Sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from abcgen.midi.performance import Part, Strike


TEXTURES = ("auto", "melody", "chords", "voices")
MOST_VOICES = 16
# A part is one line if hardly any of its notes sound together, and chords if they begin and end
# together.
_LINE, _CHORDS = 0.05, 0.1
_MOST_PARTS = 8
_MIDDLE_C = 60
_TUNE_NAMES = ("melody", "lead", "vocal", "voice", "tune", "solo", "soprano", "cantus", "song")
_OVERLAP = 0.5  # of the shorter note: legato playing is no polyphony


class Choice(NamedTuple):
    """What was chosen.

    Attributes:
        texture: ``melody``, ``chords`` or ``voices``.
        parts: The parts that are written.
        why: In a musician's words.
    """

    texture: str
    parts: tuple[Part, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Line:
    """A voice: its name and its notes in order, none of which overlap."""

    name: str
    sounds: tuple[Sound, ...]


def choose(parts: Sequence[Part], texture: str, track: str) -> Choice:
    """Decide what to write.

    Args:
        parts: All parts of the performance.
        texture: One of the textures, or ``auto``.
        track: The only track to write, by number or by name; any if empty.

    Raises:
        NotationError: if there is no such track.
    """
    if track:
        parts = _on_track(parts, track)
    parts = tuple(parts)
    if texture == "auto":
        texture, why = _suited(parts)
    else:
        why = ""
    if texture == "melody" and len(parts) > 1:
        tune = max(parts, key=_tunefulness)
        why = why or f"the tune was taken from {_called(tune)}"
        return Choice(texture, (tune,), why)
    return Choice(texture, parts, why)


def _on_track(parts: Sequence[Part], track: str) -> tuple[Part, ...]:
    wanted = track.strip().lower()
    found = tuple(p for p in parts if wanted in {str(p.track), p.name.lower()})
    found = found or tuple(part for part in parts if wanted in part.name.lower())
    if not found:
        names = ", ".join(dict.fromkeys(f"{part.track} {part.name}".strip() for part in parts))
        raise NotationError(f"no track {track!r}; tracks with notes: {names}")
    return found


def _called(part: Part) -> str:
    return f"track {part.track}" + (f" ({part.name})" if part.name else "")


def _suited(parts: Sequence[Part]) -> tuple[str, str]:
    """The texture that suits the parts, and why."""
    if len(parts) > _MOST_PARTS:
        tune = max(parts, key=_tunefulness)
        return "melody", f"of {len(parts)} parts only the tune was written: {_called(tune)}"
    if len(parts) > 1:
        return "voices", f"{len(parts)} parts sound together, each written as a voice"
    together, ragged = _togetherness(parts[0].notes)
    if together <= _LINE:
        return "melody", ""
    if ragged <= _CHORDS:
        return "chords", "its notes begin and end together: written as chords in one voice"
    return "voices", "its notes overlap freely: written as voices, divided by hand"


def _togetherness(notes: Sequence[Strike]) -> tuple[float, float]:
    """Shares of notes that sound with another, and that do not begin and end with it."""
    together = ragged = 0
    open_notes: list[Strike] = []
    for note in notes:
        open_notes = [one for one in open_notes if _overlap(one, note)]
        if open_notes:
            together += 1
            first = open_notes[0]
            aligned = abs(first.start - note.start) < CHORD_SPREAD
            ragged += not (aligned and abs(first.end - note.end) < 2 * CHORD_SPREAD)
        open_notes.append(note)
    return together / len(notes), ragged / len(notes)


def _overlap(one: Strike, other: Strike) -> bool:
    shorter = min(one.end - one.start, other.end - other.start)
    return one.end - other.start > _OVERLAP * shorter


def _tunefulness(part: Part) -> float:
    """How much a part is like a tune: named so, high, one note at a time, and busy."""
    named = any(word in part.name.lower() for word in _TUNE_NAMES)
    pitch = fmean(note.key for note in part.notes)
    return 24 * named + pitch - 24 * _togetherness(part.notes)[0] + min(len(part.notes), 100) / 10


def melody(sounds: Iterable[Sound]) -> tuple[Sound, ...]:
    """The highest note at every time (skyline): a lower one is heard where it is alone."""
    line: list[Sound] = []
    for sound in sorted(sounds, key=lambda one: (one.start, -one.keys[-1])):
        if line and sound.start == line[-1].start:
            continue
        if line and line[-1].end > sound.start:
            if line[-1].keys[-1] > sound.keys[-1]:
                continue
            line[-1] = line[-1]._replace(end=sound.start)
        line.append(sound)
    return tuple(line)


def chords(sounds: Iterable[Sound]) -> tuple[Sound, ...]:
    """Notes that begin together as chords; each lasts to the next, or as its longest note."""
    groups: dict[Fraction, list[Sound]] = {}
    for sound in sorted(sounds):
        groups.setdefault(sound.start, []).append(sound)
    line: list[Sound] = []
    for start, group in groups.items():
        keys = tuple(sorted({key for sound in group for key in sound.keys}))
        if line and line[-1].end > start:
            line[-1] = line[-1]._replace(end=start)
        end = max(sound.end for sound in group)
        line.append(Sound(start, end, keys, velocity=max(sound.velocity for sound in group)))
    return tuple(line)


def voices(name: str, sounds: Iterable[Sound]) -> list[Line]:
    """Notes divided into as few voices as hold them whole, the highest first.

    Notes that begin and end together are a chord; a chord goes to the first voice that is free,
    unless that would leap to it.
    """
    lines: list[list[Sound]] = []
    for chord in _aligned(sounds):
        free = [number for number, line in enumerate(lines) if line[-1].end <= chord.start]
        if free:
            best = min(free, key=lambda number: _strain(number, lines[number][-1], chord))
            lines[best].append(chord)
        elif len(lines) < MOST_VOICES:
            lines.append([chord])
    lines.sort(key=lambda line: -median(key for sound in line for key in sound.keys))
    names = [name, *(f"{name} {number}".strip() for number in range(2, len(lines) + 1))]
    return [Line(*pair) for pair in zip(names, map(tuple, lines), strict=False)]


def hands(sounds: Sequence[Sound]) -> list[list[Sound]]:
    """Piano music divided at middle C, or at the gap between the hands near it."""
    keys = sorted({key for sound in sounds for key in sound.keys})
    if not keys or keys[0] >= _MIDDLE_C - 5 or keys[-1] <= _MIDDLE_C + 5:
        return [list(sounds)]
    right = [sound for sound in sounds if sound.keys[0] >= _MIDDLE_C]
    left = [sound for sound in sounds if sound.keys[0] < _MIDDLE_C]
    return [right, left]


def _aligned(sounds: Iterable[Sound]) -> list[Sound]:
    groups: dict[tuple[Fraction, Fraction], Sound] = {}
    for sound in sorted(sounds):
        place = (sound.start, sound.end)
        before = groups.get(place)
        keys = (*before.keys, *sound.keys) if before else sound.keys
        groups[place] = replace_keys(before or sound, tuple(sorted(set(keys))))
    return sorted(groups.values(), key=lambda sound: (sound.start, -sound.keys[-1]))


def replace_keys(sound: Sound, keys: tuple[int, ...]) -> Sound:
    """A sound with other keys."""
    return sound._replace(keys=keys)


def _strain(number: int, before: Sound, chord: Sound) -> float:
    """What speaks against a voice: that it is a lower one, and the leap it would make."""
    return 6 * number + abs(fmean(before.keys) - fmean(chord.keys)) / 2


def folded(sounds: Sequence[Sound], low: int, high: int) -> list[Sound]:
    """The sounds moved by octaves into a range of MIDI keys."""
    return [
        replace_keys(sound, tuple(sorted({_fold(key, low, high) for key in sound.keys})))
        for sound in sounds
    ]


def _fold(key: int, low: int, high: int) -> int:
    while key > high:
        key -= 12
    while key < low:
        key += 12
    return key


__all__ = ["TEXTURES", "Choice", "Line", "choose", "chords", "folded", "hands", "melody", "replace"]
