"""What a network learns from: whole texts, each with what is scored of it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One whole tune as the network reads and writes it.

    Attributes:
        text: All of it, without begin and end marks.
        unscored: Number of leading characters that are given rather than scored.
        notes: Number of notes in it, by which bits per note is divided.
    """

    text: str
    unscored: int = 0
    notes: int = 0

    @property
    def scored(self) -> int:
        """Number of characters that are scored, the end mark among them."""
        return len(self.text) + 1 - min(self.unscored, len(self.text))


@dataclass(frozen=True, slots=True)
class Bits:
    """How surprising texts were to a network.

    Attributes:
        total: Sum of -log2 of the probability of every scored character and end mark.
        characters: Number of scored characters and end marks.
        notes: Number of notes in the texts.
        accuracy: Share of scored characters that were thought the likeliest; NaN if not looked at.
    """

    total: float
    characters: int
    notes: int
    accuracy: float = math.nan

    @property
    def per_character(self) -> float:
        """Bits per scored character; NaN where nothing is scored."""
        return self.total / self.characters if self.characters else math.nan

    @property
    def per_note(self) -> float:
        """Bits per note, which compares networks of different alphabets; NaN without notes."""
        return self.total / self.notes if self.notes else math.nan
