"""A batch in shares teaches what the whole batch teaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.example import Example
from abcgen.grammar.positions import PositionTracker
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import dataset_of
from abcgen.model.distribution import Devices
from abcgen.model.inference import StepNetwork
from abcgen.model.scoring import measure
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from abcgen.model.vocabulary import Vocabulary

TINY = NetworkConfig(layers=1, units=8, embedding=5, heads=2, dropout=0.0)
NETWORKS = {
    "plain": TINY.replace(attention=False),
    "attention": TINY,
    "bidirectional": TINY.replace(bidirectional=True, sequence_length=16, attention=False),
    "positions": TINY.replace(positions=True),
    "window": TINY.replace(kind="window", sequence_length=6),
    "numbers": TINY.replace(kind="window", sequence_length=6, embedding=0),
}
LIKE_OTHERS = {"attention", "window"}  # all that they have stands in another one too


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LIKE_OTHERS)) for name in NETWORKS],
)
def test_training_in_shares_learns_what_whole_batches_teach(
    name: str, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five rows, which two shares do not divide, and which are of unlike lengths.
    examples = [Example("abc|" * number + "\n") for number in range(1, 6)]
    whole, shared = (
        _after_three_steps(NETWORKS[name], cores, examples, vocabulary, monkeypatch)
        for cores in (1, 2)
    )
    assert (whole.backend + ", 2 shares of a batch at a time") == shared.backend
    assert whole.steps == shared.steps == 3
    for key, weight in whole.weights.items():
        assert np.allclose(weight, shared.weights[key], atol=2e-5), key
    options = TrainConfig(batch_size=9)
    tracker = PositionTracker(vocabulary.tokens)
    batches = dataset_of(
        examples, vocabulary, NETWORKS[name], options, measuring=True, tracker=tracker
    )
    network = StepNetwork(NETWORKS[name], shared.weights, tracker)
    alone = measure(network, vocabulary, examples)
    assert shared.measure(batches).total == pytest.approx(alone.total, rel=1e-4)


def _after_three_steps(
    network: NetworkConfig,
    cores: int,
    examples: list[Example],
    vocabulary: Vocabulary,
    monkeypatch: pytest.MonkeyPatch,
) -> CompiledNetwork:
    if cores == 1:  # Keras's own step
        monkeypatch.setattr("abcgen.model.compiled.devices_for", lambda _rows: Devices())
    else:
        monkeypatch.undo()
        monkeypatch.setattr("abcgen.model.backend.cores", lambda: cores)
    # Not clipped: Keras takes rows of an embedding that are looked up twice for two.
    options = TrainConfig(batch_size=9, optimizer="sgd", clip_norm=100.0)
    compiled = CompiledNetwork(network, vocabulary.size, options)
    tracker = PositionTracker(vocabulary.tokens)
    batches = dataset_of(examples, vocabulary, network, options, tracker=tracker)
    for _ in range(3):
        compiled.train_step(batches.batch(batches.in_order()[0]), 0.1)
    return compiled


def test_one_share_clips_as_two_do(vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding's gradient counts once, however often a character is looked up."""
    examples, learnt = [Example("abab|" * number + "\n") for number in range(1, 10)], []
    options = TrainConfig(batch_size=9, optimizer="sgd", clip_norm=0.05)
    with run_eagerly():
        for cores in (1, 2):
            monkeypatch.setattr("abcgen.model.backend.cores", lambda cores=cores: cores)
            compiled = CompiledNetwork(NETWORKS["plain"], vocabulary.size, options)
            batches = dataset_of(examples, vocabulary, NETWORKS["plain"], options)
            compiled.train_step(batches.batch(batches.in_order()[0]), 1.0)
            learnt.append(compiled.weights)
    one, two = learnt
    assert all(np.allclose(one[name], two[name], atol=1e-6) for name in one)
