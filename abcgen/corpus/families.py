"""Families: tunes that are versions of one another, whatever their key.

The same tune stands in many books, and a split that puts one version in training and another in
test measures memory. Tunes that share enough of their interval 8-grams are one family.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from abcgen.notation.tune import Note, Tune, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

GRAM = 8
# A gram in more tunes than this (a run up the scale) tells families nothing.
COMMON = 100


def melody_of(tune: Tune) -> list[int]:
    """The highest note at every onset, as MIDI key numbers, ties joined."""
    melody = []
    tied: Note | None = None
    for note in timed(tune.bars):
        item = note.item
        if isinstance(item, Note):
            if tied is None or set(tied.pitches).isdisjoint(item.pitches):
                melody.append(max(pitch.midi for pitch in item.pitches))
            tied = item if item.tied else None
    return melody


def intervals_of(tune: Tune) -> bytes:
    """The melody's steps in semitones, one byte each: the same in every key."""
    return bytes((second - first) % 256 for first, second in pairwise(melody_of(tune)))


def fingerprint(tune: Tune) -> str:
    """A tune's identity by its notes alone: the same in every key, under every title."""
    durations = ",".join(str(note.duration) for note in timed(tune.bars))
    return hashlib.sha256(intervals_of(tune) + durations.encode()).hexdigest()


def families_of(tunes: Sequence[Tune], similarity: float) -> list[int]:
    """Group tunes into families.

    Two tunes are joined if the one with fewer distinct interval 8-grams shares ``similarity`` of
    them with the other; families are what hangs together by such pairs.

    Args:
        tunes: The tunes.
        similarity: A share, 0 to 1.

    Returns:
        For every tune the index of the first tune of its family.
    """
    grams = [frozenset(_grams(intervals_of(tune))) for tune in tunes]
    roots = list(range(len(tunes)))
    # Tunes with the very same grams are joined first, so that many copies of one tune do not make
    # its grams look common.
    firsts: dict[frozenset[bytes], int] = {}
    for index, own in enumerate(grams):
        _join(roots, firsts.setdefault(own, index), index)
    for (first, second), count in _shared(firsts).items():
        if count >= similarity * min(len(grams[first]), len(grams[second])):
            _join(roots, first, second)
    return [_root(roots, index) for index in range(len(tunes))]


def _shared(firsts: dict[frozenset[bytes], int]) -> Counter[tuple[int, int]]:
    """How many grams two tunes share, for every pair that shares any."""
    owners: dict[bytes, list[int]] = defaultdict(list)
    for own, index in firsts.items():
        for gram in own:
            owners[gram].append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for indices in owners.values():
        if len(indices) <= COMMON:
            shared.update(combinations(indices, 2))
    return shared


def _grams(intervals: bytes) -> set[bytes]:
    last = max(1, len(intervals) - GRAM + 1)
    return {intervals[start : start + GRAM] for start in range(last)}


def _root(roots: list[int], index: int) -> int:
    while roots[index] != index:
        roots[index] = roots[roots[index]]
        index = roots[index]
    return index


def _join(roots: list[int], first: int, second: int) -> None:
    low, high = sorted((_root(roots, first), _root(roots, second)))
    roots[high] = low
