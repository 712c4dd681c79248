"""The stream network one character at a time, in plain NumPy.

Sampling needs a few thousand tiny steps. NumPy makes them faster than a framework does, and
starts in a fraction of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import TypeVar

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.weights import Weights

    Array = NDArray[np.float32]
    State = tuple[NDArray[np.float32], ...]
    Number = TypeVar("Number", bound=np.generic)

# A product with very few rows is summed in another order than one with many, so that a text
# drawn alone could differ from the same text drawn among others. Narrow batches are filled up
# to this many rows.
LEAST_ROWS = 4


class StepNetwork:
    """A network that remembers nothing: its state goes in and comes out of every step.

    Args:
        layers: Number of LSTM layers.
        weights: Arrays by their names in a checkpoint.
    """

    def __init__(self, layers: int, weights: Weights) -> None:
        self._recurrent = [weights[f"lstm_{n + 1}/recurrent_kernel"] for n in range(layers)]
        self._inputs = [weights[f"lstm_{n + 1}/kernel"] for n in range(layers)]
        self._biases = [weights[f"lstm_{n + 1}/bias"] for n in range(layers)]
        # What the first layer makes of a character is always the same.
        self._first = weights["embedding/embeddings"] @ self._inputs[0] + self._biases[0]
        self._logits = weights["logits/kernel"], weights["logits/bias"]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> StepNetwork:
        """The network of a checkpoint."""
        return cls(checkpoint.network.layers, checkpoint.weights)

    def start(self, batch: int) -> State:
        """The state before the begin mark: for every layer output and cell, (batch, units)."""
        sizes = [kernel.shape[0] for kernel in self._recurrent for _ in range(2)]
        return tuple(np.zeros((batch, size), np.float32) for size in sizes)

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[Array, State]:
        """Read one character of every text.

        Args:
            ids: One id a text, shape (batch,).
            state: From ``start`` or the step before. It is not changed.

        Returns:
            Logits of the next character, float32 of shape (batch, vocabulary), and the state
            after this one.
        """
        missing = LEAST_ROWS - len(ids)
        if missing > 0:
            logits, after = self._step(
                _fill(ids, missing), [_fill(part, missing) for part in state]
            )
            return logits[: len(ids)], tuple(part[: len(ids)] for part in after)
        return self._step(ids, list(state))

    def _step(self, ids: NDArray[np.int32], state: list[Array]) -> tuple[Array, State]:
        after: list[Array] = []
        stream = state[0]
        for layer, recurrent in enumerate(self._recurrent):
            sums = stream @ self._inputs[layer] + self._biases[layer] if layer else self._first[ids]
            stream, cell = _lstm(sums + state[2 * layer] @ recurrent, state[2 * layer + 1])
            after += [stream, cell]
        kernel, bias = self._logits
        return stream @ kernel + bias, tuple(after)


def _lstm(sums: Array, cell: Array) -> tuple[Array, Array]:
    """Hochreiter & Schmidhuber's cell with a forget gate (Gers et al., 2000)."""
    units = cell.shape[1]
    gate_in, forget = _sigmoid(sums[:, :units]), _sigmoid(sums[:, units : 2 * units])
    candidate, gate_out = np.tanh(sums[:, 2 * units : 3 * units]), _sigmoid(sums[:, 3 * units :])
    cell = forget * cell + gate_in * candidate
    return gate_out * np.tanh(cell), cell


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written so that it cannot overflow."""
    half: Array = np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)
    return half


def _fill(array: NDArray[Number], rows: int) -> NDArray[Number]:
    filled = np.zeros((len(array) + rows, *array.shape[1:]), array.dtype)
    filled[: len(array)] = array
    return filled
