"""Which tunes are versions of one another, found among hundreds of thousands.

Exact: the answer is that of comparing all pairs. Three things make it quick. Tunes that share
nothing never meet, for they are looked up by gram. Of a tune's grams only the rarest are looked
up: if it must share t of its n grams with another, one of any n - t + 1 is among those shared
(prefix filtering: Chaudhuri, Ganti and Kaushik, A primitive operator for similarity joins in data
cleaning, ICDE 2006). And tunes already known to be of one family are not compared again. Grams are
gone through in portions, so that memory stays small.

Families: tunes that are versions of one another, whatever their key.

The same tune stands in many books, and a split that puts one version in training and another in
test measures memory. Tunes that share enough of their interval 8-grams are one family. Whether two
tunes are versions depends on these two alone, so that adding tunes can join families and never
divides one.

Divides tunes into training, validation and test, family by family.

Where a family goes is decided by its content alone: it stays there when other tunes are added,
unless they join it. Only where so few tunes are given that none would be left to learn from, they
all go into training, until others join them. And where a least number is to be held out, those
next in line are, until there are so many families that the shares alone are enough.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.notation.tune import Note, Rest, Tune, Tuplet, notes_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Set

    from numpy.typing import NDArray

    from abcgen.config import SplitConfig
    from abcgen.corpus.records import Extract

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


GRAM = 8


def melody_of(tune: Tune) -> list[int]:
    """The highest note at every onset, as MIDI key numbers, ties joined."""
    melody = []
    tied: Note | None = None
    for item in _singles(tune):
        if isinstance(item, Note):
            if tied is None or set(tied.pitches).isdisjoint(item.pitches):
                melody.append(max(pitch.midi for pitch in item.pitches))
            tied = item if item.tied else None
    return melody


def intervals_of(tune: Tune) -> bytes:
    """The melody's steps in semitones, one byte each: the same in every key."""
    return bytes((second - first) % 256 for first, second in pairwise(melody_of(tune)))


def fingerprint(tune: Tune, intervals: bytes | None = None) -> str:
    """A tune's identity by its notes alone: the same in every key, under every title.

    Args:
        tune: The tune.
        intervals: Its intervals, if they are known already.
    """
    steps = intervals_of(tune) if intervals is None else intervals
    durations = ",".join(map(str, _durations(tune)))
    return hashlib.sha256(steps + durations.encode()).hexdigest()


def families_of(tunes: Sequence[Tune], similarity: float) -> list[int]:
    """Group tunes into families; see ``families_by_intervals``.

    Args:
        tunes: The tunes.
        similarity: A share, 0 to 1.

    Returns:
        For every tune the index of the first tune of its family.
    """
    return families_by_intervals([intervals_of(tune) for tune in tunes], similarity)


def families_by_intervals(
    intervals: Sequence[bytes],
    similarity: float,
    *,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> list[int]:
    """Group tunes into families by their intervals.

    Two tunes are joined if the one with fewer distinct interval 8-grams shares ``similarity`` of
    them with the other; families are what hangs together by such pairs. A tune of fewer notes
    than a gram has is a version of its exact copies only.

    Args:
        intervals: Those of every tune.
        similarity: A share, 0 to 1.
        on_progress: Called now and then with the share of the work that is done.

    Returns:
        For every tune the index of the first tune of its family.
    """
    # NumPy takes a moment to load, and who only asks for a fingerprint needs none.

    firsts: dict[bytes, int] = {}
    same = [firsts.setdefault(own, index) for index, own in enumerate(intervals)]
    places = [
        index for index, own in enumerate(intervals) if same[index] == index and own[GRAM - 1 :]
    ]
    roots = kin([intervals[index] for index in places], similarity, on_progress)
    found = {index: places[root] for index, root in zip(places, roots, strict=True)}
    return [found.get(index, index) for index in same]


def alikeness(first: Set[bytes], second: Set[bytes]) -> float:
    """How much of one tune is in another: the share of its distinct 8-grams, 0 to 1.

    Measured on the one that has fewer.
    """
    return len(first & second) / min(len(first), len(second))


def enough(similarity: float, grams: int) -> int:
    """How many of its distinct grams a tune must share with a longer one to be its version."""
    return max(1, math.ceil(similarity * grams))


def grams_of(intervals: bytes) -> set[bytes]:
    """The distinct 8-grams; of fewer than eight intervals, all of them as one."""
    last = max(1, len(intervals) - GRAM + 1)
    return {intervals[start : start + GRAM] for start in range(last)}


def _singles(tune: Tune) -> Iterator[Note | Rest]:
    for bar in tune.bars:
        for item in bar.items:
            yield from notes_in(item)


def _durations(tune: Tune) -> Iterator[Fraction]:
    """How long each note and rest sounds, in whole notes."""
    for bar in tune.bars:
        for item in bar.items:
            if isinstance(item, Tuplet):
                ratio = Fraction(item.normal, item.actual)
                yield from (note.duration * ratio for note in item.items)
            else:
                yield item.duration


SCALE = 16**12
FEWEST_TO_ONE_HELD_OUT = 6


@dataclass(frozen=True, slots=True)
class Split:
    """Tunes, divided.

    Attributes:
        training: What the network learns from.
        validation: What training is watched by.
        test: What is kept for the final figure.
        families: How many families there are in all.
        fingerprint: Hash of which tune is where; equal for equal splits.
    """

    training: tuple[Extract, ...]
    validation: tuple[Extract, ...]
    test: tuple[Extract, ...]
    families: int
    fingerprint: str


def split_tunes(tunes: Sequence[Extract], config: SplitConfig) -> Split:
    """Divide tunes by family; where none would be left to learn from, none is held out.

    Args:
        tunes: The tunes.
        config: The shares held out and what makes a family.
    """
    prints = [tune.fingerprint for tune in tunes]
    families = families_by_intervals([tune.intervals for tune in tunes], config.similarity)
    # A family is named by the smallest fingerprint among its tunes, whatever their order.
    names: dict[int, str] = {}
    for family, own in zip(families, prints, strict=True):
        names[family] = min(own, names.get(family, own))
    places = _parts([*names.values()], config)
    parts = [places[names[family]] for family in families]
    if "training" not in parts:  # too few to hold any out
        parts = ["training"] * len(parts)
    chosen = {
        part: tuple(tune for tune, own in zip(tunes, parts, strict=True) if own == part)
        for part in ("training", "validation", "test")
    }
    listing = "\n".join(sorted(f"{own} {part}" for own, part in zip(prints, parts, strict=True)))
    digest = hashlib.sha256(listing.encode()).hexdigest()
    return Split(**chosen, families=len(names), fingerprint=digest)


def _parts(names: list[str], config: SplitConfig) -> dict[str, str]:
    """Where the families of those names belong, by hashes evenly spread over 0 to 1."""
    in_line = sorted(names, key=_place)
    least = min(config.least, len(names) // FEWEST_TO_ONE_HELD_OUT)
    test = max(least, sum(_place(name) < config.test for name in names))
    held_out = sum(_place(name) < config.test + config.validation for name in names)
    bounds = (test, max(test + least, held_out))
    kinds = ("test", "validation", "training")
    return {name: kinds[bisect_right(bounds, rank)] for rank, name in enumerate(in_line)}


def _place(name: str) -> float:
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) / SCALE
