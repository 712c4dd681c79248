"""Choose what of a performance is written: the tune, chords in one voice, or voices.

Times are in whole notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError
from abcgen.midi.chords import is_chordal
from abcgen.midi.melody import polyphony, tune_part
from abcgen.midi.names import instrument
from abcgen.midi.quantize import QuantizedNote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from abcgen.midi.performance import Part, PlayedNote


TEXTURES = ("auto", "melody", "chords", "voices")
# Of more parts than this only the tune is written.
MAX_PARTS = 8
# A part is one line if at most this share of its notes sounds together with others, and chords if
# at most this share does not begin and end with them.
MAX_POLYPHONY, MAX_RAGGED = 0.05, 0.1
MIDDLE_C = 60
BEAT = Fraction(1, 4)


class TextureChoice(NamedTuple):
    """The texture and the parts to write, the tune's first."""

    # ``melody``, ``chords`` or ``voices``.
    texture: str
    parts: tuple[Part, ...]
    # A remark for the user, empty where there is nothing to explain.
    why: str

    @property
    def tune(self) -> Part:
        """The part of the tune."""
        return self.parts[0]


@dataclass(frozen=True, slots=True)
class MidiVoice:
    """A voice: its name, and its notes in order, none of which overlap."""

    name: str
    notes: tuple[QuantizedNote, ...]
    # The number of its part or hand, and whether that is a keyboard's.
    staff: int = 0
    is_keyboard: bool = False
    # The clef that its part has whatever its notes.
    clef: str = ""
    # Its part's program, if the file sets one.
    program: int | None = None


def choose_texture(
    parts: Sequence[Part], texture: str, track: str, syllables: Sequence[float] = ()
) -> TextureChoice:
    """Choose what to write.

    Args:
        parts: All parts of the performance.
        texture: One of the textures; ``auto`` for the one that suits the parts.
        track: The only track to write, by number or by name, or one channel of it (``1:4``); all if
            empty.
        syllables: When words are sung, in whole notes.

    Raises:
        NotationError: if there is no such track.
    """
    if track:
        parts = _parts_named(parts, track)
    tune = tune_part(parts, syllables)
    others = tuple(part for part in parts if part is not tune)
    is_auto = texture == "auto"
    if is_auto and len(parts) > MAX_PARTS:
        why = f"of {len(parts)} parts only the tune was written: {label(tune)}"
        return TextureChoice("melody", (tune,), why)
    is_lead_sheet = len(accompanying_chords(tune, parts, track)) == len(others)
    if is_auto and others and is_lead_sheet and polyphony(tune.notes)[0] <= MAX_POLYPHONY:
        return TextureChoice("melody", (tune,), f"the tune was taken from {label(tune)}")
    if is_auto and others:
        why = f"{len(parts)} parts sound together, each written as a voice"
        why += "" if tune is parts[0] else f", first the tune: {label(tune)}"
        return TextureChoice("voices", (tune, *others), why)
    if texture == "melody" and others:
        return TextureChoice(texture, (tune,), f"the tune was taken from {label(tune)}")
    if not is_auto:
        return TextureChoice(texture, (tune, *others), "")
    together, ragged = polyphony(tune.notes)
    if together <= MAX_POLYPHONY:
        return TextureChoice("melody", (tune,), "")
    if ragged <= MAX_RAGGED:
        why = "its notes begin and end together: written as chords in one voice"
        return TextureChoice("chords", (tune,), why)
    why = "its notes overlap freely: written as voices, divided by hand"
    return TextureChoice("voices", (tune,), why)


def _parts_named(parts: Sequence[Part], track: str) -> list[Part]:
    """Return the parts of a track, or of one of its channels, by number or by name.

    Raises:
        NotationError: if there is no such track.
    """
    name = track.strip().lower()
    chosen = [
        part
        for part in parts
        if name in {f"{part.track}", f"{part.track}:{part.channel}", part.name.lower()}
    ]
    chosen = chosen or [part for part in parts if name in part.name.lower()]
    if not chosen:
        names = ", ".join(dict.fromkeys(f"{part.track} {part.name}".strip() for part in parts))
        raise NotationError(f"no track {track!r}; tracks with notes: {names}")
    return chosen


def accompanying_chords(tune: Part, parts: Sequence[Part], track: str) -> list[Part]:
    """Return the parts that play chords under the tune, none if only one track is read."""
    others = () if track else (part for part in parts if part is not tune)
    return [part for part in others if is_chordal(part.notes)]


def label(part: Part) -> str:
    """Return a part's name for people: track, channel, name and instrument."""
    words = [part.name, instrument(part.program)]
    known = ", ".join(dict.fromkeys(word for word in words if word))
    return f"track {part.track}, channel {part.channel}" + (f" ({known})" if known else "")


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


def drum_strokes(notes: Iterable[QuantizedNote]) -> tuple[QuantizedNote, ...]:
    """Join strokes at one time; each is written up to the next, or to the next beat."""
    strokes = group_chords(notes)
    ends = [stroke.onset for stroke in strokes[1:]]
    written = []
    for stroke, end in zip_longest(strokes, ends):
        beat = (stroke.onset // BEAT + 1) * BEAT
        written.append(stroke._replace(offset=beat if end is None else min(beat, end)))
    return tuple(written)


def lower_notes(notes: Iterable[PlayedNote]) -> list[PlayedNote]:
    """Return the notes of a part, in order, that begin below another that sounds."""
    lower: list[PlayedNote] = []
    sounding: list[PlayedNote] = []
    for note in notes:
        sounding = [other for other in sounding if other.offset > note.onset]
        # Of notes that begin together the lowest comes first.
        lower += [
            other
            for other in sounding
            if other.onset == note.onset and other.pitch < note.pitch and other not in lower[-4:]
        ]
        if any(other.pitch > note.pitch for other in sounding):
            lower.append(note)
        sounding.append(note)
    return sorted(set(lower))


def fullest_first(voices: Sequence[MidiVoice]) -> list[MidiVoice]:
    """Return voices with the first one that sounds for at least half as long as any other first."""
    lengths = [sum(note.duration for note in voice.notes) for voice in voices]
    first = next((at for at, length in enumerate(lengths) if 2 * length >= max(lengths)), 0)
    return [*voices[first : first + 1], *voices[:first], *voices[first + 1 :]]


def separate_voices(notes: Iterable[QuantizedNote], most: int) -> tuple[list[MidiVoice], int]:
    """Divide the notes of a part into as few voices as hold them whole, the highest first.

    Args:
        notes: The part's notes.
        most: How many voices there may be.

    Returns:
        The voices, and how many notes are in none of them.
    """
    # 1) Notes that begin and end together are a chord.
    chords: dict[tuple[Fraction, Fraction], QuantizedNote] = {}
    for note in sorted(notes):
        chord = chords.setdefault((note.onset, note.offset), note)
        pitches = tuple(sorted({*chord.pitches, *note.pitches}))
        chords[note.onset, note.offset] = chord._replace(pitches=pitches)

    # 2) A chord goes to a voice that is free: the first, unless that would have to leap.
    lines: list[list[QuantizedNote]] = []
    left_out = 0
    for chord in sorted(chords.values(), key=lambda chord: (chord.onset, -chord.pitches[-1])):
        costs = {
            number: 6 * number + abs(fmean(line[-1].pitches) - fmean(chord.pitches)) / 2
            for number, line in enumerate(lines)
            if line[-1].offset <= chord.onset
        }
        if costs:
            lines[min(costs, key=costs.__getitem__)].append(chord)
        elif len(lines) < most:
            lines.append([chord])
        else:
            left_out += len(chord.pitches)

    # 3) From the highest down.
    lines.sort(key=lambda line: -median(pitch for note in line for pitch in note.pitches))
    return [MidiVoice("", tuple(line)) for line in lines], left_out


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
