"""The NumPy cell of every kind of layer: one step at a time, or over a whole sequence.

``step`` reads one character of every text; ``read`` reads whole sequences. Weights are rearranged
once for few and cheap operations per step; results differ from the checkpoint's formulas by
rounding only. The cells come first, then the linear layers and the threads that they share.

Shapes: B texts, T characters, C capacity of a cache, U units, H heads, D = U / H; W is any width.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.model.positions import interval_table
from abcgen.system import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Weights

    Array: TypeAlias = NDArray[np.float32]
    Cache: TypeAlias = tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]

MIN_THREAD_ROWS = 16  # the fewest rows that are worth a thread
FIRST_CAPACITY = 64  # positions; a full cache doubles


class EmbeddingCell:
    """A vector for every character."""

    def __init__(self, table: Array) -> None:
        self._table = table

    def read(self, ids: NDArray[np.int32]) -> tuple[Array]:
        """Return the vectors, (B, T, E)."""
        return (self._table[ids],)


class LSTMCell:
    """Hochreiter & Schmidhuber's cell with a forget gate (Gers et al., 2000).

    Checkpoints hold the gates as input, forget, candidate, output. Here they are rearranged as
    input, forget, output, candidate, and the weights of the first three are halved, so that one
    tanh serves all: sigmoid(x) = (1 + tanh(x / 2)) / 2.

    ``tables`` are embedding tables whose rows are the first columns of the input, if any.
    """

    arrays = 2  # of its state: output and cell

    def __init__(self, name: str, weights: Weights, tables: Sequence[Array] = ()) -> None:
        parts = ("kernel", "recurrent_kernel", "bias")
        kernel, recurrent, bias = (rearrange_gates(weights[f"{name}/{part}"]) for part in parts)
        self.units = len(recurrent)  # U
        self._recurrent = Linear(recurrent)  # (B, U) to (B, 4U)
        # The input's part of the gates, bias included: (B, W) to (B, 4U).
        self.gates: Callable[[Any], Array]
        if tables:
            # The kernel's rows are in the order of the tables' columns.
            ends = np.cumsum([table.shape[1] for table in tables])
            *parts_of_tables, rest = np.split(kernel, ends)
            products = [a @ b for a, b in zip(tables, parts_of_tables, strict=True)]
            self.gates = Lookup([products[0] + bias, *products[1:]])
            # The part of the columns that follow the tables', to be added.
            self.further = Linear(rest)
        else:
            self.gates = Linear(kernel, bias)

    def start(self, batch: int) -> tuple[Array, Array]:
        """Return output and cell before the first character."""
        return np.zeros((batch, self.units), np.float32), np.zeros((batch, self.units), np.float32)

    def step(self, inputs: Any, output: Array, cell: Array) -> tuple[Array, Array, Array]:
        """Return the output, and the new state: output and cell; new arrays (B, U)."""
        output, cell = self._step(self.gates(inputs), output, cell)
        return output, output, cell

    def read(self, inputs: Array, *, backward: bool = False) -> tuple[Array, Array, Array]:
        """Read whole sequences (B, T, W), from the end if ``backward``.

        Return outputs (B, T, U) in the order of the inputs, last output and last cell (B, U).
        """
        batch, time = inputs.shape[:2]
        # The inputs' part of the gates, of all steps in one product.
        gates = self.gates(inputs.reshape(batch * time, -1)).reshape(batch, time, -1)  # (B, T, 4U)
        output, cell = self.start(batch)
        outputs = np.zeros((batch, time, self.units), np.float32)
        for position in reversed(range(time)) if backward else range(time):
            output, cell = self._step(gates[:, position], output, cell)
            outputs[:, position] = output
        return outputs, output, cell

    def _step(self, input_gates: Array, output: Array, cell: Array) -> tuple[Array, Array]:
        units = self.units
        gates = self._recurrent(output)  # (B, 4U): input, forget, output, candidate
        gates += input_gates
        np.tanh(gates, out=gates)
        # The first three become sigmoids: (1 + tanh(x / 2)) / 2.
        sigmoids = gates[:, : 3 * units]
        sigmoids *= 0.5
        sigmoids += 0.5
        # cell = forget * cell + input * candidate
        cell = sigmoids[:, units : 2 * units] * cell
        written = sigmoids[:, :units]  # (B, U)
        written *= gates[:, 3 * units :]
        cell += written
        # output = output gate * tanh(cell)
        output = np.tanh(cell)
        output *= sigmoids[:, 2 * units :]
        return output, cell


def rearrange_gates(gates: Array) -> Array:
    """Return gates (…, 4U) as input, forget, output, candidate, all but the last halved."""
    input_gate, forget, candidate, output_gate = np.split(gates, 4, axis=-1)
    half = np.float32(0.5)
    sigmoids = [input_gate * half, forget * half, output_gate * half]
    return np.concatenate([*sigmoids, candidate], axis=-1)


class BidirectionalCell:
    """Two LSTMs over the same sequence, one from each end."""

    def __init__(self, name: str, weights: Weights) -> None:
        self._forward = LSTMCell(f"{name}/forward", weights)
        self._backward = LSTMCell(f"{name}/backward", weights)

    def read(self, inputs: Array) -> tuple[Array, Array, Array]:
        """Return outputs (B, T, U), last output and last cell (B, U) of both."""
        pairs = zip(
            self._forward.read(inputs), self._backward.read(inputs, backward=True), strict=True
        )
        outputs, output, cell = (np.concatenate(pair, axis=-1) for pair in pairs)
        return outputs, output, cell


class AttentionCell:
    """Causal attention as in ``abcgen.model.layers.CausalAttention``, with a cache.

    The cache is arrays whose first axis is the text: keys and values (B, H, C, D), the number of
    positions that count (B,), and the number that are written (B,). The last two differ if a state
    was stepped from twice; the arrays are then copied, so that no other state changes. A position's
    key depends on the position before it, and so is written one position ahead.

    ``table`` is the embedding table whose rows are the characters' vectors, if any.
    """

    arrays = 4  # of its state, the cache

    def __init__(self, name: str, heads: int, weights: Weights, table: Array | None = None) -> None:
        parts = ("query", "value", "key", "output")
        query, value, key, output = (weights[f"{name}/{part}"] for part in parts)
        self._heads, self._units = heads, query.shape[0]
        value, value_of_characters = np.split(value, [self._units])  # (U, U), (W, U)
        # The scale of the scores, 1 / sqrt(D), is a factor of the weights here.
        query = query * np.float32((self._units / heads) ** -0.5)
        # The three products of the same rows in one: (B, U) to (B, 3U).
        self._parts = Linear(np.concatenate([query, value, key], axis=1))
        self._output = Linear(output)
        # What the characters' own vectors add to the values.
        linear = Linear(value_of_characters)
        self._values: Callable[[Any], Array] = linear if table is None else Lookup([linear(table)])

    def start(self, batch: int) -> Cache:
        """Return an empty cache."""
        shape = batch, self._heads, FIRST_CAPACITY, self._units // self._heads
        keys, values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        return keys, values, np.zeros(batch, np.int64), np.zeros(batch, np.int64)

    def advance(
        self, keys: Array, values: Array, counts: NDArray[np.int64], written: NDArray[np.int64]
    ) -> Cache:
        """Return the cache with room for the next position, which ``step`` then writes."""
        position = int(counts[0])  # all texts are equally far
        # Another step was taken from this state and has written here: leave it what it wrote.
        if written[0] != position:
            keys, values, written = keys.copy(), values.copy(), counts.copy()
        # Room for this position's value and for the key of the position after it.
        if position + 1 == keys.shape[2]:
            keys, values = _doubled(keys), _doubled(values)
        written += 1  # in place: the state before sees it too, and would copy
        return keys, values, counts + 1, written

    def step(
        self,
        stream: Array,
        _memory: Array,
        characters: Any,
        keys: Array,
        values: Array,
        counts: NDArray[np.int64],
        _written: NDArray[np.int64],
    ) -> tuple[Array, Array]:
        """Attend from the next position, and write to the cache that ``advance`` returned.

        The LSTMs' outputs there, (B, U), are both query and memory. ``characters`` are rows of the
        table. Return (B, U), and the attention weights (B, H, T).
        """
        position = int(counts[0]) - 1
        parts = self._parts(stream)  # (B, 3U): query, value, key
        parts[:, self._units : 2 * self._units] += self._values(characters)
        # Each is (B, H, D). The key belongs to the position after this one.
        query, values[:, :, position], keys[:, :, position + 1] = self._split_heads(parts, 3)
        attended, attention_weights = _attend(
            query, keys[:, :, : position + 1], values[:, :, : position + 1]
        )
        return self._output(attended), attention_weights

    def read(self, query: Array, memory: Array, characters: Array) -> tuple[Array]:
        """Return (B, U), attending from the last position over a whole sequence.

        ``query`` is the LSTMs' output there, (B, U); ``memory`` are their outputs everywhere,
        (B, T, U), and ``characters`` the characters' vectors, (B, T, W).
        """
        batch, time, units = memory.shape
        flat = self._parts(memory.reshape(-1, units))  # (B · T, 3U): query, value, key
        flat[:, units : 2 * units] += self._values(characters.reshape(batch * time, -1))
        parts = flat.reshape(batch, time, 3, self._heads, -1)  # (B, T, 3, H, D)
        values, keys = parts[:, :, 1].swapaxes(1, 2), parts[:, :, 2].swapaxes(1, 2)  # (B, H, T, D)
        shifted = np.zeros_like(keys)  # (B, H, T, D)
        shifted[:, :, 1:] = keys[:, :, :-1]
        attended, _ = _attend(self._split_heads(self._parts(query), 3)[0], shifted, values)
        return (self._output(attended),)

    def _split_heads(self, rows: Array, parts: int) -> Array:
        """Return (parts, B, H, D) of (B, parts · U)."""
        return rows.reshape(len(rows), parts, self._heads, -1).swapaxes(0, 1)


def _doubled(cached: Array) -> Array:
    """Return a copy with twice the capacity; the new half is still to be written."""
    batch, heads, capacity, width = cached.shape
    doubled = np.empty((batch, heads, 2 * capacity, width), np.float32)
    doubled[:, :, :capacity] = cached
    return doubled


def _attend(query: Array, keys: Array, values: Array) -> tuple[Array, Array]:
    """Return (B, U) and attention weights (B, H, T) of queries (B, H, D)."""
    scores = np.matmul(keys, query[..., None])[..., 0]  # (B, H, T)
    # Softmax; the largest score is subtracted so that exp does not overflow.
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    attended = np.matmul(scores[:, :, None, :], values)  # (B, H, 1, D)
    return attended.reshape(len(query), -1), scores


class DenseCell:
    """A dense layer, with ReLU if its activation is ``relu``."""

    arrays = 0

    def __init__(self, name: str, activation: str, weights: Weights) -> None:
        self._linear = Linear(weights[f"{name}/kernel"], weights[f"{name}/bias"])
        self._is_relu = activation == "relu"

    def step(self, inputs: Array) -> tuple[Array]:
        """Return (B, width) of (B, W)."""
        outputs = self._linear(inputs)
        if self._is_relu:
            np.maximum(outputs, 0, out=outputs)
        return (outputs,)

    read = step


class AddCell:
    """The sum of two inputs."""

    arrays = 0

    def step(self, first: Array, second: Array) -> tuple[Array]:
        """Return the sum."""
        return (first + second,)

    read = step


class RelativePitchCell:
    """Logits, and for notes the logit of their interval from the last note added to their own."""

    arrays = 0

    def __init__(self, weights: Weights, token_heights: NDArray[np.int32]) -> None:
        parts = [
            np.concatenate([weights[f"logits/{part}"], weights[f"intervals/{part}"]], axis=-1)
            for part in ("kernel", "bias")
        ]
        # One column more, of zeros, for no interval. All of it is one product.
        kernel, bias = (np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, 1)]) for part in parts)
        self._linear = Linear(kernel, bias)
        # The column of the interval of every token from every height.
        self._columns = token_heights.size + interval_table(token_heights)  # (heights, classes)

    def step(self, rows: Sequence[NDArray[np.int32]], stream: Array) -> tuple[Array]:
        """Return (B, classes) of (B, U); the last of the rows are heights, (B,)."""
        products = self._linear(stream)
        texts = np.arange(len(stream))[:, None]
        addends = products[texts, self._columns[rows[-1]]]  # (B, classes)
        addends += products[:, : addends.shape[1]]
        return (addends,)


# OpenBLAS sums a product in another order if it has one row only, if its columns are not a
# multiple of the vector size, or if its sums are so long that it cuts them (measured with its
# kernels for AVX-512). A text sampled alone could then differ from the same one sampled in a batch.
LEAST_ROWS = 2
VECTOR = 16
LONGEST_SUM = 256
# Up to this number of multiplications OpenBLAS reads a matrix in place. For more it copies the
# matrix first, which is not worth it for few rows: several smaller products are then faster.
IN_PLACE = 10**6
FEW_ROWS = 12


class Linear:
    """``rows @ kernel + bias``, each row the same whatever the other rows are."""

    def __init__(self, kernel: Array, bias: Array | None = None) -> None:
        self._width = kernel.shape[1]
        self._bias = bias
        # The kernel is padded and cut for the reasons above.
        padded = np.pad(kernel, ((0, 0), (0, -self._width % VECTOR)))  # (in, out)
        starts = range(0, len(kernel), LONGEST_SUM)
        self._parts = [np.ascontiguousarray(padded[at : at + LONGEST_SUM]) for at in starts]

    def __call__(self, rows: Array) -> Array:
        """Return a new array (B, out) of rows (B, in)."""
        count = len(rows)
        # A single row is computed twice, so that it is summed as one of many.
        if count < LEAST_ROWS:
            rows = np.concatenate([rows] * LEAST_ROWS)
        first, *others = self._parts
        result = _product(rows[:, :LONGEST_SUM], first)
        for number, kernel in enumerate(others, 1):
            start = number * LONGEST_SUM
            result += _product(rows[:, start : start + LONGEST_SUM], kernel)
        result = result[:count, : self._width]
        if self._bias is not None:
            result += self._bias
        return result


def _product(rows: Array, kernel: Array) -> Array:
    """Return ``rows @ kernel``, by columns where that is faster."""
    count, width = len(rows), kernel.shape[1]
    if count * kernel.size <= IN_PLACE or count > FEW_ROWS:
        result: Array = np.dot(rows, kernel)
        return result
    result = np.empty((count, width), np.float32)
    step = IN_PLACE // (count * len(kernel)) // VECTOR * VECTOR
    for start in range(0, width, step):
        columns = slice(start, start + step)
        np.matmul(rows, kernel[:, columns], out=result[:, columns])
    return result


class Lookup:
    """A linear layer over rows of embedding tables, with all products made in advance.

    A character always adds the same to a layer, so that a step only looks it up. There is one
    product per table: its rows times their part of the kernel, (rows of the table, out).
    """

    def __init__(self, products: Sequence[Array]) -> None:
        self._first, *self._others = products

    def __call__(self, rows: Sequence[NDArray[Any]]) -> Array:
        """Return (B, out), a new array; ``rows`` are one (B,) per table, then addends (B, out)."""
        result: Array = self._first.take(rows[0], axis=0)  # (B, out)
        for number, product in enumerate(self._others, 1):
            result += product.take(rows[number], axis=0)
        for addend in rows[1 + len(self._others) :]:
            result += addend
        return result


def by_rows(
    work: Callable[..., Sequence[NDArray[Any]]], *arrays: NDArray[Any]
) -> Sequence[NDArray[Any]]:
    """Apply ``work`` to row slices of arrays in a thread pool and concatenate the results.

    ``work`` computes each row from the corresponding rows alone. It may write to its arguments,
    which are views of the arrays.
    """
    # NumPy releases the interpreter while it computes, so that the threads do run in parallel.
    rows = len(arrays[0])
    count = min(threads(), rows // MIN_THREAD_ROWS) if rows >= 2 * MIN_THREAD_ROWS else 1
    if count == 1:
        return work(*arrays)
    # The first slice is this thread's own.
    cuts = [rows * number // count for number in range(count + 1)]
    first, *others = ([array[a:b] for array in arrays] for a, b in pairwise(cuts))
    try:
        futures = [_thread_pool(os.getpid()).submit(work, *other) for other in others]
    except RuntimeError:
        # The system allows no more threads.
        results = [work(*part) for part in (first, *others)]
    else:
        results = [work(*first), *(future.result() for future in futures)]
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


@lru_cache(maxsize=1)
def _thread_pool(_process: int) -> ThreadPoolExecutor:
    """Return a thread pool of this process; a forked process has none of its parent's threads."""
    return ThreadPoolExecutor(threads() - 1, thread_name_prefix="rows")
