"""The networks one character at a time, in plain NumPy.

Sampling needs a few thousand tiny steps. NumPy makes them faster than a framework does, and
starts in a fraction of the time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from abcgen.model.cells import Attention, BothWays, Lstm, Product, by_rows
from abcgen.model.positions import POSITION_TABLES
from abcgen.model.vocabulary import PADDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.cells import Array
    from abcgen.model.checkpoint import Weights
    from abcgen.model.positions import PositionFeatures

    State = tuple[NDArray[Any], ...]


class StepNetwork:
    """A network that remembers nothing: its state goes in and comes out of every step.

    Args:
        config: Its shape.
        weights: Arrays by their names in a checkpoint.
        tracker: Computes the position features, for a network that was trained with them.
    """

    def __init__(
        self, config: NetworkConfig, weights: Weights, tracker: PositionFeatures | None = None
    ) -> None:
        if config.kind == "window":
            self._steps: _Steps = _Window(config, weights)
        else:
            kind = _Blocks if config.bidirectional else _Stream
            self._steps = kind(config, weights, tracker)

    def start(self, batch: int) -> State:
        """The state before the begin mark: arrays whose first axis is the text."""
        return self._steps.start(batch)

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[Array, State]:
        """Read one character of every text.

        Args:
            ids: One id a text, shape (batch,).
            state: From ``start`` or the step before. It can be stepped from again.

        Returns:
            Logits of the next character, float32 of shape (batch, vocabulary), and the state
            after this one.
        """
        logits, after, _ = self._steps.step(ids, state)
        return logits, after

    def looks(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Where attention of a stream network looks while it reads a text.

        Args:
            ids: The text, begin mark included.

        Returns:
            The weight of every place for every place, mean of the heads, (time, time); nothing
            above the diagonal.
        """
        looks = np.zeros((len(ids), len(ids)), np.float32)
        state = self.start(1)
        for place, number in enumerate(ids):
            _, state, found = self._steps.step(np.array([number], np.int32), state)
            if found is not None:
                looks[place, : place + 1] = found[0].mean(axis=0)
        return looks


class _Steps(Protocol):
    """What the three networks have in common."""

    def start(self, batch: int) -> State: ...

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[Array, State, Array | None]: ...


class _Characters:
    """What the first layer is given: a character's vector and, where told, its position's.

    Args:
        config: Shape of the network.
        weights: A checkpoint's.
        first: The first layer.
        tracker: Computes the position features, if the network has them.

    Attributes:
        width: Of both vectors together.
    """

    def __init__(
        self, config: NetworkConfig, weights: Weights, first: Lstm, tracker: PositionFeatures | None
    ) -> None:
        names = ["embedding/embeddings"]
        self._tracker = tracker if config.positions else None
        if config.positions:
            if tracker is None:
                raise ValueError("a network with position features needs a tracker")
            names += [f"position/{feature}" for feature in POSITION_TABLES]
        self._vectors = [weights[name] for name in names]
        ends = np.cumsum([vectors.shape[1] for vectors in self._vectors])
        self.width = int(ends[-1])
        # What the first layer makes of each is always the same.
        parts = np.split(first.kernel[: self.width], ends[:-1])
        self._sums = [a @ b for a, b in zip(self._vectors, parts, strict=True)]
        self._sums[0] = self._sums[0] + first.bias

    def start(self, batch: int) -> State:
        return () if self._tracker is None else (self._tracker.start(batch),)

    def read(self, ids: NDArray[np.int32], state: State) -> tuple[list[NDArray[np.int32]], State]:
        """Rows of the tables for one character of every text, and the state after it."""
        if self._tracker is None:
            return [ids], ()
        positions = self._tracker.advance(state[0], ids)
        return [ids, *self._tracker.features(positions).T], (positions,)

    def sums(self, rows: list[NDArray[np.int32]]) -> Array:
        """What they add to the first layer's gates; a new array."""
        sums: Array = self._sums[0].take(rows[0], axis=0)
        for table, numbers in zip(self._sums[1:], rows[1:], strict=True):
            sums += table.take(numbers, axis=0)
        return sums

    def vectors(self, rows: list[NDArray[np.int32]]) -> Array:
        """Their vectors, (batch, width)."""
        pairs = zip(self._vectors, rows, strict=True)
        return np.concatenate([table[numbers] for table, numbers in pairs], axis=1)


class _Stream:
    """State: places if told, output and cell of every layer, and what attention keeps."""

    def __init__(
        self, config: NetworkConfig, weights: Weights, tracker: PositionFeatures | None
    ) -> None:
        self._lstms = [Lstm(f"lstm_{number}", weights) for number in range(1, config.layers + 1)]
        self._characters = _Characters(config, weights, self._lstms[0], tracker)
        self._attention = Attention(config.heads, weights) if config.attention else None
        # What a character adds to the values of attention is always the same.
        embedding = weights["embedding/embeddings"]
        self._values = self._attention.values_of(embedding) if self._attention else None
        self._logits = Product(weights["logits/kernel"], weights["logits/bias"])

    def start(self, batch: int) -> State:
        return *self._characters.start(batch), *self._start(batch)

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[Array, State, Array | None]:
        rows, places = self._characters.read(ids, state)
        logits, after, looks = self._step(ids, self._characters.sums(rows), state[len(places) :])
        return logits, (*places, *after), looks

    def _start(self, batch: int) -> State:
        sizes = [lstm.units for lstm in self._lstms for _ in range(2)]
        kept = self._attention.start(batch) if self._attention else ()
        return *(np.zeros((batch, size), np.float32) for size in sizes), *kept

    def _step(
        self, ids: NDArray[np.int32], sums: Array, state: State
    ) -> tuple[Array, State, Array | None]:
        """One step, given what the inputs add to the first layer's gates."""
        states, kept = state[: 2 * len(self._lstms)], state[2 * len(self._lstms) :]
        if self._attention is None or self._values is None:
            stream, *after = by_rows(self._read, sums, *states)
            return self._logits(stream), tuple(after), None
        kept = self._attention.advanced(kept)  # type: ignore[arg-type]
        keys, values, counts, _ = kept
        attend = partial(self._attend, self._attention, int(counts[0]) - 1)
        read = self._values.take(ids, axis=0)
        found, looks, *after = by_rows(attend, read, keys, values, sums, *states)
        return self._logits(found), (*after, *kept), looks

    def _read(self, sums: Array, *states: Array) -> list[Array]:
        """The last layer's output, then output and cell of every layer."""
        first, *others = self._lstms
        stream, cell = first.step(sums, states[0], states[1])
        after = [stream, cell]
        for lstm in others:
            place = len(after)
            stream, cell = lstm.step(lstm.sums(stream), states[place], states[place + 1])
            after += [stream, cell]
        return [stream, *after]

    def _attend(
        self,
        attention: Attention,
        place: int,
        read: Array,
        keys: Array,
        values: Array,
        *gates: Array,
    ) -> list[Array]:
        """What attention makes of the last layer's output, where it looks, and the layers' own."""
        stream, *after = self._read(*gates)
        found, looks = attention.step(stream, read, keys, values, place)
        found += stream
        return [found, looks, *after]


class _Blocks(_Stream):
    """A stream network whose encoder reads the block before both ways.

    State: places if told, how many characters were read, the vectors of the current block, what
    the block before adds to the first layer's gates at every place of the current one, and the rest
    as above.
    """

    def __init__(
        self, config: NetworkConfig, weights: Weights, tracker: PositionFeatures | None
    ) -> None:
        super().__init__(config, weights, tracker)
        names = [f"encoder_{number}" for number in range(1, config.layers + 1)]
        self._encoders = [BothWays(name, weights) for name in names]
        self._length = config.chunk_length or 1
        self._second = Product(self._lstms[0].kernel[self._characters.width :])

    def start(self, batch: int) -> State:
        places, rest = self._characters.start(batch), self._start(batch)
        # Before the first block there is nothing.
        block = np.zeros((batch, self._length, self._characters.width), np.float32)
        sums = np.zeros((batch, self._length, 4 * self._lstms[0].units), np.float32)
        return *places, np.zeros(batch, np.int64), block, sums, *rest

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[Array, State, Array | None]:
        rows, places = self._characters.read(ids, state)
        counts, block, before, *rest = state[len(places) :]
        place = int(counts[0]) % self._length
        if place == 0:
            before, states = self._encode(block)
            rest[: len(states)] = states
        block = block.copy()
        block[:, place] = self._characters.vectors(rows)
        sums = self._characters.sums(rows) + before[:, place]
        logits, after, looks = self._step(ids, sums, tuple(rest))
        return logits, (*places, counts + 1, block, before, *after), looks

    def _encode(self, stream: Array) -> tuple[Array, list[Array]]:
        """What a block adds to the next one's gates, and the states it hands to every layer."""
        states: list[Array] = []
        for encoder in self._encoders:
            stream, output, cell = encoder.read(stream)
            states += [output, cell]
        rows, length, width = stream.shape
        sums = self._second(stream.reshape(rows * length, width))
        return sums.reshape(rows, length, -1), states


class _Window:
    """State: the ids of the last characters. All is read anew at every step."""

    def __init__(self, config: NetworkConfig, weights: Weights) -> None:
        make = BothWays if config.bidirectional else Lstm
        self._layers = [make(f"lstm_{n}", weights) for n in range(1, config.layers + 1)]
        self._embedding = weights.get("embedding/embeddings")
        self._length = config.chunk_length or 1
        self._attention = Attention(config.heads, weights) if config.attention else None
        names = ("dense_1", "dense_2", "logits")
        kernels = [(weights[f"{name}/kernel"], weights[f"{name}/bias"]) for name in names]
        self._classes = kernels[-1][1].size
        *self._dense, self._logits = (Product(kernel, bias) for kernel, bias in kernels)

    def start(self, batch: int) -> State:
        return (np.full((batch, self._length), PADDING, np.int32),)

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[Array, State, Array | None]:
        window = np.concatenate([state[0][:, 1:], ids[:, None]], axis=1)
        outputs = read = self._inputs(window)
        for layer in self._layers:
            outputs, last, _ = layer.read(outputs)
        if self._attention:
            last = last + self._attention.over(last, outputs, read)
        for dense in self._dense:
            last = np.maximum(dense(last), 0)
        return self._logits(last), (window,), None

    def _inputs(self, window: NDArray[np.int32]) -> Array:
        if self._embedding is not None:
            return self._embedding[window]
        return (window[..., None] / self._classes).astype(np.float32)
