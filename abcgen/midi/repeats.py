"""Passages played twice become repeats, with 1st and 2nd endings where only the end differs.

Passages are sought from phrase to phrase, which begin with the tune's own pickup; which of them
become repeats is what leaves fewest bars to write (dynamic programming).
Times are in whole notes from the start of the file; while passages are compared, in whole numbers
of the smallest part of one that all of them are made of.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from abcgen.midi.quantize import Sound


SHORTEST, LONGEST = 4, 32  # bars of a passage
_LONGEST_ENDING = 2
# What signs cost beside the bars they save.
_SIGN, _ENDING = 0.6, 1.5


class Repeat(NamedTuple):
    """A passage that is played twice.

    Attributes:
        start: Where it begins.
        end: Where it begins again.
        again: Where its second time ends.
        ending: Where its last bars begin that differ the second time; its end if none do.
    """

    start: Fraction
    end: Fraction
    again: Fraction
    ending: Fraction

    @property
    def second_ending(self) -> Fraction:
        """Where the second ending begins; the end of the second time if there is none."""
        return self.again - (self.end - self.ending)


def find_repeats(
    voices: Sequence[Sequence[Sound]],
    start: Fraction,
    end: Fraction,
    bar: Fraction,
    pickup: Fraction,
) -> list[Repeat]:
    """The repeats of a piece in one metre, in order.

    Args:
        voices: The notes and silences of every voice.
        start: When the first note begins.
        end: When the last one ends.
        bar: A bar's length.
        pickup: How much comes before the first bar line.
    """
    if end - start < 2 * SHORTEST * bar:
        return []
    times = (time for voice in voices for one in voice for time in (one.start, one.end))
    clock = _Clock(start, end, bar, pickup, *times)
    edges = _edges(*map(clock.parts, (start, end, bar, pickup)))
    contents = [_contents(clock.pieces(voice), edges) for voice in voices]
    passages = _Passages([tuple(row) for row in zip(*contents, strict=True)], 2 if pickup else 1)
    per = passages.per
    best: list[tuple[float, Repeat | None, int]] = [(0.0, None, 0)] * len(edges)
    for place in range(len(edges) - 2, -1, -1):
        best[place] = (best[place + 1][0] + 1 / per, None, place + 1)
        longest = min(LONGEST, (len(edges) - 1 - place) // (2 * per))
        for length in range(SHORTEST, longest + 1):
            again = place + length * per
            ending = passages.ending(place, again)
            if ending is None:
                continue
            after = again + length * per
            written = length + (again - ending) / per + _SIGN + (_ENDING if ending < again else 0)
            if best[after][0] + written < best[place][0]:
                places = (edges[at] for at in (place, again, after, ending))
                repeat = Repeat(*map(clock.time, places))
                best[place] = (best[after][0] + written, repeat, after)
    return _followed(best)


def _edges(start: int, end: int, bar: int, pickup: int) -> list[int]:
    """Where phrases may begin: after every bar, counted from the pickup, and at every bar line."""
    edges = []
    for place in range((end - start) // bar + 1):
        edges.append(start + bar * place)
        if pickup and edges[-1] + pickup <= end:
            edges.append(edges[-1] + pickup)
    return edges


def _followed(best: Sequence[tuple[float, Repeat | None, int]]) -> list[Repeat]:
    place, repeats = 0, []
    while place < len(best) - 1:
        _, repeat, place = best[place]
        if repeat:
            repeats.append(repeat)
    return repeats


class _Piece(NamedTuple):
    """A note, or a part of one that sounds between two edges, counted from the first of them."""

    start: int
    end: int
    keys: tuple[int, ...]
    is_held: bool = False


class _Clock:
    """Counts time in whole numbers, which are compared many times faster than fractions.

    Args:
        times: All there are.
    """

    def __init__(self, *times: Fraction) -> None:
        self._unit = lcm(*{time.denominator for time in times})

    def parts(self, time: Fraction) -> int:
        """A time in parts."""
        return time.numerator * (self._unit // time.denominator)

    def time(self, parts: int) -> Fraction:
        """And back."""
        return Fraction(parts, self._unit)

    def pieces(self, voice: Iterable[Sound]) -> list[_Piece]:
        """The notes of a voice, whole."""
        return [_Piece(self.parts(s.start), self.parts(s.end), s.keys) for s in voice]


class _Passages:
    """What is played between edges, to be compared.

    Args:
        contents: What every voice plays, from each edge to the next.
        per: Edges to the bar: 2 where there is a pickup, the second being the bar line.
    """

    def __init__(self, contents: Sequence[Sequence[tuple[_Piece, ...]]], per: int) -> None:
        self.per = per
        numbers: dict[Sequence[tuple[_Piece, ...]], int] = {}
        self._contents = [numbers.setdefault(row, len(numbers)) for row in contents]
        self._runs: dict[int, list[int]] = {}
        self._is_held = [any(part and part[0].is_held for part in row) for row in contents]

    def ending(self, place: int, again: int) -> int | None:
        """The edge where a passage and its repetition begin to differ; None if they do earlier.

        The ending begins at a bar line; where there is none, that is the end of the passage.
        """
        if any(self._holds(edge) for edge in (place, again, 2 * again - place)):
            return None
        length = again - place
        alike = min(length, self._alike(length)[place])
        if alike == length:
            return again
        first = place + alike
        while (first + 1) % self.per:  # back to a bar line
            first -= 1
        allowed = min(_LONGEST_ENDING * self.per, length // 4)
        return first if again - first <= allowed else None

    def _alike(self, length: int) -> list[int]:
        """From each edge, how many are followed by what follows them again after a length."""
        if length not in self._runs:
            runs = [0] * (len(self._contents) + 1)
            for place in range(len(self._contents) - length - 1, -1, -1):
                is_same = self._contents[place] == self._contents[place + length]
                runs[place] = runs[place + 1] + 1 if is_same else 0
            self._runs[length] = runs
        return self._runs[length]

    def _holds(self, edge: int) -> bool:
        """Whether a note is held over an edge, where a repeat sign is to stand."""
        return edge < len(self._is_held) and self._is_held[edge]


def _contents(voice: Sequence[_Piece], edges: Sequence[int]) -> list[tuple[_Piece, ...]]:
    """What sounds from each edge to the next."""
    found: list[list[_Piece]] = [[] for _ in edges[1:]]
    place = 0
    for note in voice:
        while place < len(found) and edges[place + 1] <= note.start:
            place += 1
        at = place
        while at < len(found) and edges[at] < note.end:
            first, last = edges[at], edges[at + 1]
            start, end = max(note.start, first) - first, min(note.end, last) - first
            found[at].append(_Piece(start, end, note.keys, note.start < first))
            at += 1
    return [tuple(pieces) for pieces in found]
