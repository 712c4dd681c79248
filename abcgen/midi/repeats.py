"""Write passages played twice as repeats, with 1st and 2nd endings where only the end differs.

Passages are sought from phrase to phrase; phrases begin with the tune's own pickup. The repeats
are those that leave fewest bars to write (dynamic programming).
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from abcgen.midi.quantize import QuantizedNote


# Bars of a passage, and the most of an ending.
SHORTEST, LONGEST = 4, 32
LONGEST_ENDING = 2
# What a repeat sign and a pair of endings cost, in bars to write.
REPEAT_COST, ENDINGS_COST = 0.6, 1.5

# A note, or the part of one that sounds between two edges: onset and offset from the first of
# them, the pitches, and whether it is held over that edge.
_Fragment = tuple[int, int, tuple[int, ...], bool]


class Repeat(NamedTuple):
    """A passage that is played twice, in whole notes from the start of the file."""

    onset: Fraction
    # Where it begins again, and where that ends.
    again: Fraction
    offset: Fraction
    # Where its last bars begin that differ the second time; as `again` if none do.
    ending: Fraction

    @property
    def second_ending(self) -> Fraction:
        """The onset of the second ending; the end of the second time if there is none."""
        return self.offset - (self.again - self.ending)


def find_repeats(
    voices: Sequence[Sequence[QuantizedNote]],
    begin: Fraction,
    end: Fraction,
    bar: Fraction,
    pickup: Fraction,
) -> list[Repeat]:
    """Return the repeats of a piece in one metre, in order.

    Args:
        voices: The notes and rests of every voice.
        begin: When the first note begins.
        end: When the last one ends.
        bar: The duration of a bar.
        pickup: What comes before the first bar line.
    """
    if end - begin < 2 * SHORTEST * bar:
        return []
    # 1) Count time in units that divide everything: whole numbers are compared many times faster
    # than fractions.
    times = {time for voice in voices for note in voice for time in (note.onset, note.offset)}
    unit = lcm(*(time.denominator for time in (begin, end, bar, pickup, *times)))

    def units(time: Fraction) -> int:
        return time.numerator * (unit // time.denominator)

    # 2) Edges: phrases may begin after every bar, counted from the pickup, and at every bar line.
    edges = []
    for edge in range(units(begin), units(end) + 1, units(bar)):
        edges.append(edge)
        if pickup and edge + units(pickup) <= units(end):
            edges.append(edge + units(pickup))
    edges_per_bar = 2 if pickup else 1

    # 3) What is played between them.
    in_units = [
        [(units(note.onset), units(note.offset), note.pitches) for note in voice]
        for voice in voices
    ]
    passages = _Passages(in_units, edges, edges_per_bar)

    # 4) From the last edge back: the fewest bars to write from each on, the repeat that begins
    # there if any, and the edge that follows.
    best: list[tuple[float, Repeat | None, int]] = [(0.0, None, 0)] * len(edges)
    for edge in range(len(edges) - 2, -1, -1):
        best[edge] = (best[edge + 1][0] + 1 / edges_per_bar, None, edge + 1)
        longest = min(LONGEST, (len(edges) - 1 - edge) // (2 * edges_per_bar))
        for bars in range(SHORTEST, longest + 1):
            again = edge + bars * edges_per_bar
            ending = passages.ending(edge, again)
            if ending is None:
                continue
            after = again + bars * edges_per_bar
            written = bars + (again - ending) / edges_per_bar + REPEAT_COST
            written += ENDINGS_COST if ending < again else 0
            if best[after][0] + written < best[edge][0]:
                onsets = (Fraction(edges[index], unit) for index in (edge, again, after, ending))
                best[edge] = (best[after][0] + written, Repeat(*onsets), after)

    # 5) From the first edge on.
    edge, repeats = 0, []
    while edge < len(edges) - 1:
        _, repeat, edge = best[edge]
        if repeat:
            repeats.append(repeat)
    return repeats


class _Passages:
    """The music between edges, to be compared.

    Args:
        voices: The notes of every voice: onset, offset and pitches.
        edges: Ascending, in the same units.
        edges_per_bar: 2 where there is a pickup, the second edge being the bar line.
    """

    def __init__(
        self,
        voices: Iterable[Iterable[tuple[int, int, tuple[int, ...]]]],
        edges: Sequence[int],
        edges_per_bar: int,
    ) -> None:
        self.edges_per_bar = edges_per_bar
        # What every voice plays from each edge to the next.
        contents: list[list[tuple[_Fragment, ...]]] = [[] for _ in edges[1:]]
        for voice in voices:
            fragments: list[list[_Fragment]] = [[] for _ in edges[1:]]
            first = 0
            for onset, offset, pitches in voice:
                while first < len(fragments) and edges[first + 1] <= onset:
                    first += 1
                index = first
                while index < len(fragments) and edges[index] < offset:
                    begin, end = edges[index], edges[index + 1]
                    span = max(onset, begin) - begin, min(offset, end) - begin
                    fragments[index].append((*span, pitches, onset < begin))
                    index += 1
            for content, group in zip(contents, fragments, strict=True):
                content.append(tuple(group))
        # Equal contents have equal numbers.
        numbers: dict[tuple[tuple[_Fragment, ...], ...], int] = {}
        self._contents = [numbers.setdefault(tuple(content), len(numbers)) for content in contents]
        self._is_held = [any(group and group[0][3] for group in content) for content in contents]
        # For a length in edges: from each edge, how many are followed by what follows them again
        # after that length.
        self._matches: dict[int, list[int]] = {}

    def ending(self, edge: int, again: int) -> int | None:
        """Return the edge where a passage and its repetition begin to differ, or None.

        The ending begins at a bar line; without one, that is the end of the passage. None if they
        differ earlier than in an ending.
        """
        # No note may be held where a repeat sign would come.
        length = again - edge
        if any(
            at < len(self._is_held) and self._is_held[at] for at in (edge, again, again + length)
        ):
            return None
        if length not in self._matches:
            matches = [0] * (len(self._contents) + 1)
            for index in range(len(self._contents) - length - 1, -1, -1):
                if self._contents[index] == self._contents[index + length]:
                    matches[index] = matches[index + 1] + 1
            self._matches[length] = matches
        alike = min(length, self._matches[length][edge])
        if alike == length:
            return again
        # Back to a bar line.
        ending = edge + alike
        while (ending + 1) % self.edges_per_bar:
            ending -= 1
        allowed = min(LONGEST_ENDING * self.edges_per_bar, length // 4)
        return ending if again - ending <= allowed else None
