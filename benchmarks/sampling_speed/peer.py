"""A PyTorch program that samples the network of a checkpoint one step at a time, to compare with.

Shapes: B texts, T characters so far, U units, H heads, D = U / H.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from abcgen.grammar.positions import PositionTracker
from abcgen.model.positions import INTERVALS, feature_tables, interval_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Checkpoint, Weights
    from abcgen.model.vocabulary import Vocabulary


class TorchNetwork(torch.nn.Module):  # type: ignore[misc] # where torch is missing it has no type
    """A stream network without an encoder as ``torch.nn`` modules.

    Attention caches its keys and values. Position features, if the network has them, are computed
    by abcgen's own tracker.

    Args:
        network: Its shape.
        vocabulary: Its characters.
        cells: Step by ``LSTMCell``, which is faster for a single text, instead of ``LSTM`` called
            for one step, as most programs do.
    """

    def __init__(self, network: NetworkConfig, vocabulary: Vocabulary, *, cells: bool) -> None:
        super().__init__()
        units, size, tables = network.units, vocabulary.size, feature_tables(network)
        width = network.embedding + sum(width for _, width in tables.values())
        self.embedding = torch.nn.Embedding(size, network.embedding)
        self.features = list(tables)
        self.positions = torch.nn.ModuleList(
            torch.nn.Embedding(*shape) for shape in tables.values()
        )
        self.tracker = PositionTracker(vocabulary.tokens, tuple(tables))
        self.blocks = torch.nn.ModuleList(
            _Block(network, number, width if number == 1 else units, cells=cells)
            for number in range(1, network.layers + 1)
        )
        self.logits = torch.nn.Linear(units, size)
        self.intervals = torch.nn.Linear(units, INTERVALS) if network.relative_pitch else None
        self.table = torch.from_numpy(interval_table(self.tracker.token_heights)).long()

    def load(self, weights: Weights) -> None:
        """Load a checkpoint's weights; the gates are in the same order."""
        names = ["embedding/embeddings", *(f"position/{feature}" for feature in self.features)]
        for table, name in zip([self.embedding, *self.positions], names, strict=True):
            table.weight.data = torch.from_numpy(weights[name])
        for block in self.blocks:
            block.load(weights)
        _load(self.logits, weights, "logits")
        if self.intervals:
            _load(self.intervals, weights, "intervals")

    def start(self, batch: int) -> tuple[Any, list[Any]]:
        """Return the states of the tracker and of the blocks before anything is read."""
        return self.tracker.start(batch), [block.start(batch) for block in self.blocks]

    def step(
        self, ids: torch.Tensor, tracked: Any, states: list[Any]
    ) -> tuple[Any, Any, list[Any]]:
        """Return the logits (B, classes) after one more character, and the new states."""
        # 1) Vectors of the characters and their positions.
        stream = character = self.embedding(ids)
        features: Any = ()
        if self.positions:
            tracked = self.tracker.advance(tracked, ids.numpy())
            features = torch.from_numpy(self.tracker.features(tracked)).unbind(1)
            tables = zip(self.positions, features, strict=True)
            stream = torch.cat([stream, *(table(feature) for table, feature in tables)], dim=1)
        # 2) LSTMs, attention and feed-forward layers.
        after = []
        for block, state in zip(self.blocks, states, strict=True):
            stream, state = block(stream, character, state)  # noqa: PLW2901
            after.append(state)
        # 3) Logits.
        logits = self.logits(stream)
        if self.intervals:
            padded = functional.pad(self.intervals(stream), (0, 1))
            logits = logits + padded.gather(1, self.table[features[-1].long()])
        return logits, tracked, after

    def sample(self, batch: int, steps: int) -> torch.Tensor:
        """Sample ids, (batch, steps)."""
        ids = torch.ones(batch, dtype=torch.long)
        tracked, states = self.start(batch)
        samples = []
        for _ in range(steps):
            logits, tracked, states = self.step(ids, tracked, states)
            ids = torch.multinomial(torch.softmax(logits, -1), 1)[:, 0]
            samples.append(ids)
        return torch.stack(samples, dim=1)


class _Block(torch.nn.Module):  # type: ignore[misc] # likewise
    """An LSTM, and attention and a feed-forward layer where the network has them after it."""

    def __init__(self, network: NetworkConfig, number: int, width: int, *, cells: bool) -> None:
        super().__init__()
        units = network.units
        self.number, self.heads = number, network.heads
        self.place = number if network.blocks else 1
        self.is_residual = network.blocks and number > 1
        is_followed = network.blocks or number == network.layers
        self.cell = torch.nn.LSTMCell(width, units) if cells else _OneStepLSTM(width, units)
        self.attends = network.attention and is_followed
        self.query, self.key, self.output = (
            torch.nn.Linear(units, units, bias=False) for _ in range(3)
        )
        self.value = torch.nn.Linear(units + network.embedding, units, bias=False)
        self.hidden = self.change = None
        if network.ffn and is_followed:
            self.hidden = torch.nn.Linear(units, network.ffn)
            self.change = torch.nn.Linear(network.ffn, units)

    def load(self, weights: Weights) -> None:
        lstm = f"lstm_{self.number}"
        parts = [weights[f"{lstm}/{part}"] for part in ("kernel", "recurrent_kernel")]
        bias = torch.from_numpy(weights[f"{lstm}/bias"])
        # torch adds two biases; ours has one.
        values = [*(torch.from_numpy(part.T.copy()) for part in parts), bias, 0 * bias]
        for parameter, value in zip(self.cell.parameters(), values, strict=True):
            parameter.data = value
        attention = "attention" if self.place == 1 else f"attention_{self.place}"
        for name in ("query", "key", "value", "output") if self.attends else ():
            kernel = weights[f"{attention}/{name}"].T.copy()
            getattr(self, name).weight.data = torch.from_numpy(kernel)
        if self.hidden:
            _load(self.hidden, weights, f"feed_forward_{2 * self.place - 1}")
            _load(self.change, weights, f"feed_forward_{2 * self.place}")

    def start(self, batch: int) -> tuple[Any, ...]:
        units = self.query.in_features
        keys = torch.zeros(batch, self.heads, 0, units // self.heads)
        zeros = torch.zeros(batch, units)
        return (zeros, zeros), keys, keys, zeros

    def forward(self, stream: Any, character: Any, state: tuple[Any, ...]) -> tuple[Any, Any]:
        cell, keys, values, previous = state
        cell = self.cell(stream, cell)
        stream = stream + cell[0] if self.is_residual else cell[0]
        # The key of a position is computed from the position before.
        if self.attends:
            keys = torch.cat([keys, self._split(self.key(previous))], dim=2)  # (B, H, T, D)
            value = self.value(torch.cat([stream, character], dim=1))
            values = torch.cat([values, self._split(value)], dim=2)
            query = self._split(self.query(stream))
            mixed = functional.scaled_dot_product_attention(query, keys, values)
            previous, stream = stream, stream + self.output(mixed.reshape(stream.shape))
        if self.hidden and self.change:
            stream = stream + self.change(torch.relu(self.hidden(stream)))
        return stream, (cell, keys, values, previous)

    def _split(self, rows: torch.Tensor) -> torch.Tensor:
        """Return rows (B, U) as (B, H, 1, D)."""
        return rows.view(len(rows), self.heads, 1, -1)


def _load(linear: Any, weights: Weights, name: str) -> None:
    linear.weight.data = torch.from_numpy(weights[f"{name}/kernel"].T.copy())
    linear.bias.data = torch.from_numpy(weights[f"{name}/bias"])


class _OneStepLSTM(torch.nn.Module):  # type: ignore[misc] # likewise
    """``LSTM`` with the interface of ``LSTMCell``."""

    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(width, units)

    def forward(self, rows: torch.Tensor, state: tuple[torch.Tensor, ...]) -> Any:
        _, after = self.lstm(rows[None], tuple(part[None] for part in state))
        return tuple(part[0] for part in after)


def torch_sampler(
    checkpoint: Checkpoint, batch: int, steps: int, threads: int, *, cells: bool
) -> Callable[[], None]:
    """Return a function that samples a batch from a checkpoint's network.

    Raises:
        SystemExit: for a window network or a bidirectional one.
    """
    network = checkpoint.network
    if network.kind != "stream" or network.bidirectional:
        raise SystemExit("only stream networks without --bidirectional can be compared")
    torch.set_num_threads(threads)
    torch_network = TorchNetwork(network, checkpoint.vocabulary, cells=cells).eval()
    torch_network.load(checkpoint.weights)

    def run() -> None:
        with torch.inference_mode():
            torch_network.sample(batch, steps)

    return run


def products(checkpoint: Checkpoint, batch: int, steps: int, threads: int) -> Callable[[], None]:
    """Return a function that computes the matrix products of every step, and nothing else."""
    torch.set_num_threads(threads)
    kernels = [
        torch.from_numpy(kernel)
        for name, kernel in checkpoint.weights.items()
        if kernel.ndim > 1
        and not name.startswith(("embedding", "position"))
        and name != "lstm_1/kernel"
    ]
    inputs = [torch.ones(batch, len(kernel)) for kernel in kernels]
    outputs = [torch.empty(batch, kernel.shape[1]) for kernel in kernels]

    def run() -> None:
        with torch.inference_mode():
            for _ in range(steps):
                for rows, kernel, out in zip(inputs, kernels, outputs, strict=True):
                    torch.mm(rows, kernel, out=out)

    return run
