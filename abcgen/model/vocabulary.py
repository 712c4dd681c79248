"""The vocabulary of a network: the characters it knows, and the ids of its tokens.

The first ids are special tokens, then comes one id per character. Unknown characters share the id
``UNKNOWN``, which can be read and scored but is never drawn. Networks of format 2 and older have
no such id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abcgen.errors import InputError, shown
from abcgen.example import GAP_MARK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PADDING, BEGIN, END, UNKNOWN = 0, 1, 2, 3
SPECIAL_TOKENS = 4
OLD_SPECIAL_TOKENS = 3  # without UNKNOWN
MAX_CHARACTERS = 4096
SURROGATES = ("\ud800", "\udfff")  # code points that are no characters; no file can hold one


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Characters in the order of their ids."""

    # Every known character once.
    characters: str
    # Number of special tokens, and so the id of the first character.
    special_tokens: int = SPECIAL_TOKENS

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """Return the vocabulary of all characters in ``texts``, sorted.

        Raises:
            InputError: if there are too many.
        """
        return cls("").extended(texts)

    def extended(self, texts: Iterable[str]) -> Vocabulary:
        """Return this vocabulary followed by all other characters in ``texts``, sorted.

        Raises:
            InputError: if there are too many.
        """
        characters = self.characters + self.unknown_in(texts)
        if len(characters) > MAX_CHARACTERS:
            raise InputError(f"more than {MAX_CHARACTERS} different characters")
        return Vocabulary(characters, self.special_tokens)

    @property
    def size(self) -> int:
        """Number of ids, special tokens included."""
        return self.special_tokens + len(self.characters)

    @property
    def unknown(self) -> int | None:
        """The id of unknown characters; None in old networks."""
        return UNKNOWN if self.special_tokens > UNKNOWN else None

    @property
    def tokens(self) -> tuple[str, ...]:
        """The character of every id; empty for special tokens."""
        return ("",) * self.special_tokens + tuple(self.characters)

    @property
    def gap_mark(self) -> int | None:
        """The id of the mark of a gap; None in networks that do not fill gaps."""
        index = self.characters.find(GAP_MARK)
        return None if index < 0 else index + self.special_tokens

    @property
    def never_drawn(self) -> tuple[int, ...]:
        """The ids that are never drawn."""
        given = self.unknown, self.gap_mark
        return (PADDING, BEGIN, *(id_ for id_ in given if id_ is not None))

    def unknown_in(self, texts: Iterable[str]) -> str:
        """Return the unknown characters in ``texts``, sorted."""
        return "".join(sorted(set().union(*texts).difference(self.characters)))

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids of a text, one per character, without begin and end marks.

        Raises:
            InputError: naming the first unknown character, if there is no id for it.
        """
        known, codes = _code_points(self.characters), _code_points(text)
        # Look all characters up in the sorted known ones in one call.
        order = np.argsort(known)
        indices = np.searchsorted(known[order], codes)
        is_known = indices < known.size
        is_known[is_known] = known[order[indices[is_known]]] == codes[is_known]
        if self.unknown is None and not is_known.all():
            raise unknown_character(text[int(is_known.argmin())])
        ids = np.full(codes.size, UNKNOWN, np.int32)
        ids[is_known] = order[indices[is_known]] + self.special_tokens
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, leaving out special tokens."""
        first = self.special_tokens
        return "".join(self.characters[id_ - first] for id_ in ids if id_ >= first)

    def to_json(self) -> dict[str, object]:
        """Return the vocabulary as saved."""
        return {
            **_special_ids(self.special_tokens),
            "first_character": self.special_tokens,
            "characters": list(self.characters),
        }

    @classmethod
    def from_json(cls, data: object) -> Vocabulary:
        """Return the vocabulary that ``to_json`` wrote; ``data`` is not trusted.

        Raises:
            InputError: if it is anything else.
        """
        if not isinstance(data, dict):
            raise InputError("a vocabulary is an object with a list of characters")
        first = data.get("first_character")
        if type(first) is not int or first not in {SPECIAL_TOKENS, OLD_SPECIAL_TOKENS}:
            raise InputError(f"the first character has the id {shown(first)}")
        if any(data.get(name) != id_ for name, id_ in _special_ids(first).items()):
            raise InputError("the ids of the special tokens are not those of this format")
        characters = data.get("characters")
        if not isinstance(characters, list) or len(characters) > MAX_CHARACTERS:
            raise InputError(f"'characters' must be a list of at most {MAX_CHARACTERS} characters")
        for character in characters:
            if not isinstance(character, str) or len(character) != 1:
                raise InputError(f"not a single character: {shown(character)}")
            if SURROGATES[0] <= character <= SURROGATES[1]:
                raise InputError(f"no character: {character!r}")
        if len(set(characters)) < len(characters):
            raise InputError("a character is given twice")
        return cls("".join(characters), first)


def unknown_character(character: str) -> InputError:
    """Return the error for a character that the network cannot read."""
    return InputError(
        f"the network does not know the character {character!r}",
        hint="train on tunes that contain it",
    )


def _special_ids(count: int) -> dict[str, int]:
    names = ("padding", "begin", "end", "unknown")[:count]
    return {name: id_ for id_, name in enumerate(names)}


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
