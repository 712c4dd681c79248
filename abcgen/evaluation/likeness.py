"""How far the tunes of one sample are from those of another.

Every distance is from 0, alike, to 1, nothing in common. What is counted (notes, intervals, bars)
is compared by total variation: the share of it that would have to be something else. What is
measured of a tune is compared by the Kolmogorov-Smirnov statistic: the most by which the shares of
tunes below a value differ.

Two samples of the same music are not at distance 0 but the nearer the larger they are. So a
distance says something beside that of two samples of real tunes of the same sizes, and not alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abcgen.evaluation.intervals import SHARE, Estimate, bootstrap

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from abcgen.evaluation.intervals import Floats, Weights


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
