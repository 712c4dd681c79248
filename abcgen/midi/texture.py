"""Choose what of a performance is written: the tune, chords in one voice, or voices.

Times are in whole notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError
from abcgen.midi.quantize import CHORD_SPREAD, QuantizedNote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from abcgen.midi.performance import Part, PlayedNote


TEXTURES = ("auto", "melody", "chords", "voices")
MAX_VOICES = 16
# Of more parts than this only the tune is written.
MAX_PARTS = 8
# A part is one line if at most this share of its notes sounds together with others, and chords if
# at most this share does not begin and end with them.
MAX_POLYPHONY, MAX_RAGGED = 0.05, 0.1
# Notes sound together if they overlap by this share of the shorter one: legato is no polyphony.
MIN_OVERLAP = 0.5
MIDDLE_C = 60
TUNE_NAMES = ("melody", "lead", "vocal", "voice", "tune", "solo", "soprano", "cantus", "song")


class TextureChoice(NamedTuple):
    """The texture and the parts to write."""

    # ``melody``, ``chords`` or ``voices``.
    texture: str
    parts: tuple[Part, ...]
    # A remark for the user, empty where there is nothing to explain.
    why: str


@dataclass(frozen=True, slots=True)
class MidiVoice:
    """A voice: its name, and its notes in order, none of which overlap."""

    name: str
    notes: tuple[QuantizedNote, ...]


def choose_texture(parts: Sequence[Part], texture: str, track: str) -> TextureChoice:
    """Choose what to write.

    Args:
        parts: All parts of the performance.
        texture: One of the textures; ``auto`` for the one that suits the parts.
        track: The only track to write, by number or by name; all if empty.

    Raises:
        NotationError: if there is no such track.
    """
    if track:
        name = track.strip().lower()
        chosen = [part for part in parts if name in {str(part.track), part.name.lower()}]
        chosen = chosen or [part for part in parts if name in part.name.lower()]
        if not chosen:
            names = ", ".join(dict.fromkeys(f"{part.track} {part.name}".strip() for part in parts))
            raise NotationError(f"no track {track!r}; tracks with notes: {names}")
        parts = chosen
    why = ""
    is_auto = texture == "auto"
    if is_auto and len(parts) > MAX_PARTS:
        texture = "melody"
    elif is_auto and len(parts) > 1:
        texture, why = "voices", f"{len(parts)} parts sound together, each written as a voice"
    elif is_auto:
        together, ragged = polyphony(parts[0].notes)
        if together <= MAX_POLYPHONY:
            texture = "melody"
        elif ragged <= MAX_RAGGED:
            texture = "chords"
            why = "its notes begin and end together: written as chords in one voice"
        else:
            texture = "voices"
            why = "its notes overlap freely: written as voices, divided by hand"
    if texture == "melody" and len(parts) > 1:
        tune = max(parts, key=tunefulness)
        why = "the tune was taken from"
        if is_auto:
            why = f"of {len(parts)} parts only the tune was written:"
        name = f" ({tune.name})" if tune.name else ""
        return TextureChoice(texture, (tune,), f"{why} track {tune.track}{name}")
    return TextureChoice(texture, tuple(parts), why)


def polyphony(notes: Sequence[PlayedNote]) -> tuple[float, float]:
    """Return the shares of notes that sound with another, and that do not begin and end with it."""
    together = ragged = 0
    sounding: list[PlayedNote] = []
    for note in notes:
        sounding = [
            other
            for other in sounding
            if other.offset - note.onset
            > MIN_OVERLAP * min(other.offset - other.onset, note.offset - note.onset)
        ]
        if sounding:
            together += 1
            first = sounding[0]
            is_aligned = abs(first.onset - note.onset) < CHORD_SPREAD
            ragged += not (is_aligned and abs(first.offset - note.offset) < 2 * CHORD_SPREAD)
        sounding.append(note)
    return together / len(notes), ragged / len(notes)


def tunefulness(part: Part) -> float:
    """Return how much a part is like a tune: named so, high, one note at a time, and busy."""
    is_named = any(word in part.name.lower() for word in TUNE_NAMES)
    pitch = fmean(note.pitch for note in part.notes)
    return 24 * is_named + pitch - 24 * polyphony(part.notes)[0] + min(len(part.notes), 100) / 10


def skyline(notes: Iterable[QuantizedNote]) -> tuple[QuantizedNote, ...]:
    """Return the highest note at every time; a lower one sounds where it is alone."""
    line: list[QuantizedNote] = []
    for note in sorted(notes, key=lambda note: (note.onset, -note.pitches[-1])):
        if line and note.onset == line[-1].onset:
            continue
        if line and line[-1].offset > note.onset:
            if line[-1].pitches[-1] > note.pitches[-1]:
                continue
            line[-1] = line[-1]._replace(offset=note.onset)
        line.append(note)
    return tuple(line)


def group_chords(notes: Iterable[QuantizedNote]) -> tuple[QuantizedNote, ...]:
    """Join notes that begin together to chords; each lasts to the next, or as its longest note."""
    groups: dict[Fraction, list[QuantizedNote]] = {}
    for note in sorted(notes):
        groups.setdefault(note.onset, []).append(note)
    chords: list[QuantizedNote] = []
    for onset, group in groups.items():
        pitches = tuple(sorted({pitch for note in group for pitch in note.pitches}))
        if chords and chords[-1].offset > onset:
            chords[-1] = chords[-1]._replace(offset=onset)
        offset = max(note.offset for note in group)
        velocity = max(note.velocity for note in group)
        chords.append(QuantizedNote(onset, offset, pitches, velocity=velocity))
    return tuple(chords)


def separate_voices(name: str, notes: Iterable[QuantizedNote]) -> list[MidiVoice]:
    """Divide the notes of a part into as few voices as hold them whole, the highest first."""
    # 1) Notes that begin and end together are a chord.
    chords: dict[tuple[Fraction, Fraction], QuantizedNote] = {}
    for note in sorted(notes):
        chord = chords.setdefault((note.onset, note.offset), note)
        pitches = tuple(sorted({*chord.pitches, *note.pitches}))
        chords[note.onset, note.offset] = chord._replace(pitches=pitches)

    # 2) A chord goes to a voice that is free: the first, unless that would have to leap.
    lines: list[list[QuantizedNote]] = []
    for chord in sorted(chords.values(), key=lambda chord: (chord.onset, -chord.pitches[-1])):
        costs = {
            number: 6 * number + abs(fmean(line[-1].pitches) - fmean(chord.pitches)) / 2
            for number, line in enumerate(lines)
            if line[-1].offset <= chord.onset
        }
        if costs:
            lines[min(costs, key=costs.__getitem__)].append(chord)
        elif len(lines) < MAX_VOICES:
            lines.append([chord])

    # 3) Names, from the highest down.
    lines.sort(key=lambda line: -median(pitch for note in line for pitch in note.pitches))
    names = [name, *(f"{name} {number}".strip() for number in range(2, len(lines) + 1))]
    return [MidiVoice(*pair) for pair in zip(names, map(tuple, lines), strict=False)]


def divide_hands(notes: Sequence[QuantizedNote]) -> list[list[QuantizedNote]]:
    """Divide piano music at middle C, unless it lies almost wholly on one side of it."""
    pitches = [pitch for note in notes for pitch in note.pitches]
    if not pitches or min(pitches) >= MIDDLE_C - 5 or max(pitches) <= MIDDLE_C + 5:
        return [list(notes)]
    right = [note for note in notes if note.pitches[0] >= MIDDLE_C]
    left = [note for note in notes if note.pitches[0] < MIDDLE_C]
    return [right, left]


def fold(notes: Iterable[QuantizedNote], lowest: int, highest: int) -> list[QuantizedNote]:
    """Return notes moved by octaves into a range of MIDI key numbers."""

    def fold_pitch(pitch: int) -> int:
        while pitch > highest:
            pitch -= 12
        while pitch < lowest:
            pitch += 12
        return pitch

    return [
        note._replace(pitches=tuple(sorted(set(map(fold_pitch, note.pitches))))) for note in notes
    ]
