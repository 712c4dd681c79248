"""A melody as readings of metre see it: onsets in sixteenths, steps, leaps, what returns.

What velocities say about bars: the first beat is struck hardest, other beats alike.

Which metre a melody is in, and how long its pickup is.

Every metre with every pickup is a reading of the whole tune. What speaks for one are the rhythms,
degrees and leaps at each place of its bars, beside those of tunes whose notation is known
(``tables.json``), how the tune returns to itself after whole bars, where it ends, and accents. The
weights of these are those of a conditional logit fitted to known tunes by
``benchmarks/transcription/fit.py``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.notation.tune import Metre

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.midi.key import MetreTable, Tables
    from abcgen.midi.quantize import Sound

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


_MOST = 5.0  # nats a note
_PER_QUARTER = 1 / 4  # of a bar in sixteenths: a loudness to each quarter
_FLAT_COMPOUND = 6.0  # nats against a compound metre none of whose later beats is marked
_UNLIKELY = 1e-9


def accents(
    line: Line, full: int, beat: int, pickups: NDArray[np.int64], *, is_compound: bool
) -> NDArray[np.float64]:
    """The gain in likelihood from a loudness for every beat of the bar, by pickup.

    Each quarter costs half the logarithm of the number of notes (the Bayesian criterion); a bar
    whose first beat is not its loudest has no such gain.

    Args:
        line: The melody.
        full: A bar in sixteenths.
        beat: A beat likewise.
        pickups: Those thought of.
        is_compound: Whether beats divide by three.
    """
    notes, spread = len(line.onsets), float(((line.velocities - line.velocities.mean()) ** 2).sum())
    if not spread:
        return np.zeros(len(pickups))
    counts, sums, squares = (_grouped(line, full, beat, pickups, power) for power in range(3))
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    left = (squares - means * sums).sum(axis=1)
    gain = np.minimum(_MOST, -np.log(np.maximum(left / spread, _UNLIKELY)))
    later = means[:, 1:-1]
    is_flat = (later > 0).any(axis=1) & (later.max(axis=1, initial=0.0) <= means[:, -1])
    doubt = _FLAT_COMPOUND * (is_flat & is_compound)
    marked = notes / 2 * gain - _PER_QUARTER * full * log(notes) / 2 - doubt
    loudest = means.max(axis=1)
    return np.where(means[:, 0] < loudest, -notes * _gap(means, counts, spread / notes), marked)


def _grouped(
    line: Line, full: int, beat: int, pickups: NDArray[np.int64], power: int
) -> NDArray[np.float64]:
    """Sums of a power of the velocities, for each pickup by beat; the last is for all between."""
    by_place = np.bincount(line.onsets % full, line.velocities**power, full)
    turned = by_place[(np.arange(full) + pickups[:, None]) % full]
    on_beats = turned[:, ::beat]
    between = turned.sum(axis=1) - on_beats.sum(axis=1)
    return np.hstack([on_beats, between[:, None]])


def _gap(
    means: NDArray[np.float64], counts: NDArray[np.float64], variance: float
) -> NDArray[np.float64]:
    """How much louder than the first beat another is, in standard deviations, at most 1."""
    softest = np.where(counts > 0, means, np.inf).min(axis=1)
    first = np.where(counts[:, 0] > 0, means[:, 0], softest)
    gaps: NDArray[np.float64] = (means.max(axis=1) - first) / variance**0.5
    return np.minimum(1.0, gaps)


# Metres are read by five tables, many at another speed: 4/2 as 4/4 of notes twice as long.
TABLES = tuple(Metre(beats, unit) for beats, unit in ((2, 4), (3, 4), (4, 4), (6, 8), (9, 8)))
_SPEEDS = {
    Metre(3, 8): (Metre(3, 4), Fraction(2)),
    Metre(3, 2): (Metre(3, 4), Fraction(1, 2)),
    Metre(3, 1): (Metre(3, 4), Fraction(1, 4)),
    Metre(6, 4): (Metre(6, 8), Fraction(1, 2)),
    Metre(6, 2): (Metre(6, 8), Fraction(1, 4)),
    Metre(4, 2): (Metre(4, 4), Fraction(1, 2)),
    Metre(4, 1): (Metre(4, 4), Fraction(1, 4)),
}
METRES = (*TABLES, *_SPEEDS)
_BARS_BETWEEN = (1, 2, 4, 8)
_SHORT_TUNE = 3 / 2  # bars: a metre with fewer is not thought of
_FINEST = 24  # sixteenths: in longer bars pickups are whole eighths
_PICKUPS = (0, 2, 4)  # the usual ones
_VALUES = (1, 2, 4, 6, 8, 12)  # sixteenths: note values whose shares tell how fast a metre is


class Reading(NamedTuple):
    """A metre and a pickup, and how likely they are.

    Attributes:
        metre: The metre.
        pickup: How much comes before the first full bar, in sixteenths.
        score: Log-odds, to be compared with others of the same line.
    """

    metre: Metre
    pickup: int
    score: float


class Features(NamedTuple):
    """What speaks for a metre with each pickup.

    Attributes:
        metre: The metre.
        pickups: In sixteenths.
        values: A row to each pickup, in the order of the weights that all metres share.
        own: Likewise, of those that each metre has for itself.
    """

    metre: Metre
    pickups: NDArray[np.int64]
    values: NDArray[np.float64]
    own: NDArray[np.float64]


def table_of(metre: Metre) -> tuple[Metre, Fraction]:
    """The metre whose table one is read by, and what times are multiplied by for it."""
    return _SPEEDS.get(metre, (metre, Fraction(1)))


def bar_sixteenths(metre: Metre) -> int:
    """A bar's length in sixteenths."""
    return int(metre.bar_duration * SIXTEENTHS)


def readings(line: Line, known: Tables, metres: Iterable[Metre] = METRES) -> list[Reading]:
    """All readings of a line, the likeliest first.

    Args:
        line: The melody.
        known: Tables and weights.
        metres: Those thought of; each has a table.
    """
    found = []
    for metre, pickups, values, own in features(line, known.metres, metres):
        full = bar_sixteenths(metre)
        beat = 3 * SIXTEENTHS // metre.unit if metre.is_compound else SIXTEENTHS // metre.unit
        heard = accents(line, full, beat, pickups, is_compound=metre.is_compound)
        scores = values @ known.weights + own @ known.own_weights[str(metre)] + heard
        found += [
            Reading(metre, pickup, score)
            for pickup, score in zip(pickups.tolist(), scores.tolist(), strict=True)
        ]
    return sorted(found, key=lambda reading: -reading.score)


def features(
    line: Line, known: Mapping[str, MetreTable], metres: Iterable[Metre] = METRES
) -> list[Features]:
    """What speaks for each metre and pickup."""
    metres = tuple(metres)
    usual = [metre for metre in metres if line.end * _SHORT_TUNE >= bar_sixteenths(metre)]
    usual = usual or [metres[0]]
    is_fine = bool((line.onsets % 2).any())
    at_speed = {scale: line.at(scale) for scale in {table_of(metre)[1] for metre in usual}}
    found = []
    for metre in usual:
        shape, scale = table_of(metre)
        full, table = bar_sixteenths(metre), known[str(shape)]
        step = (1 if is_fine and full <= _FINEST else 2) * scale
        read = np.arange(0, int(full * scale), max(1, int(step)))
        pickups = read * scale.denominator // scale.numerator
        places = _of_places(at_speed[scale], table, read)
        edges = _of_edges(at_speed[scale], table, read)
        same = np.tile(_of_metre(line, metre), (len(read), 1))
        speed = np.tile(_of_speed(line), (len(read), 1))
        values = np.hstack([places, edges, same, _returned(line, full, pickups)])
        found.append(Features(metre, pickups, values, np.hstack([speed, edges, places[:, -8:-4]])))
    return found


def _of_places(line: Line, table: MetreTable, pickups: NDArray[np.int64]) -> NDArray[np.float64]:
    """How well rhythm, habit, degrees and leaps suit their places in the bar."""
    place = (line.onsets - pickups[:, None]) % len(table.rhythm)
    begun, arrived = place[:, :-1], place[:, 1:]
    sums = np.stack(
        [
            table.rhythm[begun, line.steps].sum(axis=1),
            table.habit[begun, line.steps_before, line.steps].sum(axis=1),
            table.degree[place, line.degrees].sum(axis=1),
            table.leap[arrived, line.leaps].sum(axis=1),
        ],
        axis=1,
    )
    notes = len(line.onsets)
    return np.hstack([sums, 10 * sums / notes, sums / notes**0.5])


def _of_edges(line: Line, table: MetreTable, pickups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Whether the tune begins and ends where tunes do."""
    full = len(table.rhythm)
    is_full = (line.end - pickups) % full == 0
    is_complement = np.full(len(pickups), line.end % full == 0)
    bars = round(line.end / full)
    ends = is_full | is_complement
    columns = [
        table.pickup[pickups],
        table.last[(line.onsets[-1] - pickups) % full],
        is_full,
        is_complement,
        ends & (bars % 4 == 0),
        ends & (bars % 8 == 0),
        is_complement & (pickups > 0),
        *(pickups == usual for usual in _PICKUPS),
        2 * pickups > full,
        np.log(np.maximum(1.0, (line.end - pickups) / full)),
    ]
    return np.stack(columns, axis=1).astype(float)


def _of_metre(line: Line, metre: Metre) -> list[float]:
    """What speaks for a metre whatever the pickup."""
    alike = [line.likeness(bar_sixteenths(metre) * bars) for bars in _BARS_BETWEEN]
    return [share for pair in alike for share in pair]


def _of_speed(line: Line) -> NDArray[np.float64]:
    """One, for what is known of a metre beforehand, and how long the notes are."""
    steps = np.diff(line.onsets)
    shares = [(steps == value).mean() if len(steps) else 0.0 for value in _VALUES]
    return np.array([1.0, log(line.end / len(line.onsets)), *shares])


def _returned(line: Line, full: int, pickups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Whether passages return after whole bars, and begin where bars or the tune begin."""
    first, again, notes = line.returns
    total = notes.sum() or 1
    begun = np.bincount(first % full, notes, full) / total
    whole = [notes[(again - first) % span == 0].sum() / total for span in (full, 4 * full)]
    same = np.tile([*whole, begun[0]], (len(pickups), 1))
    return np.hstack([same, begun[pickups, None]])
