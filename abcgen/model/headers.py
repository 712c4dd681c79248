"""Headers of texts are sampled at a temperature of their own.

Rhythm, metre, mode and form vary as in the tunes learnt, while the music is drawn more carefully.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abcgen.model.vocabulary import PADDING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abcgen.config import SampleConfig
    from abcgen.model.vocabulary import Vocabulary

# The first letters of a header's lines, and of those after which the music may begin.
LINES, LAST_LINES = "RMKP", "KP"


class Headers:
    """Which of N texts are in their header, and the temperature there.

    Args:
        vocabulary: The tokens.
        size: The number of texts.
        config: The temperatures.
    """

    def __init__(self, vocabulary: Vocabulary, size: int, config: SampleConfig) -> None:
        self._music = config.temperature
        header = config.header_temperature
        self._header = self._music if header is None else header
        ids = {character: id_ for id_, character in enumerate(vocabulary.tokens) if character}
        self._newline = ids.get("\n", PADDING)
        self._lines = [ids[letter] for letter in LINES if letter in ids]
        self._last_lines = [ids[letter] for letter in LAST_LINES if letter in ids]
        # The first token of the current line, ``PADDING`` before it.
        self._line = np.full(size, PADDING, np.int32)  # (N,)
        self._inside = np.full(size, bool(self._lines))  # (N,)

    def advance(self, rows: NDArray[np.intp], tokens: NDArray[np.int32]) -> None:
        """Read the next token of the texts in these rows, both (B,)."""
        line = self._line[rows]  # (B,)
        is_first, is_newline = line == PADDING, tokens == self._newline
        inside = np.where(is_first, np.isin(tokens, self._lines), self._inside[rows])
        # After its last line the next token decides.
        self._inside[rows] = np.where(is_newline, ~np.isin(line, self._last_lines), inside)
        self._line[rows] = np.where(is_newline, PADDING, np.where(is_first, tokens, line))

    def temperatures(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the temperatures of the next tokens of the texts in these rows, (B, 1)."""
        return np.where(self._inside[rows, None], self._header, self._music)
