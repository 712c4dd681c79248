"""Estimates with 95% intervals, and distances between two samples of tunes.

A proportion has Wilson's score interval [1]. Every other estimate is bootstrapped over whole tunes
and has the standard normal interval: 1.96 bootstrap standard errors to either side [2]. Percentiles
of the replicates are not used, because a distance between distributions is biased upwards when some
tunes are drawn twice and others never.

Distances run from 0 (equal) to 1 (nothing in common). Counts (of notes, intervals, bars) are
compared by total variation, quantities of a tune by the Kolmogorov-Smirnov statistic. Even two
samples of the same music have a distance above 0, smaller the larger they are, so compare a
distance with that between two samples of real tunes of the same sizes.

[1] Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
[2] Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
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
    from collections.abc import Iterable

Floats = NDArray[np.float64]
# How often each tune was drawn, shape (replicates, tunes).
Weights = NDArray[Any]
# A function of the weights of each sample that returns one figure per replicate.
Statistic = Callable[..., Floats]

Z = 1.96  # standard errors to either side in a 95% interval
REPLICATES = 1000
UNBOUNDED = (-math.inf, math.inf)
UNIT_INTERVAL = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its uncertainty."""

    value: float
    # Ends of the 95% interval.
    low: float
    high: float
    # Number of tunes that it was estimated from.
    count: int

    def to_json(self) -> dict[str, object]:
        """Return the estimate as it is saved."""
        return {"value": self.value, "interval": [self.low, self.high], "tunes": self.count}


def wilson(successes: float, trials: int) -> Estimate:
    """Return the proportion of successes with Wilson's score interval.

    Args:
        successes: May be fractional, such as a sum of averages over raters.
        trials: At least 1.
    """
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    p, z2 = successes / trials, Z**2
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    margin = Z / (1 + z2 / trials)
    margin *= math.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))
    return Estimate(p, max(0.0, centre - margin), min(1.0, centre + margin), trials)


def proportion(flags: Iterable[bool | None]) -> Estimate | None:
    """Return the proportion of true flags; flags that are None do not count."""
    known = [flag for flag in flags if flag is not None]
    return wilson(sum(known), len(known)) if known else None


def mean_of(first: Estimate, second: Estimate) -> Estimate:
    """Return the mean of two independent proportions.

    The interval squares and adds the margins, as in method 10 of Newcombe, "Interval estimation for
    the difference between independent proportions", Statistics in Medicine 17, 1998.
    """
    value = (first.value + second.value) / 2
    below = math.hypot(first.value - first.low, second.value - second.low) / 2
    above = math.hypot(first.high - first.value, second.high - second.value) / 2
    return Estimate(value, value - below, value + above, first.count + second.count)


def bootstrap(
    statistic: Statistic,
    sizes: Sequence[int],
    *,
    bounds: tuple[float, float] = UNBOUNDED,
    seed: int = 0,
) -> Estimate | None:
    """Estimate a statistic of one or more samples by resampling whole tunes.

    Args:
        statistic: The figure for given weights of the tunes.
        sizes: Number of tunes in each sample.
        bounds: Least and greatest possible value.
        seed: Seed of the resampling.

    Returns:
        The estimate, whose ``count`` is the size of the first sample; None if a sample has fewer
        than two tunes or the statistic is not finite.
    """
    if min(sizes) < 2:
        return None
    # With every tune once, the statistic is the figure itself.
    value = float(statistic(*(np.ones((1, size)) for size in sizes))[0])
    if not math.isfinite(value):
        return None
    # Resampling a sample with replacement gives its tunes multinomial weights.
    rng = np.random.default_rng(seed)
    replicates = statistic(
        *(rng.multinomial(size, np.full(size, 1 / size), REPLICATES) for size in sizes)
    )
    margin = Z * float(np.std(replicates[np.isfinite(replicates)], ddof=1))
    # Without any spread the interval would have width 0, however few tunes there are.
    if not margin and value in UNIT_INTERVAL and bounds == UNIT_INTERVAL:
        return wilson(value * sizes[0], sizes[0])
    low, high = max(bounds[0], value - margin), min(bounds[1], value + margin)
    return Estimate(value, low, high, sizes[0])


def ratio(
    numerators: Sequence[float],
    denominators: Sequence[float] | None = None,
    *,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Estimate | None:
    """Return the ratio of two sums over the tunes; without denominators, the mean."""
    above = np.asarray(numerators, np.float64)
    below = np.ones(len(above)) if denominators is None else np.asarray(denominators, np.float64)

    def statistic(weights: Weights) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(weights @ above / (weights @ below))

    return bootstrap(statistic, [len(above)], bounds=bounds)


def total_variation(
    sample: Sequence[Counter[str]], reference: Sequence[Counter[str]]
) -> Estimate | None:
    """Return half the sum of the absolute differences between the shares of each category.

    Args:
        sample: Counts of each category in each tune.
        reference: The same for the tunes to compare with.
    """
    columns = {name: n for n, name in enumerate(sorted(set().union(*sample, *reference)))}
    tables = []
    for tunes in (sample, reference):
        table = np.zeros((len(tunes), len(columns)))
        for row, counts in enumerate(tunes):
            for name, number in counts.items():
                table[row, columns[name]] = number
        tables.append(table)

    def statistic(*weights: Weights) -> Floats:
        sums = [w @ table for w, table in zip(weights, tables, strict=True)]
        # Replicates without any counts are not finite, and bootstrap() leaves them out.
        with np.errstate(divide="ignore", invalid="ignore"):
            p, q = (s / s.sum(axis=1, keepdims=True) for s in sums)  # (replicates, categories)
        return np.asarray(np.abs(p - q).sum(axis=1) / 2)

    return bootstrap(statistic, [len(sample), len(reference)], bounds=UNIT_INTERVAL)


def kolmogorov_smirnov(sample: Sequence[float], reference: Sequence[float]) -> Estimate | None:
    """Return the greatest difference between two empirical distribution functions.

    Args:
        sample: A value for each tune.
        reference: The same for the tunes to compare with.
    """
    grid = np.unique([*sample, *reference])
    # Floats, because NumPy multiplies those many times faster than booleans. (tunes, grid)
    below = [
        (np.asarray(values)[:, None] <= grid).astype(np.float64) for values in (sample, reference)
    ]

    def statistic(*weights: Weights) -> Floats:
        p, q = (
            w @ flags / w.sum(axis=1, keepdims=True)
            for w, flags in zip(weights, below, strict=True)
        )
        return np.asarray(np.abs(p - q).max(axis=1))

    return bootstrap(statistic, [len(sample), len(reference)], bounds=UNIT_INTERVAL)


def coverage(sample: Sequence[str], reference: Sequence[str]) -> Estimate | None:
    """Return the share of reference tunes whose category occurs in the sample.

    This is the coverage of Naeem et al., "Reliable fidelity and diversity metrics for generative
    models", ICML 2020, section 3.2, with categories instead of nearest neighbours.
    """
    if not sample or not reference:
        return None
    columns = {name: n for n, name in enumerate(sorted({*sample, *reference}))}
    one_hot = [
        np.eye(len(columns))[[columns[name] for name in names]] for names in (sample, reference)
    ]

    def statistic(weights: Weights, reference_weights: Weights) -> Floats:
        occurs = weights @ one_hot[0] > 0  # (replicates, categories)
        covered = occurs * (reference_weights @ one_hot[1])
        return np.asarray(covered.sum(axis=1) / reference_weights.sum(axis=1))

    return bootstrap(statistic, [len(sample), len(reference)], bounds=UNIT_INTERVAL)
