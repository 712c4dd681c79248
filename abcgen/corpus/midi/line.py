"""A melody as readings of metre see it: onsets in sixteenths, steps, leaps, what returns."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.corpus.midi.values import Sound

SIXTEENTHS = 16
# Steps from onset to onset in sixteenths, sorted into classes: the last holds all that are longer.
STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32)
_LEAPS = (0, 2, 4, 7)  # semitones: repeated, a step, a third, a fifth, wider
_SEED = 4  # so many notes alike begin a passage that returns
_LONGEST_LAG = 64
_MOST_RETURNS = 400


class Step(NamedTuple):
    """One note of a line in classes: what the tables count.

    Attributes:
        onset: In sixteenths from the line's first note.
        step: Class of the time to the next onset; -1 for the last note.
        before: Class of the time from the onset before.
        degree: Semitones above the tonic, 0 to 11.
        leap: Class of the interval from the note before; -1 for the first.
    """

    onset: int
    step: int
    before: int
    degree: int
    leap: int


class Return(NamedTuple):
    """A passage that comes again: where it begins first and then, in sixteenths, and its notes."""

    first: int
    again: int
    notes: int


@dataclass(frozen=True)
class Line:
    """A melody on a grid of sixteenths, counted from its first note.

    Attributes:
        onsets: Rising.
        keys: MIDI keys.
        velocities: How hard each note is struck.
        end: When the last note ends.
        tonic: Pitch class of the key's tonic.
    """

    onsets: tuple[int, ...]
    keys: tuple[int, ...]
    velocities: tuple[int, ...]
    end: int
    tonic: int

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Its notes in classes."""
        rows, before, last = [], 0, len(self.onsets) - 1
        for place, (onset, key) in enumerate(zip(self.onsets, self.keys, strict=True)):
            step = step_class(self.onsets[place + 1] - onset) if place < last else -1
            leap = _leap_class(key - self.keys[place - 1]) if place else -1
            rows.append(Step(onset, step, before, (key - self.tonic) % 12, leap))
            before = step
        return tuple(rows)

    @cached_property
    def _at(self) -> dict[int, int]:
        return dict(zip(self.onsets, self.keys, strict=True))

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
            compared = onsets = pitches = 0
            for onset, key in zip(self.onsets, self.keys, strict=True):
                if onset + lag > self.onsets[-1]:
                    break
                compared += 1
                other = self._at.get(onset + lag)
                onsets += other is not None
                pitches += other == key
            shares = (onsets / compared, pitches / compared) if compared >= _SEED else (-1.0, -1.0)
            self._likeness[lag] = shares
        shares = self._likeness[lag]
        return shares if shares[0] >= 0 else None

    @cached_property
    def _mean(self) -> tuple[float, float]:
        lags = range(2, min(_LONGEST_LAG, self.onsets[-1] // 2), 2)
        found = [shares for lag in lags if (shares := self._raw_likeness(lag))]
        count = len(found) or 1
        return sum(one[0] for one in found) / count, sum(one[1] for one in found) / count

    @cached_property
    def returns(self) -> tuple[Return, ...]:
        """Passages of four notes and more that come again, each as long as it can be."""
        steps = [(row.step, key) for row, key in zip(self.steps, self.keys, strict=True)]
        places: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for place in range(len(steps) - _SEED + 1):
            last = place + _SEED - 1
            places[(*steps[place:last], self.keys[last])].append(place)
        found: list[Return] = []
        for starts in places.values():
            for later, again in enumerate(starts):
                for first in starts[:later]:
                    if len(found) < _MOST_RETURNS and not _goes_back(steps, first, again):
                        length = _run(steps, first, again)
                        found.append(Return(self.onsets[first], self.onsets[again], length))
        return tuple(found)


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
        onset = sixteenths((sound.start - begin) * scale)
        if sound.keys:
            highest[onset] = max(highest[onset], sound.keys[-1])
            velocity[onset] = max(velocity.get(onset, 0), sound.velocity)
    onsets = tuple(sorted(highest))
    last = max(sound.end for sound in sounds)
    end = max(sixteenths((last - begin) * scale), onsets[-1] + 1)
    return Line(
        onsets,
        tuple(highest[onset] for onset in onsets),
        tuple(velocity[onset] for onset in onsets),
        end,
        tonic,
    )


def sixteenths(time: Fraction) -> int:
    """A time to the nearest sixteenth, halves upward."""
    return (time * SIXTEENTHS + Fraction(1, 2)).__floor__()


def step_class(step: int) -> int:
    """The class of a step in sixteenths."""
    return next((place for place, most in enumerate(STEPS) if step <= most), len(STEPS))


def _leap_class(semitones: int) -> int:
    size = abs(semitones)
    return next((place for place, most in enumerate(_LEAPS) if size <= most), len(_LEAPS))
