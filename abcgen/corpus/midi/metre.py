"""Which metre a melody is in, and how long its pickup is.

Every metre with every pickup is a reading of the whole tune. What speaks for one are the rhythms,
degrees and leaps at each place of its bars, beside those of tunes whose notation is known
(``tables.json``), how the tune returns to itself after whole bars, where it ends, and accents. The
weights of these are those of a conditional logit fitted to known tunes by
``benchmarks/transcription/fit.py``.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import log, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.corpus.midi.line import SIXTEENTHS, Line, step_class
from abcgen.notation.tune import Metre

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

METRES = tuple(
    Metre(beats, unit)
    for beats, unit in ((2, 4), (4, 4), (6, 8), (3, 4), (3, 8), (9, 8), (6, 4), (3, 2))
)
_BARS_BETWEEN = (1, 2, 4, 8)
_MOST_ACCENT = 5.0  # nats a note
_PER_QUARTER = 1 / 4  # of a bar in sixteenths: a loudness to each quarter
_FLAT_COMPOUND = 6.0  # nats against a compound metre none of whose later beats is marked
_SHORT_TUNE = 3 / 2  # bars: a metre with fewer is not thought of


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


@dataclass(frozen=True)
class MetreTable:
    """What is known of tunes in one metre, all as natural logarithms of probabilities.

    Attributes:
        rhythm: Of a step's class, by place in the bar in sixteenths.
        habit: Likewise, by place and the class of the step before (``"4 1"``), where often met.
        degree: Of a degree, by place, less what it is anywhere.
        leap: Likewise of a leap's class.
        pickup: Of a pickup in sixteenths, the metre's own share among tunes included.
        last: Of the last note's place.
    """

    rhythm: list[list[float]]
    habit: dict[str, list[float]]
    degree: list[list[float]]
    leap: list[list[float]]
    pickup: list[float]
    last: list[float]


@dataclass(frozen=True)
class Tables:
    """All tables, and the weights of what is read from them."""

    metres: Mapping[str, MetreTable]
    weights: Sequence[float]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """Those that come with the package."""
    data: Any = json.loads(files("abcgen.corpus.midi").joinpath("tables.json").read_text())
    metres = {name: MetreTable(**_in_nats(table)) for name, table in data["metres"].items()}
    return Tables(metres, data["weights"])


def _in_nats(values: Any) -> Any:
    """Tables are kept in hundredths."""
    if isinstance(values, dict):
        return {name: _in_nats(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_in_nats(value) for value in values]
    return values / 100


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
    for metre, pickup, values in features(line, known.metres, metres):
        score = sum(w * x for w, x in zip(known.weights, values, strict=True))
        found.append(Reading(metre, pickup, score + _accent(line, metre, pickup)))
    return sorted(found, key=lambda reading: -reading.score)


def features(
    line: Line, known: Mapping[str, MetreTable], metres: Iterable[Metre] = METRES
) -> list[tuple[Metre, int, list[float]]]:
    """What speaks for each metre and pickup in sixteenths, in the order of the weights."""
    metres = tuple(metres)
    usual = [metre for metre in metres if line.end * _SHORT_TUNE >= bar_sixteenths(metre)]
    is_fine = any(onset % 2 for onset in line.onsets)
    rows = []
    for metre in usual or metres[:1]:
        full = bar_sixteenths(metre)
        own = _of_metre(line, metre)
        counted = Counter(row._replace(onset=row.onset % full) for row in line.steps)
        returned = _returned(line, full)
        for pickup in range(0, full, 1 if is_fine and full <= 24 else 2):  # noqa: PLR2004 - 3/2
            place = _of_places(counted, known[str(metre)], pickup, len(line.onsets))
            edges = _of_edges(line, full, pickup, known[str(metre)])
            rows.append((metre, pickup, [*place, *edges, *own, *returned(pickup)]))
    return rows


def _of_places(
    counted: Mapping[Any, int], table: MetreTable, pickup: int, notes: int
) -> list[float]:
    """How well rhythm, habit, degrees and leaps suit their places in the bar."""
    full = len(table.rhythm)
    rhythm = habit = degree = leap = 0.0
    for row, count in counted.items():
        place = (row.onset - pickup) % full
        if row.step >= 0:
            plain = table.rhythm[place][row.step]
            rhythm += count * plain
            held = table.habit.get(f"{place} {row.before}")
            habit += count * (held[row.step] if held else plain)
        degree += count * table.degree[place][row.degree]
        if row.leap >= 0:
            leap += count * table.leap[place][row.leap]
    sums = [rhythm, habit, degree, leap]
    return [*sums, *(10 * value / notes for value in sums), *(value / notes**0.5 for value in sums)]


def _of_edges(line: Line, full: int, pickup: int, table: MetreTable) -> list[float]:
    """Whether the tune begins and ends where tunes do."""
    is_full = (line.end - pickup) % full == 0
    is_complement = line.end % full == 0
    bars = round(line.end / full)
    ends = is_full or is_complement
    return [
        table.pickup[pickup],
        table.last[(line.onsets[-1] - pickup) % full],
        float(is_full),
        float(is_complement),
        float(ends and bars % 4 == 0),
        float(ends and bars % 8 == 0),
        float(is_complement and pickup > 0),
        float(pickup == 0),
        float(pickup == 2),  # noqa: PLR2004 - an eighth
        float(pickup == 4),  # noqa: PLR2004 - a quarter
        float(2 * pickup > full),
        log(max(1.0, (line.end - pickup) / full)),
    ]


def _of_metre(line: Line, metre: Metre) -> list[float]:
    """What speaks for a metre whatever the pickup."""
    alike = [line.likeness(bar_sixteenths(metre) * bars) for bars in _BARS_BETWEEN]
    step = log(line.end / len(line.onsets))
    own = [float(metre == one) for one in METRES]
    return [*(share for pair in alike for share in pair), *own, *(step * value for value in own)]


def _returned(line: Line, full: int) -> Any:
    """Whether passages return after whole bars, and begin where bars or the tune begin."""
    notes = sum(one.notes for one in line.returns) or 1
    first: defaultdict[int, int] = defaultdict(int)
    for one in line.returns:
        first[one.first % full] += one.notes
    bars = sum(one.notes for one in line.returns if (one.again - one.first) % full == 0) / notes
    fours = sum(one.notes for one in line.returns if (one.again - one.first) % (4 * full) == 0)

    def at(pickup: int) -> list[float]:
        return [bars, fours / notes, first[0] / notes, first[pickup] / notes]

    return at


def _accent(line: Line, metre: Metre, pickup: int) -> float:
    """What the velocities say: the gain in likelihood from a loudness for every beat of the bar.

    Each quarter costs half the logarithm of the number of notes (the Bayesian criterion); a bar
    whose first beat is not its loudest has no such gain.
    """
    notes = len(line.velocities)
    mean = sum(line.velocities) / notes
    spread = sum((velocity - mean) ** 2 for velocity in line.velocities)
    if not spread:
        return 0.0
    full = bar_sixteenths(metre)
    beat = 3 * SIXTEENTHS // metre.unit if metre.is_compound else SIXTEENTHS // metre.unit
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for onset, velocity in zip(line.onsets, line.velocities, strict=True):
        place = (onset - pickup) % full
        groups[place if place % beat == 0 else -1].append(velocity)
    means = {place: sum(group) / len(group) for place, group in groups.items()}
    if means.get(0, 0.0) < max(means.values()):
        return -notes * _loudest_gap(means, spread / notes)
    left = sum((v - means[place]) ** 2 for place, group in groups.items() for v in group)
    gain = min(_MOST_ACCENT, -log(max(left / spread, 1e-9)))
    beats = [mean for place, mean in means.items() if place > 0]
    is_flat = metre.is_compound and bool(beats) and max(beats) <= means.get(-1, 0.0)
    doubt = _FLAT_COMPOUND if is_flat else 0.0
    return notes / 2 * gain - _PER_QUARTER * full * log(notes) / 2 - doubt


def _loudest_gap(means: Mapping[int, float], variance: float) -> float:
    """How much louder than the first beat another is, in standard deviations, at most 1."""
    gap = max(means.values()) - means.get(0, min(means.values()))
    return min(1.0, gap / sqrt(variance))


__all__ = ["METRES", "MetreTable", "Reading", "Tables", "features", "readings", "step_class"]
