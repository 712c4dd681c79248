"""Families of tunes that are versions of one another, and splits that never divide a family.

The same tune is in many books, and a split that puts one version in training and another in test
would measure memory. Two tunes are versions of one another if the one with fewer distinct 8-grams
of intervals shares enough of them with the other. This depends on these two tunes alone, so adding
tunes can join families but never divide one. A family is a connected component of versions.

Families are found by an exact set similarity join, with the same result as comparing all pairs.
Prefix filtering makes it fast: a tune that must share t of its n grams with another shares at least
one of any n - t + 1, so only its n - t + 1 rarest grams are looked up in an inverted index.
Sources: Chaudhuri, Ganti & Kaushik, "A primitive operator for similarity joins in data cleaning",
ICDE 2006; Bayardo, Ma & Srikant, "Scaling up all pairs similarity search", WWW 2007.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.errors import InputError
from abcgen.notation.tune import Note
from abcgen.notation.walk import sounding_durations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set

    from numpy.typing import NDArray

    from abcgen.config import SplitConfig
    from abcgen.corpus.records import Extract
    from abcgen.notation.tune import Tune

    Indices = NDArray[np.int64]

GRAM = 8  # intervals
PARTITION_BYTES = 1_000_000  # of intervals whose grams are sorted at a time: bounds memory
SIGNATURE_BYTES = 128  # of a tune's bitmap of hashed grams
MAX_CACHED_PAIRS = 300_000  # pairs known not to be versions
MAX_CACHED_SETS = 4096  # tunes whose grams are kept as sets
PROGRESS_INTERVAL = 1000  # grams
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: spreads hashes evenly


def intervals_of(tune: Tune) -> bytes:
    """Return the melody's intervals in semitones, one byte each: the same in every key."""
    # The highest note at every onset, ties joined. Unlike in `analysis.melody_of`, a rest does not
    # end a tie: fingerprints depend on it.
    melody = []
    tied: Note | None = None
    for note in tune.notes:
        if isinstance(note, Note):
            # A tied chord continues if any of its keys does.
            if tied is None or set(tied.pitches).isdisjoint(note.pitches):
                melody.append(max(pitch.midi for pitch in note.pitches))
            tied = note if note.tied else None
    return bytes((second - first) % 256 for first, second in pairwise(melody))


def fingerprint(tune: Tune, intervals: bytes | None = None) -> str:
    """Return a hash of a tune's notes, the same in every key and under every title.

    Args:
        tune: The tune.
        intervals: Its intervals, if they are already known.
    """
    if intervals is None:
        intervals = intervals_of(tune)
    durations = (str(duration) for bar in tune.bars for _, duration in sounding_durations(bar))
    return hashlib.sha256(intervals + ",".join(durations).encode()).hexdigest()


def grams_of(intervals: bytes) -> set[bytes]:
    """Return the distinct 8-grams of intervals; fewer than eight intervals are one gram."""
    last = max(1, len(intervals) - GRAM + 1)
    return {intervals[start : start + GRAM] for start in range(last)}


def containment(first: Set[bytes], second: Set[bytes]) -> float:
    """Return the share of the smaller set that is in the other, from 0 to 1."""
    return len(first & second) / min(len(first), len(second))


def grams_needed(similarity: float, grams: int) -> int:
    """Return the number of its distinct grams that a tune must share with a version."""
    return max(1, math.ceil(similarity * grams))


def families_of(tunes: Sequence[Tune], similarity: float) -> list[int]:
    """Group tunes into families; see `families_by_intervals`."""
    return families_by_intervals([intervals_of(tune) for tune in tunes], similarity)


def families_by_intervals(
    intervals: Sequence[bytes],
    similarity: float,
    *,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> list[int]:
    """Group tunes into families by their intervals.

    A tune with fewer intervals than a gram is a version only of its exact copies.

    Args:
        intervals: The intervals of every tune.
        similarity: The share of the smaller tune's grams that makes two tunes versions, 0 to 1.
        on_progress: Called now and then with the share of the work done.

    Returns:
        For every tune, the index of the first tune of its family.
    """
    # Exact copies are joined first, and only one of each is compared with other tunes.
    first_copies: dict[bytes, int] = {}
    copy_of = [first_copies.setdefault(melody, index) for index, melody in enumerate(intervals)]
    distinct = [
        index
        for index, melody in enumerate(intervals)
        if copy_of[index] == index and len(melody) >= GRAM
    ]
    roots = _join_versions([intervals[index] for index in distinct], similarity, on_progress)
    family = {index: distinct[root] for index, root in zip(distinct, roots, strict=True)}
    return [family.get(index, index) for index in copy_of]


def _join_versions(
    intervals: Sequence[bytes], similarity: float, on_progress: Callable[[float], None]
) -> list[int]:
    """Group distinct tunes, each of at least one gram, into families."""
    if not intervals:
        return []
    # 1) Count all grams, and choose each tune's rarest to be looked up.
    index = _GramIndex(intervals)
    is_looked_up = index.prefixes(similarity)
    families = _UnionFind(len(intervals))
    join = _VersionJoin(intervals, index, similarity, families)
    for partition in range(index.partitions):
        # 2) Build the inverted index of a partition of the grams.
        postings = index.postings(partition)
        groups, ends = _open_groups(postings, is_looked_up, families), postings.ends
        for done, group in enumerate(groups):
            # 3) Among the tunes that share a gram, compare those that look it up with all others.
            begin, end = postings.starts[group], ends[group]
            owners = postings.owners[begin:end]
            probes = owners[is_looked_up[postings.positions[begin:end]]]
            join.compare(owners.tolist(), probes.tolist())
            if done % PROGRESS_INTERVAL == 0:
                on_progress((partition + done / len(groups)) / index.partitions)
    return families.roots()


class _Postings(NamedTuple):
    """An inverted index: grams and the tunes they are in, gram by gram."""

    # Where a gram first begins in a tune, as an index of the text of all tunes.
    positions: Indices  # (postings,)
    # That tune.
    owners: Indices  # (postings,)
    # Where the postings of each gram begin in `positions` and `owners`.
    starts: Indices  # (grams,)

    @property
    def ends(self) -> Indices:
        """Where the postings of each gram end."""
        return np.append(self.starts[1:], len(self.owners))


class _GramIndex:
    """All grams of all tunes, one partition at a time: grams are divided by their hashes."""

    def __init__(self, intervals: Sequence[bytes]) -> None:
        text = np.frombuffer(b"".join(intervals), dtype=np.uint8)
        self._ends = np.cumsum([len(melody) for melody in intervals])
        # Every eight bytes of the text as one number, overlapping. Those that reach into the next
        # tune are not grams.
        self._words = np.ndarray((len(text) - GRAM + 1,), "<u8", text.data, strides=(1,))
        self._is_gram = np.ones(len(text), dtype=bool)
        for back in range(1, GRAM):
            self._is_gram[self._ends - back] = False
        self.partitions = 1 + len(text) // PARTITION_BYTES
        # How common the gram at each position is; 0 if it is not its first occurrence in the tune.
        self._ranks = np.zeros(len(text), dtype=np.uint8)
        # Of each tune, the number of distinct grams, and a bitmap with the bit of each gram's hash.
        self.sizes = np.zeros(len(intervals), dtype=np.int64)
        self.signatures = np.zeros((len(intervals), SIGNATURE_BYTES), dtype=np.uint8)
        for partition in range(self.partitions):
            postings = self.postings(partition)
            # Eight times the binary logarithm fits a byte, and is fine enough to order by.
            counts = postings.ends - postings.starts
            ranks = (1 + np.floor(8 * np.log2(counts))).astype(np.uint8)
            self._ranks[postings.positions] = np.repeat(ranks, counts)
            self.sizes += np.bincount(postings.owners, minlength=len(self.sizes))
            # The ten highest bits of a gram's hash choose one of the signature's 1,024 bits.
            bits = (self._words[postings.positions] * _GOLDEN >> np.uint64(54)).astype(np.int64)
            masks = (1 << (bits & 7)).astype(np.uint8)
            np.bitwise_or.at(self.signatures, (postings.owners, bits >> 3), masks)

    def postings(self, partition: int) -> _Postings:
        """Return the tunes of every gram in a partition."""
        # 1) Find where grams of this partition begin: it is part of a gram's hash.
        begins: list[Indices] = []
        for begin in range(0, len(self._words), PARTITION_BYTES):
            words = self._words[begin : begin + PARTITION_BYTES]
            hashed = (words * _GOLDEN >> np.uint64(40)) % np.uint64(self.partitions)
            is_gram = self._is_gram[begin : begin + len(words)]
            begins.append(begin + np.flatnonzero((hashed == partition) & is_gram))
        positions = np.concatenate(begins)
        # 2) Sort them by gram, then by tune.
        words = self._words[positions]
        order = np.argsort(words, kind="stable")
        positions, words = positions[order], words[order]
        owners = np.searchsorted(self._ends, positions, side="right")
        # 3) Keep only a gram's first occurrence in each tune.
        new_word = np.diff(words, prepend=~words[:1]) != 0
        first = new_word | (np.diff(owners, prepend=-1) != 0)
        starts = np.flatnonzero(new_word[first])
        return _Postings(positions[first], owners[first], starts)

    def prefixes(self, similarity: float) -> NDArray[np.bool_]:
        """Return a mask of the positions of grams that must be looked up to miss no version."""
        is_prefix = np.zeros(len(self._ranks), dtype=bool)
        begin = 0
        for end, size in zip(self._ends.tolist(), self.sizes.tolist(), strict=True):
            ranks = self._ranks[begin:end]
            ordered = sorted(ranks.tobytes().replace(b"\0", b""))
            # The n - t + 1 rarest grams, and all that are as rare as the last of these.
            limit = ordered[size - grams_needed(similarity, size)]
            is_prefix[begin:end] = (ranks > 0) & (ranks <= limit)
            begin = end
        return is_prefix


def _open_groups(
    postings: _Postings, is_looked_up: NDArray[np.bool_], families: _UnionFind
) -> Indices:
    """Return the grams, as indices of ``starts``, that can still join families.

    Such a gram is in tunes of more than one family, and at least one of these looks it up.
    """
    family = np.array(families.roots())[postings.owners]
    lowest = np.minimum.reduceat(family, postings.starts)
    highest = np.maximum.reduceat(family, postings.starts)
    is_probed = np.logical_or.reduceat(is_looked_up[postings.positions], postings.starts)
    groups = np.flatnonzero(is_probed & (lowest != highest))
    # Ordered by first tune, neighbouring grams often share tunes, whose comparison is cached.
    return groups[np.argsort(postings.owners[postings.starts[groups]], kind="stable")]


class _UnionFind:
    """Disjoint sets whose roots are their first members."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def root(self, index: int) -> int:
        """Return the first member of the set."""
        parents = self._parents
        while parents[index] != index:
            # Path halving keeps the trees flat.
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    def join(self, first: int, second: int) -> int:
        """Join two sets, and return the first member of the result."""
        low, high = sorted((self.root(first), self.root(second)))
        self._parents[high] = low
        return low

    def roots(self) -> list[int]:
        """Return the first member of the set of every index."""
        return [self.root(index) for index in range(len(self._parents))]


class _VersionJoin:
    """Compares tunes and joins the families of versions."""

    def __init__(
        self,
        intervals: Sequence[bytes],
        index: _GramIndex,
        similarity: float,
        families: _UnionFind,
    ) -> None:
        self._families = families
        self._sizes: list[int] = index.sizes.tolist()
        self._signatures = index.signatures
        self._similarity = similarity
        self._not_versions: set[int] = set()
        self._grams = lru_cache(MAX_CACHED_SETS)(lambda tune: frozenset(grams_of(intervals[tune])))

    def compare(self, owners: Sequence[int], probes: Sequence[int]) -> None:
        """Join the families of all versions among tunes that share a gram.

        Args:
            owners: The tunes that share the gram.
            probes: Those of them that look it up, and are compared with all others.
        """
        members: dict[int, list[int]] = {}
        for owner in owners:
            members.setdefault(self._families.root(owner), []).append(owner)
        for probe in probes:
            for other in [root for root in members if root != self._families.root(probe)]:
                # One version is enough to join two families.
                if any(self._is_version(probe, candidate) for candidate in members[other]):
                    merged = members.pop(self._families.root(probe)) + members.pop(other)
                    members[self._families.join(probe, other)] = merged
            if len(members) == 1:
                return

    def _is_version(self, probe: int, candidate: int) -> bool:
        """Return whether the probe is the smaller version of the candidate."""
        size = self._sizes[probe]
        pair = probe * len(self._sizes) + candidate
        if size > self._sizes[candidate] or pair in self._not_versions:
            return False
        needed = grams_needed(self._similarity, size)
        # Bitmap filter: signatures decide most pairs without building sets of grams. Each bit that
        # only the probe sets means at least one gram that the candidate lacks.
        missing = self._signature(probe) & ~self._signature(candidate)
        if size - missing.bit_count() < needed:
            return False
        if len(self._grams(probe) & self._grams(candidate)) >= needed:
            return True
        if len(self._not_versions) >= MAX_CACHED_PAIRS:
            self._not_versions.clear()
        self._not_versions.add(pair)
        return False

    def _signature(self, tune: int) -> int:
        return int.from_bytes(self._signatures[tune].tobytes(), "little")


# The least number of families held out applies only to corpora of this many times that number.
FAMILIES_PER_HELD_OUT = 6


@dataclass(frozen=True, slots=True)
class Split:
    """Tunes divided by family."""

    training: tuple[Extract, ...]
    validation: tuple[Extract, ...]  # for watching training
    test: tuple[Extract, ...]  # for the final figures
    wrong: tuple[Extract, ...]  # not learnt, because bars or repeats are wrong
    relatives: tuple[
        Extract, ...
    ]  # neither learnt nor held out: versions of tunes given to hold out
    families: int  # number of families in all
    fingerprint: str  # hash of the assignment of tunes to parts


class HeldOutTunes(NamedTuple):
    """Tunes to hold out, whatever tunes are divided."""

    validation: tuple[Extract, ...]
    test: tuple[Extract, ...]


def split_tunes(
    tunes: Sequence[Extract], config: SplitConfig, held_out: HeldOutTunes | None = None
) -> Split:
    """Divide tunes into training, validation and test, family by family.

    The part of a family depends only on its content, so it does not change when tunes are added,
    unless they join the family. If no tune would be left for training, all are for training.

    Tunes with wrong bars or repeats are not learnt, unless most are wrong.

    Args:
        tunes: The tunes.
        config: The shares held out, the least number held out, the similarity of versions, and
            whether to learn wrong tunes.
        held_out: The tunes to hold out instead of any of ``tunes``. Those of their families are
            neither learnt nor held out.

    Raises:
        InputError: if all tunes are versions of ``held_out``.
    """
    if held_out is not None:
        return _split_around(tunes, config, held_out)
    hashes = [tune.fingerprint for tune in tunes]
    families = families_by_intervals([tune.intervals for tune in tunes], config.similarity)
    # A family is named by the smallest fingerprint of its tunes, so that order does not matter.
    names: dict[int, str] = {}
    for family, tune_hash in zip(families, hashes, strict=True):
        names[family] = min(tune_hash, names.get(family, tune_hash))
    part_of = _parts([*names.values()], config)
    parts = [part_of[names[family]] for family in families]
    if "training" not in parts:
        parts = ["training"] * len(parts)
    return _split(tunes, parts, config, len(names))


def _split_around(tunes: Sequence[Extract], config: SplitConfig, held_out: HeldOutTunes) -> Split:
    """Hold out given tunes, and learn those that are no versions of them."""
    given = (*held_out.validation, *held_out.test)
    families = families_by_intervals(
        [tune.intervals for tune in (*given, *tunes)], config.similarity
    )
    held_out_families = set(families[: len(given)])
    hashes = {tune.fingerprint for tune in given}
    parts = ["validation"] * len(held_out.validation) + ["test"] * len(held_out.test)
    for tune, family in zip(tunes, families[len(given) :], strict=True):
        if family not in held_out_families:
            parts.append("training")
        else:
            parts.append("copies" if tune.fingerprint in hashes else "relatives")
    if "training" not in parts:
        raise InputError(
            "every tune is a version of one to be held out", hint="train on other tunes as well"
        )
    return _split((*given, *tunes), parts, config, len(set(families)))


def _split(tunes: Sequence[Extract], parts: list[str], config: SplitConfig, families: int) -> Split:
    """Return the split in which tunes have these parts, but for wrong ones."""
    wrong = [
        index
        for index, (tune, part) in enumerate(zip(tunes, parts, strict=True))
        if tune.is_wrong and part == "training"
    ]
    # If most are wrong, it is their way of writing, and too few would be left.
    if not config.wrong_bars and 2 * len(wrong) <= parts.count("training"):
        for index in wrong:
            parts[index] = "wrong"
    tunes_of = {
        part: tuple(tune for tune, its_part in zip(tunes, parts, strict=True) if its_part == part)
        for part in ("training", "validation", "test", "wrong", "relatives")
    }
    # Sorted, because the order of the tunes does not matter.
    pairs = zip(tunes, parts, strict=True)
    listing = "\n".join(sorted(f"{tune.fingerprint} {part}" for tune, part in pairs))
    digest = hashlib.sha256(listing.encode()).hexdigest()
    return Split(**tunes_of, families=families, fingerprint=digest)


def _parts(names: list[str], config: SplitConfig) -> dict[str, str]:
    """Return the part of each family by its name, whose hashes spread evenly over 0 to 1."""
    in_order = sorted(names, key=_hash_share)
    # The least number matters only if the shares alone would hold out fewer.
    least = min(config.least, len(names) // FAMILIES_PER_HELD_OUT)
    test = max(least, sum(_hash_share(name) < config.test for name in names))
    held_out = sum(_hash_share(name) < config.test + config.validation for name in names)
    if held_out == len(names):
        # Tunes that were all held out from another corpus are divided too, by rank.
        test = int(config.test * len(names))
        held_out = int((config.test + config.validation) * len(names))
    # Families in the order of their hashes: the first are for testing, the next for validation.
    bounds = (test, max(test + least, held_out))
    parts = ("test", "validation", "training")
    return {name: parts[bisect_right(bounds, rank)] for rank, name in enumerate(in_order)}


def _hash_share(name: str) -> float:
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) / 16**12
