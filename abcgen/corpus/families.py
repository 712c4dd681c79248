"""Families: tunes that are versions of one another, whatever their key.

The same tune stands in many books, and a split that puts one version in training and another in
test measures memory. Tunes that share enough of their interval 8-grams are one family. Whether two
tunes are versions depends on these two alone, so that adding tunes can join families and never
divides one.
"""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.tune import Note, Rest, Tune, Tuplet, notes_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Set

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
    from abcgen.corpus.kinship import kin  # noqa: PLC0415

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
