"""The peer: a PyTorch program that samples the network of a checkpoint one step at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from abcgen.grammar.positions import PositionTracker
from abcgen.model.positions import POSITION_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Checkpoint, Weights
    from abcgen.model.vocabulary import Vocabulary


class Peer(torch.nn.Module):  # type: ignore[misc] # where torch is missing it has no type
    """The stream network that reads one way as ``torch.nn`` modules.

    Attention keeps its keys and values. Position features, if the network has
    them, are computed by abcgen's own tracker.

    Args:
        network: Its shape.
        vocabulary: Its characters.
        cells: Whether it steps by ``LSTMCell``, faster for a single text, or as most programs do
            by ``LSTM``, called for one step.
    """

    def __init__(self, network: NetworkConfig, vocabulary: Vocabulary, *, cells: bool) -> None:
        super().__init__()
        units, size = network.units, vocabulary.size
        tables = POSITION_TABLES.values() if network.positions else ()
        width = sum(width for _, width in tables)
        widths = [network.embedding + width, *[units] * (network.layers - 1)]
        self.embedding = torch.nn.Embedding(size, network.embedding)
        self.positions = torch.nn.ModuleList(torch.nn.Embedding(*shape) for shape in tables)
        self.tracker = PositionTracker(vocabulary.tokens)
        kind = torch.nn.LSTMCell if cells else _OneStep
        self.cells = torch.nn.ModuleList(kind(width, units) for width in widths)
        self.attention = network.attention
        self.heads = network.heads
        self.query, self.key, self.output = (
            torch.nn.Linear(units, units, bias=False) for _ in range(3)
        )
        self.value = torch.nn.Linear(units + network.embedding, units, bias=False)
        self.logits = torch.nn.Linear(units, size)

    def know(self, weights: Weights) -> None:
        """Take over a checkpoint's weights; the gates come in the same order."""
        tables = [self.embedding, *self.positions]
        names = ["embedding/embeddings", *(f"position/{mark}" for mark in POSITION_TABLES)]
        for table, name in zip(tables, names, strict=False):
            table.weight.data = torch.from_numpy(weights[name])
        for number, cell in enumerate(self.cells, 1):
            parts = [weights[f"lstm_{number}/{part}"] for part in ("kernel", "recurrent_kernel")]
            bias = torch.from_numpy(weights[f"lstm_{number}/bias"])
            given = [torch.from_numpy(part.T.copy()) for part in parts]
            for own, value in zip(cell.parameters(), [*given, bias, 0 * bias], strict=True):
                own.data = value
        for name in ("query", "key", "value", "output") if self.attention else ():
            getattr(self, name).weight.data = torch.from_numpy(
                weights[f"attention/{name}"].T.copy()
            )
        self.logits.weight.data = torch.from_numpy(weights["logits/kernel"].T.copy())
        self.logits.bias.data = torch.from_numpy(weights["logits/bias"])

    def sample(self, batch: int, steps: int) -> torch.Tensor:
        """Draw so many characters of so many texts, (batch, steps)."""
        units = self.logits.in_features
        states = [(torch.zeros(batch, units), torch.zeros(batch, units)) for _ in self.cells]
        keys = values = torch.zeros(batch, self.heads, 0, units // self.heads)
        before = torch.zeros(batch, units)
        ids = torch.ones(batch, dtype=torch.long)
        places = self.tracker.start(batch)
        drawn = []
        for _ in range(steps):
            stream = read = self.embedding(ids)
            if self.positions:
                places = self.tracker.advance(places, ids.numpy())
                marks = torch.from_numpy(self.tracker.features(places)).unbind(1)
                tables = zip(self.positions, marks, strict=True)
                stream = torch.cat([stream, *(table(mark) for table, mark in tables)], dim=1)
            for number, cell in enumerate(self.cells):
                states[number] = cell(stream, states[number])
                stream = states[number][0]
            if self.attention:
                keys = torch.cat([keys, self._split(self.key(before))], dim=2)
                value = self.value(torch.cat([stream, read], dim=1))
                values = torch.cat([values, self._split(value)], dim=2)
                query = self._split(self.query(stream))
                found = functional.scaled_dot_product_attention(query, keys, values)
                before, stream = stream, stream + self.output(found.reshape(batch, units))
            ids = torch.multinomial(torch.softmax(self.logits(stream), -1), 1)[:, 0]
            drawn.append(ids)
        return torch.stack(drawn, dim=1)

    def _split(self, rows: torch.Tensor) -> torch.Tensor:
        """(batch, units) to (batch, heads, 1, head)."""
        return rows.view(len(rows), self.heads, 1, -1)


class _OneStep(torch.nn.Module):  # type: ignore[misc] # likewise
    """``LSTM`` for one step, called as ``LSTMCell`` is."""

    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(width, units)

    def forward(self, rows: torch.Tensor, state: tuple[torch.Tensor, ...]) -> Any:
        _, after = self.lstm(rows[None], tuple(part[None] for part in state))
        return tuple(part[0] for part in after)


def torch_sampler(
    checkpoint: Checkpoint, batch: int, steps: int, threads: int, *, cells: bool
) -> Callable[[], None]:
    """What samples a batch of a checkpoint's network.

    Raises:
        SystemExit: for a network that the peer does not know.
    """
    network = checkpoint.network
    if network.kind != "stream" or network.bidirectional:
        raise SystemExit("the peer knows stream networks that read one way")
    torch.set_num_threads(threads)
    peer = Peer(network, checkpoint.vocabulary, cells=cells).eval()
    peer.know(checkpoint.weights)

    def run() -> None:
        with torch.inference_mode():
            peer.sample(batch, steps)

    return run


def products(checkpoint: Checkpoint, batch: int, steps: int, threads: int) -> Callable[[], None]:
    """The matrix products of every step, and nothing else."""
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
                for given, kernel, out in zip(inputs, kernels, outputs, strict=True):
                    torch.mm(given, kernel, out=out)

    return run
