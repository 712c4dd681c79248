"""What is measured: notes, bar lines, metre, key and pickup of a transcription."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.playback import play_order
from abcgen.notation.tune import Bar, Note
from abcgen.notation.walk import sounding_notes, walk_bars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Metre, Tune

Sounding = tuple[Fraction, Fraction, int]
"""Onset, duration and MIDI key."""
COMPARED = 5
"""So many first notes may be what the two are laid beside each other by."""


@dataclass(frozen=True)
class Outcome:
    """How right one transcription is.

    Attributes:
        notes: F1 of its notes: onset, duration and pitch must be equal.
        bar_lines: F1 of its bar lines' places.
        bar_length: Whether the bar's length is right.
        metre_class: Whether duple, triple or compound is.
        pickup: Whether the first bar is as long as it should be.
        key: Whether the key signature is right.
        judged_key: Whether the true signature is that of the notes; else the key does not count.
        refused: Why there is none.
    """

    notes: float = 0
    bar_lines: float = 0
    bar_length: bool = False
    metre_class: bool = False
    pickup: bool = False
    key: bool = False
    judged_key: bool = True
    refused: str = ""


def judged(truth: Tune, found: Tune) -> Outcome:
    """Compare a transcription with the tune that its MIDI was made from, both played out."""
    true_notes, notes = sounding(truth), sounding(found)
    shift = _best_shift(true_notes, notes)
    moved = [(onset + shift, duration, key) for onset, duration, key in notes]
    lines = {place + shift for place in bar_lines(found)}
    return Outcome(
        notes=f1(Counter(true_notes), Counter(moved)),
        bar_lines=f1(Counter(bar_lines(truth)), Counter(lines)),
        bar_length=truth.metre.bar_duration == found.metre.bar_duration,
        metre_class=metre_class(truth.metre) == metre_class(found.metre),
        pickup=first_bar(truth) == first_bar(found),
        key=truth.key.signature == found.key.signature,
        judged_key=fits_signature(truth),
    )


def f1(true: Counter[object], found: Counter[object]) -> float:
    """The harmonic mean of precision and recall; 1 where there is nothing to find."""
    hits = (true & found).total()
    return 2 * hits / (true.total() + found.total()) if true or found else 1.0


def metre_class(metre: Metre) -> str:
    """Duple, triple or compound; or the number of beats where it is none of these."""
    if metre.is_compound:
        return "compound"
    if metre.beats % 3 == 0:
        return "triple"
    return "duple" if metre.beats & (metre.beats - 1) == 0 else str(metre.beats)


def first_bar(tune: Tune) -> Fraction:
    """The pickup's length; 0 if the first bar is full."""
    first, full = tune.bars[0].duration, tune.metre.bar_duration
    return first if first < full else Fraction(0)


def fits_signature(tune: Tune) -> bool:
    """Whether at most half of the notes of any letter have an accidental against the signature.

    Essen writes all minor tunes in major, with accidentals: their signature is no truth.
    """
    signature, against = Counter[str](), Counter[str]()
    for bar in walk_bars(tune.bars, tune.key, tune.metre):
        key_signature = bar.key.signature
        for note in bar.bar.notes:
            for pitch in note.pitches if isinstance(note, Note) else ():
                signature[pitch.letter] += 1
                against[pitch.letter] += pitch.alter != key_signature[pitch.letter]
    return all(2 * against[letter] <= signature[letter] for letter in signature)


def sounding(tune: Tune) -> list[Sounding]:
    """All notes as played, ties joined, from the start of the tune."""
    # The other voices go the first one's way.
    order = play_order(tune)
    return sorted(
        (onset, duration, key)
        for voice in tune.voices
        for onset, duration, keys in sounding_notes(replace(tune, bars=voice.bars), order)
        for key in keys
    )


def bar_lines(tune: Tune) -> set[Fraction]:
    """Where bars begin, the first left out, counted from the tune's start.

    Two short bars that make up a full one, as around a repeat sign, are one bar.
    """
    lines, time = set(), Fraction(0)
    order = [tune.bars[index] for index in play_order(tune)]
    full = tune.metre.bar_duration
    metres = _metres(order, full)
    for place, (bar, following) in enumerate(pairwise(order)):
        time += bar.duration
        split = bar.duration < metres[place] and (
            bar.duration + following.duration == metres[place] == metres[place + 1]
        )
        if not split:
            lines.add(time)
    return lines


def _metres(bars: Sequence[Bar], full: Fraction) -> list[Fraction]:
    metres = []
    for bar in bars:
        full = bar.metre.bar_duration if bar.metre else full
        metres.append(full)
    return metres


def _best_shift(true: Sequence[Sounding], found: Sequence[Sounding]) -> Fraction:
    """What to add to the times found, so that as many notes as may be begin where they should."""
    wanted = Counter((onset, key) for onset, _, key in true)
    shifts = {
        theirs[0] - ours[0]
        for theirs in true[:COMPARED]
        for ours in found[:COMPARED]
        if theirs[2] == ours[2]
    } or {Fraction(0)}

    def hits(shift: Fraction) -> int:
        return (wanted & Counter((onset + shift, key) for onset, _, key in found)).total()

    return max(sorted(shifts), key=hits)
