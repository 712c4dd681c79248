"""A melody as readings of metre see it: onsets in sixteenths, steps, leaps, what returns."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from abcgen.corpus.midi.values import Sound

    _Ints = NDArray[np.int64]

SIXTEENTHS = 16
# Steps from onset to onset in sixteenths, sorted into classes: the last holds all that are longer.
STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32)
_LEAPS = (0, 2, 4, 7)  # semitones: repeated, a step, a third, a fifth, wider
_SEED = 4  # so many notes alike begin a passage that returns
_LONGEST_LAG = 64
_MOST_RETURNS = 400
_MOST_PAIRS = 20_000  # compared in search of them: a tune has some hundreds, like notes very many


class Returns(NamedTuple):
    """Passages that come again: where each begins first and then, in sixteenths, and its notes."""

    first: _Ints
    again: _Ints
    notes: _Ints


@dataclass(frozen=True, eq=False)
class Line:
    """A melody on a grid of sixteenths, counted from its first note.

    Attributes:
        onsets: Rising.
        keys: MIDI keys.
        velocities: How hard each note is struck.
        end: When the last note ends.
        tonic: Pitch class of the key's tonic.
    """

    onsets: _Ints
    keys: _Ints
    velocities: _Ints
    end: int
    tonic: int

    def at(self, scale: Fraction) -> Line:
        """The line at another speed, to the nearest sixteenth, halves upward."""
        if scale == 1:
            return self
        twice = 2 * scale.denominator
        places = (2 * scale.numerator * self.onsets + scale.denominator) // twice
        onsets, first = np.unique(places, return_index=True)
        end = (2 * scale.numerator * self.end + scale.denominator) // twice
        keys = np.maximum.reduceat(self.keys, first)
        velocities = np.maximum.reduceat(self.velocities, first)
        return Line(onsets, keys, velocities, max(end, int(onsets[-1]) + 1), self.tonic)

    @cached_property
    def steps(self) -> _Ints:
        """Class of the time from each note but the last to the next."""
        return np.searchsorted(STEPS, np.diff(self.onsets))

    @cached_property
    def steps_before(self) -> _Ints:
        """Likewise, to each note but the last from the one before; 0 for the first."""
        return np.concatenate([[0], self.steps])[:-1]

    @cached_property
    def degrees(self) -> _Ints:
        """Semitones above the tonic, 0 to 11."""
        return (self.keys - self.tonic) % 12

    @cached_property
    def leaps(self) -> _Ints:
        """Class of the interval to each note but the first from the one before."""
        return np.searchsorted(_LEAPS, np.abs(np.diff(self.keys)))

    @cached_property
    def _likeness(self) -> dict[int, tuple[float, float]]:
        return {}

    def likeness(self, lag: int) -> tuple[float, float]:
        """Shares of notes that have an onset, and one of their pitch, so much later.

        Counted as what exceeds the mean over all lags; 0 where too little is left to compare.
        """
        found = self._raw_likeness(lag)
        if found is None:
            return 0.0, 0.0
        return found[0] - self._mean[0], found[1] - self._mean[1]

    def _raw_likeness(self, lag: int) -> tuple[float, float] | None:
        if lag not in self._likeness:
            self._likeness[lag] = self._compared(lag)
        shares = self._likeness[lag]
        return shares if shares[0] >= 0 else None

    def _compared(self, lag: int) -> tuple[float, float]:
        later = self.onsets + lag
        compared = int(np.searchsorted(later, self.onsets[-1], "right"))
        if compared < _SEED:
            return -1.0, -1.0
        later = later[:compared]
        place = np.searchsorted(self.onsets, later)
        is_onset = self.onsets[place] == later
        is_pitch = is_onset & (self.keys[place] == self.keys[:compared])
        return float(is_onset.mean()), float(is_pitch.mean())

    @cached_property
    def _mean(self) -> tuple[float, float]:
        lags = range(2, min(_LONGEST_LAG, int(self.onsets[-1]) // 2), 2)
        found = [shares for lag in lags if (shares := self._raw_likeness(lag))]
        count = len(found) or 1
        return sum(one[0] for one in found) / count, sum(one[1] for one in found) / count

    @cached_property
    def returns(self) -> Returns:
        """Passages of four notes and more that come again, each as long as it can be."""
        keys = self.keys.tolist()
        steps = [*zip(self.steps.tolist(), keys, strict=False), (-1, keys[-1])]
        whole = (
            (first, again, _run(steps, first, again))
            for first, again in islice(_alike(steps), _MOST_PAIRS)
            if not _goes_back(steps, first, again)
        )
        rows = np.array([*islice(whole, _MOST_RETURNS)], dtype=np.int64).reshape(-1, 3)
        return Returns(self.onsets[rows[:, 0]], self.onsets[rows[:, 1]], rows[:, 2])


def _alike(steps: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """All pairs of places from which a few notes are alike."""
    places: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place in range(len(steps) - _SEED + 1):
        last = place + _SEED - 1
        places[(*steps[place:last], steps[last][1])].append(place)
    for starts in places.values():
        for later, again in enumerate(starts):
            yield from ((first, again) for first in starts[:later])


def _goes_back(steps: Sequence[tuple[int, int]], first: int, again: int) -> bool:
    return first > 0 and steps[first - 1] == steps[again - 1]


def _run(steps: Sequence[tuple[int, int]], first: int, again: int) -> int:
    length = 0
    limit = min(len(steps) - again, again - first)
    while length < limit and steps[first + length] == steps[again + length]:
        length += 1
    return length


def line_of(sounds: Sequence[Sound], tonic: int, scale: Fraction = Fraction(1)) -> Line:
    """The highest notes of a voice as a line.

    Args:
        sounds: Its notes in order; at least one.
        tonic: Pitch class of the key's tonic.
        scale: What times are multiplied by, to read 4/2 as if it were 4/4.
    """
    begin = sounds[0].start
    highest: Counter[int] = Counter()
    velocity: dict[int, int] = {}
    for sound in sounds:
        if sound.keys:
            onset = sixteenths((sound.start - begin) * scale)
            highest[onset] = max(highest[onset], sound.keys[-1])
            velocity[onset] = max(velocity.get(onset, 0), sound.velocity)
    onsets = sorted(highest)
    last = max(sound.end for sound in sounds)
    end = max(sixteenths((last - begin) * scale), onsets[-1] + 1)
    return Line(
        np.array(onsets),
        np.array([highest[onset] for onset in onsets]),
        np.array([velocity[onset] for onset in onsets]),
        end,
        tonic,
    )


def sixteenths(time: Fraction) -> int:
    """A time to the nearest sixteenth, halves upward."""
    return (2 * SIXTEENTHS * time.numerator + time.denominator) // (2 * time.denominator)
