from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import pytest

from abcgen.config import MAX_SEED, Network, NetworkConfig, TrainConfig
from abcgen.example import Example
from abcgen.grammar.positions import PositionTracker
from abcgen.model.architecture import architecture, weight_shapes
from abcgen.model.backend import load_keras
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import TextDataset, dataset_of
from abcgen.model.inference import StepNetwork
from abcgen.model.network import build_network, network_inputs, weight_name, weights_of
from abcgen.model.positions import feature_tables
from abcgen.model.scoring import measure
from abcgen.model.vocabulary import OLD_SPECIAL_TOKENS, PADDING, Vocabulary
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Weights

    MakeWeights = Callable[[NetworkConfig, int], Weights]

CONFIGS = [
    NetworkConfig(layers=1, units=5, embedding=3, dropout=0.0, attention=False),
    NetworkConfig(layers=3, units=9, embedding=12, dropout=0.2, heads=3),
    NetworkConfig(kind="window", units=8, embedding=0, attention=False, sequence_length=11),
    NetworkConfig(layers=2, units=8, embedding=6, heads=2, ffn=20),
    NetworkConfig(
        units=8, embedding=6, attention=False, ffn=5, bidirectional=True, sequence_length=16
    ),
    NetworkConfig(kind="window", units=8, embedding=6, heads=2, ffn=20, sequence_length=11),
    *(
        NetworkConfig(
            kind=kind,
            layers=2,
            units=8,
            embedding=6,
            dropout=0.5,
            attention=attention,
            heads=2,
            bidirectional=bidirectional,
            sequence_length=16,
        )
        for kind in get_args(Network)
        for attention in (False, True)
        for bidirectional in (False, True)
    ),
    NetworkConfig(layers=2, units=8, embedding=6, heads=2, ffn=20, blocks=True),
    NetworkConfig(layers=2, units=8, embedding=6, attention=False, blocks=True),
    NetworkConfig(units=6, embedding=5, attention=False, positions=True),
    NetworkConfig(layers=2, units=8, embedding=6, heads=2, positions=True),
    NetworkConfig(
        layers=2,
        units=8,
        embedding=6,
        heads=2,
        bidirectional=True,
        sequence_length=16,
        positions=True,
    ),
    NetworkConfig(layers=1, units=8, embedding=6, heads=2, positions=True, form=True),
    NetworkConfig(units=6, embedding=5, attention=False, relative_pitch=True),
    NetworkConfig(
        layers=2,
        units=8,
        embedding=6,
        heads=2,
        ffn=12,
        blocks=True,
        positions=True,
        form=True,
        relative_pitch=True,
    ),
    NetworkConfig(
        units=8,
        embedding=6,
        heads=2,
        bidirectional=True,
        sequence_length=16,
        positions=True,
        relative_pitch=True,
    ),
]
# Eleven signs with bar lines, repeats and lengths among them, and a line that begins the music.
SIGNS = Vocabulary("K:\n|ab2/", OLD_SPECIAL_TOKENS)
HEAD = SIGNS.encode("K:\n")
WIDTH = 48


def _name(config: NetworkConfig) -> str:
    options = ["attention", "bidirectional", "embedding", "ffn", "blocks"]
    options += ["positions", "form", "relative_pitch"]
    return "-".join([config.kind, *(name for name in options if getattr(config, name))])


def _tracker(config: NetworkConfig, vocabulary: Vocabulary) -> PositionTracker:
    return PositionTracker(vocabulary.tokens, tuple(feature_tables(config)))


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
    ids = np.random.default_rng(3).integers(0, size, (batch, width)).astype(np.int32)
    ids[:, : HEAD.size] = HEAD
    return ids


def _predicted(model: Any, config: NetworkConfig, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Keras's logits after every place."""
    if feature_tables(config):
        tracker = _tracker(config, SIGNS)
        marks = np.stack([tracker.features_of(row) for row in ids]).astype(np.int32)
        ids = np.concatenate([ids[..., None], marks], axis=2)
    if config.kind == "stream":
        return np.asarray(model(ids, training=False))
    length = config.chunk_length or 0
    padded = np.pad(ids, ((0, 0), (length - 1, 0)), constant_values=PADDING)
    windows = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)
    flat = network_inputs(config, 11, windows.reshape(-1, length))
    return np.asarray(model(flat, training=False)).reshape(*ids.shape, -1)


class Built(NamedTuple):
    """A network of eleven characters with random weights."""

    config: NetworkConfig
    weights: Weights
    model: Any


@pytest.fixture(scope="module", params=CONFIGS, ids=_name)
def built(request: pytest.FixtureRequest, random_weights: MakeWeights) -> Built:
    config: NetworkConfig = request.param
    heights = _tracker(config, SIGNS).token_heights
    weights, model = random_weights(config, 11), build_network(config, 11, 0, heights)
    _set_weights(model, weights)
    return Built(config, weights, model)


def test_a_checkpoint_names_every_weight_of_the_network(built: Built) -> None:
    shapes = {name: array.shape for name, array in weights_of(built.model).items()}
    assert shapes == weight_shapes(built.config, 11)


def test_the_layers_of_the_definition_are_those_of_the_keras_model(built: Built) -> None:
    layers = architecture(built.config, 11)
    assert [_described(layer) for layer in built.model.layers] == [
        (layer.name, layer.shape, layer.parameters, layer.sources) for layer in layers
    ]


def _described(layer: Any) -> tuple[str, tuple[int | None, ...], int, tuple[str, ...]]:
    """A Keras layer's name, the shape of its first output, its parameters and what it reads."""
    output = layer.output[0] if isinstance(layer.output, list | tuple) else layer.output
    tensors = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
    sources = dict.fromkeys(tensor._keras_history.operation.name for tensor in tensors)
    return layer.name, tuple(output.shape), layer.count_params(), tuple(sources)


def test_numpy_steps_give_the_logits_of_keras(built: Built) -> None:
    tracker = _tracker(built.config, SIGNS)
    network = StepNetwork(built.config, built.weights, tracker)
    for batch in (1, 7):
        ids = _ids(batch, WIDTH, 11)
        stepped = _step_through(network, ids)
        assert np.abs(stepped - _predicted(built.model, built.config, ids)).max() < 1e-4


def test_nothing_sees_the_future(built: Built) -> None:
    ids = _ids(3, WIDTH, 11)
    before = _predicted(built.model, built.config, ids)
    for changed in (1, 17, 32, 47):
        other = ids.copy()
        other[:, changed:] = (other[:, changed:] + 1) % 11
        after = _predicted(built.model, built.config, other)
        assert np.array_equal(before[:, :changed], after[:, :changed])
        assert not np.array_equal(before[:, changed:], after[:, changed:])


@pytest.mark.parametrize("config", CONFIGS, ids=_name)
def test_the_loss_of_sampling_is_the_loss_of_training(
    config: NetworkConfig,
    examples: list[Example],
    vocabulary: Vocabulary,
    random_weights: MakeWeights,
) -> None:
    weights = random_weights(config, vocabulary.size)
    tracker = _tracker(config, vocabulary)
    # All texts in one batch, and that in one share: another width is compiled anew.
    options = TrainConfig(batch_size=1)
    compiled = CompiledNetwork(config, vocabulary.size, options, tracker.token_heights)
    _set_weights(compiled.model, weights)
    options = options.replace(batch_size=len(examples))
    with run_eagerly():
        trained = compiled.measure(
            dataset_of(examples, vocabulary, config, options, measuring=True, tracker=tracker)
        )
    sampled = measure(StepNetwork(config, weights, tracker), vocabulary, examples)
    assert trained.per_character == pytest.approx(sampled.per_character, abs=1e-4)
    assert trained.per_note == pytest.approx(sampled.per_note, abs=1e-4)
    assert (trained.characters, trained.notes) == (sampled.characters, sampled.notes)


@pytest.mark.parametrize("config", [CONFIGS[1], CONFIGS[-10], *CONFIGS[-2:]], ids=_name)
def test_a_state_can_be_stepped_from_twice(
    config: NetworkConfig, random_weights: MakeWeights
) -> None:
    network, ids = (
        StepNetwork(config, random_weights(config, 11), _tracker(config, SIGNS)),
        _ids(3, 90, 11),
    )
    state = network.start(3)
    for place in range(70):
        _, state = network.step(ids[:, place], state)
    first = network.step(ids[:, 70], state)
    network.step(ids[:, 71], state)
    again = network.step(ids[:, 70], state)
    assert np.array_equal(first[0], again[0])
    followed, _ = network.step(ids[:, 72], first[1])
    assert np.array_equal(followed, network.step(ids[:, 72], again[1])[0])


@pytest.mark.parametrize("config", [CONFIGS[1], CONFIGS[-9]], ids=_name)
def test_attention_weights_are_of_the_past_only_and_sum_to_one(
    config: NetworkConfig, random_weights: MakeWeights
) -> None:
    network = StepNetwork(config, random_weights(config, 11))
    weights = network.attention_weights([1, *range(3, 11)] * 2)
    assert not np.triu(weights, 1).any()
    assert weights.sum(axis=1) == pytest.approx(np.ones(18))


def test_blocks_keep_names_and_seeds_of_the_first_and_have_their_own() -> None:
    plain = NetworkConfig(units=8, embedding=6, heads=2, ffn=20)
    one, three = (
        {
            name: (shape, layer.seed)
            for layer in architecture(network, 11)
            for name, shape in layer.weights.items()
        }
        for network in (plain, plain.replace(blocks=True, layers=3))
    )
    assert {name: three[name] for name in one} == one
    seeds = {name.split("/")[0]: seed for name, (_, seed) in three.items() if name not in one}
    assert len({*seeds.values()} - {seed for _, seed in one.values()}) == len(seeds) == 8


@pytest.mark.parametrize("option", ["form", "relative_pitch", "blocks"])
def test_older_versions_open_networks_that_do_not_use_an_option(option: str) -> None:
    assert option not in NetworkConfig().model_dump()
    used = NetworkConfig().replace(**{option: True})
    assert NetworkConfig.from_json(used.to_json()) == used


def test_a_phrase_a_step_higher_is_followed_by_intervals_as_likely(
    random_weights: MakeWeights,
) -> None:
    config = NetworkConfig(units=8, embedding=6, heads=2, relative_pitch=True)
    letters = Vocabulary("K:\ncdefgab|", OLD_SPECIAL_TOKENS)
    weights = random_weights(config, letters.size)
    # A network that knows intervals only.
    absolute = ("embedding/embeddings", "position/height", "logits/kernel", "logits/bias")
    weights |= {name: np.zeros_like(weights[name]) for name in absolute}
    network = StepNetwork(config, weights, _tracker(config, letters))
    low, high = (
        _step_through(network, letters.encode(f"K:\n{text}")[None])[0] for text in ("cge", "daf")
    )
    of_letter = letters.encode("cdefgab")
    assert np.allclose(low[:, of_letter[:-1]], high[:, of_letter[1:]], atol=1e-6)
    assert np.ptp(low[-1, of_letter]) > 0.1
    assert not low[:, letters.encode("|")].any()


@pytest.mark.parametrize(("rows", "steps"), [(8, 16), (1, 37)])
def test_the_fused_loop_computes_the_lstm_of_keras(rows: int, steps: int) -> None:
    keras, fast = load_keras(), import_module("abcgen.model.layers").LSTM
    inputs = np.random.default_rng(1).normal(size=(rows, steps, 3)).astype(np.float32)
    state = [np.full((rows, 4), 0.3, np.float32), np.full((rows, 4), -0.7, np.float32)]
    answers = []
    for kind in (keras.layers.LSTM, fast):
        sequence, first, second = keras.Input((None, 3)), keras.Input((4,)), keras.Input((4,))
        layer = kind(4, return_sequences=True, return_state=True)
        outputs = layer(sequence, initial_state=[first, second])
        model = keras.Model([sequence, first, second], outputs)
        random = np.random.default_rng(2)
        layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
        targets = [np.ones(output.shape) for output in model([inputs, *state])]
        losses = [model.train_on_batch([inputs, *state], targets) for _ in range(3)]
        answers.append([np.array(losses), *layer.get_weights()])
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(*answers, strict=True))


def test_the_greatest_seed_can_be_trained_with(
    examples: list[Example], vocabulary: Vocabulary, tiny: NetworkConfig
) -> None:
    options = TrainConfig(seed=MAX_SEED)
    compiled = CompiledNetwork(tiny, vocabulary.size, options)
    batch = TextDataset(examples, vocabulary, 4).batch(np.array([0, 1]))
    assert compiled.train_step(batch, 0.01).loss > 0


def test_padding_does_not_change_the_loss(
    vocabulary: Vocabulary, tiny: NetworkConfig, random_weights: MakeWeights
) -> None:
    examples = [Example("abcd|\n"), Example("abcd|" * 30 + "\n")]
    compiled = CompiledNetwork(tiny, vocabulary.size, TrainConfig())
    _set_weights(compiled.model, random_weights(tiny, vocabulary.size))
    apart = [compiled.measure(TextDataset([example], vocabulary, 1)).total for example in examples]
    together = compiled.measure(TextDataset(examples, vocabulary, 2)).total
    assert together == pytest.approx(sum(apart), rel=1e-5)


def test_given_characters_are_not_scored(
    vocabulary: Vocabulary, random_weights: MakeWeights, tiny: NetworkConfig
) -> None:
    network = StepNetwork(tiny, random_weights(tiny, vocabulary.size))
    whole, given = (
        measure(network, vocabulary, [Example("ab", unscored=count, notes=2)]) for count in (0, 1)
    )
    assert (whole.characters, given.characters) == (3, 2)
    assert given.total < whole.total


def test_a_network_of_zeros_finds_all_characters_equally_likely(
    vocabulary: Vocabulary, examples: list[Example], tiny: NetworkConfig
) -> None:
    shapes = weight_shapes(tiny, vocabulary.size)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    bits = measure(StepNetwork(tiny, weights), vocabulary, examples)
    assert bits.per_character == pytest.approx(math.log2(vocabulary.size))


def test_bits_per_character_of_no_text_are_nan(vocabulary: Vocabulary, tiny: NetworkConfig) -> None:
    weights = {
        name: np.zeros(shape, np.float32)
        for name, shape in weight_shapes(tiny, vocabulary.size).items()
    }
    bits = measure(StepNetwork(tiny, weights), vocabulary, [])
    assert math.isnan(bits.per_character)
    assert math.isnan(bits.per_note)
