"""Several texts in a row of a batch, so that all batches of a corpus have one of a few shapes.

A backend that compiles its program for every shape, as JAX does, would otherwise compile for
minutes. Between two texts of a row is one position of padding, at which a network for packed rows
forgets what it has read (``layers.ForgettingCell``, and ``CausalAttention``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

# The narrowest width is tried from this to four times that in steps; the next ones are twice as
# wide each, and the last is as wide as the longest text.
NARROWEST, STEP = 256, 32
MOST_WIDTHS = 4
MULTIPLE = 16  # of every width
# The narrowest rows with so little padding are best: an LSTM takes as many steps as a row is wide.
LITTLE_PADDING = 0.1
# Texts that the widths are chosen from.
SAMPLE = 20_000
NOTHING = -1  # instead of a text


@dataclass(frozen=True, slots=True)
class Packing:
    """The shapes of all batches of a corpus."""

    widths: tuple[int, ...]
    # Of the batches of each width.
    rows: tuple[int, ...]
    # Share of the positions that are padding.
    padding: float

    @classmethod
    def of(
        cls, lengths: NDArray[np.int64], batch_size: int, most_rows: Callable[[int], int]
    ) -> Packing:
        """Choose the shapes for texts of these lengths.

        Batches have about as many characters as ``batch_size`` texts, and at most ``most_rows`` of
        their width.
        """
        characters = batch_size * float(lengths.mean())

        def rows(width: int) -> int:
            return max(1, min(round(characters / width), most_rows(width)))

        longest = -(-int(lengths.max()) // MULTIPLE) * MULTIPLE
        # The longest is among them.
        sample = np.sort(lengths)[::-1][:: -(-lengths.size // SAMPLE)]
        best = _shapes(sample, (longest,), rows)
        for first in range(NARROWEST, 4 * NARROWEST + 1, STEP):
            packing = _shapes(sample, _widths(first, longest), rows)
            best = min(best, packing, key=lambda packing: packing.padding)
            if packing.padding < LITTLE_PADDING:
                best = packing
                break
        return _shapes(lengths, best.widths, rows)

    def batches(
        self, lengths: NDArray[np.int64], random: np.random.Generator
    ) -> list[NDArray[np.intp]]:
        """Return all texts in batches, each as indices (rows, texts); -1 is none."""
        batches = []
        for rows, count in zip(_rows(lengths, self.widths, random), self.rows, strict=True):
            most = max(map(len, rows), default=0)
            table = np.full((-(-len(rows) // count) * count, most), NOTHING, np.intp)
            # Rows without a text are divided among the batches.
            for place, row in zip(random.permutation(len(table)), rows, strict=False):
                table[place, : len(row)] = row
            batches += list(table.reshape(-1, count, most)) if rows else []
        return [batches[index] for index in random.permutation(len(batches))]

    def width(self, used: int) -> int:
        """Return the width of rows of which so many positions are used."""
        return self.widths[bisect_left(self.widths, used)]


def _widths(first: int, longest: int) -> tuple[int, ...]:
    """Return at most ``MOST_WIDTHS`` widths, the last for the longest text."""
    doubled = (first << number for number in range(MOST_WIDTHS - 1))
    return (*(width for width in doubled if width < longest), max(first, longest))


def _shapes(
    lengths: NDArray[np.int64], widths: tuple[int, ...], most_rows: Callable[[int], int]
) -> Packing:
    """Return the shapes of some widths, without those that no row has."""
    used, counts, cells = [], [], 0
    for width, rows in zip(widths, _rows(lengths, widths, np.random.default_rng(0)), strict=True):
        if rows:
            batches = -(-len(rows) // most_rows(width))
            used.append(width)
            counts.append(-(-len(rows) // batches))
            cells += batches * counts[-1] * width
    return Packing(tuple(used), tuple(counts), 1 - int(lengths.sum()) / cells)


def _rows(
    lengths: NDArray[np.int64], widths: tuple[int, ...], random: np.random.Generator
) -> list[list[list[int]]]:
    """Return the rows of each width, each as the indices of its texts.

    Best fit, the longest texts first: how many rows there are depends on the lengths alone, and
    chance decides only which of the texts of a length comes where.
    """
    by_length = defaultdict[int, list[int]](list)
    for index in random.permutation(lengths.size).tolist():
        by_length[int(lengths[index])].append(index)
    left = sorted(by_length)
    rows: list[list[list[int]]] = [[] for _ in widths]
    while left:
        number = bisect_left(widths, left[-1])
        rows[number].append(list(_fill(widths[number], left, by_length)))
    return rows


def _fill(width: int, left: list[int], by_length: dict[int, list[int]]) -> Iterator[int]:
    """Take texts for a row: always the longest that is left and fits."""
    while place := bisect_right(left, width):
        length = left[place - 1]
        yield by_length[length].pop()
        if not by_length[length]:
            del left[place - 1]
        width -= length + 1  # and a position of padding before the next
