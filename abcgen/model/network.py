"""The networks in Keras.

The *stream network* reads whole tunes and predicts the next character at every position at once;
the *window network* reads the last characters and predicts one. Neither sees the future: position
t of the output depends on positions up to t of the input only. LSTMs that read from left to right
do not look ahead, attention hides what is later, and what is read both ways lies wholly before
the prediction: the window, or in the stream network the block before the current one, whose
reading is handed to the LSTMs of the current block as their first states and as further input.

There is no mask, because padding on the right cannot reach what comes before it, and a mask would
rule out the fast kernels of GPUs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.model.backend import load_keras, to_numpy
from abcgen.model.positions import POSITION_FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Weights


def build_network(config: NetworkConfig, vocabulary_size: int, seed: int = 0) -> Any:
    """Build a network with random weights.

    Args:
        config: Its shape.
        vocabulary_size: Number of ids.
        seed: Seed of the weights and of dropout.

    Returns:
        A ``keras.Model``. Stream: from int32 ids (batch, time) to float32 logits (batch, time,
        vocabulary). Window: from what ``network_inputs`` makes of ids (batch, length) to logits
        (batch, vocabulary).
    """
    builder = _Builder(config, vocabulary_size, seed)
    return builder.window_network() if config.kind == "window" else builder.stream_network()


def network_inputs(config: NetworkConfig, vocabulary_size: int, ids: Any) -> Any:
    """What a network is given for ids: the ids, or one number from 0 to 1 for each.

    With position features, these follow each id: see ``abcgen.model.positions``.
    """
    if config.embedding:
        return ids
    return (ids[..., None] / vocabulary_size).astype("float32")


def blank(config: NetworkConfig) -> NDArray[np.int32]:
    """The ids of one row of padding, with positions where the network is told any."""
    shape = 1, config.chunk_length or 2
    return np.zeros((*shape, 1 + POSITION_FEATURES) if config.positions else shape, np.int32)


def weight_name(path: str) -> str:
    """The checkpoint's name of a Keras variable: its layers and its own name."""
    return path.replace("/lstm_cell", "")


def weights_of(model: Any) -> Weights:
    """A copy of the model's weights by their names in a checkpoint."""
    return {
        weight_name(variable.path): to_numpy(variable) for variable in model.trainable_variables
    }


class _Builder:
    """Builds a network layer by layer, each with random numbers of its own."""

    def __init__(self, config: NetworkConfig, vocabulary_size: int, seed: int) -> None:
        self._config, self._classes, self._seed = config, vocabulary_size, seed
        self._keras = load_keras()
        from abcgen.model import layers  # noqa: PLC0415 - loads Keras

        self._own = layers
        self._dropouts = 0

    def stream_network(self) -> Any:
        """Logits at every position."""
        inputs, embedded, placed = self._characters()
        if self._config.bidirectional:
            stream = self._in_blocks(placed)
        else:
            stream = placed
            for number in range(1, self._config.layers + 1):
                stream = self._drop(self._lstm(number)(stream))
        if self._config.attention:
            stream = self._attend(stream, stream, embedded)
        logits = self._dense("logits", self._classes)(stream)
        return self._keras.Model(inputs, logits, name="stream")

    def window_network(self) -> Any:
        """Logits after the last position."""
        length, units = self._config.chunk_length, self._config.units
        if self._config.embedding:
            inputs = self._keras.Input((length,), dtype="int32", name="ids")
            stream = self._embedding(inputs)
        else:
            stream = inputs = self._keras.Input((length, 1), name="numbers")
        read = stream
        for number in range(1, self._config.layers):
            both = self._config.bidirectional
            outputs = (
                self._both_ways(f"lstm_{number}")(stream)[0] if both else self._lstm(number)(stream)
            )
            stream = self._drop(outputs)
        stream = self._summary(stream, read)
        for name, width in (("dense_1", units), ("dense_2", max(1, units // 2))):
            stream = self._drop(self._dense(name, width, activation="relu")(stream))
        return self._keras.Model(
            inputs, self._dense("logits", self._classes)(stream), name="window"
        )

    def _summary(self, stream: Any, read: Any) -> Any:
        """The last layer over a window, (batch, units); ``read`` is what the first was given."""
        number = self._config.layers
        if not (self._config.attention or self._config.bidirectional):
            return self._lstm(number, return_sequences=False)(stream)
        both = self._config.bidirectional
        lstm = self._both_ways(f"lstm_{number}") if both else self._lstm(number, return_state=True)
        outputs, last, _ = lstm(stream)
        if not self._config.attention:
            return last
        shape, layers = (self._config.units,), self._keras.layers
        found = self._attend(layers.Reshape((1, *shape), name="last")(last), outputs, read)
        return layers.Reshape(shape, name="found")(found)

    def _in_blocks(self, embedded: Any) -> Any:
        """The encoder reads the block before both ways; the decoder goes on from there."""
        length, own = self._config.chunk_length, self._own
        stream = own.Blocks(length, name="blocks")(embedded)
        before = own.BlockBefore(length, name="block_before")(embedded)
        encoded = own.Blocks(length, name="blocks_before")(before)
        states = []
        for number in range(1, self._config.layers + 1):
            encoded, *state = self._both_ways(f"encoder_{number}")(encoded)
            states.append(state)
            encoded = self._drop(encoded)
        stream = self._keras.layers.Concatenate(name="with_block_before")([stream, encoded])
        for number, state in enumerate(states, 1):
            stream = self._drop(self._lstm(number)(stream, initial_state=state))
        return own.Joined(name="joined")(stream, embedded)

    def _characters(self) -> tuple[Any, Any, Any]:
        """The input, its characters as vectors, and these with their positions if told."""
        if not self._config.positions:
            ids = self._keras.Input((None,), dtype="int32", name="ids")
            embedded = self._embedding(ids)
            return ids, embedded, embedded
        inputs = self._keras.Input(
            (None, 1 + POSITION_FEATURES), dtype="int32", name="ids_and_positions"
        )
        ids = self._own.Ids(name="ids")(inputs)
        embedded = self._embedding(ids)
        position = self._own.Position(self._seed + 300, name="position")(inputs)
        joined = self._keras.layers.Concatenate(name="with_position")([embedded, position])
        return inputs, embedded, joined

    def _embedding(self, ids: Any) -> Any:
        spread = self._keras.initializers.RandomNormal(stddev=1.0, seed=self._seed)
        return self._keras.layers.Embedding(
            self._classes, self._config.embedding, embeddings_initializer=spread, name="embedding"
        )(ids)

    def _lstm(self, number: int, **how: bool) -> Any:
        return self._own.make_lstm(
            self._config.units,
            self._seed + 2 * number,
            name=f"lstm_{number}",
            **({"return_sequences": True} | how),
        )

    def _both_ways(self, name: str) -> Any:
        number = 50 if name.startswith("encoder") else 0
        seed = self._seed + number + 4 * int(name.rsplit("_", 1)[1])
        return self._own.BothWays(self._config.units, seed, name)

    def _attend(self, queries: Any, memory: Any, read: Any) -> Any:
        attention = self._own.CausalAttention(self._config.heads, self._seed + 100, "attention")
        found = attention(queries, memory, read)
        return self._keras.layers.Add(name="with_attention")([queries, self._drop(found)])

    def _drop(self, stream: Any) -> Any:
        self._dropouts += 1
        number = self._dropouts
        return self._keras.layers.Dropout(
            self._config.dropout, seed=self._seed + number, name=f"dropout_{number}"
        )(stream)

    def _dense(self, name: str, width: int, activation: str | None = None) -> Any:
        number = int(name[-1]) if name[-1].isdigit() else 0
        glorot = self._keras.initializers.GlorotUniform(seed=self._seed + 1 + 200 * number)
        return self._keras.layers.Dense(
            width, activation=activation, kernel_initializer=glorot, name=name
        )
