"""The characters a network knows, and the numbers that stand for them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from abcgen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PADDING, BEGIN, END = 0, 1, 2
MARKS = 3
MAX_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Characters in order of code point; the first has the id ``MARKS``.

    The ids below stand for padding, the begin mark and the end mark.

    Attributes:
        characters: Every known character once, sorted.
    """

    characters: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of all characters in ``texts``."""
        return cls("".join(sorted(set().union(*texts))))

    @property
    def size(self) -> int:
        """Number of ids, marks included."""
        return MARKS + len(self.characters)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Turn a text into ids, one a character, without marks.

        Raises:
            InputError: if a character is not known; names the first such.
        """
        known, codes = _code_points(self.characters), _code_points(text)
        if not known.size:
            places = np.zeros(codes.size, np.intp)
            unknown = np.ones(codes.size, bool)
        else:
            places = np.minimum(np.searchsorted(known, codes), known.size - 1)
            unknown = known[places] != codes
        if unknown.any():
            raise InputError(
                f"the network does not know the character {text[int(unknown.argmax())]!r}",
                way_out="train on tunes that contain it",
            )
        return (places + MARKS).astype(np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """Turn ids back into text; marks and padding stand for nothing."""
        return "".join(self.characters[number - MARKS] for number in ids if number >= MARKS)

    def to_json(self) -> dict[str, object]:
        """The vocabulary as it is saved."""
        return {
            "padding": PADDING,
            "begin": BEGIN,
            "end": END,
            "first_character": MARKS,
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
        marks = {name: data.get(name) for name in ("padding", "begin", "end", "first_character")}
        if list(marks.values()) != [PADDING, BEGIN, END, MARKS]:
            raise InputError(f"the ids of the marks are not those of this format: {marks}")
        return cls(_checked_characters(data.get("characters")))


def _checked_characters(characters: object) -> str:
    if not isinstance(characters, list) or len(characters) > MAX_CHARACTERS:
        raise InputError(f"'characters' must be a list of at most {MAX_CHARACTERS} characters")
    for character in characters:
        if not isinstance(character, str) or len(character) != 1:
            raise InputError(f"not a single character: {str(character)[:40]!r}")
    for before, after in pairwise(characters):
        if before >= after:
            raise InputError(f"characters not sorted, or given twice: {before!r}, {after!r}")
    return "".join(characters)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
