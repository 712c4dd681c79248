"""Figures with their 95% intervals.

Shares have Wilson's interval. Every other figure is reckoned anew from tunes drawn with
replacement, whole tunes at a time, and its interval is as wide as those differ: 1.96 standard
errors to either side. The percentiles of what is drawn would be no interval here: a distance
between distributions grows with every tune that is drawn twice.
Sources: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22,
1927; Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.1.

How far the tunes of one sample are from those of another.

Every distance is from 0, alike, to 1, nothing in common. What is counted (notes, intervals, bars)
is compared by total variation: the share of it that would have to be something else. What is
measured of a tune is compared by the Kolmogorov-Smirnov statistic: the most by which the shares of
tunes below a value differ.

Two samples of the same music are not at distance 0 but the nearer the larger they are. So a
distance says something beside that of two samples of real tunes of the same sizes, and not alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections import Counter


Floats = NDArray[np.float64]
Weights = NDArray[Any]
"""How often each tune counts, shape (replicates, tunes)."""
Statistic = Callable[..., Floats]
"""Takes the weights of one sample or of several; gives a figure to each replicate."""

CONFIDENT = 1.96  # standard errors to 95%
REPLICATES = 1000
FEWEST = 2  # tunes that a spread can be seen in
INFINITE = (-math.inf, math.inf)
SHARE = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and how sure it is.

    Attributes:
        value: The figure.
        low: Lower end of its 95% interval.
        high: Upper end.
        count: How many tunes it is of.
    """

    value: float
    low: float
    high: float
    count: int

    def to_json(self) -> dict[str, object]:
        """As it is saved."""
        return {"value": self.value, "interval": [self.low, self.high], "tunes": self.count}


def wilson(part: float, whole: int) -> Estimate:
    """The share of ``part`` in ``whole``, which is at least 1."""
    share, square = part / whole, CONFIDENT**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    spread = CONFIDENT / (1 + square / whole)
    spread *= math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    return Estimate(share, max(0.0, middle - spread), min(1.0, middle + spread), whole)


def mean_of(first: Estimate, second: Estimate) -> Estimate:
    """The mean of two independent figures, its interval as in Newcombe's method 10.

    Source: Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, 1998.
    """
    value = (first.value + second.value) / 2
    below = math.hypot(first.value - first.low, second.value - second.low) / 2
    above = math.hypot(first.high - first.value, second.high - second.value) / 2
    return Estimate(value, value - below, value + above, first.count + second.count)


def share_of(flags: Sequence[bool]) -> Estimate | None:
    """The share of tunes that have something; None if there are no tunes."""
    return wilson(sum(flags), len(flags)) if flags else None


def bootstrap(
    statistic: Statistic,
    sizes: Sequence[int],
    *,
    bounds: tuple[float, float] = INFINITE,
    seed: int = 0,
) -> Estimate | None:
    """A figure of one sample of tunes, or of several together.

    Args:
        statistic: Gives the figure for weights of the tunes.
        sizes: How many tunes each sample has.
        bounds: Least and greatest value that there can be.
        seed: Of the drawing.

    Returns:
        The figure; ``count`` is that of the first sample. None if a sample is too small, or the
        figure means nothing.
    """
    if min(sizes) < FEWEST:
        return None
    value = float(statistic(*(np.ones((1, size)) for size in sizes))[0])
    if not math.isfinite(value):
        return None
    chance = np.random.default_rng(seed)
    drawn = statistic(
        *(chance.multinomial(size, np.full(size, 1 / size), REPLICATES) for size in sizes)
    )
    spread = CONFIDENT * float(np.std(drawn[np.isfinite(drawn)], ddof=1))
    if not spread and value in SHARE and bounds == SHARE:
        return wilson(value * sizes[0], sizes[0])  # all alike, which proves little
    low, high = max(bounds[0], value - spread), min(bounds[1], value + spread)
    return Estimate(value, low, high, sizes[0])


def ratio_of(
    above: Sequence[float],
    below: Sequence[float] | None = None,
    *,
    bounds: tuple[float, float] = INFINITE,
) -> Estimate | None:
    """The sum of something over the sum of something else; without the latter, the mean."""
    parts = np.asarray(above, np.float64)
    wholes = np.ones(len(parts)) if below is None else np.asarray(below, np.float64)

    def ratio(weights: Weights) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(weights @ parts / (weights @ wholes))

    return bootstrap(ratio, [len(parts)], bounds=bounds)


def total_variation(
    sample: Sequence[Counter[str]], reference: Sequence[Counter[str]]
) -> Estimate | None:
    """Half the sum of the differences between the shares of each category.

    Args:
        sample: What is in each tune, and how often.
        reference: The same of the tunes that it is compared with.
    """
    places = {name: n for n, name in enumerate(sorted(set().union(*sample, *reference)))}
    tables = [_table(tunes, places) for tunes in (sample, reference)]

    def distance(*weights: Weights) -> Floats:
        sums = [own @ table for own, table in zip(weights, tables, strict=True)]
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = (own / own.sum(axis=1, keepdims=True) for own in sums)
        return np.asarray(np.abs(first - second).sum(axis=1) / 2)

    return bootstrap(distance, [len(sample), len(reference)], bounds=SHARE)


def kolmogorov_smirnov(sample: Sequence[float], reference: Sequence[float]) -> Estimate | None:
    """The greatest difference between the shares of tunes up to any one value.

    Args:
        sample: A value for each tune.
        reference: The same of the tunes that it is compared with.
    """
    grid = np.unique([*sample, *reference])
    # As numbers with a point, which are multiplied many times faster.
    below = [
        (np.asarray(values)[:, None] <= grid).astype(np.float64) for values in (sample, reference)
    ]

    def distance(*weights: Weights) -> Floats:
        shares = [
            own @ flags / own.sum(axis=1, keepdims=True)
            for own, flags in zip(weights, below, strict=True)
        ]
        return np.asarray(np.abs(shares[0] - shares[1]).max(axis=1))

    return bootstrap(distance, [len(sample), len(reference)], bounds=SHARE)


def coverage(sample: Sequence[str], reference: Sequence[str]) -> Estimate | None:
    """The share of the reference's tunes whose kind there is in the sample too."""
    places = {name: n for n, name in enumerate(sorted({*sample, *reference}))}
    kinds = [np.eye(len(places))[[places[name] for name in own]] for own in (sample, reference)]

    def covered(own: Weights, others: Weights) -> Floats:
        there = own @ kinds[0] > 0
        return np.asarray((there * (others @ kinds[1])).sum(axis=1) / others.sum(axis=1))

    if not sample or not reference:
        return None
    return bootstrap(covered, [len(sample), len(reference)], bounds=SHARE)


def _table(tunes: Sequence[Counter[str]], places: dict[str, int]) -> Floats:
    """Counts of shape (tunes, categories)."""
    table = np.zeros((len(tunes), len(places)))
    for row, counts in enumerate(tunes):
        for name, number in counts.items():
            table[row, places[name]] = number
    return table
