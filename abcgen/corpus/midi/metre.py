"""Which metre a melody is in, and how long its pickup is.

Every metre with every pickup is a reading of the whole tune. What speaks for one are the rhythms,
degrees and leaps at each place of its bars, beside those of tunes whose notation is known
(``tables.json``), how the tune returns to itself after whole bars, where it ends, and accents. The
weights of these are those of a conditional logit fitted to known tunes by
``benchmarks/transcription/fit.py``.
"""

from __future__ import annotations

from fractions import Fraction
from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.corpus.midi.accents import accents
from abcgen.corpus.midi.line import SIXTEENTHS, Line
from abcgen.notation.tune import Metre

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from abcgen.corpus.midi.tables import MetreTable, Tables

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


__all__ = ["METRES", "TABLES", "Features", "Reading", "bar_sixteenths", "features", "readings"]
