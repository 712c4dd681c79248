"""The layers of our stream network in PyTorch, as its own nn.LSTM and attention have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from abcgen.config import NetworkConfig


BLOCK = 64


class Network(nn.Module):  # type: ignore[misc]
    """Embedding, LSTMs, perhaps attention over their outputs or a reading of the block before.

    Args:
        config: Layers, units, embedding, dropout and heads.
        classes: Number of ids.
        attention: Whether causal attention follows.
        bidirectional: Whether the block before is read both ways.
    """

    def __init__(
        self,
        config: NetworkConfig,
        classes: int,
        *,
        attention: bool = False,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        units, self.heads = config.units, config.heads
        self.embedding = nn.Embedding(classes, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.encoders = nn.ModuleList()
        if bidirectional:
            widths = [config.embedding] + [units] * (config.layers - 1)
            self.encoders.extend(
                nn.LSTM(width, units // 2, batch_first=True, bidirectional=True) for width in widths
            )
            widths[0] += units
            self.decoders = nn.ModuleList(
                nn.LSTM(width, units, batch_first=True) for width in widths
            )
        else:
            self.lstm = nn.LSTM(
                config.embedding, units, config.layers, batch_first=True, dropout=config.dropout
            )
        if attention:
            self.query, self.key, self.back = (nn.Linear(units, units, bias=False) for _ in "qkb")
            self.value = nn.Linear(units + config.embedding, units, bias=False)
        self.attention = attention
        self.logits = nn.Linear(units, classes)

    def forward(self, ids: Any) -> Any:
        """Logits (batch, time, classes) for ids (batch, time)."""
        read = self.embedding(ids)
        stream = self._in_blocks(read) if self.encoders else self.dropout(self.lstm(read)[0])
        if self.attention:
            stream = stream + self.dropout(self._found(stream, read))
        return self.logits(stream)

    def _in_blocks(self, stream: Any) -> Any:
        """Blocks as rows, each begun with what was read of the one before."""
        batch, time, width = stream.shape
        before = nn.functional.pad(stream, (0, 0, BLOCK, 0))[:, :-BLOCK].reshape(-1, BLOCK, width)
        states = []
        for encoder in self.encoders:
            before, state = encoder(before)
            states.append([part.transpose(0, 1).flatten(1)[None] for part in state])
            before = self.dropout(before)
        blocks = torch.cat([stream.reshape(-1, BLOCK, width), before], 2)
        for decoder, state in zip(self.decoders, states, strict=True):
            blocks = self.dropout(decoder(blocks, [part.contiguous() for part in state])[0])
        return blocks.reshape(batch, time, -1)

    def _found(self, stream: Any, read: Any) -> Any:
        """Causal attention as ours: keys from the place before, values with what was read."""
        before = nn.functional.pad(stream, (0, 0, 1, 0))[:, :-1]
        both = torch.cat([stream, read], 2)
        parts = self.query(stream), self.key(before), self.value(both)
        batch, time, units = stream.shape
        shape = batch, time, self.heads, units // self.heads
        split = (part.view(shape).transpose(1, 2) for part in parts)
        found = nn.functional.scaled_dot_product_attention(*split, is_causal=True)
        return self.back(found.transpose(1, 2).reshape(batch, time, units))
