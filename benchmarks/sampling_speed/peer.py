"""The peer: a PyTorch program that samples the network of a checkpoint one step at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Checkpoint


class Peer(torch.nn.Module):  # type: ignore[misc] # where torch is missing it has no type
    """The plain stream network as ``torch.nn`` modules.

    ``LSTMCell`` steps several times faster than ``LSTM`` does one step at a time. Attention
    keeps its keys and values.
    """

    def __init__(self, network: NetworkConfig, size: int) -> None:
        super().__init__()
        units = network.units
        widths = [network.embedding, *[units] * (network.layers - 1)]
        self.embedding = torch.nn.Embedding(size, network.embedding)
        self.cells = torch.nn.ModuleList(torch.nn.LSTMCell(width, units) for width in widths)
        self.attention = network.attention
        self.heads = network.heads
        self.query, self.key, self.output = (
            torch.nn.Linear(units, units, bias=False) for _ in range(3)
        )
        self.value = torch.nn.Linear(units + network.embedding, units, bias=False)
        self.logits = torch.nn.Linear(units, size)

    def sample(self, batch: int, steps: int) -> torch.Tensor:
        """Draw so many characters of so many texts, (batch, steps)."""
        units = self.logits.in_features
        states = [(torch.zeros(batch, units), torch.zeros(batch, units)) for _ in self.cells]
        keys = values = torch.zeros(batch, self.heads, 0, units // self.heads)
        before = torch.zeros(batch, units)
        ids = torch.ones(batch, dtype=torch.long)
        drawn = []
        for _ in range(steps):
            stream = read = self.embedding(ids)
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


def torch_sampler(
    checkpoint: Checkpoint, batch: int, steps: int, threads: int
) -> Callable[[], None]:
    """What samples a batch of a network of the checkpoint's shape; its weights are random.

    Raises:
        SystemExit: for a network that the peer does not know.
    """
    network = checkpoint.network
    if network.kind != "stream" or network.bidirectional:
        raise SystemExit("the peer knows stream networks that read one way")
    torch.set_num_threads(threads)
    peer = Peer(network, checkpoint.vocabulary.size).eval()

    def run() -> None:
        with torch.inference_mode():
            peer.sample(batch, steps)

    return run
