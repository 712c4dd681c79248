"""Compare a transcription with the true tune: notes, bar lines, metre, key and pickup."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.playback import play_order
from abcgen.notation.tune import Note
from abcgen.notation.walk import sounding_notes, walk_bars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Metre, Tune

# Onset, duration and MIDI key number.
SoundingNote = tuple[Fraction, Fraction, int]
# The first notes of two tunes by which they are aligned.
ALIGNED_BY = 5


@dataclass(frozen=True)
class Outcome:
    """The quality of one transcription."""

    # F1 of its notes: onset, duration and pitch must be equal.
    notes: float = 0
    # F1 of the onsets of its bars.
    bar_lines: float = 0
    # Right or not: the duration of a bar; duple, triple or compound; the duration of the first
    # bar; the key signature.
    bar_length: bool = False
    metre_class: bool = False
    pickup: bool = False
    key: bool = False
    # True if the true signature is that of the notes; else the key does not count.
    key_counts: bool = True
    # Why there is no transcription.
    refused: str = ""


def compare(truth: Tune, transcription: Tune) -> Outcome:
    """Compare a transcription with the tune that its MIDI was made from, both played out."""
    true_notes, notes = sounding(truth), sounding(transcription)
    shift = _best_shift(true_notes, notes)
    shifted = [(onset + shift, duration, key) for onset, duration, key in notes]
    lines = {onset + shift for onset in bar_lines(transcription)}
    return Outcome(
        notes=f1(Counter(true_notes), Counter(shifted)),
        bar_lines=f1(Counter(bar_lines(truth)), Counter(lines)),
        bar_length=truth.metre.bar_duration == transcription.metre.bar_duration,
        metre_class=metre_class(truth.metre) == metre_class(transcription.metre),
        pickup=first_bar(truth) == first_bar(transcription),
        key=truth.key.signature == transcription.key.signature,
        key_counts=fits_signature(truth),
    )


def _best_shift(true_notes: Sequence[SoundingNote], notes: Sequence[SoundingNote]) -> Fraction:
    """Return the shift in time by which most notes begin where they should."""
    wanted = Counter((onset, key) for onset, _, key in true_notes)
    shifts = {
        true_note[0] - note[0]
        for true_note in true_notes[:ALIGNED_BY]
        for note in notes[:ALIGNED_BY]
        if true_note[2] == note[2]
    } or {Fraction(0)}

    def hits(shift: Fraction) -> int:
        return (wanted & Counter((onset + shift, key) for onset, _, key in notes)).total()

    return max(sorted(shifts), key=hits)


def f1(true: Counter[object], found: Counter[object]) -> float:
    """Return the harmonic mean of precision and recall; 1 where there is nothing to find."""
    hits = (true & found).total()
    return 2 * hits / (true.total() + found.total()) if true or found else 1.0


def metre_class(metre: Metre) -> str:
    """Return duple, triple or compound; or the number of beats where it is none of these."""
    if metre.is_compound:
        return "compound"
    if metre.beats % 3 == 0:
        return "triple"
    return "duple" if metre.beats & (metre.beats - 1) == 0 else str(metre.beats)


def first_bar(tune: Tune) -> Fraction:
    """Return the duration of the pickup; 0 if the first bar is full."""
    first, full = tune.bars[0].duration, tune.metre.bar_duration
    return first if first < full else Fraction(0)


def fits_signature(tune: Tune) -> bool:
    """Return whether at most half of the notes of any letter contradict the signature.

    Essen writes all minor tunes in major, with accidentals: their signature is no truth.
    """
    notes, contradicting = Counter[str](), Counter[str]()
    for bar in walk_bars(tune.bars, tune.key, tune.metre):
        signature = bar.key.signature
        for note in bar.bar.notes:
            for pitch in note.pitches if isinstance(note, Note) else ():
                notes[pitch.letter] += 1
                contradicting[pitch.letter] += pitch.alter != signature[pitch.letter]
    return all(2 * contradicting[letter] <= notes[letter] for letter in notes)


def sounding(tune: Tune) -> list[SoundingNote]:
    """Return all notes as played, ties joined, from the start of the tune."""
    # The other voices are played in the first one's order.
    order = play_order(tune)
    return sorted(
        (onset, duration, key)
        for voice in tune.voices
        for onset, duration, keys in sounding_notes(replace(tune, bars=voice.bars), order)
        for key in keys
    )


def bar_lines(tune: Tune) -> set[Fraction]:
    """Return where bars begin, but for the first, counted from the tune's start.

    Two short bars that make up a full one, as around a repeat sign, are one bar.
    """
    played = [tune.bars[index] for index in play_order(tune)]
    full = tune.metre.bar_duration
    full_durations = []
    for bar in played:
        full = bar.metre.bar_duration if bar.metre else full
        full_durations.append(full)
    lines, time = set(), Fraction(0)
    for index, (bar, following) in enumerate(pairwise(played)):
        time += bar.duration
        full, next_full = full_durations[index : index + 2]
        both = bar.duration + following.duration
        if not (bar.duration < full and both == full == next_full):
            lines.add(time)
    return lines
