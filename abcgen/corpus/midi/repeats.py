"""Passages played twice become repeats, with 1st and 2nd endings where only the end differs.

Passages are sought from phrase to phrase, which begin with the tune's own pickup; which of them
become repeats is what leaves fewest bars to write (dynamic programming).
Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.midi.values import Sound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

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
    count = int((end - start) / bar)
    if count < 2 * SHORTEST:
        return []
    edges = [start + bar * place for place in range(count + 1)]
    passages = _Passages(voices, edges, pickup)
    best: list[tuple[float, Repeat | None, int]] = [(0.0, None, 0)] * (count + 1)
    for place in range(count - 1, -1, -1):
        best[place] = (best[place + 1][0] + 1, None, place + 1)
        for length in range(SHORTEST, min(LONGEST, (count - place) // 2) + 1):
            ending = passages.ending(place, length)
            if ending is None:
                continue
            after = place + 2 * length
            cost = best[after][0] + length + ending + _SIGN + (_ENDING if ending else 0)
            if cost < best[place][0]:
                first = edges[place + length]
                cut = first if not ending else first - bar * ending + pickup
                repeat = Repeat(edges[place], first, edges[after], cut)
                best[place] = (cost, repeat, after)
    return _followed(best)


def _followed(best: Sequence[tuple[float, Repeat | None, int]]) -> list[Repeat]:
    place, repeats = 0, []
    while place < len(best) - 1:
        _, repeat, place = best[place]
        if repeat:
            repeats.append(repeat)
    return repeats


class _Passages:
    """What is played between edges, to be compared."""

    def __init__(
        self, voices: Sequence[Sequence[Sound]], edges: Sequence[Fraction], pickup: Fraction
    ) -> None:
        self._edges, self._pickup = edges, pickup
        self._bars = [_content(voices, *pair) for pair in _pairs(edges, edges)]
        middles = [edge + pickup for edge in edges]
        self._heads = [_content(voices, *pair) for pair in zip(edges, middles, strict=True)]

    def ending(self, place: int, length: int) -> int | None:
        """How many bars the endings of a passage and its repetition have; None if they differ.

        Two passages are alike also if a note held over the end of one is not over the other's.
        """
        alike = 0
        while alike < length and self._bars[place + alike] == self._bars[place + length + alike]:
            alike += 1
        ending = length - alike
        if ending > min(_LONGEST_ENDING, length // 4):
            return None
        if ending and self._heads[place + alike] != self._heads[place + length + alike]:
            ending += 1
            if ending > min(_LONGEST_ENDING, length // 4):
                return None
        return None if self._is_cut(place, length) else ending

    def _is_cut(self, place: int, length: int) -> bool:
        """Whether a note is held over a repeat sign."""
        return any(self._bars[edge][1] for edge in (place, place + length)) or (
            place + 2 * length < len(self._bars) and self._bars[place + 2 * length][1]
        )


def _pairs(
    first: Sequence[Fraction], second: Sequence[Fraction]
) -> list[tuple[Fraction, Fraction]]:
    return list(zip(first[:-1], second[1:], strict=True))


def _content(
    voices: Sequence[Sequence[Sound]], start: Fraction, end: Fraction
) -> tuple[tuple[object, ...], bool]:
    """What sounds in a stretch, and whether a note is held into it."""
    found: list[object] = []
    held = False
    for number, voice in enumerate(voices):
        for sound in voice:
            if sound.end <= start or sound.start >= end:
                continue
            is_held = sound.start < start and bool(sound.keys)
            held |= is_held
            begin, stop = max(sound.start, start) - start, min(sound.end, end) - start
            found.append((number, begin, stop, sound.keys, is_held))
    return tuple(found), held
