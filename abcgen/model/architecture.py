"""The network, defined once: its layers with their shapes, weights and seeds.

Everything else follows from this list: the Keras model that is trained (``network``), the NumPy
cells that sample (``inference``), the arrays that a checkpoint must hold (``weight_shapes``), the
table of ``train --dry-run`` and the diagram of ``plot``. ``docs/network.md`` introduces it.

The *stream network* reads whole texts and predicts the next character at every position; the
*window network* reads the last characters and predicts one. Neither sees the future: position t of
the output depends on positions up to t of the input only. LSTMs read from left to right, attention
is causal, and a bidirectional LSTM reads only text that lies wholly before the prediction: the
window, or in the stream network the block before the current one, whose last states and outputs
are handed to the LSTMs of the current block.

Shapes: B texts, T characters, L characters of a block or window, U units, E columns of the
embedding; None where any number is possible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from abcgen.model.positions import INTERVALS, feature_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from abcgen.config import NetworkConfig

Shape: TypeAlias = "tuple[int | None, ...]"
Shapes: TypeAlias = "dict[str, tuple[int, ...]]"


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """A layer of a network."""

    # Unique in the network. A checkpoint's weights are called ``name/weight``.
    name: str
    # The outputs that it reads, by the names of their layers. ``name:last`` and ``name:cell`` are
    # an LSTM's output and cell after all characters, (B, U).
    inputs: tuple[str, ...] = ()
    # Of its first output, which an LSTM's last output and cell follow.
    shape: Shape
    # Added to the run's seed for this layer's random numbers.
    seed: int = 0

    @property
    def kind(self) -> str:
        """The kind of layer as users see it, such as ``LSTM``."""
        return type(self).__name__.removesuffix("Spec")

    @property
    def weights(self) -> Shapes:
        """Shapes of its weights by their names in a checkpoint."""
        return {}

    @property
    def width(self) -> int:
        """Last axis of its output."""
        return self.shape[-1] or 0

    @property
    def parameters(self) -> int:
        """Number of its weights."""
        return sum(math.prod(shape) for shape in self.weights.values())

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the layers that it reads."""
        return tuple(dict.fromkeys(source.partition(":")[0] for source in self.inputs))


class InputLayerSpec(LayerSpec):
    """The network's input: int32 ids, or float32 numbers where there is no embedding."""

    @property
    def dtype(self) -> str:
        """Type of its numbers."""
        return "float32" if self.name == "numbers" else "int32"


class IdsSpec(LayerSpec):
    """The ids alone, of ids and F position features: (B, T, 1 + F) to (B, T)."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingSpec(LayerSpec):
    """A learned vector for every character: (B, T) to (B, T, E)."""

    characters: int

    @property
    def weights(self) -> Shapes:
        """One row per character."""
        return {f"{self.name}/embeddings": (self.characters, self.width)}


@dataclass(frozen=True, kw_only=True)
class PositionSpec(LayerSpec):
    """A learned vector for every position feature, side by side: (B, T, 1 + F) to (B, T, P)."""

    # The shape of each feature's table, in the order of the features.
    tables: Mapping[str, tuple[int, int]]

    @property
    def weights(self) -> Shapes:
        """One table per feature."""
        return {f"{self.name}/{feature}": shape for feature, shape in self.tables.items()}


@dataclass(frozen=True, kw_only=True)
class LSTMSpec(LayerSpec):
    """An LSTM: (B, T, features) to (B, T, U), or to (B, U) without ``sequences``.

    It starts from the output and cell that are its second and third input, or from zeros.
    """

    features: int
    # Return the output after every character, not only after the last.
    sequences: bool = True

    @property
    def weights(self) -> Shapes:
        """Two matrices and a bias. Last axis: input gate, forget gate, candidate, output gate."""
        return _lstm_weights(self.name, self.features, self.width)


@dataclass(frozen=True, kw_only=True)
class BidirectionalSpec(LayerSpec):
    """Two LSTMs of U / 2 units over the same text, one from each end: to (B, T, U)."""

    features: int

    @property
    def weights(self) -> Shapes:
        """The weights of both LSTMs."""
        half = self.width // 2
        forward = _lstm_weights(f"{self.name}/forward", self.features, half)
        return forward | _lstm_weights(f"{self.name}/backward", self.features, half)


@dataclass(frozen=True, kw_only=True)
class CausalAttentionSpec(LayerSpec):
    """Attention over the text so far, from Q positions of it.

    Its inputs are queries (B, Q, U), the LSTMs' outputs (B, T, U), and the vectors that the LSTMs
    read (B, T, features). Its output is (B, Q, U).
    """

    heads: int
    features: int

    @property
    def weights(self) -> Shapes:
        """Four matrices, each of all heads together."""
        units = self.width
        # Values are made from the characters' own vectors too; see docs/network.md.
        rows = {"query": units, "key": units, "value": units + self.features, "output": units}
        return {f"{self.name}/{name}": (height, units) for name, height in rows.items()}


@dataclass(frozen=True, kw_only=True)
class DenseSpec(LayerSpec):
    """A dense layer: (…, features) to (…, width)."""

    features: int
    activation: str = ""  # or relu

    @property
    def kind(self) -> str:
        """The kind of layer; the loss applies the softmax to the logits."""
        return "Dense (softmax)" if self.name == "logits" else "Dense"

    @property
    def weights(self) -> Shapes:
        """A matrix and a bias."""
        return {
            f"{self.name}/kernel": (self.features, self.width),
            f"{self.name}/bias": (self.width,),
        }


@dataclass(frozen=True, kw_only=True)
class DropoutSpec(LayerSpec):
    """Dropout (Srivastava et al., 2014) in training; nothing otherwise."""

    rate: float


class AddSpec(LayerSpec):
    """The sum of its inputs."""


class RelativePitchSpec(LayerSpec):
    """Logits, and for notes the logit of their interval from the last note added to their own.

    Its inputs are ids and position features (B, T, 1 + F), of which the last is the height of the
    last note; logits of characters (B, T, classes), and logits of intervals (B, T, intervals).
    """


class ConcatenateSpec(LayerSpec):
    """Its inputs side by side, along the last axis."""


class ReshapeSpec(LayerSpec):
    """The same numbers in another shape."""


@dataclass(frozen=True, kw_only=True)
class BlockBeforeSpec(LayerSpec):
    """A text shifted to the right by one block, zeros coming in: (B, T, W) to the same."""

    length: int


@dataclass(frozen=True, kw_only=True)
class BlocksSpec(LayerSpec):
    """A text cut into blocks, each a row: (B, T, W) to (B · T / L, L, W)."""

    length: int


class JoinedSpec(LayerSpec):
    """Blocks joined to texts again, of the shape of the second input: to (B, T, W)."""


def architecture(config: NetworkConfig, vocabulary_size: int) -> tuple[LayerSpec, ...]:
    """Return the layers of a network, the input first, each after the layers that it reads."""
    builder = _Builder(config, vocabulary_size)
    if config.kind == "window":
        builder.add_window_network()
    else:
        builder.add_stream_network()
    return tuple(builder.layers.values())


def weight_shapes(config: NetworkConfig, vocabulary_size: int) -> Shapes:
    """Return the shape of every weight of a network by its name in a checkpoint."""
    layers = architecture(config, vocabulary_size)
    return {name: shape for layer in layers for name, shape in layer.weights.items()}


class _Builder:
    """Adds layer after layer. A private method returns the name of the last layer it adds."""

    # No seed of a layer may change, or runs could not be reproduced.

    def __init__(self, config: NetworkConfig, vocabulary_size: int) -> None:
        self._config, self._classes = config, vocabulary_size
        self._length = config.chunk_length or 1
        self.layers: dict[str, LayerSpec] = {}

    def add_stream_network(self) -> None:
        """Add all layers from ids (B, T) to logits (B, T, classes)."""
        config = self._config
        # 1) Characters as vectors, with their position features beside them.
        if tables := feature_tables(config):
            shape = (None, None, 1 + len(tables))
            inputs = self._add(InputLayerSpec(name="ids_and_positions", shape=shape))
            ids = self._add(IdsSpec(name="ids", inputs=(inputs,), shape=(None, None)))
            embedded = self._embedding(ids)
            columns = sum(columns for _, columns in tables.values())
            shape = (None, None, columns)
            position = self._add(
                PositionSpec(
                    name="position", inputs=(inputs,), shape=shape, seed=300, tables=tables
                )
            )
            characters = self._concatenate("with_position", embedded, position)
        else:
            inputs = ids = self._add(InputLayerSpec(name="ids", shape=(None, None)))
            characters = embedded = self._embedding(ids)
        # 2) LSTMs from left to right, each with dropout after it.
        if config.bidirectional:
            stream = self._lstms_in_blocks(characters)
        else:
            stream = self._dropout(self._lstm(1, characters))
            for number in range(2, config.layers + 1):
                if config.blocks:
                    # All of a block, and residual connections between blocks.
                    stream = self._attend_and_feed(stream, embedded, number - 1)
                    read = self._lstm(number, stream)
                    stream = self._residual(f"with_lstm_{number}", stream, read)
                else:
                    stream = self._dropout(self._lstm(number, stream))
        # 3) Attention over the text so far, and a feed-forward layer at every position.
        last = config.layers if config.blocks else 1
        stream = self._attend_and_feed(stream, embedded, last)
        # 4) Logits of the next character.
        logits = self._dense("logits", stream, self._classes)
        if config.relative_pitch:
            intervals = self._dense("intervals", stream, INTERVALS, seed=600)
            layer = RelativePitchSpec(
                name="relative_pitch",
                inputs=(inputs, logits, intervals),
                shape=self._shape(logits),
            )
            self._add(layer)

    def add_window_network(self) -> None:
        """Add all layers from ids (B, L) or numbers (B, L, 1) to logits (B, classes)."""
        config, length = self._config, self._length
        # 1) Characters as vectors, or as numbers from 0 to 1.
        if config.embedding:
            characters = self._embedding(
                self._add(InputLayerSpec(name="ids", shape=(None, length)))
            )
        else:
            characters = self._add(InputLayerSpec(name="numbers", shape=(None, length, 1)))
        # 2) LSTMs over the window. The last one is read after all characters only.
        stream = characters
        for number in range(1, config.layers + 1):
            is_last = number == config.layers
            if config.bidirectional:
                stream = self._bidirectional(f"lstm_{number}", stream, seed=4 * number)
            else:
                sequences = config.attention or not is_last
                stream = self._lstm(number, stream, sequences=sequences)
            if not is_last:
                stream = self._dropout(stream)
        summary = f"{stream}:last"
        # 3) Attention from the last character over the window.
        if config.attention:
            units = config.units
            query = self._add(ReshapeSpec(name="last", inputs=(summary,), shape=(None, 1, units)))
            attended = self._attention(query, stream, characters)
            summary = self._add(ReshapeSpec(name="found", inputs=(attended,), shape=(None, units)))
        # 4) A feed-forward layer.
        if config.ffn:
            summary = self._feed_forward(summary)
        # 5) Two dense layers, then the logits of the next character.
        for number, width in enumerate((config.units, max(1, config.units // 2)), 1):
            hidden = self._dense(f"dense_{number}", summary, width, "relu", seed=1 + 200 * number)
            summary = self._dropout(hidden)
        self._dense("logits", summary, self._classes)

    def _lstms_in_blocks(self, characters: str) -> str:
        """Add an encoder that reads the block before in both directions, and LSTMs for this one."""
        layers, units = self._config.layers, self._config.units
        # 1) The encoder. Every text is shifted right by a block, so that what the encoder reads in
        #    place of a block lies wholly before it, and nothing sees the future.
        before = self._add(
            BlockBeforeSpec(
                name="block_before",
                inputs=(characters,),
                shape=self._shape(characters),
                length=self._length,
            )
        )
        encoded = self._blocks("blocks_before", before)
        for number in range(1, layers + 1):
            encoded = self._bidirectional(
                f"encoder_{number}",
                self._dropout(encoded) if number > 1 else encoded,
                seed=50 + 4 * number,
            )
        # 2) The LSTMs read the current block and the encoder's outputs side by side, and start
        #    from its last states.
        blocks = self._blocks("blocks", characters)
        stream = self._concatenate("with_block_before", blocks, self._dropout(encoded))
        for number in range(1, layers + 1):
            state = f"encoder_{number}:last", f"encoder_{number}:cell"
            stream = self._dropout(self._lstm(number, stream, *state))
        return self._add(
            JoinedSpec(name="joined", inputs=(stream, characters), shape=(None, None, units))
        )

    def _add(self, layer: LayerSpec) -> str:
        self.layers[layer.name] = layer
        return layer.name

    def _shape(self, source: str) -> Shape:
        name, _, state = source.partition(":")
        shape = self.layers[name].shape
        # ``:last`` and ``:cell`` have no axis of characters.
        return (None, shape[-1]) if state else shape

    def _width(self, source: str) -> int:
        return self._shape(source)[-1] or 0

    def _embedding(self, ids: str) -> str:
        shape = (*self._shape(ids), self._config.embedding)
        layer = EmbeddingSpec(
            name="embedding", inputs=(ids,), shape=shape, characters=self._classes
        )
        return self._add(layer)

    def _concatenate(self, name: str, *inputs: str) -> str:
        shape = (*self._shape(inputs[0])[:-1], sum(map(self._width, inputs)))
        return self._add(ConcatenateSpec(name=name, inputs=inputs, shape=shape))

    def _blocks(self, name: str, source: str) -> str:
        shape = (None, self._length, self._width(source))
        return self._add(BlocksSpec(name=name, inputs=(source,), shape=shape, length=self._length))

    def _lstm(self, number: int, source: str, *state: str, sequences: bool = True) -> str:
        leading = self._shape(source)[:-1] if sequences else (None,)
        layer = LSTMSpec(
            name=f"lstm_{number}",
            inputs=(source, *state),
            shape=(*leading, self._config.units),
            seed=2 * number,
            features=self._width(source),
            sequences=sequences,
        )
        return self._add(layer)

    def _bidirectional(self, name: str, source: str, seed: int) -> str:
        layer = BidirectionalSpec(
            name=name,
            inputs=(source,),
            shape=(*self._shape(source)[:-1], self._config.units),
            seed=seed,
            features=self._width(source),
        )
        return self._add(layer)

    def _attention(self, queries: str, memory: str, characters: str, block: int = 1) -> str:
        """Add attention, with a residual connection around it."""
        layer = CausalAttentionSpec(
            name=_numbered("attention", block),
            inputs=(queries, memory, characters),
            shape=self._shape(queries),
            seed=100 + 1000 * (block - 1),
            heads=self._config.heads,
            features=self._width(characters),
        )
        return self._residual(_numbered("with_attention", block), queries, self._add(layer))

    def _feed_forward(self, source: str, block: int = 1) -> str:
        """Add two dense layers, with a residual connection around them."""
        first, second = (f"feed_forward_{number}" for number in (2 * block - 1, 2 * block))
        seed = 500 + 1000 * (block - 1)
        hidden = self._dense(first, source, self._config.ffn, "relu", seed)
        change = self._dense(second, hidden, self._width(source), seed=seed + 1)
        return self._residual(_numbered("with_feed_forward", block), source, change)

    def _attend_and_feed(self, stream: str, characters: str, block: int) -> str:
        """Add attention and a feed-forward layer, where the network has them."""
        if self._config.attention:
            stream = self._attention(stream, stream, characters, block)
        return self._feed_forward(stream, block) if self._config.ffn else stream

    def _residual(self, name: str, source: str, change: str) -> str:
        inputs = (source, self._dropout(change))
        return self._add(AddSpec(name=name, inputs=inputs, shape=self._shape(source)))

    def _dropout(self, source: str) -> str:
        number = 1 + sum(isinstance(layer, DropoutSpec) for layer in self.layers.values())
        layer = DropoutSpec(
            name=f"dropout_{number}",
            inputs=(source,),
            shape=self._shape(source),
            seed=number,
            rate=self._config.dropout,
        )
        return self._add(layer)

    def _dense(
        self, name: str, source: str, width: int, activation: str = "", seed: int = 1
    ) -> str:
        layer = DenseSpec(
            name=name,
            inputs=(source,),
            shape=(*self._shape(source)[:-1], width),
            seed=seed,
            features=self._width(source),
            activation=activation,
        )
        return self._add(layer)


def _numbered(name: str, block: int) -> str:
    """Return the name of a layer of a block; networks without blocks have those of the first."""
    return name if block == 1 else f"{name}_{block}"


def _lstm_weights(name: str, features: int, units: int) -> Shapes:
    return {
        f"{name}/kernel": (features, 4 * units),
        f"{name}/recurrent_kernel": (units, 4 * units),
        f"{name}/bias": (4 * units,),
    }
