"""The parts of the networks in plain NumPy: LSTMs, and attention that keeps keys and values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from abcgen.model.weights import Weights

    Array: TypeAlias = NDArray[np.float32]
    Cached: TypeAlias = tuple[Array, Array, Array, NDArray[np.int64], NDArray[np.int64]]

# A product with very few rows is summed in another order than one with many, so that a text
# drawn alone could differ from the same text drawn among others. Narrow batches are filled up
# to this many rows.
LEAST_ROWS = 4
FIRST_CAPACITY = 64  # places that a cache begins with; doubled whenever it is full


def times(rows: Array, kernel: Array) -> Array:
    """``rows @ kernel``, each row the same whatever its company; (rows, in) and (in, out)."""
    missing = LEAST_ROWS - len(rows)
    if missing <= 0:
        return rows @ kernel
    filled = np.zeros((LEAST_ROWS, rows.shape[1]), np.float32)
    filled[: len(rows)] = rows
    return (filled @ kernel)[: len(rows)]


@dataclass(frozen=True, slots=True)
class Lstm:
    """Hochreiter & Schmidhuber's cell with a forget gate (Gers et al., 2000).

    Attributes:
        kernel: (features, 4 units): input gate, forget gate, candidate, output gate.
        recurrent: (units, 4 units).
        bias: (4 units,).
    """

    kernel: Array
    recurrent: Array
    bias: Array

    @classmethod
    def named(cls, name: str, weights: Weights) -> Lstm:
        """The one of that name in a checkpoint."""
        parts = ("kernel", "recurrent_kernel", "bias")
        return cls(*(weights[f"{name}/{part}"] for part in parts))

    @property
    def units(self) -> int:
        """Width of the output."""
        return int(self.recurrent.shape[0])

    def sums(self, inputs: Array) -> Array:
        """What inputs (rows, features) add to the gates, bias included."""
        return times(inputs, self.kernel) + self.bias

    def step(self, sums: Array, output: Array, cell: Array) -> tuple[Array, Array]:
        """Output and cell (rows, units) after one step."""
        gates = sums + times(output, self.recurrent)
        units = self.units
        gate_in, forget = _sigmoid(gates[:, :units]), _sigmoid(gates[:, units : 2 * units])
        candidate = np.tanh(gates[:, 2 * units : 3 * units])
        cell = forget * cell + gate_in * candidate
        return _sigmoid(gates[:, 3 * units :]) * np.tanh(cell), cell

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


@dataclass(frozen=True, slots=True)
class BothWays:
    """Two LSTMs over the same sequence, one from each end."""

    forward: Lstm
    backward: Lstm

    @classmethod
    def named(cls, name: str, weights: Weights) -> BothWays:
        """The two of that name in a checkpoint."""
        return cls(Lstm.named(f"{name}/forward", weights), Lstm.named(f"{name}/backward", weights))

    def read(self, inputs: Array) -> tuple[Array, Array, Array]:
        """Outputs (rows, time, units), last output and last cell (rows, units) of both."""
        pairs = zip(
            self.forward.read(inputs), self.backward.read(inputs, backward=True), strict=True
        )
        outputs, output, cell = (np.concatenate(pair, axis=-1) for pair in pairs)
        return outputs, output, cell


class Attention:
    """Causal attention as ``abcgen.model.layers.CausalAttention``, a place at a time.

    What it keeps of earlier places is arrays whose first axis is the text: keys and values
    (rows, heads, capacity, head), the vector the next key is made from, how many places count,
    and how many are written. The last two differ where a state was stepped from twice; then the
    arrays are copied, so that a state never changes under whoever holds it.

    Args:
        heads: Number of heads.
        weights: A checkpoint's.
    """

    def __init__(self, heads: int, weights: Weights) -> None:
        parts = ("query", "key", "value", "output")
        self._query, self._key, self._value, self._output = (
            weights[f"attention/{part}"] for part in parts
        )
        self._heads, self._units = heads, self._query.shape[0]
        self._scale = np.float32((self._units / heads) ** -0.5)

    def start(self, batch: int) -> Cached:
        """What is kept before anything was read."""
        shape = batch, self._heads, FIRST_CAPACITY, self._units // self._heads
        counts = np.zeros(batch, np.int64)
        before = np.zeros((batch, self._units), np.float32)
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32), before, counts, counts + 0

    def step(self, stream: Array, cached: Cached) -> tuple[Array, Cached, Array]:
        """Attend from the next place.

        Args:
            stream: What stands there, (rows, units).
            cached: From ``start`` or the step before.

        Returns:
            What was found (rows, units), what is kept, and where it looked: (rows, heads, places).
        """
        keys, values, before, counts, written = cached
        place = int(counts[0]) if len(counts) else 0
        if (written != place).any():
            keys, values, written = keys.copy(), values.copy(), counts.copy()
        if place == keys.shape[2]:
            keys, values = (np.concatenate([a, np.zeros_like(a)], axis=2) for a in (keys, values))
        keys[:, :, place] = self._split(times(before, self._key))
        values[:, :, place] = self._split(times(stream, self._value))
        written[:] = place + 1
        found, looks = self._look(stream, keys[:, :, : place + 1], values[:, :, : place + 1])
        return found, (keys, values, stream, counts + 1, written), looks

    def over(self, query: Array, memory: Array) -> Array:
        """Attend from the last place over all of ``memory`` (rows, time, units)."""
        rows, time, units = memory.shape
        before = np.zeros_like(memory)
        before[:, 1:] = memory[:, :-1]
        keys, values = (
            times(part.reshape(-1, units), kernel)
            .reshape(rows, time, self._heads, -1)
            .transpose(0, 2, 1, 3)
            for part, kernel in ((before, self._key), (memory, self._value))
        )
        return self._look(query, keys, values)[0]

    def _look(self, stream: Array, keys: Array, values: Array) -> tuple[Array, Array]:
        query = self._split(times(stream, self._query)) * self._scale
        scores = (keys @ query[..., None])[..., 0]
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        looks = scores / scores.sum(axis=-1, keepdims=True)
        found = (looks[:, :, None, :] @ values)[:, :, 0]
        return times(found.reshape(len(stream), -1), self._output), looks

    def _split(self, rows: Array) -> Array:
        return rows.reshape(len(rows), self._heads, -1)


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written so that it cannot overflow."""
    half: Array = np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)
    return half
