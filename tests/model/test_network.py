from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.model.batches import Batches
from abcgen.model.examples import Example
from abcgen.model.inference import StepNetwork
from abcgen.model.learner import Learner
from abcgen.model.network import build_network, weight_name, weights_of
from abcgen.model.scoring import measure
from abcgen.model.settings import RANGES
from abcgen.model.weights import weight_shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abcgen.model.vocabulary import Vocabulary
    from abcgen.model.weights import Weights

    MakeWeights = Callable[[NetworkConfig, int], Weights]

CONFIGS = [
    NetworkConfig(layers=1, units=5, embedding=3, dropout=0.0),
    NetworkConfig(layers=2, units=16, embedding=8, dropout=0.5),
    NetworkConfig(layers=3, units=9, embedding=12, dropout=0.2),
]


def _set_weights(model: Any, weights: Weights) -> None:
    """The inverse of ``weights_of``."""
    for variable in model.trainable_variables:
        variable.assign(weights[weight_name(variable.path)])


def _step_through(network: StepNetwork, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    state = network.start(len(ids))
    logits = []
    for place in range(ids.shape[1]):
        step, state = network.step(ids[:, place], state)
        logits.append(step)
    return np.stack(logits, axis=1)


def _ids(batch: int, width: int, size: int) -> NDArray[np.int32]:
    return np.random.default_rng(3).integers(0, size, (batch, width)).astype(np.int32)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_checkpoint_names_every_weight_of_the_network(config: NetworkConfig) -> None:
    weights = weights_of(build_network(config, 11))
    assert {name: array.shape for name, array in weights.items()} == weight_shapes(config, 11)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("batch", [1, 7])
def test_numpy_steps_give_the_logits_of_keras(
    config: NetworkConfig, batch: int, random_weights: MakeWeights
) -> None:
    weights, ids = random_weights(config, 11), _ids(batch, 40, 11)
    model = build_network(config, 11)
    _set_weights(model, weights)
    expected = np.asarray(model(ids, training=False))
    stepped = _step_through(StepNetwork(config.layers, weights), ids)
    assert np.abs(stepped - expected).max() < 1e-4


@pytest.mark.parametrize("changed", [1, 17, 39])
def test_nothing_sees_the_future(changed: int, random_weights: MakeWeights) -> None:
    config, ids = CONFIGS[1], _ids(3, 40, 11)
    other = ids.copy()
    other[:, changed:] = (other[:, changed:] + 1) % 11
    model = build_network(config, 11)
    _set_weights(model, random_weights(config, 11))
    before, after = (np.asarray(model(x, training=False)) for x in (ids, other))
    assert np.array_equal(before[:, :changed], after[:, :changed])
    assert not np.array_equal(before[:, changed:], after[:, changed:])


def test_the_loss_of_sampling_is_the_loss_of_training(
    examples: list[Example],
    vocabulary: Vocabulary,
    tiny: NetworkConfig,
    random_weights: MakeWeights,
) -> None:
    weights = random_weights(tiny, vocabulary.size)
    learner = Learner(tiny, vocabulary.size, TrainConfig())
    _set_weights(learner.model, weights)
    trained = learner.measure(Batches(examples, vocabulary, 6))
    sampled = measure(StepNetwork(tiny.layers, weights), vocabulary, examples)
    assert trained.per_character == pytest.approx(sampled.per_character, abs=1e-4)
    assert trained.per_note == pytest.approx(sampled.per_note, abs=1e-4)
    assert (trained.characters, trained.notes) == (sampled.characters, sampled.notes)


def test_the_greatest_seed_can_be_trained_with(
    examples: list[Example], vocabulary: Vocabulary, tiny: NetworkConfig
) -> None:
    options = TrainConfig(seed=int(RANGES["seed"][2]))
    learner = Learner(tiny, vocabulary.size, options)
    assert learner.learn(Batches(examples, vocabulary, 4).batch(np.array([0, 1])), 0.01) > 0


def test_padding_does_not_change_the_loss(
    vocabulary: Vocabulary, tiny: NetworkConfig, random_weights: MakeWeights
) -> None:
    examples = [Example("abcd|\n"), Example("abcd|" * 30 + "\n")]
    learner = Learner(tiny, vocabulary.size, TrainConfig())
    _set_weights(learner.model, random_weights(tiny, vocabulary.size))
    apart = [learner.measure(Batches([example], vocabulary, 1)).total for example in examples]
    together = learner.measure(Batches(examples, vocabulary, 2)).total
    assert together == pytest.approx(sum(apart), rel=1e-5)


def test_given_characters_are_not_scored(
    vocabulary: Vocabulary, random_weights: MakeWeights, tiny: NetworkConfig
) -> None:
    network = StepNetwork(tiny.layers, random_weights(tiny, vocabulary.size))
    whole, given = (
        measure(network, vocabulary, [Example("ab", unscored=count, notes=2)]) for count in (0, 1)
    )
    assert (whole.characters, given.characters) == (3, 2)
    assert given.total < whole.total


def test_a_network_without_knowledge_is_as_surprised_as_its_vocabulary_is_large(
    vocabulary: Vocabulary, examples: list[Example], tiny: NetworkConfig
) -> None:
    shapes = weight_shapes(tiny, vocabulary.size)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    bits = measure(StepNetwork(tiny.layers, weights), vocabulary, examples)
    assert bits.per_character == pytest.approx(math.log2(vocabulary.size))


def test_bits_of_nothing_are_no_number(vocabulary: Vocabulary, tiny: NetworkConfig) -> None:
    weights = {
        name: np.zeros(shape, np.float32)
        for name, shape in weight_shapes(tiny, vocabulary.size).items()
    }
    bits = measure(StepNetwork(tiny.layers, weights), vocabulary, [])
    assert math.isnan(bits.per_character)
    assert math.isnan(bits.per_note)
