"""The network one character at a time, in plain NumPy.

Sampling needs a few thousand tiny steps. NumPy makes them faster than a framework does, and
starts in a fraction of the time. Like the Keras model, it follows from the layers in
``architecture``: each becomes a cell from ``cells``, and a step walks through them.

There are three ways to walk. In a stream network each layer takes a step for the new character. A
bidirectional encoder also reads a whole block whenever one is complete. In a window network all
layers read the whole window at every step.

Shapes: B texts, T characters so far, L characters of a block or window, U units, H heads.
"""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from abcgen.model import architecture as specs
from abcgen.model.architecture import architecture
from abcgen.model.cells import (
    AddCell,
    AttentionCell,
    BidirectionalCell,
    DenseCell,
    EmbeddingCell,
    LSTMCell,
    RelativePitchCell,
    by_rows,
)
from abcgen.model.positions import feature_tables
from abcgen.model.vocabulary import PADDING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.architecture import LayerSpec
    from abcgen.model.cells import Array
    from abcgen.model.checkpoint import Weights
    from abcgen.model.positions import PositionFeatures

    State = tuple[NDArray[Any], ...]

# Layers that do nothing here, so that their output is their first input: sampling has no dropout,
# and a step has one position, which needs no other shape.
IDENTITIES = (specs.DropoutSpec, specs.ReshapeSpec, specs.BlocksSpec, specs.JoinedSpec)
# Layers whose output the steppers put in place themselves, so that they need no cell.
GIVEN = (specs.InputLayerSpec, specs.IdsSpec, specs.BlockBeforeSpec)


class StepNetwork:
    """A network without memory: its state goes into every step and comes out of it.

    The weights have their names in a checkpoint. A network that was trained with position features
    needs the tracker, which computes them.
    """

    def __init__(
        self, config: NetworkConfig, weights: Weights, tracker: PositionFeatures | None = None
    ) -> None:
        if feature_tables(config) and tracker is None:
            raise ValueError("a network with position features needs a tracker")
        layers = architecture(config, weights["logits/bias"].size)
        self._tracker = tracker if feature_tables(config) else None  # its states come first
        length = config.chunk_length or 1
        self._stepper: _Stepper
        if config.kind == "window":
            self._stepper = _WindowStepper(layers, weights, length)
        elif config.bidirectional:
            self._stepper = _BlockStepper(layers, weights, tracker, length)
        else:
            self._stepper = _StreamStepper(layers, weights, tracker)

    def start(self, batch: int) -> State:
        """Return the state before the begin mark: arrays whose first axis is the text."""
        return self._stepper.start(batch)

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[Array, State]:
        """Read one character of every text, (B,).

        Return the logits of the next character, (B, classes), and the state after this one. The
        state before it is not changed and can be stepped from again.
        """
        logits, after, _ = self._stepper.step(ids, state)
        return logits, after

    def skip(self, ids: NDArray[np.int32], state: State) -> State:
        """Return a state that is some characters further (T,) in the tune, which are not read.

        They change the position features only, which then tell nothing of their notes.
        """
        if self._tracker is None:
            return state
        return self._tracker.skip(state[0], ids), *state[1:]

    def placed_as(self, other: State, state: State) -> State:
        """Return a state with the position features of another."""
        return state if self._tracker is None else (other[0], *state[1:])

    def attention_weights(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the attention weights of a stream network while it reads one text, (T, T).

        Row t holds the weights that character t gives to all characters up to itself, averaged over
        the heads of all layers; zero above the diagonal. The ids include the begin mark.
        """
        weights = np.zeros((len(ids), len(ids)), np.float32)  # (T, T)
        state = self.start(1)
        for position, id_ in enumerate(ids):
            _, state, heads = self._stepper.step(np.array([id_], np.int32), state, look=True)
            if heads is not None:
                weights[position, : position + 1] = heads[0].mean(axis=0)  # (H, t + 1)
        return weights


class _Stepper(Protocol):
    """One of the three ways through the layers."""

    def start(self, batch: int) -> State: ...

    def step(
        self, ids: NDArray[np.int32], state: State, *, look: bool = False
    ) -> tuple[Array, State, Array | None]:
        """Return logits (B, classes) and the new state.

        With ``look`` also return the attention weights of the heads of all layers, (B, H, T), if
        there are any.
        """


class _StreamStepper:
    """Steps through a stream network.

    State: the tracker's states if there is a tracker (B,), and those of the cells in the order of
    the layers: output and cell of an LSTM (B, U), the cache of attention.
    """

    def __init__(
        self, layers: Sequence[LayerSpec], weights: Weights, tracker: PositionFeatures | None
    ) -> None:
        heights = tracker.token_heights if tracker else None
        self._plan = _Plan(layers, weights, look_up=True, token_heights=heights)
        # The logits come last; threads walk through the layers before them. An encoder is no part
        # of a step: it reads whole blocks.
        *self._nodes, self._logits = [
            node for node in self._plan.nodes if not isinstance(node.cell, BidirectionalCell)
        ]
        cells = [node.cell for node in self._nodes]
        self._stateful = [cell for cell in cells if isinstance(cell, LSTMCell | AttentionCell)]
        self._lstms = [cell for cell in cells if isinstance(cell, LSTMCell)]
        self._attends = any(isinstance(cell, AttentionCell) for cell in cells)
        self._state_arrays = sum(cell.arrays for cell in self._stateful)
        self._tracker = tracker if "position" in self._plan.table_slices else None

    def start(self, batch: int) -> State:
        tracked = (self._tracker.start(batch),) if self._tracker else ()
        return *tracked, *self._start_cells(batch)

    def step(
        self, ids: NDArray[np.int32], state: State, *, look: bool = False
    ) -> tuple[Array, State, Array | None]:
        rows, tracked = self._rows(ids, state)
        logits, after, heads = self._step(rows, state[len(tracked) :], look=look)
        return logits, (*tracked, *after), heads

    def _rows(self, ids: NDArray[np.int32], state: State) -> tuple[list[NDArray[Any]], State]:
        """Return the row to look up in each table, and the tracker's state after the character."""
        if self._tracker is None:
            return [ids], ()
        tracked = self._tracker.advance(state[0], ids)
        return [ids, *self._tracker.features(tracked).T], (tracked,)

    def _start_cells(self, batch: int) -> State:
        return tuple(array for cell in self._stateful for array in cell.start(batch))

    def _step(
        self, rows: Sequence[NDArray[Any]], state: State, *, look: bool
    ) -> tuple[Array, State, Array | None]:
        # 1) Make room for this character in the caches of attention.
        arrays = iter(state)
        parts: list[State] = []
        for cell in self._stateful:
            part = tuple(islice(arrays, cell.arrays))
            parts.append(cell.advance(*part) if isinstance(cell, AttentionCell) else part)
        # 2) Walk through the layers, with a slice of the texts in every thread.
        #    It writes to keys and values in place, so only the LSTMs' state comes back.
        walk = partial(self._walk, look and self._attends)
        output, *results = by_rows(walk, *rows, *chain.from_iterable(parts))
        heads = results.pop() if look and self._attends else None
        lstms = iter(results)
        after = [
            array
            for cell, part in zip(self._stateful, parts, strict=True)
            for array in (part if isinstance(cell, AttentionCell) else islice(lstms, cell.arrays))
        ]
        # 3) Logits of the next character.
        tables = self._plan.table_slices
        inputs = [
            rows[tables[source]] if source in tables else output for source in self._logits.sources
        ]
        (logits,) = self._logits.cell.step(*inputs)  # (B, classes)
        return logits, tuple(after), heads

    def _walk(self, look: bool, *arrays: NDArray[Any]) -> list[Array]:
        """Return the output before the logits and the LSTMs' state.

        With ``look`` also return the attention weights of the heads of all layers, (B, H, T).
        """
        start = len(arrays) - self._state_arrays  # the rows come first
        # Embeddings give no vectors but row numbers: the cells that read them look up products.
        values: dict[str, Any] = {
            name: arrays[tables] for name, tables in self._plan.table_slices.items()
        }
        output: Any = None
        after: list[Array] = []
        heads: list[Array] = []
        for name, cell, sources in self._nodes:
            inputs = [values[source] for source in sources]
            # Each cell takes its own arrays from the state, in the order of the layers.
            end = start + cell.arrays
            output, *state = cell.step(*inputs, *arrays[start:end])
            values[name], start = output, end
            if isinstance(cell, AttentionCell):
                heads += state
            else:
                after += state
        return [output, *after, np.concatenate(heads, axis=1)] if look else [output, *after]


class _BlockStepper(_StreamStepper):
    """Steps through a stream network whose encoder reads the block before in both directions.

    State: the tracker's states if there is a tracker, the number of characters so far, the vectors
    of the current block (B, L, W), the part of the first LSTM's gates that comes from the block
    before, for every position of the current one (B, L, 4U), and the rest as above.
    """

    def __init__(
        self,
        layers: Sequence[LayerSpec],
        weights: Weights,
        tracker: PositionFeatures | None,
        length: int,
    ) -> None:
        super().__init__(layers, weights, tracker)
        self._length = length
        self._encoders = [
            node for node in self._plan.nodes if isinstance(node.cell, BidirectionalCell)
        ]
        # Outputs of the encoder that are output and cell of each LSTM when a block begins.
        self._first_states = [
            source
            for spec in layers
            if isinstance(spec, specs.LSTMSpec)
            for source in spec.inputs[1:]
        ]

    def start(self, batch: int) -> State:
        width = sum(table.shape[1] for table in self._plan.tables)
        # Before the first block there is nothing.
        block = np.zeros((batch, self._length, width), np.float32)
        before = np.zeros((batch, self._length, 4 * self._lstms[0].units), np.float32)
        tracked = (self._tracker.start(batch),) if self._tracker else ()
        counts = np.zeros(batch, np.int64)
        return *tracked, counts, block, before, *self._start_cells(batch)

    def step(
        self, ids: NDArray[np.int32], state: State, *, look: bool = False
    ) -> tuple[Array, State, Array | None]:
        rows, tracked = self._rows(ids, state)
        counts, block, before, *cells = state[len(tracked) :]
        position = int(counts[0]) % self._length  # all texts are equally far
        # 1) When a block is complete, the encoder reads it. The LSTMs start from its states.
        if position == 0:
            before, first_states = self._encode(block)
            cells[: len(first_states)] = first_states
        # 2) Keep the character's vector for the encoder; in a copy, since no state may change.
        block = block.copy()  # (B, L, W)
        vectors = zip(self._plan.tables, rows, strict=True)
        block[:, position] = np.concatenate([table[row] for table, row in vectors], axis=1)
        # 3) Take a step, with the block before as further input.
        rows = [*rows, before[:, position]]
        logits, after, heads = self._step(rows, tuple(cells), look=look)
        return logits, (*tracked, counts + 1, block, before, *after), heads

    def _encode(self, block: Array) -> tuple[Array, list[Array]]:
        """Return what a block adds to the gates of the next one, and the LSTMs' states there."""
        values = _read(self._encoders, {"block_before": block})
        encoded = values[self._encoders[-1].name]  # (B, L, U)
        batch, length, units = encoded.shape
        gates = self._lstms[0].further(encoded.reshape(batch * length, units))  # (B · L, 4U)
        return gates.reshape(batch, length, -1), [values[name] for name in self._first_states]


class _WindowStepper:
    """Reads the whole window at every step. State: its ids, (B, L)."""

    def __init__(self, layers: Sequence[LayerSpec], weights: Weights, length: int) -> None:
        self._nodes = _Plan(layers, weights, look_up=False).nodes
        self._classes, self._length = weights["logits/bias"].size, length

    def start(self, batch: int) -> State:
        return (np.full((batch, self._length), PADDING, np.int32),)

    def step(
        self,
        ids: NDArray[np.int32],
        state: State,
        *,
        look: bool = False,  # noqa: ARG002 - a window's attention is not kept
    ) -> tuple[Array, State, Array | None]:
        window = np.concatenate([state[0][:, 1:], ids[:, None]], axis=1)  # (B, L)
        numbers = (window[..., None] / self._classes).astype(np.float32)  # (B, L, 1)
        values = _read(self._nodes, {"ids": window, "numbers": numbers})
        return values["logits"], (window,), None


class _Node(NamedTuple):
    """A cell with the name of its output and the names of its inputs."""

    name: str
    cell: Any
    sources: tuple[str, ...]


class _Plan:
    """The cells of a network.

    With ``look_up``, embedding tables are multiplied in advance with the weights of the layers that
    read them. These layers then get row numbers instead of vectors.
    """

    def __init__(
        self,
        layers: Sequence[LayerSpec],
        weights: Weights,
        *,
        look_up: bool,
        token_heights: NDArray[np.int32] | None = None,
    ) -> None:
        self._token_heights = token_heights
        self.nodes: list[_Node] = []  # in the order of the layers
        self.tables: list[Array] = []  # of the embeddings that are looked up
        # For each output that is looked up, which of the tables it is made of: embedding 0,
        # position 1 to F, and the two side by side 0 to F. What the block before adds to the gates
        # counts as one more table, the last.
        self.table_slices: dict[str, slice] = {}
        # For each layer that does nothing, the output that takes the place of its own.
        aliases: dict[str, str] = {}
        for spec in layers:
            sources = tuple(aliases.get(source, source) for source in spec.inputs)
            if isinstance(spec, specs.RelativePitchSpec):
                # Reads the row numbers themselves: ids and position features.
                self.table_slices[sources[0]] = slice(0, len(self.tables))
            if isinstance(spec, IDENTITIES):
                aliases[spec.name] = sources[0]
            elif isinstance(spec, specs.EmbeddingSpec | specs.PositionSpec) and look_up:
                first = len(self.tables)
                self.tables += [weights[name] for name in spec.weights]
                self.table_slices[spec.name] = slice(first, len(self.tables))
            elif isinstance(spec, specs.ConcatenateSpec):
                further = slice(len(self.tables), len(self.tables) + 1)
                parts = [self.table_slices.get(source, further) for source in sources]
                self.table_slices[spec.name] = slice(parts[0].start, parts[-1].stop)
            elif not isinstance(spec, GIVEN):
                self._add_cell(spec, sources, weights)

    def _add_cell(self, spec: LayerSpec, sources: tuple[str, ...], weights: Weights) -> None:
        def tables_of(source: str) -> list[Array]:
            return self.tables[self.table_slices.get(source, slice(0))]

        cell: Any
        match spec:
            case specs.EmbeddingSpec():
                cell = EmbeddingCell(weights[f"{spec.name}/embeddings"])
            case specs.LSTMSpec():
                sources = sources[:1]  # the others are its first state
                cell = LSTMCell(spec.name, weights, tables_of(sources[0]))
            case specs.BidirectionalSpec():
                cell = BidirectionalCell(spec.name, weights)
            case specs.CausalAttentionSpec():
                cell = AttentionCell(spec.name, spec.heads, weights, *tables_of(sources[2]))
            case specs.DenseSpec():
                cell = DenseCell(spec.name, spec.activation, weights)
            case specs.AddSpec():
                cell = AddCell()
            case specs.RelativePitchSpec() if self._token_heights is not None:
                # It computes the logits of characters and of intervals itself.
                *self.nodes, logits, _ = self.nodes
                sources = sources[0], *logits.sources
                cell = RelativePitchCell(weights, self._token_heights)
            case _:
                raise TypeError(f"no NumPy cell for {spec.kind}")
        self.nodes.append(_Node(spec.name, cell, sources))


def _read(nodes: Sequence[_Node], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of cells over whole sequences, by their names."""
    values = dict(inputs)
    for name, cell, sources in nodes:
        output, *state = cell.read(*[values[source] for source in sources])
        values[name] = output
        if state:
            values[f"{name}:last"], values[f"{name}:cell"] = state
    return values
