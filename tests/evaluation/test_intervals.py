"""Whether intervals hold what they promise, by simulation against known truths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from abcgen.evaluation.statistics import Z, bootstrap, proportion, ratio, wilson


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
    found = wilson(81, 263)
    assert (found.value, found.low, found.high) == pytest.approx((0.308, 0.2553, 0.3662), abs=5e-4)
    none = wilson(0, 20)
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=5e-4)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 20), (7, 12), (995, 1000)])
def test_wilsons_interval_is_that_of_scipy(successes: int, trials: int) -> None:
    level = 2 * norm.cdf(Z) - 1  # 1.96 standard errors are not quite 95%
    other = binomtest(successes, trials).proportion_ci(level, method="wilson")
    own = wilson(successes, trials)
    assert (own.low, own.high) == pytest.approx((other.low, other.high), abs=1e-12)


def test_nineteen_of_twenty_shares_lie_in_their_intervals() -> None:
    parts = np.random.default_rng(1).binomial(200, 0.9, 2000)
    covered = [(found := wilson(int(part), 200)).low <= 0.9 <= found.high for part in parts]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_nineteen_of_twenty_ratios_lie_in_their_intervals() -> None:
    chance = np.random.default_rng(2)
    covered = []
    for _ in range(120):
        notes = chance.integers(40, 200, 80)
        bits = notes * chance.normal(2.5, 0.6, 80)
        found = ratio(bits.tolist(), notes.tolist())
        assert found
        covered.append(found.low <= 2.5 <= found.high)
    assert 0.89 <= np.mean(covered) <= 0.99


def test_an_interval_stays_within_what_can_be() -> None:
    found = ratio([1.0] * 9 + [0.0], bounds=(0.0, 1.0))
    assert found
    assert found.value == pytest.approx(0.9)
    assert found.high == 1.0


def test_there_is_no_figure_of_nothing() -> None:
    assert proportion([]) is None
    assert ratio([]) is None
    assert ratio([1.0, 2.0], [0.0, 0.0]) is None
    assert bootstrap(lambda weights: weights.sum(axis=1), [1]) is None


def test_the_same_tunes_give_the_same_interval() -> None:
    assert ratio([1.0, 2.0, 4.0]) == ratio([1.0, 2.0, 4.0])
