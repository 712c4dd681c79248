"""Hear in an accompaniment where bars begin.

On a bar line there is usually a low note, the chord changes there, the bass drum is struck, and
what sounded before has ended. These events are independent coins whose odds depend on how strong a
place of the bar is (naive Bayes).

Arrays are commented with their shapes: T sixteenths of the piece, B sixteenths of a bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from abcgen.midi.performance import BASS_DRUMS, SNARES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from abcgen.midi.performance import PlayedNote
    from abcgen.notation.tune import Metre

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


# Of longer pieces only the beginning is heard, in sixteenths.
MAX_LENGTH = 16 * 400
# Nearer to a low note than this, in sixteenths, there is none lower; and semitones of a third.
REACH, THIRD = 4, 4
# How strong places of a bar are: the bar line, its half, other beats, between beats, all others.
BAR_LINE, HALF, BEAT, OFF_BEAT, OTHER = range(5)
# The probability of every event at these places.
PROBABILITIES = {
    "low note": (0.9, 0.5, 0.2, 0.06, 0.02),
    "low note that differs": (0.6, 0.3, 0.1, 0.03, 0.01),
    "chord that differs": (0.6, 0.2, 0.06, 0.02, 0.005),
    "notes held": (0.1, 0.35, 0.5, 0.6, 0.8),
    "bass drum": (0.9, 0.5, 0.2, 0.12, 0.04),
    "snare": (0.06, 0.25, 0.5, 0.1, 0.04),
}
# The same of the first and last low note.
EDGE = (0.75, 0.3, 0.12, 0.03, 0.01)
# The mean share of notes held from which on they are heard; those up to this long, in sixteenths,
# are not held.
MIN_HELD, LONG = 0.2, 4
# Events of a piece are alike, and prove less than independent ones would.
INDEPENDENCE = 0.25


@dataclass(frozen=True, eq=False)
class Accompaniment:
    """Events under a tune, counted in sixteenths from its first note on."""

    # By the event's name, how many there are at each sixteenth, 0 to 1: (T,).
    events: dict[str, FloatArray]
    # Sixteenths from the first of these to the tune's first note.
    lead: int
    # Those of the first and the last low note, if there is any.
    edges: tuple[int, ...]
    _scores: dict[Metre, FloatArray] = field(default_factory=dict, repr=False)

    def score(self, metre: Metre, pickup: Fraction) -> float:
        """Return the log-likelihood of bar lines, to be compared with others of the same piece."""
        if metre not in self._scores:
            self._scores[metre] = self._score_all(metre)
        scores = self._scores[metre]
        return float(scores[round(pickup * 16) % len(scores)])

    def _score_all(self, metre: Metre) -> FloatArray:
        """Return the log-likelihood of a metre with a pickup of each number of sixteenths: (B,)."""
        levels = strengths(metre)  # (B,)
        full = len(levels)
        pickups = np.arange(full)
        # The strength of each place, counted from the tune's first note: (pickup, place).
        levels_by_place = levels[(pickups - pickups[:, None]) % full]
        total = np.zeros(full)
        for name, counts in self.events.items():
            odds = np.array(PROBABILITIES[name])[levels_by_place]  # (B, B)
            places = (np.arange(len(counts)) - self.lead) % full  # (T,)
            happened = np.bincount(places, counts, full)  # (B,)
            silent = np.bincount(places, minlength=full) - happened  # (B,)
            total += np.log(odds) @ happened + np.log1p(-odds) @ silent
        ends = [(edge - self.lead) % full for edge in self.edges]
        edges: FloatArray = np.log(EDGE)[levels_by_place[:, ends]].sum(axis=1)  # (B,)
        return INDEPENDENCE * total + edges


def strengths(metre: Metre) -> IntArray:
    """Return how strong each sixteenth of a bar is: (B,)."""
    full = max(1, round(metre.bar_duration * 16))
    beat = max(1, (3 if metre.is_compound else 1) * 16 // metre.unit)
    division = max(1, beat // 3 if metre.is_compound else beat // 2)
    levels = np.full(full, OTHER)
    levels[::division] = OFF_BEAT
    levels[::beat] = BEAT
    if full % 2 == 0 and (full // 2) % beat == 0:
        levels[full // 2] = HALF
    levels[0] = BAR_LINE
    return levels


def hear(
    notes: Sequence[PlayedNote],
    accompaniment: Sequence[PlayedNote],
    drums: Sequence[PlayedNote],
    begin: float,
) -> Accompaniment:
    """Return the events of an accompaniment.

    Args:
        notes: All notes but drums, in order.
        accompaniment: Those of them that are not the tune's.
        drums: The notes of drums.
        begin: When the tune begins, in whole notes.
    """
    struck = [*notes, *drums]
    first = min((note.onset for note in struck), default=begin)
    # From the bar before the tune at most; what comes much earlier is an introduction.
    origin = round(16 * min(begin, first))
    length = min(MAX_LENGTH, round(16 * max(note.offset for note in struck)) + 1 - origin)
    events = {}
    low, differing = _low_notes(notes, origin, length)
    if len(accompaniment) or low.sum() > 1:
        events = {"low note": low, "low note that differs": differing}
    if accompaniment:
        chords, held = _chords(accompaniment, origin, length)
        events["chord that differs"] = chords
        # Where every note is short, that none is held proves nothing.
        if held.mean() > MIN_HELD:
            events["notes held"] = held
    for name, keys in (("bass drum", BASS_DRUMS), ("snare", SNARES)):
        counts = np.zeros(length)
        for note in drums:
            place = round(16 * note.onset) - origin
            if note.pitch in keys and 0 <= place < length:
                counts[place] = 1
        if counts.any():
            events[name] = counts
    at = np.flatnonzero(low if events else [])
    edges = (int(at[0]), int(at[-1])) if len(at) else ()
    return Accompaniment(events, round(16 * begin) - origin, edges)


def _low_notes(
    notes: Sequence[PlayedNote], origin: int, length: int
) -> tuple[FloatArray, FloatArray]:
    """Return where notes begin that are the lowest around, and those not alike the last: (T,)."""
    none = 1000
    lowest = np.full(length + 2 * REACH, none)
    for note in notes:
        place = round(16 * note.onset) - origin
        if 0 <= place < length:
            lowest[place + REACH] = min(lowest[place + REACH], note.pitch)
    around = np.min([lowest[shift : shift + length] for shift in range(1, 2 * REACH)], axis=0)
    own = lowest[REACH : REACH + length]
    is_low = (own < none) & (own <= around)
    # Nor is the third of a chord low, a quarter from its root; but basses leap by fourths and more.
    for neighbour in (lowest[:length], lowest[2 * REACH :]):
        is_low &= (neighbour >= own) | (neighbour < own - THIRD)
    differs = np.zeros(length)
    at = np.flatnonzero(is_low)
    differs[at[1:]] = own[at[1:]] % 12 != own[at[:-1]] % 12
    return is_low.astype(float), differs


def _chords(notes: Sequence[PlayedNote], origin: int, length: int) -> tuple[FloatArray, FloatArray]:
    """Return how far chords differ from those before, and the share of notes held over: (T,)."""
    struck: dict[int, set[int]] = {}
    sounding, beginning = np.zeros(length + 1), np.zeros(length + 1)
    for note in notes:
        onset, offset = round(16 * note.onset) - origin, round(16 * note.offset) - origin
        if not 0 <= onset < length:
            continue
        struck.setdefault(onset, set()).add(note.pitch % 12)
        beginning[onset] += 1
        # Over the times after its onset and before its end.
        if offset - onset > LONG:
            sounding[onset + 1] += 1
            sounding[min(offset, length)] -= 1
    held = np.cumsum(sounding)[:length]
    share = np.divide(held, held + beginning[:length], out=np.zeros(length), where=held > 0)
    differs = np.zeros(length)
    before: set[int] = set()
    for place in sorted(struck):
        chord = struck[place]
        if len(chord) > 1:
            differs[place] = 1 - len(chord & before) / len(chord | before)
            before = chord
    return differs, share
