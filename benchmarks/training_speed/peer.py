"""The layers of abcgen's stream network in PyTorch: ``nn.LSTM`` and its own attention.

Shapes: B texts, T characters, W any width, U units, H heads, L characters of a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from abcgen.config import NetworkConfig


BLOCK = 64


class TorchNetwork(nn.Module):  # type: ignore[misc]
    """Embedding, LSTMs, optionally causal attention or a bidirectional encoder of the block before.

    Args:
        config: Layers, units, embedding, dropout and heads.
        classes: Number of ids.
        attention: Add causal attention after the LSTMs.
        bidirectional: Encode the block before with bidirectional LSTMs.
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
        """Return logits (B, T, classes) for ids (B, T)."""
        characters = self.embedding(ids)
        if self.encoders:
            stream = self._read_blocks(characters)
        else:
            stream = self.dropout(self.lstm(characters)[0])
        if self.attention:
            stream = stream + self.dropout(self._attend(stream, characters))
        return self.logits(stream)

    def _read_blocks(self, stream: Any) -> Any:
        """Read blocks as rows, each from the final state of the block before."""
        batch, time, width = stream.shape
        padded = nn.functional.pad(stream, (0, 0, BLOCK, 0))[:, :-BLOCK]
        before = padded.reshape(-1, BLOCK, width)  # (B * T / L, L, W)
        states = []
        for encoder in self.encoders:
            before, state = encoder(before)
            # Both directions side by side are the decoder's first state.
            states.append([part.transpose(0, 1).flatten(1)[None] for part in state])
            before = self.dropout(before)
        blocks = torch.cat([stream.reshape(-1, BLOCK, width), before], 2)
        for decoder, state in zip(self.decoders, states, strict=True):
            blocks = self.dropout(decoder(blocks, [part.contiguous() for part in state])[0])
        return blocks.reshape(batch, time, -1)

    def _attend(self, stream: Any, characters: Any) -> Any:
        # As in abcgen, keys are of the position before and values include the character.
        before = nn.functional.pad(stream, (0, 0, 1, 0))[:, :-1]
        both = torch.cat([stream, characters], 2)
        parts = self.query(stream), self.key(before), self.value(both)
        batch, time, units = stream.shape
        shape = batch, time, self.heads, units // self.heads
        heads = (part.view(shape).transpose(1, 2) for part in parts)  # (B, H, T, U / H)
        mixed = nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        return self.back(mixed.transpose(1, 2).reshape(batch, time, units))
