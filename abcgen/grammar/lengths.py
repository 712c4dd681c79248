"""Time in the grammar: the note lengths and tuplets that still fit into a bar (``Durations``).

Lengths are whole numbers of 128th notes, the shortest. Time left is counted in ticks, 2,520 (the
least common multiple of 2 to 9) to a 128th, so that the notes of every tuplet last a whole number
of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.notation.writer import length_text

if TYPE_CHECKING:
    from collections.abc import Iterator


TICKS = 2520  # in a 128th
UNIT_LENGTH = 16  # 128ths in the unit length, an eighth
UNIT = TICKS * UNIT_LENGTH
WHOLE = 8 * UNIT
LONGEST = 128  # units in the longest note: 16 whole notes
LARGEST_ODD = 9

# A tuplet's shape: how many notes (actual) in the time of how many (normal), for how many notes.
TupletShape = tuple[int, int, int]
TRIPLET: TupletShape = (3, 2, 3)
TUPLETS: dict[str, TupletShape] = {"(3": TRIPLET} | {
    f"({actual}:{normal}:{count}": (actual, normal, count)
    for actual in range(2, 10)
    for normal in range(1, 10)
    for count in range(2, 13)
    if (actual, normal, count) != TRIPLET
}


@dataclass(frozen=True, slots=True)
class Trie:
    """A set of texts, searched by prefix."""

    # For every proper prefix the characters that may come next, sorted.
    following: dict[str, str]
    # The texts.
    texts: frozenset[str]

    @classmethod
    def of(cls, texts: frozenset[str]) -> Trie:
        """Return the trie of some texts."""
        following: dict[str, set[str]] = {}
        for text in texts:
            for end, character in enumerate(text):
                following.setdefault(text[:end], set()).add(character)
        return cls({prefix: "".join(sorted(next_)) for prefix, next_ in following.items()}, texts)

    def after(self, prefix: str) -> str:
        """Return the characters that may follow a prefix; none if nothing longer has it."""
        return self.following.get(prefix, "")


class TimeLeft(NamedTuple):
    """The time that is left for the next note."""

    # Ticks left in its bar.
    ticks: int
    # Notes left in its tuplet, itself included, and the tuplet's ``normal`` and ``actual``; all 1
    # outside of a tuplet.
    tuplet: tuple[int, int, int] = (1, 1, 1)
    # Whether plain notes must be able to fill the bar after a tuplet.
    exact: bool = False

    @property
    def is_constrained(self) -> bool:
        """True within a tuplet after which plain notes must be able to fill the bar."""
        return self.exact and self.tuplet[2] > 1

    def after(self, length: int) -> TimeLeft:
        """Return the time left after a note of a length in 128ths."""
        count, normal, actual = self.tuplet
        ticks = self.ticks - length * TICKS * normal // actual
        return TimeLeft(ticks, (count - 1, normal, actual), self.exact)


@lru_cache(maxsize=64)
def lengths_in(alphabet: frozenset[str], shortest: int = 1) -> dict[str, int]:
    """Return every usual length that an alphabet can write, in 128ths, shortest first.

    A length is usual if it is at most nine times some note value; no music has a 43/16.

    Args:
        alphabet: The characters that may be used.
        shortest: The shortest length; all are multiples of it.
    """
    lengths = (
        length
        for length in range(shortest, LONGEST * UNIT_LENGTH + 1, shortest)
        if length // (length & -length) <= LARGEST_ODD
    )
    unit = Fraction(UNIT_LENGTH)
    texts = {length_text(Fraction(length), unit): length for length in lengths}
    return {text: length for text, length in texts.items() if alphabet.issuperset(text)}


class Durations:
    """The note lengths and tuplets that an alphabet can write, and which of them fit.

    Args:
        alphabet: The characters that may be used.
        shortest: The shortest note, in 128ths.
        neat: Whether a tuplet's first number has to count its notes.
        wanted: The only lengths allowed, in 128ths, which then have to fill every bar, without
            tuplets; empty for any.

    Attributes:
        lengths: Lengths in 128ths by their texts.
    """

    def __init__(
        self,
        alphabet: frozenset[str],
        shortest: int = 1,
        *,
        neat: bool = False,
        wanted: frozenset[int] = frozenset(),
    ) -> None:
        self.lengths = lengths_in(alphabet, 1 if wanted else shortest)
        if wanted:
            self.lengths = {text: n for text, n in self.lengths.items() if n in wanted}
        if not self.lengths:
            raise InputError("the network's characters cannot write such note values")
        self._is_limited = bool(wanted)
        self._shapes = {
            text: shape
            for text, shape in TUPLETS.items()
            if not wanted and alphabet.issuperset(text) and (not neat or shape[0] == shape[2])
        }
        self._shortest = min(self.lengths.values())
        # For every prefix of a length: each next character with the shortest length it can become.
        self._shortest_after: dict[str, dict[str, int]] = {}
        for text, length in self.lengths.items():
            for end, character in enumerate(text):
                self._shortest_after.setdefault(text[:end], {}).setdefault(character, length)
        self._by_prefix: dict[str, list[str]] = {}
        for text in sorted(self.lengths, key=lambda text: (len(text), text)):
            for end in range(len(text) + 1):
                self._by_prefix.setdefault(text[:end], []).append(text)
        # Few different times occur, again and again.
        self._can_fill: dict[TimeLeft, bool] = {}
        self._exact_lengths: dict[TimeLeft, Trie] = {}
        self._tuplets: dict[TimeLeft, Trie] = {}

    @property
    def grain(self) -> int:
        """Ticks of the shortest note, which every bar must be a multiple of."""
        return self._shortest * TICKS

    @cached_property
    def _fillable(self) -> frozenset[int]:
        """Times that the limited lengths can fill, in 128ths."""
        fillable = {0}
        for time in range(1, LONGEST * UNIT_LENGTH + 1):
            if any(time - length in fillable for length in self.lengths.values()):
                fillable.add(time)
        return frozenset(fillable)

    def can_fill_exactly(self, ticks: int) -> bool:
        """Return whether plain notes can fill a time."""
        if self._is_limited:
            return not ticks % TICKS and ticks // TICKS in self._fillable
        return ticks % self.grain == 0

    def most_notes(self, ticks: int) -> int:
        """Return how many notes, no shorter than an eighth unless it must be, surely fit."""
        shortest = (self._shortest if self._is_limited else UNIT_LENGTH) * TICKS
        is_sure = not self._is_limited or not ticks % shortest
        return max(1, ticks // shortest) if is_sure else 1

    def _needs_exact(self, time: TimeLeft) -> bool:
        """Return whether not every length that is short enough may be used."""
        return self._is_limited or time.is_constrained

    def following(self, time: TimeLeft, prefix: str) -> list[str]:
        """Return the characters that may make a length longer."""
        if self._needs_exact(time):
            return [*self._exact(time).after(prefix)]
        longest = self._longest(time)
        characters = self._shortest_after.get(prefix, {}).items()
        return [character for character, shortest in characters if shortest <= longest]

    def is_length(self, time: TimeLeft, text: str) -> bool:
        """Return whether a text is a whole length that fits."""
        if self._needs_exact(time):
            return text in self._exact(time).texts
        return self.lengths.get(text, LONGEST * UNIT) <= self._longest(time)

    def with_prefix(self, time: TimeLeft, prefix: str) -> Iterator[str]:
        """Yield the lengths that fit and begin with a prefix, shortest texts first."""
        return (text for text in self._by_prefix.get(prefix, ()) if self.is_length(time, text))

    def tuplets(self, time: TimeLeft) -> Trie:
        """Return the tuplets that can be filled, as written."""
        if time not in self._tuplets:
            texts = (text for text, shape in self._shapes.items() if self.has_tuplet(time, shape))
            self._tuplets[time] = Trie.of(frozenset(texts))
        return self._tuplets[time]

    def has_tuplet(self, time: TimeLeft, shape: TupletShape) -> bool:
        """Return whether a tuplet of a shape can be filled."""
        actual, normal, count = shape
        return self.can_fill(TimeLeft(time.ticks, (count, normal, actual), time.exact))

    def can_fill(self, time: TimeLeft) -> bool:
        """Return whether notes can fill the rest of a tuplet or, outside one, any note fits."""
        count, normal, actual = time.tuplet
        shortest = self._shortest * TICKS * normal // actual
        if time.ticks < count * shortest:
            return False
        if not self._needs_exact(time):
            return True
        # After the tuplet plain notes must be able to fill the bar; within it, some next note must
        # make that possible.
        if count == 0:
            return self.can_fill_exactly(time.ticks)
        if time not in self._can_fill:
            longest = time.ticks * actual // (TICKS * normal)
            self._can_fill[time] = any(
                self.can_fill(time.after(length))
                for length in self.lengths.values()
                if length <= longest
            )
        return self._can_fill[time]

    def _longest(self, time: TimeLeft) -> int:
        """Return the longest note that leaves time for the rest of its tuplet, in 128ths."""
        count, normal, actual = time.tuplet
        # The others are at least as long as the shortest note.
        others = (count - 1) * self._shortest * TICKS * normal // actual
        return (time.ticks - others) * actual // (TICKS * normal)

    def _exact(self, time: TimeLeft) -> Trie:
        """Return the lengths after which the rest of a tuplet can be filled."""
        if time not in self._exact_lengths:
            longest = self._longest(time)
            texts = (
                text
                for text, length in self.lengths.items()
                if length <= longest and self.can_fill(time.after(length))
            )
            self._exact_lengths[time] = Trie.of(frozenset(texts))
        return self._exact_lengths[time]
