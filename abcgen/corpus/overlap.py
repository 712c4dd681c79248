"""Corpus overlap: the longest passage that a tune shares with the training tunes, in any key.

A tune becomes a sequence of symbols in which a passage is the same in every key. A suffix array
indexes the sequences of all training tunes, and a binary search for each symbol of a new tune
compares it with all of them.
Source: Manber & Myers, "Suffix arrays: a new method for on-line string searches", SIAM Journal on
Computing 22(5), 1993.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from abcgen.errors import CheckpointError, InputError
from abcgen.files import damaged, read_bounded, write_atomically
from abcgen.notation.analysis import melody_of
from abcgen.notation.model_text import read_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from abcgen.corpus.bounds import TuneBounds
    from abcgen.corpus.records import Extract
    from abcgen.notation.tune import Tune

# A symbol is a byte for an interval or rest, and a byte for a duration.
SYMBOL_BYTES = 2
SEPARATOR = b"\0\0"  # ends every sequence in an index, and is no symbol
REST = 1
UNISON = 128  # added to intervals, which may be negative
DURATION_UNITS = 96  # per whole note, so that sixteenths and their triplets are whole numbers
MAX_INDEX_BYTES = 1_000_000_000

Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Bars = Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class MelodySequence:
    """The melody of a tune as symbols."""

    # A symbol for every note and rest, except the last note, which no interval follows.
    symbols: bytes
    # When each symbol begins, and when the last ends: in bars, or in free metre in whole notes.
    times: tuple[float, ...]

    def bars(self, start: int, length: int) -> float:
        """Return the duration in bars of *length* symbols from *start*."""
        return self.times[start + length] - self.times[start]

    def __len__(self) -> int:
        return len(self.times) - 1


def melody_sequence(tune: Tune) -> MelodySequence:
    """Return the melody of a tune, its highest notes with ties joined, as symbols."""
    symbols, durations = bytearray(), []
    following: int | None = None
    # Backwards, because a symbol holds the interval to the next note.
    for pitch, duration in reversed(melody_of(tune.bars)):
        if following is not None:
            interval = REST if pitch is None else min(max(following - pitch + UNISON, 2), 255)
            symbols += bytes((interval, min(max(round(duration * DURATION_UNITS), 1), 255)))
            durations.append(duration)
        following = following if pitch is None else pitch
    # Reversing all bytes puts each symbol's duration first.
    bar = tune.metre.bar_duration or Fraction(1)
    times = accumulate(reversed(durations), initial=Fraction(0))
    return MelodySequence(bytes(reversed(symbols)), tuple(float(time / bar) for time in times))


class Match(NamedTuple):
    """A passage found in an index."""

    length: int  # in symbols
    owner: int  # index of a sequence that contains it
    start: int = 0  # where it begins there, in symbols


@dataclass(frozen=True, slots=True)
class SuffixArray:
    """An index of all passages of some sequences."""

    # All sequences, each followed by a separator.
    text: bytes
    # Where suffixes of the text begin, in symbols, in the order of the suffixes.
    order: NDArray[np.int32]  # (all symbols that are not separators,)
    # Where each sequence begins, in symbols.
    starts: NDArray[np.int32]  # (sequences,)

    @classmethod
    def of(cls, sequences: Sequence[bytes]) -> SuffixArray:
        """Return an index of sequences."""
        # Sizes in symbols, including the separator.
        sizes = [len(sequence) // SYMBOL_BYTES + 1 for sequence in sequences]
        starts = np.cumsum([0, *sizes[:-1]] if sizes else [], dtype=np.int32)
        text = b"".join(sequence + SEPARATOR for sequence in sequences)
        return cls(text, _sorted_suffixes(text), starts)

    @property
    def sequences(self) -> list[bytes]:
        """The sequences that were indexed."""
        starts = self.starts.tolist()
        ends = [*starts, len(self.text) // SYMBOL_BYTES][1:]
        return [
            self.text[SYMBOL_BYTES * start : SYMBOL_BYTES * (end - 1)]
            for start, end in zip(starts, ends, strict=True)
        ]

    def longest_match(self, query: bytes, start: int) -> Match:
        """Return the longest passage that begins at symbol *start* of a query; it may be empty."""
        query = query[SYMBOL_BYTES * start :]
        rank = bisect_left(self.order, query, key=lambda at: self._passage(at, len(query)))
        # The neighbours of the query's place in the order share the longest prefix with it.
        neighbours = [int(at) for at in self.order[max(0, rank - 1) : rank + 1]]
        lengths = [(_common_prefix(query, self._passage(at, len(query))), at) for at in neighbours]
        length, at = max(lengths, default=(0, 0))
        owner = bisect_right(self.starts, at) - 1
        return Match(length, owner, at - int(self.starts[owner]) if owner >= 0 else 0)

    def _passage(self, start: int, size: int) -> bytes:
        begin = SYMBOL_BYTES * int(start)
        return self.text[begin : begin + size]

    def write(self, path: Path) -> None:
        """Write the index as safetensors.

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
    def read(cls, path: Path) -> SuffixArray:
        """Read an index from an untrusted file.

        Raises:
            CheckpointError: if the file is missing or damaged.
        """
        from safetensors import SafetensorError  # noqa: PLC0415 - only where it is used
        from safetensors.numpy import load  # noqa: PLC0415

        try:
            arrays = load(read_bounded(path, MAX_INDEX_BYTES))
            text, order, starts = (arrays[name] for name in ("text", "order", "starts"))
        except (SafetensorError, KeyError, ValueError) as error:
            raise damaged(path, str(error)[:200]) from error
        if not _is_index(text, order, starts):
            raise CheckpointError(f"{path} is damaged: no index of passages")
        return cls(text.tobytes(), order, starts)


def _is_index(text: NDArray[Any], order: NDArray[Any], starts: NDArray[Any]) -> bool:
    """Return whether arrays have the right types, and all indices are within the text."""
    size = text.size // SYMBOL_BYTES
    if text.dtype != np.uint8 or text.ndim != 1 or text.size % SYMBOL_BYTES:
        return False
    for indices in (order, starts):
        if indices.dtype != np.int32 or indices.ndim != 1:
            return False
        if ((indices < 0) | (indices > size)).any():
            return False
    # Sequences begin at 0, one after another, and end within the text.
    starts_at_0 = starts[:1].tolist() == ([0] if size else [])
    return starts_at_0 and bool((np.diff(starts) > 0).all()) and not (starts >= size).any()


def _common_prefix(first: bytes, second: bytes) -> int:
    """Return the number of symbols that two sequences have in common at the beginning."""
    # Slices compare so fast that bisection beats a loop over symbols.
    low, high = 0, min(len(first), len(second)) // SYMBOL_BYTES
    while low < high:
        middle = (low + high + 1) // 2
        same = first[: SYMBOL_BYTES * middle] == second[: SYMBOL_BYTES * middle]
        low, high = (middle, high) if same else (low, middle - 1)
    return low


def _sorted_suffixes(text: bytes) -> NDArray[np.int32]:
    """Return the suffix array of a text, by prefix doubling, without suffixes of separators."""
    symbols = np.frombuffer(text, ">u2").astype(np.int64)
    ranks, width = symbols, 1
    order = np.argsort(ranks, kind="stable")
    ends = np.flatnonzero(symbols == 0)
    longest = int(np.diff(ends, prepend=-1).max(initial=0))
    # `ranks` orders suffixes by their first `width` symbols; pairs of ranks, by twice that number.
    while width < longest:
        following = np.zeros_like(ranks)
        following[:-width] = ranks[width:]
        pairs = ranks * (ranks.max() + 1) + following
        order = np.argsort(pairs, kind="stable")
        ranks = np.empty_like(ranks)
        ranks[order] = np.cumsum(np.diff(pairs[order], prepend=pairs[order[:1]]) != 0)
        width *= 2
    suffixes: NDArray[np.int32] = order[symbols[order] != 0].astype(np.int32)
    return suffixes


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """Facts about the tunes that a network was trained on."""

    # Titles, in the order of the sequences in the index.
    names: tuple[str, ...]
    # Numbers of tunes by value.
    metres: dict[str, Count]
    modes: dict[str, Count]
    rhythms: dict[str, Count]
    # For every held-out tune, the bars of its longest passage shared with a training tune; sorted.
    shared: tuple[Bars, ...]

    @classmethod
    def of(cls, tunes: Sequence[Extract], shared: Iterable[float]) -> TrainingFacts:
        """Return the facts about tunes."""
        headers = [read_header(tune.example.text) for tune in tunes]
        return cls(
            tuple(tune.title for tune in tunes),
            dict(Counter(f"{header.metre.beats}/{header.metre.unit}" for header in headers)),
            dict(Counter(header.mode for header in headers)),
            dict(Counter(filter(None, (header.rhythm for header in headers)))),
            tuple(sorted(shared)),
        )

    def __add__(self, other: TrainingFacts) -> TrainingFacts:
        """Return the facts about the tunes of both."""
        return TrainingFacts(
            self.names + other.names,
            dict(Counter(self.metres) + Counter(other.metres)),
            dict(Counter(self.modes) + Counter(other.modes)),
            dict(Counter(self.rhythms) + Counter(other.rhythms)),
            tuple(sorted(self.shared + other.shared)),
        )

    def to_json(self) -> dict[str, object]:
        """Return the facts as JSON's own types."""
        return asdict(self) | {"names": [*self.names], "shared": [*self.shared]}

    @classmethod
    def from_json(cls, data: object) -> TrainingFacts:
        """Read facts from untrusted JSON.

        Raises:
            InputError: if it is invalid.
        """
        try:
            facts = TypeAdapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = "/".join(map(str, first["loc"]))[:80]
            raise InputError(f"facts about the training tunes: {place}: {first['msg']}") from error
        return replace(facts, shared=tuple(sorted(facts.shared)))


@dataclass(frozen=True, slots=True)
class Overlap:
    """The longest passage that a tune shares with a training tune."""

    bars: float
    title: str  # of the training tune
    # The share of held-out tunes whose longest shared passage is no longer; None if none were held
    # out.
    share: float | None

    def __str__(self) -> str:
        where = f", more than {self.share:.0%} of real tunes do" if self.share is not None else ""
        return f"{self.bars:.1f} bars as in {self.title!r}{where}"


@dataclass(frozen=True, slots=True)
class TrainingTunes:
    """The tunes that a network was trained on, indexed."""

    index: SuffixArray
    facts: TrainingFacts
    # None in checkpoints that were written before there were bounds.
    bounds: TuneBounds | None = None

    def compare(self, tune: Tune) -> Overlap:
        """Return the longest passage that a tune shares with one of them."""
        bars, match, _ = longest_overlap(self.index, melody_sequence(tune))
        owner = match.owner
        names, shared = self.facts.names, self.facts.shared
        title = names[owner] if bars and owner < len(names) else ""
        # Bars are sums of floats: equal lengths may differ by rounding.
        share = bisect_right(shared, bars - 1e-9) / len(shared) if shared else None
        return Overlap(bars, title, share)


def longest_overlap(index: SuffixArray, melody: MelodySequence) -> tuple[float, Match, int]:
    """Return the longest shared passage: its bars, where it was found, and where it begins."""
    most_bars, best, begin = 0.0, Match(0, 0), 0
    for start in range(len(melody)):
        if melody.bars(start, len(melody) - start) <= most_bars:
            break  # the rest of the tune is shorter
        match = index.longest_match(melody.symbols, start)
        bars = melody.bars(start, match.length)
        if bars > most_bars:
            most_bars, best, begin = bars, match, start
    return most_bars, best, begin
