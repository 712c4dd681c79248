"""A tune as networks and baselines see it: its text, and the counts that its score needs."""

from __future__ import annotations

from dataclasses import dataclass

# In a text shown with a gap, ``before…after…gap``: where the gap is, and then what was in it.
GAP_MARK = "…"


@dataclass(frozen=True, slots=True)
class Example:
    """The text of one whole tune, without begin and end marks."""

    text: str
    # Number of leading characters, the ``R:`` line, that are given and not predicted.
    unscored: int = 0
    # Number of note letters in the text, by which bits per note are divided.
    notes: int = 0

    @property
    def scored(self) -> int:
        """Number of characters that are scored, with the end mark."""
        return len(self.text) + 1 - min(self.unscored, len(self.text))
