"""The characters a network knows, and the numbers that stand for them.

A character that it does not know has a number of its own, ``UNKNOWN``: it can be read and
measured, and is never drawn. Networks of format 2 and older have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abcgen.errors import InputError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PADDING, BEGIN, END, UNKNOWN = 0, 1, 2, 3
MARKS = 4
MARKS_BEFORE = 3  # when there was no UNKNOWN
MAX_CHARACTERS = 4096
SURROGATES = ("\ud800", "\udfff")  # no characters, and no file can hold one


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Characters in the order of their ids, which begin after those of the marks.

    The marks are padding, begin, end and, but in old networks, the unknown character.

    Attributes:
        characters: Every known character once.
        marks: How many marks there are; the id of the first character.
    """

    characters: str
    marks: int = MARKS

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of all characters in ``texts``, sorted.

        Raises:
            InputError: if there are too many.
        """
        return cls("").extended(texts)

    def extended(self, texts: Iterable[str]) -> Vocabulary:
        """This vocabulary and, behind what it has, the other characters in ``texts``.

        Raises:
            InputError: if there are too many.
        """
        characters = self.characters + self.unknown_in(texts)
        if len(characters) > MAX_CHARACTERS:
            raise InputError(f"more than {MAX_CHARACTERS} different characters")
        return Vocabulary(characters, self.marks)

    @property
    def size(self) -> int:
        """Number of ids, marks included."""
        return self.marks + len(self.characters)

    @property
    def unknown(self) -> int | None:
        """The id of every other character; None where there is none."""
        return UNKNOWN if self.marks > UNKNOWN else None

    @property
    def tokens(self) -> tuple[str, ...]:
        """The character of every id; empty for the marks."""
        return ("",) * self.marks + tuple(self.characters)

    @property
    def never_drawn(self) -> tuple[int, ...]:
        """The ids that are never drawn."""
        return (PADDING, BEGIN, *(() if self.unknown is None else (self.unknown,)))

    def unknown_in(self, texts: Iterable[str]) -> str:
        """The characters in ``texts`` that are not known, sorted."""
        return "".join(sorted(set().union(*texts).difference(self.characters)))

    def encode(self, text: str) -> NDArray[np.int32]:
        """Turn a text into ids, one a character, without marks.

        Raises:
            InputError: if a character is not known and there is no id for that; names the first.
        """
        known, codes = _code_points(self.characters), _code_points(text)
        order = np.argsort(known)
        places = np.searchsorted(known[order], codes)
        found = places < known.size
        found[found] = known[order[places[found]]] == codes[found]
        if self.unknown is None and not found.all():
            raise unknown_character(text[int(found.argmin())])
        ids = np.full(codes.size, UNKNOWN, np.int32)
        ids[found] = order[places[found]] + self.marks
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Turn ids back into text; marks and what is unknown stand for nothing."""
        return "".join(
            self.characters[number - self.marks] for number in ids if number >= self.marks
        )

    def to_json(self) -> dict[str, object]:
        """The vocabulary as it is saved."""
        return {
            **_marks(self.marks),
            "first_character": self.marks,
            "characters": list(self.characters),
        }

    @classmethod
    def from_json(cls, data: object) -> Vocabulary:
        """Read what ``to_json`` wrote, trusting nothing.

        Raises:
            InputError: if it is anything else.
        """
        if not isinstance(data, dict):
            raise InputError("a vocabulary is an object with a list of characters")
        first = data.get("first_character")
        if type(first) is not int or first not in {MARKS, MARKS_BEFORE}:
            raise InputError(f"the first character has the id {shown(first)}")
        if any(data.get(name) != number for name, number in _marks(first).items()):
            raise InputError("the ids of the marks are not those of this format")
        return cls(_checked_characters(data.get("characters")), first)


def unknown_character(character: str) -> InputError:
    """The error for a character that cannot be read."""
    return InputError(
        f"the network does not know the character {character!r}",
        hint="train on tunes that contain it",
    )


def _marks(count: int) -> dict[str, int]:
    """The ids of so many marks by their names in a file."""
    names = ("padding", "begin", "end", "unknown")[:count]
    return {name: number for number, name in enumerate(names)}


def _checked_characters(characters: object) -> str:
    if not isinstance(characters, list) or len(characters) > MAX_CHARACTERS:
        raise InputError(f"'characters' must be a list of at most {MAX_CHARACTERS} characters")
    for character in characters:
        if not isinstance(character, str) or len(character) != 1:
            raise InputError(f"not a single character: {shown(character)}")
        if SURROGATES[0] <= character <= SURROGATES[1]:
            raise InputError(f"no character: {character!r}")
    if len(set(characters)) < len(characters):
        raise InputError("a character is given twice")
    return "".join(characters)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
