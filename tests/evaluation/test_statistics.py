"""Intervals by simulation against known truths, and distances against known answers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from abcgen.evaluation.statistics import (
    Z,
    bootstrap,
    coverage,
    kolmogorov_smirnov,
    proportion,
    ratio,
    total_variation,
    wilson,
)


def test_wilson_interval_agrees_with_the_textbook() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
    found = wilson(81, 263)
    assert (found.value, found.low, found.high) == pytest.approx((0.308, 0.2553, 0.3662), abs=5e-4)
    none = wilson(0, 20)
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=5e-4)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 20), (7, 12), (995, 1000)])
def test_wilson_interval_agrees_with_scipy(successes: int, trials: int) -> None:
    level = 2 * norm.cdf(Z) - 1  # 1.96 standard errors are not quite 95%
    other = binomtest(successes, trials).proportion_ci(level, method="wilson")
    own = wilson(successes, trials)
    assert (own.low, own.high) == pytest.approx((other.low, other.high), abs=1e-12)


def test_95_percent_of_wilson_intervals_hold_the_true_proportion() -> None:
    parts = np.random.default_rng(1).binomial(200, 0.9, 2000)
    covered = [(found := wilson(int(part), 200)).low <= 0.9 <= found.high for part in parts]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_95_percent_of_bootstrap_intervals_hold_the_true_ratio() -> None:
    chance = np.random.default_rng(2)
    covered = []
    for _ in range(120):
        notes = chance.integers(40, 200, 80)
        bits = notes * chance.normal(2.5, 0.6, 80)
        found = ratio(bits.tolist(), notes.tolist())
        assert found
        covered.append(found.low <= 2.5 <= found.high)
    assert 0.89 <= np.mean(covered) <= 0.99


def test_an_interval_stays_within_its_bounds() -> None:
    found = ratio([1.0] * 9 + [0.0], bounds=(0.0, 1.0))
    assert found
    assert found.value == pytest.approx(0.9)
    assert found.high == 1.0


def test_no_tunes_give_no_estimate() -> None:
    assert proportion([]) is None
    assert ratio([]) is None
    assert ratio([1.0, 2.0], [0.0, 0.0]) is None
    assert bootstrap(lambda weights: weights.sum(axis=1), [1]) is None


def test_the_bootstrap_is_deterministic() -> None:
    assert ratio([1.0, 2.0, 4.0]) == ratio([1.0, 2.0, 4.0])


def test_total_variation_is_half_the_sum_of_differences() -> None:
    first, second = [Counter("aab"), Counter("b")], [Counter("abcd"), Counter("abcd")]
    found = total_variation(first, second)
    assert found
    assert found.value == pytest.approx(0.5)
    assert found.low <= 0.5 <= found.high


def test_equal_samples_are_at_distance_0_and_disjoint_ones_at_1() -> None:
    words, others = [Counter("ab")] * 5, [Counter("cd")] * 5
    alike, apart = total_variation(words, words), total_variation(words, others)
    assert alike
    assert apart
    assert (alike.value, apart.value) == (0, 1)
    near = kolmogorov_smirnov([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    far = kolmogorov_smirnov([1.0, 2.0], [3.0, 4.0])
    assert near
    assert far
    assert (near.value, far.value) == (0, 1)


def test_kolmogorov_smirnov_is_the_greatest_difference() -> None:
    found = kolmogorov_smirnov([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0])
    assert found
    assert found.value == pytest.approx(0.5)


def test_coverage_is_the_share_of_tunes_whose_category_occurs() -> None:
    found = coverage(["6/8", "6/8", "4/4"], ["6/8", "4/4", "9/8", "3/4"])
    assert found
    assert found.value == pytest.approx(0.5)
