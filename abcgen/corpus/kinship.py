"""Which tunes are versions of one another, found among hundreds of thousands.

Exact: the answer is that of comparing all pairs. Three things make it quick. Tunes that share
nothing never meet, for they are looked up by gram. Of a tune's grams only the rarest are looked
up: if it must share t of its n grams with another, one of any n - t + 1 is among those shared
(prefix filtering: Chaudhuri, Ganti and Kaushik, A primitive operator for similarity joins in data
cleaning, ICDE 2006). And tunes already known to be of one family are not compared again. Grams are
gone through in portions, so that memory stays small.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.corpus.families import GRAM, enough, grams_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

PORTION = 1_000_000  # grams sorted at a time
SIGNATURE = 128  # bytes of a tune's signature
REMEMBERED = 300_000  # pairs known to be strangers
TOLD_EVERY = 1000  # groups of tunes
SETS = 4096  # tunes whose grams are kept as sets
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: spreads grams evenly


def kin(
    intervals: Sequence[bytes], similarity: float, on_progress: Callable[[float], None]
) -> list[int]:
    """Group tunes that are versions of one another.

    Args:
        intervals: Those of every tune: at least a gram's, no two alike.
        similarity: The share of grams that makes two tunes versions.
        on_progress: Called now and then with the share of the work that is done.

    Returns:
        For every tune the index of the first tune of its group.
    """
    if not intervals:
        return []
    index = _GramIndex(intervals)
    judge = _Judge(intervals, index, similarity)
    rarest = index.rarest(similarity)
    for part in range(index.parts):
        postings = index.postings(part)
        groups, ends = _open_groups(postings, rarest, judge.roots), postings.ends
        for done, group in enumerate(groups):
            begin, end = postings.starts[group], ends[group]
            owners, asking = postings.owners[begin:end], rarest[postings.places[begin:end]]
            judge.settle(owners.tolist(), owners[asking].tolist())
            if done % TOLD_EVERY == 0:
                on_progress((part + done / len(groups)) / index.parts)
    return judge.roots.listed()


class _Postings(NamedTuple):
    """Some grams and the tunes they are in, gram by gram.

    Attributes:
        places: Where the gram begins in the text of all tunes; the first time in each tune.
        owners: The tune.
        starts: Where in these two the tunes of each gram begin.
    """

    places: Indices
    owners: Indices
    starts: Indices

    @property
    def ends(self) -> Indices:
        """Where in these two the tunes of each gram end."""
        return np.append(self.starts[1:], len(self.owners))

    @property
    def counts(self) -> Indices:
        """How many tunes each gram is in."""
        return self.ends - self.starts


class _GramIndex:
    """All grams of all tunes, a portion at a time.

    Attributes:
        parts: How many portions there are.
        sizes: How many distinct grams each tune has.
        signatures: For every tune a bit set by each of its grams.
    """

    def __init__(self, intervals: Sequence[bytes]) -> None:
        text = np.frombuffer(b"".join(intervals), dtype=np.uint8)
        lengths = np.array([len(own) for own in intervals])
        self._ends = np.cumsum(lengths)
        # Every eight bytes of the text, overlapping, as one number; those that reach into the
        # next tune are no grams.
        self._words = np.ndarray((len(text) - GRAM + 1,), "<u8", text.data, strides=(1,))
        self._is_gram = np.ones(len(text), dtype=bool)
        for back in range(1, GRAM):
            self._is_gram[self._ends - back] = False
        self.parts = 1 + len(text) // PORTION
        self._ranks = np.zeros(len(text), dtype=np.uint8)
        self.sizes = np.zeros(len(intervals), dtype=np.int64)
        self.signatures = np.zeros((len(intervals), SIGNATURE), dtype=np.uint8)
        for part in range(self.parts):
            self._count(self.postings(part))

    def postings(self, part: int) -> _Postings:
        """The tunes of every gram in a portion."""
        places = np.concatenate(list(self._places(part)))
        words = self._words[places]
        order = np.argsort(words, kind="stable")
        places, words = places[order], words[order]
        owners = np.searchsorted(self._ends, places, side="right")
        new_word = np.diff(words, prepend=~words[:1]) != 0
        first = new_word | (np.diff(owners, prepend=-1) != 0)
        starts = np.flatnonzero(new_word[first])
        return _Postings(places[first], owners[first], starts)

    def rarest(self, similarity: float) -> NDArray[np.bool_]:
        """Which grams of the text must be looked up so that no version is missed."""
        chosen = np.zeros(len(self._ranks), dtype=bool)
        begin = 0
        for end, size in zip(self._ends.tolist(), self.sizes.tolist(), strict=True):
            own = self._ranks[begin:end]
            ordered = sorted(own.tobytes().replace(b"\0", b""))
            limit = ordered[size - enough(similarity, size)]
            chosen[begin:end] = (own > 0) & (own <= limit)
            begin = end
        return chosen

    def _places(self, part: int) -> Iterator[Indices]:
        """Where the grams of a portion begin: those whose hash falls to it."""
        for begin in range(0, len(self._words), PORTION):
            words = self._words[begin : begin + PORTION]
            mine = (words * _MIX >> np.uint64(40)) % np.uint64(self.parts) == part
            yield begin + np.flatnonzero(mine & self._is_gram[begin : begin + len(words)])

    def _count(self, postings: _Postings) -> None:
        """Note how common the grams are, as eighths of octaves, and what they set in a tune."""
        counts = postings.counts
        ranks = (1 + np.floor(8 * np.log2(counts))).astype(np.uint8)
        self._ranks[postings.places] = np.repeat(ranks, counts)
        self.sizes += np.bincount(postings.owners, minlength=len(self.sizes))
        bits = (self._words[postings.places] * _MIX >> np.uint64(54)).astype(np.int64)
        signs = (1 << (bits & 7)).astype(np.uint8)
        np.bitwise_or.at(self.signatures, (postings.owners, bits >> 3), signs)


def _open_groups(postings: _Postings, rarest: NDArray[np.bool_], roots: _Roots) -> Indices:
    """The grams, by their place among the postings, that still have something to tell.

    They are in tunes that are not all of one family, and one of those looks them up.
    """
    family = np.array(roots.listed())[postings.owners]
    lowest = np.minimum.reduceat(family, postings.starts)
    highest = np.maximum.reduceat(family, postings.starts)
    is_asked = np.logical_or.reduceat(rarest[postings.places], postings.starts)
    groups = np.flatnonzero(is_asked & (lowest != highest))
    # Neighbours by their first tune are often the grams of the same tunes.
    return groups[np.argsort(postings.owners[postings.starts[groups]], kind="stable")]


class _Roots:
    """Which tunes hang together: a union-find whose roots are the first of each group."""

    def __init__(self, number: int) -> None:
        self._parents = list(range(number))

    def of(self, index: int) -> int:
        """The first of the group."""
        parents = self._parents
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    def join(self, first: int, second: int) -> int:
        """Make two groups one, and return its first."""
        low, high = sorted((self.of(first), self.of(second)))
        self._parents[high] = low
        return low

    def listed(self) -> list[int]:
        """The first of every tune's group."""
        return [self.of(index) for index in range(len(self._parents))]


class _Judge:
    """Compares tunes, none twice if it can help it.

    Attributes:
        roots: What hangs together so far.
    """

    def __init__(self, intervals: Sequence[bytes], index: _GramIndex, similarity: float) -> None:
        self.roots = _Roots(len(intervals))
        self._sizes: list[int] = index.sizes.tolist()
        self._signatures = index.signatures
        self._similarity = similarity
        self._strangers: set[int] = set()
        self._grams = lru_cache(maxsize=SETS)(lambda place: frozenset(grams_of(intervals[place])))

    def settle(self, owners: Sequence[int], asking: Sequence[int]) -> None:
        """Join those of some tunes that are versions of one that asks and is no longer than they.

        Args:
            owners: Tunes that share a gram.
            asking: Those of them to be compared with all the others.
        """
        groups: dict[int, list[int]] = {}
        for owner in owners:
            groups.setdefault(self.roots.of(owner), []).append(owner)
        for place in asking:
            for other in [root for root in groups if root != self.roots.of(place)]:
                if any(self._is_version(place, candidate) for candidate in groups[other]):
                    merged = groups.pop(self.roots.of(place)) + groups.pop(other)
                    groups[self.roots.join(place, other)] = merged
            if len(groups) == 1:
                return

    def _is_version(self, place: int, candidate: int) -> bool:
        size = self._sizes[place]
        pair = place * len(self._sizes) + candidate
        if size > self._sizes[candidate] or pair in self._strangers:
            return False
        needed = enough(self._similarity, size)
        # A bit that only this tune sets is a gram, or more, that the other does not have.
        own, others = self._signature(place), self._signature(candidate)
        if size - (own & ~others).bit_count() < needed:
            return False
        if len(self._grams(place) & self._grams(candidate)) >= needed:
            return True
        if len(self._strangers) >= REMEMBERED:
            self._strangers.clear()
        self._strangers.add(pair)
        return False

    def _signature(self, place: int) -> int:
        return int.from_bytes(self._signatures[place].tobytes(), "little")
