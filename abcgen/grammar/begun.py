"""Texts that begin in the same way, be that as it may, and go on by the grammar.

What is given may hold characters that nothing can be drawn with. They are read by a grammar that
knows them, and from there on one goes on that does not, lest it count on them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abcgen.grammar import Grammar


# What would make the last note that is given longer, or another.
_CHANGING = frozenset("0123456789/,'")
_NOTE = re.compile(r"[A-Ga-gz\]0-9/,']\Z")


class PrefixConstraint:
    """Says what may come next, as ``Grammar`` does; all that is given may come only as it is.

    Its places are how many characters of the beginning there are, and beyond them those of the
    grammar that goes on.

    Args:
        reading: What the beginning keeps to.
        drawing: What goes on; it may be the same.
        beginning: What every text begins with.

    Raises:
        InputError: if the beginning does not keep to it.
    """

    start = 0

    def __init__(self, reading: Grammar, drawing: Grammar, beginning: str) -> None:
        self._drawing, self._beginning = drawing, beginning
        self._end = reading.at(reading.read(beginning))
        self._first = len(beginning) + 1
        self._ends_in_note = bool(_NOTE.search(beginning))

    def allowed(self, place: int, room: int) -> frozenset[str]:
        """The characters that may come next with room for so many; see ``Grammar.allowed``."""
        if place < len(self._beginning):
            return frozenset(self._beginning[place])
        signs = self._drawing.allowed(self._inner(place), room)
        if self._ends_in_note and place == len(self._beginning):
            return signs - _CHANGING or signs
        return signs

    def after(self, place: int, sign: str) -> int:
        """The place that a character leads to.

        Raises:
            KeyError: if the character may not come next.
        """
        if place >= len(self._beginning):
            return self._first + self._drawing.after(self._inner(place), sign)
        if sign != self._beginning[place]:
            raise KeyError(sign)
        return place + 1

    def ceiling(self, place: int) -> int:
        """With room for more characters than this, ``allowed`` does not depend on the room."""
        is_given = place < len(self._beginning)
        return -1 if is_given else self._drawing.ceiling(self._inner(place))

    def tidied(self) -> bool:
        """Forget places where there are very many; whether that was done."""
        return self._drawing.tidied()

    def fits(self, length: int) -> bool:
        """Whether a text can end within so many characters."""
        rest = self._drawing.way(self._inner(len(self._beginning)))
        return len(self._beginning) + rest <= length

    def _inner(self, place: int) -> int:
        """The place in the grammar that goes on."""
        if place == len(self._beginning):
            return self._drawing.enter(*self._end)
        return place - self._first
