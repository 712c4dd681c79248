"""Figures with their 95% intervals.

Shares have Wilson's interval. Every other figure is reckoned anew from tunes drawn with
replacement, whole tunes at a time, and its interval is as wide as those differ: 1.96 standard
errors to either side. The percentiles of what is drawn would be no interval here: a distance
between distributions grows with every tune that is drawn twice.
Sources: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22,
1927; Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
