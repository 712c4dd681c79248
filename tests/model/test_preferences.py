"""A network learns what is preferred, by the loss of direct preference optimization."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from abcgen.config import RefineConfig, SampleConfig
from abcgen.example import GAP_MARK, Example
from abcgen.grammar.positions import PositionTracker
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import Gaps
from abcgen.model.inference import StepNetwork
from abcgen.model.preferences import (
    PreferenceDataset,
    PreferencePair,
    learn_preferences,
    loss_weights,
    preference_loss,
)
from abcgen.model.resume import set_weights
from abcgen.model.sampling import sample
from abcgen.model.scoring import measure_each
from abcgen.model.vocabulary import Vocabulary
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.checkpoint import Weights
    from tests.model.conftest import TinyRun

BETA = 0.3


def plain_loss(
    now: list[list[float]], reference: list[list[float]], certainty: list[float]
) -> list[float]:
    """The loss as it is in the paper, pair by pair, with the chance that a preference is wrong."""
    losses = []
    for better, worse, better_before, worse_before, sure in zip(
        *now, *reference, certainty, strict=True
    ):
        margin = BETA * ((better - better_before) - (worse - worse_before))
        right, wrong = 1 / (1 + math.exp(-margin)), 1 / (1 + math.exp(margin))
        losses.append(-sure * math.log(right) - (1 - sure) * math.log(wrong))
    return losses


NOW, REFERENCE = [[-3.0, -9.0, -40.0], [-5.0, -7.0, -90.0]], [[-4.0, -8.0, -41.0], [-4.5] * 3]
CERTAINTIES = [[1.0, 1.0, 1.0], [0.9, 0.5, 0.7]]


@pytest.mark.parametrize("certainty", CERTAINTIES)
def test_the_loss_is_that_of_the_paper(certainty: list[float]) -> None:
    loss, margin, _ = preference_loss(np.array(NOW), np.array(REFERENCE), np.array(certainty), BETA)
    assert loss == pytest.approx(plain_loss(NOW, REFERENCE, certainty))
    assert margin[0] == pytest.approx(BETA * (1.0 + 0.5))


@pytest.mark.parametrize("certainty", CERTAINTIES)
def test_the_slope_is_that_of_the_loss(certainty: list[float]) -> None:
    now, step = np.array(NOW), 1e-6
    _, _, slope = preference_loss(now, np.array(REFERENCE), np.array(certainty), BETA)
    before = plain_loss(NOW, REFERENCE, certainty)
    for row, sign in enumerate((-1, 1)):
        moved = now.copy()
        moved[row] += step
        change = np.subtract(plain_loss(moved.tolist(), REFERENCE, certainty), before)
        assert sign * slope == pytest.approx(change / step, abs=1e-6)


def test_what_is_as_certain_as_it_should_be_is_not_moved() -> None:
    certainty = np.array([0.9])
    now = np.array([[math.log(0.9 / 0.1)], [0.0]])
    _, _, slope = preference_loss(now, np.zeros((2, 1)), certainty, 1.0)
    assert slope == pytest.approx(0.0)


def test_a_very_wrong_pair_is_no_infinity() -> None:
    now = np.array([[-9e4], [0.0]])
    loss, _, slope = preference_loss(now, np.zeros((2, 1)), np.ones(1), 1.0)
    assert np.isfinite([loss, slope]).all()
    assert slope == pytest.approx(1.0)


def pairs_of(examples: list[Example]) -> list[PreferencePair]:
    """Pair each text with the next; their first characters are given."""
    given = [Example(one.text, 9, one.notes) for one in examples]
    return [
        PreferencePair(better, worse, real, 1.0 if number % 2 else 0.8)
        for number, (better, worse, real) in enumerate(
            zip(given, given[1:], examples, strict=False)
        )
    ]


def compiled(
    network: NetworkConfig, config: TrainConfig, vocabulary: Vocabulary, weights: Weights
) -> CompiledNetwork:
    made = CompiledNetwork(network, vocabulary.size, config)
    set_weights(made.model, weights)
    return made


@pytest.fixture
def plain(tiny_run: TinyRun) -> NetworkConfig:
    return tiny_run.network.replace(dropout=0.0)


def test_log_probabilities_are_those_of_scoring(
    plain: NetworkConfig,
    tiny_run: TinyRun,
    random_weights: Callable[[NetworkConfig, int], Weights],
) -> None:
    vocabulary = tiny_run.data.vocabulary
    weights = random_weights(plain, vocabulary.size)
    # With a batch for two cores, in shares.
    network = compiled(plain, tiny_run.config.replace(batch_size=8), vocabulary, weights)
    pairs = pairs_of(list(tiny_run.data.training))[:7]
    data = PreferenceDataset(pairs, vocabulary, 7)
    found = network.log_probabilities(data.batch(np.arange(7), real=False)).reshape(2, -1)
    for row, texts in zip(found, list(zip(*pairs, strict=True))[:2], strict=True):
        bits = measure_each(StepNetwork(plain, weights), vocabulary, texts)
        assert row == pytest.approx([-one.total * math.log(2) for one in bits], rel=1e-4)


def test_a_step_follows_the_gradient_of_the_loss(
    plain: NetworkConfig,
    tiny_run: TinyRun,
    random_weights: Callable[[NetworkConfig, int], Weights],
) -> None:
    """The loss falls by as much as its own gradient says."""
    vocabulary, rate = tiny_run.data.vocabulary, 1e-4
    weights = random_weights(plain, vocabulary.size)
    config = tiny_run.config.replace(optimizer="sgd", clip_norm=1e6, weight_decay=0.0)
    network = compiled(plain, config, vocabulary, weights)
    data = PreferenceDataset(pairs_of(list(tiny_run.data.training))[:6], vocabulary, 6)
    rows = np.arange(6)
    reference = np.random.default_rng(1).normal(-20.0, 2.0, (2, 6))

    def loss_and_slope() -> tuple[float, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        now = network.log_probabilities(data.batch(rows, real=False)).reshape(2, -1)
        loss, _, slope = preference_loss(now, reference, data.certainty, BETA)
        return float(loss.mean()), slope

    before, slope = loss_and_slope()
    batch = data.batch(rows)
    network.train_step(batch, rate, loss_weights(batch, slope, likelihood=0.0))
    after, _ = loss_and_slope()
    moved = sum(float(((network.weights[name] - weights[name]) ** 2).sum()) for name in weights)
    # A first step with Nesterov momentum of .9 is 1.9 times as long.
    assert before - after == pytest.approx(moved / (1.9 * rate), rel=0.05)


def test_it_learns_to_write_fewer_of_a_letter(
    plain: NetworkConfig,
    tiny_run: TinyRun,
    random_weights: Callable[[NetworkConfig, int], Weights],
) -> None:
    vocabulary = tiny_run.data.vocabulary
    weights = random_weights(plain, vocabulary.size)
    config = tiny_run.config.replace(optimizer="adamw", weight_decay=0.0, batch_size=24)

    def draw(weights: Weights) -> list[str]:
        settings = SampleConfig(temperature=1.0, max_characters=24, batch_size=64)
        network = StepNetwork(plain, weights)
        drawn = sample(network, vocabulary, ((n, "K:C\n") for n in range(256)), settings, 5)
        return [one.text for one in drawn]

    texts = draw(weights)
    ranked = sorted(texts, key=lambda text: text.count("a") / len(text))
    pairs = [
        PreferencePair(Example(better, 4), Example(worse, 4), tiny_run.data.training[n % 20])
        for n, (better, worse) in enumerate(zip(ranked[:96], ranked[:-97:-1], strict=True))
    ]
    learnt = []
    for _ in range(2):  # the same twice
        network = compiled(plain, config, vocabulary, weights)
        data = PreferenceDataset(pairs, vocabulary, 8)
        learning = RefineConfig(beta=0.3, likelihood=0.1)
        with run_eagerly():
            result = learn_preferences(network, data, learning, config.replace(learning_rate=0.03))
        assert result.pairs == len(pairs)
        assert result.loss < math.log(2)
        learnt.append(network.weights)
    assert all((learnt[0][name] == learnt[1][name]).all() for name in weights)
    share = ["".join(texts).count("a") / len("".join(texts)) for texts in (texts, draw(learnt[0]))]
    assert share[1] < 0.7 * share[0]


def test_given_characters_do_not_count(tiny_run: TinyRun) -> None:
    data = PreferenceDataset(
        pairs_of(list(tiny_run.data.training))[:4], tiny_run.data.vocabulary, 4
    )
    batch = data.batch(np.arange(4))
    weights = loss_weights(batch, np.full(4, 0.5), likelihood=2.0)
    assert not weights[:8, :9].any()
    assert (weights[:4, 9] > 0).all()
    assert (weights[4:8, 9] < 0).all()
    assert weights[8:].sum() == pytest.approx(2.0)
    assert (weights[8:, 0] > 0).all()


def test_every_pair_is_in_one_batch(tiny_run: TinyRun) -> None:
    data = PreferenceDataset(pairs_of(list(tiny_run.data.training)), tiny_run.data.vocabulary, 4)
    batches = data.batches(seed=1)
    assert sorted(np.concatenate(batches).tolist()) == list(range(data.pairs))
    assert max(map(len, batches)) <= 4
    again = data.batches(seed=1)
    assert all((one == other).all() for one, other in zip(batches, again, strict=True))


def test_gaps_are_shown_in_real_texts_alone() -> None:
    text = "M:4/4\nK:Cmaj\n|:c2d2e2f2|g4g'4|e8|d8:|\n"
    vocabulary = Vocabulary.of([text, GAP_MARK])
    assert vocabulary.gap_mark is not None
    tracker = PositionTracker(vocabulary.tokens, ("bar",))
    one = Example(text, 13)
    pairs = [PreferencePair(one, one, one) for _ in range(3)]
    gaps = Gaps(1.0, vocabulary.gap_mark, tracker)
    batch = PreferenceDataset(pairs, vocabulary, 3, tracker, gaps).batch(np.arange(3))
    has_mark = (batch.inputs[..., 0] == vocabulary.gap_mark).any(axis=1)
    assert has_mark.tolist() == [False] * 6 + [True] * 3
