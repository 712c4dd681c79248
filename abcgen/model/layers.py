"""The Keras layer of every kind of ``LayerSpec``, without a call into any backend.

Importing this module loads Keras; ``abcgen.model.network`` does it when a network is built.

Shapes: B texts, T characters, L characters of a block, U units, F position features, H heads,
D = U / H; W is any width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from abcgen.model import architecture as specs
from abcgen.model.backend import fused_attention, fused_lstm
from abcgen.model.positions import interval_table
from abcgen.model.vocabulary import PADDING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from abcgen.model.architecture import LayerSpec, Shape

MASKED = -1e9  # added to the score of a position that must not be attended to
# Inputs that tell an LSTM to forget, as many as keep widths a multiple of what GPUs multiply best,
# and what all of them together add to a gate so that it is shut.
FORGETTING, SHUT = 8, -1e4


def make_layer(
    spec: LayerSpec,
    seed: int,
    token_heights: NDArray[np.int32] | None = None,
    *,
    packed: bool = False,
) -> Any:
    """Return the Keras layer of a spec, whose random numbers are drawn by ``seed`` plus its own.

    ``token_heights`` are those of ``PositionFeatures``, which relative pitch needs. The LSTM of
    ``packed`` rows reads what ``Between`` puts beside its input too.
    """
    name, width, seed = spec.name, spec.width, seed + spec.seed
    initializers = keras.initializers
    match spec:
        case specs.IdsSpec():
            return Ids(name=name)
        case specs.EmbeddingSpec():
            normal = initializers.RandomNormal(stddev=1.0, seed=seed)
            return keras.layers.Embedding(
                spec.characters, width, embeddings_initializer=normal, name=name
            )
        case specs.PositionSpec():
            return PositionEmbedding(spec.tables, seed, name)
        case specs.LSTMSpec():
            options = {"return_sequences": spec.sequences, "name": name}
            return make_lstm(width, seed, forgetting=packed, **options)
        case specs.BidirectionalSpec():
            return Bidirectional(width, seed, name)
        case specs.CausalAttentionSpec():
            return CausalAttention(spec.heads, seed, name)
        case specs.DenseSpec():
            glorot = initializers.GlorotUniform(seed=seed)
            activation = spec.activation or None
            return keras.layers.Dense(width, activation, kernel_initializer=glorot, name=name)
        case specs.DropoutSpec():
            return Dropout(spec.rate, seed=seed, name=name)
        case specs.RelativePitchSpec() if token_heights is not None:
            return RelativePitch(token_heights, name)
        case specs.AddSpec():
            return keras.layers.Add(name=name)
        case specs.ConcatenateSpec():
            return keras.layers.Concatenate(name=name)
        case specs.ReshapeSpec():
            return keras.layers.Reshape(spec.shape[1:], name=name)
        case specs.BlockBeforeSpec():
            return BlockBefore(spec.length, name)
        case specs.BlocksSpec():
            return Blocks(spec.length, name)
        case specs.JoinedSpec():
            return Joined(name=name)
    raise TypeError(f"no Keras layer for {spec.kind}")


class Between(keras.layers.Layer):  # type: ignore[misc]
    """Puts beside a sequence where it is between two texts of a packed row."""

    def call(self, sequence: Any, ids: Any) -> Any:
        """Return (B, T, W + FORGETTING) of (B, T, W) and ids (B, T)."""
        between = ops.cast(ops.equal(ids, PADDING), sequence.dtype)
        return ops.concatenate([sequence, ops.repeat(between[..., None], FORGETTING, -1)], axis=-1)


class ForgettingCell(keras.layers.LSTMCell):  # type: ignore[misc]
    """An LSTM cell whose output and cell become 0 where the last inputs, ``FORGETTING``, are 1.

    They shut input, forget and output gate. This works in every loop over the cell, cuDNN's too.
    """

    def build(self, shape: Shape) -> None:
        """Make the weights; Keras calls this."""
        super().build((*shape[:-1], (shape[-1] or 0) - FORGETTING))

    @property
    def kernel(self) -> Any:
        """The learnt kernel (W, 4U), and constant rows below it."""
        shut = np.repeat([SHUT, SHUT, 0.0, SHUT], self.units) / FORGETTING
        rows = ops.cast(np.tile(shut, (FORGETTING, 1)), self.compute_dtype)
        return ops.concatenate([ops.cast(self.learnt_kernel, self.compute_dtype), rows], axis=0)

    @kernel.setter
    def kernel(self, weight: Any) -> None:
        self.learnt_kernel = weight


class LSTM(keras.layers.LSTM):  # type: ignore[misc]
    """Keras's LSTM with a faster loop where the backend has one.

    With ``forgetting``, its input is that of a ``ForgettingCell``.
    """

    cell: Any

    def __init__(self, *arguments: Any, forgetting: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if forgetting:
            self.cell = ForgettingCell.from_config(self.cell.get_config())

    def inner_loop(
        self,
        sequences: Any,
        initial_state: Any,
        mask: Any,
        training: bool = False,
    ) -> Any:
        """Take all steps over (B, T, W); Keras calls this."""
        loop = fused_lstm(self.compute_dtype)
        if loop is None:
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        cell = self.cell
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
        inputs = ops.transpose(sequences, (1, 0, 2))  # (T, B, W)
        # The inputs' part of the gates, of all steps in one product. The last axis holds input
        # gate, forget gate, candidate, output gate.
        gates = ops.add(ops.matmul(inputs, cell.kernel), cell.bias)  # (T, B, 4U)
        outputs, output, cell_state = loop(gates, cell.recurrent_kernel, *initial_state)
        return output, ops.transpose(outputs, (1, 0, 2)), [output, cell_state]


def make_lstm(units: int, seed: int, **options: Any) -> LSTM:
    """Return an LSTM that returns its last output and cell too, with weights drawn by ``seed``."""
    return LSTM(
        units,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 1),
        return_state=True,
        **options,
    )


class Bidirectional(keras.layers.Layer):  # type: ignore[misc]
    """Two LSTMs over one sequence, one from each end (Schuster & Paliwal, 1997).

    Each has half of the ``units``.
    """

    def __init__(self, units: int, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.forward_lstm = make_lstm(units // 2, seed, return_sequences=True, name="forward")
        self.backward_lstm = make_lstm(
            units // 2, seed + 2, return_sequences=True, go_backwards=True, name="backward"
        )

    def build(self, sequence: Shape) -> None:
        """Make the weights; Keras calls this."""
        self.forward_lstm.build(sequence)
        self.backward_lstm.build(sequence)
        self.built = True

    def call(self, sequence: Any) -> tuple[Any, Any, Any]:
        """Return all outputs (B, T, U), and last output and cell of both LSTMs (B, U)."""
        outputs, *state = self.forward_lstm(sequence)  # (B, T, U/2), (B, U/2) twice
        # Keras returns these outputs in the order of reading, the last character first.
        reversed_outputs, *reversed_state = self.backward_lstm(sequence)
        pairs = [
            (outputs, ops.flip(reversed_outputs, axis=1)),
            *zip(state, reversed_state, strict=True),
        ]
        outputs, output, cell = (ops.concatenate(pair, axis=-1) for pair in pairs)
        return outputs, output, cell


class CausalAttention(keras.layers.Layer):  # type: ignore[misc]
    """Multi-head attention (Vaswani et al., 2017) that sees no later position.

    The key of a position is made from the LSTM's output at the position *before* it: a query that
    resembles what came before a character finds that character, which is what copying a phrase
    needs (the "induction head" of Olsson et al., 2022, here built in rather than learned by two
    layers). The value holds the character's own vector next to the LSTM's output, so that a copy
    need not be decoded first. ``heads`` must divide U.
    """

    def __init__(self, heads: int, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.heads, self.seed = heads, seed

    def build(self, queries_shape: Shape, memory_shape: Shape, characters_shape: Shape) -> None:
        """Make the weights; Keras calls this with the shapes of the inputs."""
        units, features = memory_shape[-1] or 0, characters_shape[-1] or 0
        if queries_shape[-1] != units:
            raise ValueError("queries and memory must have the same width")
        rows = {"query": units, "key": units, "value": units + features, "output": units}
        for number, (name, height) in enumerate(rows.items()):
            glorot = keras.initializers.GlorotUniform(seed=self.seed + number)
            weight = self.add_weight(name=name, shape=(height, units), initializer=glorot)
            setattr(self, f"{name}_kernel", weight)
        self.built = True

    def call(self, queries: Any, memory: Any, characters: Any, ids: Any = None) -> Any:
        """Return (B, Q, U) of the last Q queries, the LSTM's outputs, and the vectors it read.

        Their shapes are (B, Q, U), (B, T, U) and (B, T, W). With the ``ids`` of packed rows
        (B, T) a text sees nothing of the others in its row.
        """
        query = self._split_heads(ops.matmul(queries, self.query_kernel))  # (B, Q, H, D)
        # Keys: the outputs one position later, zeros first, so that key t is made from output t-1.
        before = memory
        if ids is not None:
            before = memory * ops.cast(ops.not_equal(ids, PADDING), memory.dtype)[..., None]
        shifted = ops.pad(before, ((0, 0), (1, 0), (0, 0)))[:, :-1]  # (B, T, U)
        key = self._split_heads(ops.matmul(shifted, self.key_kernel))  # (B, T, H, D)
        # Values: the outputs and the characters' own vectors.
        copied = ops.concatenate([memory, characters], axis=-1)  # (B, T, U + W)
        value = self._split_heads(ops.matmul(copied, self.value_kernel))  # (B, T, H, D)
        if not fused_attention():
            attended = _attend(query, key, value, _visible(queries, memory, ids))
        elif ids is None and queries.shape[1] == memory.shape[1]:
            # The fastest kernels take no mask.
            attended = ops.dot_product_attention(query, key, value, is_causal=True)
        else:
            mask = _visible(queries, memory, ids)
            attended = ops.dot_product_attention(query, key, value, mask=mask)
        # The heads side by side again.
        return ops.matmul(ops.reshape(attended, ops.shape(queries)), self.output_kernel)

    def compute_output_shape(
        self,
        queries_shape: Shape,
        memory_shape: Shape,  # noqa: ARG002 - Keras passes all
        characters_shape: Shape,  # noqa: ARG002
    ) -> Shape:
        """Return the shape of the queries."""
        return queries_shape

    def _split_heads(self, rows: Any) -> Any:
        batch, time, width = ops.shape(rows)
        return ops.reshape(rows, (batch, time, self.heads, width // self.heads))  # (B, T, H, D)


def _attend(query: Any, key: Any, value: Any, mask: Any) -> Any:
    """Return softmax(query . key / sqrt(D)) . value where ``mask`` is true, (B, Q, H, D)."""
    query, key, value = (ops.transpose(rows, (0, 2, 1, 3)) for rows in (query, key, value))
    scale = query.shape[-1] ** -0.5  # 1 / sqrt(D)
    scores = ops.matmul(query * scale, ops.transpose(key, (0, 1, 3, 2)))  # (B, H, Q, T)
    scores += ops.cast(ops.where(mask, 0.0, MASKED), query.dtype)
    return ops.transpose(ops.matmul(ops.softmax(scores), value), (0, 2, 1, 3))


def _visible(queries: Any, memory: Any, ids: Any = None) -> Any:
    """Return which positions each query sees: (1, 1, Q, T), or (B, 1, Q, T) of packed rows."""
    # The queries are at the last positions: in a stream Q = T, in a window Q = 1.
    count, time = ops.shape(queries)[1], ops.shape(memory)[1]
    position = ops.expand_dims(ops.arange(count) + (time - count), 1)  # (Q, 1)
    visible = (ops.expand_dims(ops.arange(time), 0) <= position)[None, None]
    if ids is not None:
        # The number of each position's text. The padding after a text counts as part of it.
        between = ops.cast(ops.equal(ids, PADDING), "int32")
        text = ops.cumsum(between, axis=1) - between  # (B, T)
        same = ops.equal(text[:, None, :, None], text[:, None, None, :])
        visible = ops.logical_and(visible, same)
    return visible


class Ids(keras.layers.Layer):  # type: ignore[misc]
    """The ids alone, of ids and position features."""

    def call(self, inputs: Any) -> Any:
        """Return (B, T) of (B, T, 1 + F)."""
        return inputs[..., 0]


class PositionEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """A vector for every position feature of a character, side by side."""

    def __init__(self, tables: Mapping[str, tuple[int, int]], seed: int, name: str) -> None:
        super().__init__(name=name)
        self.shapes, self.seed = tables, seed

    def build(self, _inputs: Shape) -> None:
        """Make the weights; Keras calls this."""
        self.tables = []
        for number, (feature, shape) in enumerate(self.shapes.items()):
            normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed + number)
            self.tables.append(self.add_weight(name=feature, shape=shape, initializer=normal))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return (B, T, W) of ids and position features, (B, T, 1 + F)."""
        # Column 0 holds the ids.
        vectors = [
            ops.take(table, inputs[..., number], axis=0)
            for number, table in enumerate(self.tables, 1)
        ]
        return ops.concatenate(vectors, axis=-1)


class RelativePitch(keras.layers.Layer):  # type: ignore[misc]
    """Adds the logit of a note's interval from the last note to the note's own.

    What the network learns of a step up or a third down then holds wherever a phrase lies.
    """

    def __init__(self, token_heights: NDArray[np.int32], name: str) -> None:
        super().__init__(name=name)
        notes = np.flatnonzero(token_heights)  # (N,): ids of tokens that name a note
        self.table = interval_table(token_heights)[:, notes]  # (heights, N)
        self.spread = np.eye(token_heights.size, dtype=np.float32)[notes]  # (N, classes)

    def call(self, inputs: Any, logits: Any, intervals: Any) -> Any:
        """Return (B, T, classes) of ids and features, logits of characters, and of intervals."""
        numbers = ops.take(self.table, inputs[..., -1], axis=0)  # (B, T, N)
        # The last number stands for no interval, which adds nothing.
        padded = ops.pad(intervals, ((0, 0), (0, 0), (0, 1)))
        addends = ops.take_along_axis(padded, numbers, axis=-1)  # (B, T, N)
        return logits + ops.matmul(addends, ops.cast(self.spread, addends.dtype))

    def compute_output_shape(
        self,
        inputs_shape: Shape,  # noqa: ARG002 - Keras passes all
        logits_shape: Shape,
        intervals_shape: Shape,  # noqa: ARG002
    ) -> Shape:
        """Return the shape of the logits."""
        return logits_shape


class Dropout(keras.layers.Dropout):  # type: ignore[misc]
    """Keras's dropout, or while training steps have set ``drop``, theirs."""

    drop: Callable[[Any], Any] | None = None

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, in training without a share of them; Keras calls this."""
        if training and self.drop:
            return self.drop(inputs)
        return super().call(inputs, training=training)


class BlockBefore(keras.layers.Layer):  # type: ignore[misc]
    """Shifts a sequence to the right by a block of ``length``, zeros coming in."""

    def __init__(self, length: int, name: str) -> None:
        super().__init__(name=name)
        self.length = length

    def call(self, sequence: Any) -> Any:
        """Return (B, T, W), shifted."""
        return ops.pad(sequence, ((0, 0), (self.length, 0), (0, 0)))[:, : -self.length]

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Return the same shape; JAX cannot infer it for an unknown length."""
        return shape


class Blocks(keras.layers.Layer):  # type: ignore[misc]
    """Cuts sequences into blocks of ``length``, which must divide T; each becomes a row."""

    def __init__(self, length: int, name: str) -> None:
        super().__init__(name=name)
        self.length = length

    def call(self, sequence: Any) -> Any:
        """Return (B · T / L, L, W) of (B, T, W)."""
        return ops.reshape(sequence, (-1, self.length, sequence.shape[-1]))

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Return (any, L, W)."""
        return None, self.length, shape[-1]


class Joined(keras.layers.Layer):  # type: ignore[misc]
    """Joins blocks to the sequences that they were cut from."""

    def call(self, blocks: Any, like: Any) -> Any:
        """Return (B, T, W) of (B · T / L, L, W), with B and T of ``like``."""
        batch, time = ops.shape(like)[:2]
        return ops.reshape(blocks, (batch, time, blocks.shape[-1]))

    def compute_output_shape(self, blocks_shape: Shape, like_shape: Shape) -> Shape:
        """Return (B, T, W)."""
        return *like_shape[:2], blocks_shape[-1]


class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Momentum orthogonalised by Newton and Schulz's iteration (Jordan et al., 2024).

    AdamW updates the embedding, the logits and all vectors; Muon updates the other matrices, the
    tables of position features among them.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable; Keras calls this."""
        # TensorFlow does not always know the shape of what compiled loops return, and the
        # iteration needs it.
        super().update_step(ops.reshape(gradient, variable.shape), variable, learning_rate)
