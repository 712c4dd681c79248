"""Work on rows that know nothing of one another, shared out among threads.

The parts of the networks in plain NumPy: LSTMs, and attention that keeps keys and values.

Weights are arranged once for few and cheap operations a step; results differ from the
checkpoint's formulas by rounding only.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.system import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Weights

    Array: TypeAlias = NDArray[np.float32]
    Cached: TypeAlias = tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]


ROWS = 16  # that are worth a thread


def by_rows(
    work: Callable[..., Sequence[NDArray[Any]]], *arrays: NDArray[Any]
) -> Sequence[NDArray[Any]]:
    """What some work makes of arrays, a share of their rows in every thread.

    NumPy lets go of the interpreter while it works on arrays, so that threads do work side by side.

    Args:
        work: Makes arrays of arrays, each row of the corresponding rows alone; it may write to
            what it is given.
        arrays: All with as many rows, the first axis.

    Returns:
        What the work makes of them.
    """
    rows = len(arrays[0])
    shares = min(threads(), rows // ROWS) if rows >= 2 * ROWS else 1
    if shares == 1:
        return work(*arrays)
    cuts = [rows * share // shares for share in range(shares + 1)]
    mine, *others = ([array[a:b] for array in arrays] for a, b in pairwise(cuts))
    hands = _hands(os.getpid())
    promised = [hands.submit(work, *other) for other in others]
    made = [work(*mine), *(promise.result() for promise in promised)]
    return [np.concatenate(parts) for parts in zip(*made, strict=True)]


@lru_cache(maxsize=1)
def _hands(_process: int) -> ThreadPoolExecutor:
    """Threads beside this one; a process that was forked off has none of its parent's."""
    return ThreadPoolExecutor(threads() - 1, thread_name_prefix="rows")


# OpenBLAS sums a product in another order where it has one row only, where its columns are no
# whole number of vectors, or where its sums are so long that it cuts them (measured with its
# kernels for AVX-512). A text drawn alone could then differ from the same one drawn among others.
LEAST_ROWS = 2
VECTOR = 16
LONGEST_SUM = 256
# A product of so many multiplications at most it makes of a matrix as it lies. For a larger one it
# copies the matrix first, which few rows are not worth: several products are then faster.
AS_IT_LIES = 10**6
FEW_ROWS = 12
FIRST_CAPACITY = 64  # places that a cache begins with; doubled whenever it is full
HALF = np.float32(0.5)


class Product:
    """``rows @ kernel``, plus a bias if there is one; each row the same whatever its company.

    Args:
        kernel: (in, out).
        bias: (out,), or None.
    """

    def __init__(self, kernel: Array, bias: Array | None = None) -> None:
        self._width = kernel.shape[1]
        self._bias = bias
        padded = np.pad(kernel, ((0, 0), (0, -self._width % VECTOR)))
        starts = range(0, len(kernel), LONGEST_SUM)
        self._parts = [np.ascontiguousarray(padded[at : at + LONGEST_SUM]) for at in starts]

    def __call__(self, rows: Array) -> Array:
        """(rows, in) to (rows, out); a new array."""
        count = len(rows)
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
    """``rows @ kernel``, by columns where that is faster."""
    count, width = len(rows), kernel.shape[1]
    if count * kernel.size <= AS_IT_LIES or count > FEW_ROWS:
        whole: Array = np.dot(rows, kernel)
        return whole
    result = np.empty((count, width), np.float32)
    step = AS_IT_LIES // (count * len(kernel)) // VECTOR * VECTOR
    for start in range(0, width, step):
        columns = slice(start, start + step)
        np.matmul(rows, kernel[:, columns], out=result[:, columns])
    return result


class Lstm:
    """Hochreiter & Schmidhuber's cell with a forget gate (Gers et al., 2000).

    The gates are arranged as input, forget, output, candidate, and the sums of the first three
    halved, so that one tanh serves all: sigmoid(x) = (1 + tanh(x / 2)) / 2.

    Args:
        name: Of the layer in a checkpoint.
        weights: The checkpoint's: ``kernel`` (features, 4 units), ``recurrent_kernel`` (units,
            4 units) and ``bias`` (4 units,); the gates as input, forget, candidate, output.

    Attributes:
        units: Width of the output.
        sums: What inputs (rows, features) add to the gates, bias included: (rows, 4 units).
    """

    def __init__(self, name: str, weights: Weights) -> None:
        self.units = weights[f"{name}/recurrent_kernel"].shape[0]
        parts = ("kernel", "recurrent_kernel", "bias")
        self.kernel, recurrent, self.bias = (_arranged(weights[f"{name}/{part}"]) for part in parts)
        self.sums, self._recurrent = Product(self.kernel, self.bias), Product(recurrent)

    def step(self, sums: Array, output: Array, cell: Array) -> tuple[Array, Array]:
        """Output and cell (rows, units) after one step; new arrays."""
        units = self.units
        gates = self._recurrent(output)
        gates += sums
        np.tanh(gates, out=gates)
        opened = gates[:, : 3 * units]
        opened *= HALF
        opened += HALF
        cell = opened[:, units : 2 * units] * cell
        written = opened[:, :units]
        written *= gates[:, 3 * units :]
        cell += written
        output = np.tanh(cell)
        output *= opened[:, 2 * units :]
        return output, cell

    def read(self, inputs: Array, *, backward: bool = False) -> tuple[Array, Array, Array]:
        """Read a whole sequence.

        Args:
            inputs: (rows, time, features).
            backward: Whether to begin at the end.

        Returns:
            Outputs (rows, time, units) in the order of the inputs, last output and last cell.
        """
        rows, time = inputs.shape[:2]
        sums = self.sums(inputs.reshape(rows * time, -1)).reshape(rows, time, -1)
        output = cell = np.zeros((rows, self.units), np.float32)
        outputs = np.zeros((rows, time, self.units), np.float32)
        for place in reversed(range(time)) if backward else range(time):
            output, cell = self.step(sums[:, place], output, cell)
            outputs[:, place] = output
        return outputs, output, cell


class BothWays:
    """Two LSTMs over the same sequence, one from each end.

    Args:
        name: Of the two in a checkpoint.
        weights: The checkpoint's.
    """

    def __init__(self, name: str, weights: Weights) -> None:
        self._forward = Lstm(f"{name}/forward", weights)
        self._backward = Lstm(f"{name}/backward", weights)

    def read(self, inputs: Array) -> tuple[Array, Array, Array]:
        """Outputs (rows, time, units), last output and last cell (rows, units) of both."""
        pairs = zip(
            self._forward.read(inputs), self._backward.read(inputs, backward=True), strict=True
        )
        outputs, output, cell = (np.concatenate(pair, axis=-1) for pair in pairs)
        return outputs, output, cell


class Attention:
    """Causal attention as ``abcgen.model.layers.CausalAttention``, a place at a time.

    What it keeps of earlier places is arrays whose first axis is the text: keys and values
    (rows, heads, capacity, head), how many places count, and how many are written. The last two
    differ where a state was stepped from twice; then the arrays are copied, so that a state never
    changes under whoever holds it. A place's key is made of what stands before it, and so is
    written a place ahead.

    Args:
        heads: Number of heads.
        weights: A checkpoint's.

    Attributes:
        values_of: What characters (rows, features) themselves add to the values: (rows, units).
    """

    def __init__(self, heads: int, weights: Weights) -> None:
        parts = ("query", "value", "key", "output")
        query, value, key, output = (weights[f"attention/{part}"] for part in parts)
        self._heads, self._units = heads, query.shape[0]
        value, value_of_read = np.split(value, [self._units])
        self.values_of = Product(value_of_read)
        query = query * np.float32((self._units / heads) ** -0.5)
        # The three products of the same rows in one.
        self._parts = Product(np.concatenate([query, value, key], axis=1))
        self._output = Product(output)

    def start(self, batch: int) -> Cached:
        """What is kept before anything was read."""
        shape = batch, self._heads, FIRST_CAPACITY, self._units // self._heads
        keys, values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        return keys, values, np.zeros(batch, np.int64), np.zeros(batch, np.int64)

    def advanced(self, cached: Cached) -> Cached:
        """What is kept after the next place, which ``step`` has still to write.

        No other state is changed by that.
        """
        keys, values, counts, written = cached
        place = int(counts[0])  # all texts are equally far
        if written[0] != place:
            keys, values, written = keys.copy(), values.copy(), counts.copy()
        if place + 1 == keys.shape[2]:
            keys, values = _roomier(keys), _roomier(values)
        written += 1
        return keys, values, counts + 1, written

    def step(
        self, stream: Array, read: Array, keys: Array, values: Array, place: int
    ) -> tuple[Array, Array]:
        """Attend from the next place, and keep what stands there.

        Args:
            stream: What the LSTMs made of it, (rows, units).
            read: ``values_of`` what was read there.
            keys: Of ``advanced``, to be written to.
            values: Likewise.
            place: Which place it is, counted from 0.

        Returns:
            What was found (rows, units), and where it looked: (rows, heads, places).
        """
        parts = self._parts(stream)
        parts[:, self._units : 2 * self._units] += read
        query, values[:, :, place], keys[:, :, place + 1] = self._split(parts, 3)
        found, looks = _look(query, keys[:, :, : place + 1], values[:, :, : place + 1])
        return self._output(found), looks

    def over(self, query: Array, memory: Array, read: Array) -> Array:
        """Attend from the last place over all.

        Args:
            query: What the LSTMs made of the last place, (rows, units).
            memory: What they made of every place, (rows, time, units).
            read: What was read there, (rows, time, features).
        """
        rows, time, units = memory.shape
        flat = self._parts(memory.reshape(-1, units))
        flat[:, units : 2 * units] += self.values_of(read.reshape(rows * time, -1))
        parts = flat.reshape(rows, time, 3, self._heads, -1)
        values, keys = parts[:, :, 1].swapaxes(1, 2), parts[:, :, 2].swapaxes(1, 2)
        before = np.zeros_like(keys)
        before[:, :, 1:] = keys[:, :, :-1]
        found, _ = _look(self._split(self._parts(query), 3)[0], before, values)
        return self._output(found)

    def _split(self, rows: Array, parts: int) -> Array:
        """(rows, parts * units) to (parts, rows, heads, head)."""
        return rows.reshape(len(rows), parts, self._heads, -1).swapaxes(0, 1)


def _roomier(kept: Array) -> Array:
    """The same, with twice the capacity; what is new in it is still to be written."""
    rows, heads, capacity, width = kept.shape
    roomier = np.empty((rows, heads, 2 * capacity, width), np.float32)
    roomier[:, :, :capacity] = kept
    return roomier


def _look(query: Array, keys: Array, values: Array) -> tuple[Array, Array]:
    """What queries (rows, heads, head) find, (rows, heads * head), and where they look."""
    scores = np.matmul(keys, query[..., None])[..., 0]
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    found = np.matmul(scores[:, :, None, :], values)
    return found.reshape(len(query), -1), scores


def _arranged(gates: Array) -> Array:
    """Gates (…, 4 units) as input, forget, output, candidate, all but the last halved."""
    opening, forgetting, candidate, output = np.split(gates, 4, axis=-1)
    return np.concatenate([opening * HALF, forgetting * HALF, output * HALF, candidate], axis=-1)
