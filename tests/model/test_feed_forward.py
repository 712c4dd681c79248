"""The option ``ffn``; ``test_network`` and ``test_shares`` cover what it shares with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.errors import InputError
from abcgen.model.architecture import architecture, weight_shapes
from abcgen.model.checkpoint import (
    CONFIG,
    Checkpoint,
    load_checkpoint,
    load_description,
    write_description,
    write_weights,
)
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import TextDataset
from abcgen.model.inference import StepNetwork
from abcgen.model.network import weight_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from abcgen.example import Example
    from abcgen.model.checkpoint import Weights
    from abcgen.model.vocabulary import Vocabulary

NETWORK = NetworkConfig(layers=1, units=8, embedding=6, dropout=0.0, heads=2, ffn=24)


def test_it_adds_two_dense_layers_and_nothing_else() -> None:
    without, with_it = (weight_shapes(NETWORK.replace(ffn=width), 11) for width in (0, 24))
    assert {name: shape for name, shape in with_it.items() if name not in without} == {
        "feed_forward_1/kernel": (8, 24),
        "feed_forward_1/bias": (24,),
        "feed_forward_2/kernel": (24, 8),
        "feed_forward_2/bias": (8,),
    }
    assert {name: with_it[name] for name in without} == without


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("kind", ["stream", "window"])
def test_it_comes_after_attention_or_the_lstms_with_a_residual_connection(
    kind: str, *, attention: bool
) -> None:
    config = NETWORK.replace(kind=kind, attention=attention)
    layers = {layer.name: layer for layer in architecture(config, 11)}
    source, change = layers["with_feed_forward"].inputs
    assert layers["feed_forward_1"].inputs == (source,)
    assert layers[change].sources == ("feed_forward_2",)
    before = {
        ("stream", True): "with_attention",
        ("stream", False): "dropout_1",
        ("window", True): "found",
        ("window", False): "lstm_1:last",
    }
    assert source == before[kind, attention]


def test_it_trains_and_keras_and_numpy_agree_on_what_was_learned(
    examples: list[Example], vocabulary: Vocabulary
) -> None:
    compiled = CompiledNetwork(NETWORK, vocabulary.size, TrainConfig(batch_size=4))
    batch = TextDataset(examples, vocabulary, 4).batch(np.arange(4))
    losses = [compiled.train_step(batch, 0.02).loss for _ in range(8)]
    assert losses[-1] < 0.8 * losses[0]
    names = {weight_name(variable.path) for variable in compiled.model.trainable_variables}
    assert names == weight_shapes(NETWORK, vocabulary.size).keys()

    expected = np.asarray(compiled.model(batch.inputs, training=False))  # (B, T, classes)
    network = StepNetwork(NETWORK, compiled.weights)
    state = network.start(len(batch.inputs))
    for position in range(batch.inputs.shape[1]):
        logits, state = network.step(batch.inputs[:, position], state)
        np.testing.assert_allclose(logits, expected[:, position], atol=1e-5)


def test_a_checkpoint_with_it_reads_back(
    tmp_path: Path, vocabulary: Vocabulary, random_weights: Callable[[NetworkConfig, int], Weights]
) -> None:
    weights = random_weights(NETWORK, vocabulary.size)
    checkpoint = Checkpoint(NETWORK, TrainConfig(), vocabulary, weights)
    write_description(checkpoint, tmp_path)
    write_weights(weights, tmp_path)
    found = load_checkpoint(tmp_path)
    assert found.network.ffn == 24
    assert all(np.array_equal(found.weights[name], array) for name, array in weights.items())


def test_older_versions_open_networks_without_it(tmp_path: Path, vocabulary: Vocabulary) -> None:
    for width, is_saved in ((0, False), (24, True)):
        network = NETWORK.replace(ffn=width)
        write_description(Checkpoint(network, TrainConfig(), vocabulary, {}), tmp_path)
        assert ('"ffn"' in (tmp_path / CONFIG).read_text()) == is_saved
        assert load_description(tmp_path).network == network


@pytest.mark.parametrize("width", [-1, 10**6, 2.5])
def test_an_impossible_width_is_refused(width: float) -> None:
    with pytest.raises(InputError, match="ffn"):
        NETWORK.replace(ffn=width)
