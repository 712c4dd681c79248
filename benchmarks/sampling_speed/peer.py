"""A PyTorch program that samples the network of a checkpoint one step at a time, to compare with.

Shapes: B texts, T characters so far, U units, H heads, D = U / H.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from abcgen.grammar.positions import PositionTracker
from abcgen.model.positions import feature_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Checkpoint, Weights
    from abcgen.model.vocabulary import Vocabulary


class TorchNetwork(torch.nn.Module):  # type: ignore[misc] # where torch is missing it has no type
    """A stream network without bidirectional blocks as ``torch.nn`` modules.

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
        units, size = network.units, vocabulary.size
        tables = feature_tables(network)
        width = sum(width for _, width in tables.values())
        widths = [network.embedding + width, *[units] * (network.layers - 1)]
        self.embedding = torch.nn.Embedding(size, network.embedding)
        self.features = list(tables)
        self.positions = torch.nn.ModuleList(
            torch.nn.Embedding(*shape) for shape in tables.values()
        )
        self.tracker = PositionTracker(vocabulary.tokens)
        kind = torch.nn.LSTMCell if cells else _OneStepLSTM
        self.cells = torch.nn.ModuleList(kind(width, units) for width in widths)
        self.attention = network.attention
        self.heads = network.heads
        self.query, self.key, self.output = (
            torch.nn.Linear(units, units, bias=False) for _ in range(3)
        )
        self.value = torch.nn.Linear(units + network.embedding, units, bias=False)
        self.logits = torch.nn.Linear(units, size)

    def load(self, weights: Weights) -> None:
        """Load a checkpoint's weights; the gates are in the same order."""
        tables = [self.embedding, *self.positions]
        names = ["embedding/embeddings", *(f"position/{feature}" for feature in self.features)]
        for table, name in zip(tables, names, strict=False):
            table.weight.data = torch.from_numpy(weights[name])
        for number, cell in enumerate(self.cells, 1):
            parts = [weights[f"lstm_{number}/{part}"] for part in ("kernel", "recurrent_kernel")]
            bias = torch.from_numpy(weights[f"lstm_{number}/bias"])
            kernels = [torch.from_numpy(part.T.copy()) for part in parts]
            # torch adds two biases; ours has one.
            values = [*kernels, bias, 0 * bias]
            for parameter, value in zip(cell.parameters(), values, strict=True):
                parameter.data = value
        for name in ("query", "key", "value", "output") if self.attention else ():
            getattr(self, name).weight.data = torch.from_numpy(
                weights[f"attention/{name}"].T.copy()
            )
        self.logits.weight.data = torch.from_numpy(weights["logits/kernel"].T.copy())
        self.logits.bias.data = torch.from_numpy(weights["logits/bias"])

    def sample(self, batch: int, steps: int) -> torch.Tensor:
        """Sample ids, (batch, steps)."""
        units = self.logits.in_features
        states = [(torch.zeros(batch, units), torch.zeros(batch, units)) for _ in self.cells]
        keys = values = torch.zeros(batch, self.heads, 0, units // self.heads)
        previous = torch.zeros(batch, units)
        ids = torch.ones(batch, dtype=torch.long)
        tracked = self.tracker.start(batch)
        samples = []
        for _ in range(steps):
            # 1) Vectors of the characters and their positions.
            stream = character = self.embedding(ids)
            if self.positions:
                tracked = self.tracker.advance(tracked, ids.numpy())
                features = torch.from_numpy(self.tracker.features(tracked)).unbind(1)
                tables = zip(self.positions, features, strict=True)
                stream = torch.cat([stream, *(table(feature) for table, feature in tables)], dim=1)
            # 2) The LSTMs.
            for number, cell in enumerate(self.cells):
                states[number] = cell(stream, states[number])
                stream = states[number][0]
            # 3) Attention: the key of a position is computed from the position before.
            if self.attention:
                keys = torch.cat([keys, self._split(self.key(previous))], dim=2)  # (B, H, T, D)
                value = self.value(torch.cat([stream, character], dim=1))
                values = torch.cat([values, self._split(value)], dim=2)
                query = self._split(self.query(stream))
                mixed = functional.scaled_dot_product_attention(query, keys, values)
                previous, stream = stream, stream + self.output(mixed.reshape(batch, units))
            # 4) Draw the next characters.
            ids = torch.multinomial(torch.softmax(self.logits(stream), -1), 1)[:, 0]
            samples.append(ids)
        return torch.stack(samples, dim=1)

    def _split(self, rows: torch.Tensor) -> torch.Tensor:
        """Return rows (B, U) as (B, H, 1, D)."""
        return rows.view(len(rows), self.heads, 1, -1)


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
