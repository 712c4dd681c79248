"""Which passages a sequence shares with many others, found through a suffix array.

Sequences are bytes, two to a symbol. All of them are laid end to end, and the places where their
suffixes begin are sorted; what a new sequence shares with any of them then takes a binary search
for each of its symbols.
Source: Manber & Myers, "Suffix arrays: a new method for on-line string searches", SIAM Journal on
Computing 22(5), 1993.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.errors import CheckpointError
from abcgen.files import damaged, read_bounded, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH = 2
SEPARATOR = b"\0" * WIDTH  # no symbol; it ends every sequence
MAX_BYTES = 1_000_000_000


class Match(NamedTuple):
    """A passage found.

    Attributes:
        length: Its length in symbols.
        owner: Index of a sequence that has it.
    """

    length: int
    owner: int


@dataclass(frozen=True, slots=True)
class Passages:
    """All passages of some sequences.

    Attributes:
        text: The sequences end to end, each followed by a separator.
        order: Where suffixes begin, in symbols, sorted by the suffixes; int32.
        starts: Where each sequence begins, in symbols; int32.
    """

    text: bytes
    order: NDArray[np.int32]
    starts: NDArray[np.int32]

    @classmethod
    def of(cls, sequences: Sequence[bytes]) -> Passages:
        """The passages of sequences."""
        sizes = [len(sequence) // WIDTH + 1 for sequence in sequences]
        starts = np.cumsum([0, *sizes[:-1]] if sizes else [], dtype=np.int32)
        text = b"".join(sequence + SEPARATOR for sequence in sequences)
        return cls(text, _sorted_suffixes(text), starts)

    @property
    def sequences(self) -> list[bytes]:
        """The sequences that they are of."""
        ends = [*self.starts.tolist(), len(self.text) // WIDTH][1:]
        return [
            self.text[WIDTH * start : WIDTH * (end - 1)]
            for start, end in zip(self.starts.tolist(), ends, strict=True)
        ]

    def longest_from(self, query: bytes, start: int) -> Match:
        """The longest passage that begins at a symbol of ``query``; its length may be 0."""
        wanted = query[WIDTH * start :]
        place = bisect_left(self.order, wanted, key=lambda at: self._at(at, len(wanted)))
        neighbours = [int(at) for at in self.order[max(0, place - 1) : place + 1]]
        lengths = [(_common(wanted, self._at(at, len(wanted))), at) for at in neighbours]
        length, at = max(lengths, default=(0, 0))
        owner = bisect_right(self.starts, at) - 1
        return Match(length, owner)

    def _at(self, place: int, length: int) -> bytes:
        begin = WIDTH * int(place)
        return self.text[begin : begin + length]

    def write(self, path: Path) -> None:
        """Write them as safetensors.

        Raises:
            OutputError: if the file cannot be written.
        """
        from safetensors.numpy import save  # noqa: PLC0415 - only training writes

        arrays: dict[str, NDArray[Any]] = {
            "text": np.frombuffer(self.text, np.uint8),
            "order": self.order,
            "starts": self.starts,
        }
        write_atomically(path, save(arrays))

    @classmethod
    def read(cls, path: Path) -> Passages:
        """Read what ``write`` wrote, trusting nothing.

        Raises:
            CheckpointError: if the file is missing or damaged.
        """
        from safetensors import SafetensorError  # noqa: PLC0415 - only where it is used
        from safetensors.numpy import load  # noqa: PLC0415

        try:
            arrays = load(read_bounded(path, MAX_BYTES))
            text, order, starts = (arrays[name] for name in ("text", "order", "starts"))
        except (SafetensorError, KeyError, ValueError) as error:
            raise damaged(path, str(error)[:200]) from error
        _check(path, text, order, starts)
        return cls(text.tobytes(), order, starts)


def _check(path: Path, text: NDArray[np.uint8], *indices: NDArray[np.int32]) -> None:
    size = text.size // WIDTH
    is_sound = text.dtype == np.uint8 and text.ndim == 1
    for index in indices:
        is_sound &= index.dtype == np.int32 and index.ndim == 1
        is_sound = is_sound and not ((index < 0) | (index > size)).any()
    starts = indices[-1]
    is_sound = is_sound and text.size % WIDTH == 0 and bool((np.diff(starts) > 0).all())
    is_sound = is_sound and starts[:1].tolist() == [0] * bool(size) and not (starts >= size).any()
    if not is_sound:
        raise CheckpointError(f"{path} is damaged: no index of passages")


def _common(first: bytes, second: bytes) -> int:
    """How many symbols two sequences have in common at their beginnings."""
    low, high = 0, min(len(first), len(second)) // WIDTH
    while low < high:
        middle = (low + high + 1) // 2
        same = first[: WIDTH * middle] == second[: WIDTH * middle]
        low, high = (middle, high) if same else (low, middle - 1)
    return low


def _sorted_suffixes(text: bytes) -> NDArray[np.int32]:
    """Where suffixes begin, sorted, by prefix doubling; only those that begin with a symbol."""
    symbols = np.frombuffer(text, ">u2").astype(np.int64)
    ranks, width = symbols, 1
    order = np.argsort(ranks, kind="stable")
    ends = np.flatnonzero(symbols == 0)
    longest = int(np.diff(ends, prepend=-1).max(initial=0))
    while width < longest:
        following = np.zeros_like(ranks)
        following[:-width] = ranks[width:]
        keys = ranks * (ranks.max() + 1) + following
        order = np.argsort(keys, kind="stable")
        ranks = np.empty_like(ranks)
        ranks[order] = np.cumsum(np.diff(keys[order], prepend=keys[order[:1]]) != 0)
        width *= 2
    kept: NDArray[np.int32] = order[symbols[order] != 0].astype(np.int32)
    return kept
