"""The layers that Keras does not have, without a call into any backend.

Importing this module loads Keras; ``abcgen.model.network`` does it when a network is built.

What Keras's optimisers lack. Importing this module loads Keras.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from abcgen.model.backend import fused_lstm
from abcgen.model.positions import POSITION_TABLES

HIDDEN = -1e9  # what is added to the score of a place that must not be looked at


class LSTM(keras.layers.LSTM):  # type: ignore[misc]
    """Keras's LSTM with a faster loop where the backend has one."""

    def inner_loop(
        self,
        sequences: Any,
        initial_state: Any,
        mask: Any,
        training: bool = False,
    ) -> Any:
        """All steps of (batch, time, features); Keras calls this."""
        loop = fused_lstm(self.compute_dtype)
        if loop is None:
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        cell = self.cell
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
        inputs = ops.transpose(sequences, (1, 0, 2))
        sums = ops.add(ops.matmul(inputs, cell.kernel), cell.bias)
        outputs, last, memory = loop(sums, cell.recurrent_kernel, *initial_state)
        return last, ops.transpose(outputs, (1, 0, 2)), [last, memory]


def make_lstm(units: int, seed: int, **options: Any) -> LSTM:
    """An LSTM with weights drawn by ``seed``."""
    return LSTM(
        units,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 1),
        **options,
    )


class BothWays(keras.layers.Layer):  # type: ignore[misc]
    """Two LSTMs over the same sequence, one from each end (Schuster & Paliwal, 1997).

    Args:
        units: Units of both together.
        seed: Seed of the weights.
        name: Of the layer.
    """

    def __init__(self, units: int, seed: int, name: str) -> None:
        super().__init__(name=name)
        states = {"return_sequences": True, "return_state": True}
        self.units = units
        # A layer's own ``forward`` is PyTorch's where that computes.
        self.rightward = make_lstm(units // 2, seed, name="forward", **states)
        self.leftward = make_lstm(
            units // 2, seed + 2, name="backward", go_backwards=True, **states
        )

    def build(self, sequence: tuple[int | None, ...]) -> None:
        """Make the weights; Keras calls this."""
        self.rightward.build(sequence)
        self.leftward.build(sequence)
        self.built = True

    def call(self, sequence: Any) -> tuple[Any, Any, Any]:
        """All outputs (batch, time, units), and last output and cell of each (batch, units)."""
        outputs, *ahead = self.rightward(sequence)
        reversed_outputs, *back = self.leftward(sequence)
        pairs = zip([outputs, *ahead], [ops.flip(reversed_outputs, axis=1), *back], strict=True)
        joined = [ops.concatenate(pair, axis=-1) for pair in pairs]
        return joined[0], joined[1], joined[2]


class CausalAttention(keras.layers.Layer):  # type: ignore[misc]
    """Multi-head attention (Vaswani et al., 2017) that looks at no later place.

    The key of a place is made from the one before it: a query that resembles what came *before* a
    character finds that character, which is what copying a phrase needs (the "induction head" of
    Olsson et al., 2022, here built in rather than learnt by two layers). The value of a place has
    the character itself in it beside what the LSTMs made of it, so that a copy need not be
    decoded first.

    Args:
        heads: Number of heads; must divide the width of what is attended to.
        seed: Seed of the weights.
        name: Of the layer.
    """

    def __init__(self, heads: int, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.heads, self.seed = heads, seed

    def build(
        self,
        queries_shape: tuple[int | None, ...],
        memory_shape: tuple[int | None, ...],
        read_shape: tuple[int | None, ...],
    ) -> None:
        """Make the weights; Keras calls this with the shapes of the inputs."""
        width, features = memory_shape[-1] or 0, read_shape[-1] or 0
        if queries_shape[-1] != width:
            raise ValueError("queries and memory must be of one width")
        rows = {"query": width, "key": width, "value": width + features, "output": width}
        for number, (name, height) in enumerate(rows.items()):
            glorot = keras.initializers.GlorotUniform(seed=self.seed + number)
            weight = self.add_weight(name=name, shape=(height, width), initializer=glorot)
            setattr(self, f"{name}_kernel", weight)
        self.built = True

    def call(self, queries: Any, memory: Any, read: Any) -> Any:
        """Attend.

        Args:
            queries: (batch, places, width): the last of them stands at the last place of memory.
            memory: What the LSTMs made of each place, (batch, time, width).
            read: What was read there, (batch, time, features).

        Returns:
            What was found, (batch, places, width).
        """
        query = self._split(ops.matmul(queries, self.query_kernel))
        before = ops.pad(memory, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        key = self._split(ops.matmul(before, self.key_kernel))
        both = ops.concatenate([memory, read], axis=-1)
        value = self._split(ops.matmul(both, self.value_kernel))
        scale = (memory.shape[-1] / self.heads) ** -0.5
        scores = ops.matmul(query * scale, ops.transpose(key, (0, 1, 3, 2)))
        found = ops.matmul(ops.softmax(scores + _hidden(queries, memory)), value)
        joined = ops.reshape(ops.transpose(found, (0, 2, 1, 3)), ops.shape(queries))
        return ops.matmul(joined, self.output_kernel)

    def compute_output_shape(
        self,
        queries_shape: tuple[int | None, ...],
        memory_shape: tuple[int | None, ...],  # noqa: ARG002 - Keras passes all
        read_shape: tuple[int | None, ...],  # noqa: ARG002
    ) -> tuple[int | None, ...]:
        """That of the queries."""
        return queries_shape

    def _split(self, values: Any) -> Any:
        """(batch, time, width) to (batch, heads, time, width of a head)."""
        batch, time, width = ops.shape(values)
        heads = ops.reshape(values, (batch, time, self.heads, width // self.heads))
        return ops.transpose(heads, (0, 2, 1, 3))


class Ids(keras.layers.Layer):  # type: ignore[misc]
    """The ids among ids and positions."""

    def call(self, inputs: Any) -> Any:
        """(batch, time, 1 + places) to (batch, time)."""
        return inputs[..., 0]


class Position(keras.layers.Layer):  # type: ignore[misc]
    """A vector for where in the tune a character stands: of its section, bar and time.

    Args:
        seed: Seed of the weights.
        name: Of the layer.
    """

    def __init__(self, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.seed = seed

    def build(self, _inputs: tuple[int | None, ...]) -> None:
        """Make the weights; Keras calls this."""
        self.tables = []
        for number, (mark, shape) in enumerate(POSITION_TABLES.items()):
            normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed + number)
            self.tables.append(self.add_weight(name=mark, shape=shape, initializer=normal))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """(batch, time, 1 + places) to (batch, time, width)."""
        numbers = enumerate(self.tables, 1)
        return ops.concatenate(
            [ops.take(table, inputs[..., number], axis=0) for number, table in numbers], axis=-1
        )


class BlockBefore(keras.layers.Layer):  # type: ignore[misc]
    """Shifts a sequence to the right by a block, zeros coming in.

    Args:
        length: Places of a block.
        name: Of the layer.
    """

    def __init__(self, length: int, name: str) -> None:
        super().__init__(name=name)
        self.length = length

    def call(self, sequence: Any) -> Any:
        """(batch, time, width) to the same shape."""
        return ops.pad(sequence, ((0, 0), (self.length, 0), (0, 0)))[:, : -self.length]

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """That of the sequence; JAX cannot find it out for a length that is open."""
        return shape


class Blocks(keras.layers.Layer):  # type: ignore[misc]
    """Cuts sequences into blocks, each a row of its own.

    Args:
        length: Places of a block; must divide the length of the sequences.
        name: Of the layer.
    """

    def __init__(self, length: int, name: str) -> None:
        super().__init__(name=name)
        self.length = length

    def call(self, sequence: Any) -> Any:
        """(batch, time, width) to (blocks of all rows, length, width)."""
        return ops.reshape(sequence, (-1, self.length, sequence.shape[-1]))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(blocks of all rows, length, width), as many blocks as there may be."""
        return None, self.length, shape[-1]


class Joined(keras.layers.Layer):  # type: ignore[misc]
    """Joins blocks to the sequences they were cut from."""

    def call(self, blocks: Any, like: Any) -> Any:
        """(blocks, length, width) to (batch, time, width), of the length of ``like``."""
        batch, time = ops.shape(like)[:2]
        return ops.reshape(blocks, (batch, time, blocks.shape[-1]))

    def compute_output_shape(
        self, blocks_shape: tuple[int | None, ...], like_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """(batch, time, width)."""
        return *like_shape[:2], blocks_shape[-1]


def _hidden(queries: Any, memory: Any) -> Any:
    """(places, time): what hides from every query the places after its own."""
    places, time = ops.shape(queries)[1], ops.shape(memory)[1]
    own = ops.expand_dims(ops.arange(places) + (time - places), 1)
    hidden = ops.where(ops.expand_dims(ops.arange(time), 0) > own, HIDDEN, 0.0)
    return ops.cast(hidden, queries.dtype)


class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Momentum orthogonalised by Newton and Schulz's iteration (Jordan et al., 2024).

    Embedding, logits and vectors are left to AdamW; tables of positions are not. Gradients are told
    their shape, which TensorFlow does not always know of what compiled loops return, and which the
    iteration asks for.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change a variable; Keras calls this."""
        super().update_step(ops.reshape(gradient, variable.shape), variable, learning_rate)
