"""The discriminator against known answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from abcgen.evaluation.baselines import CharacterNgrams
from abcgen.evaluation.discriminator import LabeledTune, discriminator_auc, likelihood_auc, roc_auc
from abcgen.evaluation.features import features_of
from abcgen.notation.model_text import encode_tune

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from abcgen.evaluation.statistics import Estimate
    from abcgen.notation.tune import Tune

    Judge = Callable[[Sequence[LabeledTune], Sequence[LabeledTune]], Estimate | None]

both = pytest.mark.parametrize("judge", [discriminator_auc, likelihood_auc])


def test_roc_auc_agrees_with_scikit_learn_ties_included() -> None:
    chance = np.random.default_rng(3)
    high, low = chance.integers(2, 9, 60).astype(float), chance.integers(0, 7, 40).astype(float)
    found = roc_auc(high, low)
    assert found
    labels = [1] * 60 + [0] * 40
    assert found.value == pytest.approx(roc_auc_score(labels, [*high, *low]))


def test_separable_scores_have_auc_1_and_equal_ones_a_half() -> None:
    apart, alike = roc_auc(np.arange(5.0) + 9, np.arange(5.0)), roc_auc(np.ones(9), np.ones(9))
    assert apart
    assert alike
    assert (apart.value, alike.value) == (1.0, 0.5)


def test_the_interval_of_an_auc_holds_the_true_value() -> None:
    chance = np.random.default_rng(4)  # two normal distributions a standard deviation apart
    truth, covered = 0.7602, []
    for _ in range(60):
        found = roc_auc(chance.normal(1, 1, 60), chance.normal(0, 1, 60))
        assert found
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) >= 0.86


@pytest.fixture(scope="module")
def labeled(real_tunes: list[Tune]) -> list[LabeledTune]:
    return [
        LabeledTune(encode_tune(tune).text, features_of(tune), place)
        for place, tune in enumerate(real_tunes[:120])
    ]


@both
def test_halves_of_one_collection_cannot_be_told_apart(
    judge: Judge, labeled: list[LabeledTune]
) -> None:
    halves = np.random.default_rng(6).permutation(len(labeled))
    sides = ([labeled[place] for place in half] for half in (halves[::2], halves[1::2]))
    found = judge(*sides)
    assert found
    assert 0.3 <= found.value <= 0.65


@both
def test_samples_of_ngrams_are_distinguished_from_real_tunes(
    judge: Judge, labeled: list[LabeledTune]
) -> None:
    ngrams = CharacterNgrams((one.text for one in labeled[::2]), 5)
    drawn = [LabeledTune(ngrams.sample(seed, 600), None, 1000 + seed) for seed in range(60)]
    by_text = [one._replace(features=None) for one in labeled[1::2]]  # its turns of phrase alone
    found = judge(drawn, by_text)
    assert found
    assert found.value >= 0.75


@both
def test_versions_of_a_tune_never_leak_between_folds(
    judge: Judge, labeled: list[LabeledTune]
) -> None:
    # Every tune three times; its label is chance, so only a judge that saw its version knows it.
    chance = np.random.default_rng(5)
    tunes = [one for one in labeled[:60] for _ in range(3)]
    labels = np.repeat(chance.permutation([0, 1] * 30), 3)
    sides = (
        [one for one, own in zip(tunes, labels, strict=True) if own == side] for side in (1, 0)
    )
    found = judge(*sides)
    assert found
    assert found.value <= 0.65


@both
def test_too_few_tunes_have_no_auc(judge: Judge, labeled: list[LabeledTune]) -> None:
    assert judge(labeled[:10], labeled[10:60]) is None
