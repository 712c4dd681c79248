"""Time in the grammar: whole numbers of ticks, and which lengths and tuplets still fit.

A tick is a 2,520th (the least common multiple of 2 to 9) of the shortest note, so that every
tuplet's notes last a whole number of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


STEP = 2520  # ticks in the shortest note, a 128th
UNIT_STEPS = 16  # shortest notes in the unit length, an eighth
UNIT = STEP * UNIT_STEPS
WHOLE = 8 * UNIT
LONGEST = 128  # units in the longest note: 16 whole notes
LARGEST_ODD = 9
TRIPLET = (3, 2, 3)
MAX_ACTUAL = 9
MAX_NORMAL = 9
MAX_COUNT = 12

Tuplet = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Trie:
    """Texts by their beginnings.

    Attributes:
        following: For every beginning the characters that may come next.
        whole: The texts themselves.
    """

    following: dict[str, str]
    whole: frozenset[str]

    @classmethod
    def of(cls, texts: frozenset[str]) -> Trie:
        """The beginnings of texts."""
        following: dict[str, set[str]] = {}
        for text in texts:
            for end, character in enumerate(text):
                following.setdefault(text[:end], set()).add(character)
        return cls({begun: "".join(sorted(set_)) for begun, set_ in following.items()}, texts)

    def after(self, begun: str) -> str:
        """The characters that may follow a beginning; none if nothing longer begins so."""
        return self.following.get(begun, "")


@dataclass(frozen=True, slots=True)
class Room:
    """The time that a note about to be written must fit into.

    Attributes:
        left: Ticks left in its bar.
        tuplet: Notes left in its tuplet, this one included, and the tuplet's ``normal`` and
            ``actual``; all 1 outside of one.
        exact: Whether what a tuplet leaves of the bar must be such that plain notes can fill it.
    """

    left: int
    tuplet: Tuplet = (1, 1, 1)
    exact: bool = False

    def after(self, steps: int) -> Room:
        """The room left by a note of so many 128ths."""
        count, normal, actual = self.tuplet
        left = self.left - steps * STEP * normal // actual
        return Room(left, (count - 1, normal, actual), self.exact)


def length_of(steps: int) -> str:
    """A length in 128ths as canonical ABC writes it with a unit length of 1/8."""
    by = gcd(steps, UNIT_STEPS)
    number, divisor = steps // by, UNIT_STEPS // by
    text = str(number) if number > 1 else ""
    if divisor == 1:
        return text
    return f"{text}/" if divisor == 2 else f"{text}/{divisor}"


def is_usual(steps: int) -> bool:
    """Whether music has notes of such a length: up to nine of some note value, no 43/16."""
    return steps // (steps & -steps) <= LARGEST_ODD


@lru_cache(maxsize=64)
def lengths_in(alphabet: frozenset[str], shortest: int = 1) -> dict[str, int]:
    """Every usual length that an alphabet can write, in 128ths, shortest first.

    Args:
        alphabet: The characters that may be used.
        shortest: The shortest length wanted; all are multiples of it.
    """
    every = range(shortest, LONGEST * UNIT_STEPS + 1, shortest)
    texts = {length_of(steps): steps for steps in every if is_usual(steps)}
    return {text: steps for text, steps in texts.items() if alphabet.issuperset(text)}


class Clock:
    """What an alphabet can write of time.

    Args:
        alphabet: The characters that may be used.
        shortest: The shortest note wanted, in 128ths.
        neat: Whether tuplets have as many notes as their first number says.
    """

    def __init__(self, alphabet: frozenset[str], shortest: int = 1, *, neat: bool = False) -> None:
        self.steps = lengths_in(alphabet, shortest)
        self._shapes = {
            text: shape
            for text, shape in TUPLETS.items()
            if alphabet.issuperset(text) and (not neat or shape[0] == shape[2])
        }
        self._shortest = min(self.steps.values())
        # For every beginning of a length: what may follow, and the shortest note it can lead to.
        self._least: dict[str, dict[str, int]] = {}
        self._begun: dict[str, list[str]] = {}
        for text, steps in self.steps.items():
            for end, sign in enumerate(text):
                self._least.setdefault(text[:end], {}).setdefault(sign, steps)
        for text in sorted(self.steps, key=lambda text: (len(text), text)):
            for end in range(len(text) + 1):
                self._begun.setdefault(text[:end], []).append(text)
        self._fits: dict[tuple[int, int, int, int], bool] = {}
        self._lengths: dict[Room, Trie] = {}
        self._tuplets: dict[Room, Trie] = {}

    @property
    def grain(self) -> int:
        """Ticks of the shortest note: what every bar must be a multiple of."""
        return self._shortest * STEP

    def has_room(self, room: Room) -> bool:
        """Whether any note fits."""
        return self._can_fill(room)

    def longer(self, room: Room, begun: str) -> list[str]:
        """What may follow the beginning of a length."""
        if _is_bound_to_fit(room):
            return [*self._exactly(room).after(begun)]
        longest = self._longest(room)
        return [sign for sign, least in self._least.get(begun, {}).items() if least <= longest]

    def is_whole(self, room: Room, text: str) -> bool:
        """Whether a length may be just this."""
        if _is_bound_to_fit(room):
            return text in self._exactly(room).whole
        return self.steps.get(text, LONGEST * UNIT) <= self._longest(room)

    def lengths(self, room: Room, begun: str) -> Iterator[str]:
        """All lengths that begin so, the shortest texts first."""
        return (text for text in self._begun.get(begun, ()) if self.is_whole(room, text))

    def _longest(self, room: Room) -> int:
        """The longest note that leaves time for the rest of its tuplet, in 128ths."""
        count, normal, actual = room.tuplet
        others = (count - 1) * self._shortest * STEP * normal // actual
        return (room.left - others) * actual // (STEP * normal)

    def _exactly(self, room: Room) -> Trie:
        """The lengths after which the rest of a tuplet can be filled."""
        if room not in self._lengths:
            longest = self._longest(room)
            texts = (
                text
                for text, steps in self.steps.items()
                if steps <= longest and self._can_fill(room.after(steps))
            )
            self._lengths[room] = Trie.of(frozenset(texts))
        return self._lengths[room]

    def tuplets(self, room: Room) -> Trie:
        """The tuplets that can begin with so much of the bar left, as written."""
        if room not in self._tuplets:
            texts = (text for text, shape in self._shapes.items() if self.holds(room, shape))
            self._tuplets[room] = Trie.of(frozenset(texts))
        return self._tuplets[room]

    def holds(self, room: Room, shape: Tuplet) -> bool:
        """Whether a tuplet of a shape (actual, normal, count) can be filled."""
        actual, normal, count = shape
        return self._can_fill(Room(room.left, (count, normal, actual), room.exact))

    def _can_fill(self, room: Room) -> bool:
        count, normal, actual = room.tuplet
        least = self._shortest * STEP * normal // actual
        if room.left < count * least:
            return False
        if not _is_bound_to_fit(room):
            return True
        if count == 0:
            return room.left % self.grain == 0
        place = (room.left, *room.tuplet)
        if place not in self._fits:
            longest = room.left * actual // (STEP * normal)
            self._fits[place] = any(
                self._can_fill(room.after(steps))
                for steps in self.steps.values()
                if steps <= longest
            )
        return self._fits[place]


def _is_bound_to_fit(room: Room) -> bool:
    """Whether a tuplet must end where plain notes can go on."""
    return room.exact and room.tuplet[2] > 1


def _tuplet_texts() -> dict[str, Tuplet]:
    texts = {
        f"({actual}:{normal}:{count}": (actual, normal, count)
        for actual in range(2, MAX_ACTUAL + 1)
        for normal in range(1, MAX_NORMAL + 1)
        for count in range(2, MAX_COUNT + 1)
    }
    return {"(3": TRIPLET} | {text: shape for text, shape in texts.items() if shape != TRIPLET}


TUPLETS = _tuplet_texts()
