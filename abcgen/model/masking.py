"""What a constraint allows, as rows over the vocabulary that NumPy can work with."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from abcgen.errors import InputError
from abcgen.model.vocabulary import END

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from abcgen.model.vocabulary import Vocabulary

FIRST_ROWS = 1024
UNSEEN = -1
NONE: Mapping[int, str] = MappingProxyType({})


class Constraint(Protocol):
    """Says which characters may come next. Places in a text are numbers."""

    @property
    def start(self) -> int:
        """The place before the first character."""

    def allowed(self, place: int, room: int) -> frozenset[str]:
        """The characters that may come next with room for so many; empty string for the end."""

    def after(self, place: int, sign: str) -> int:
        """The place that a character leads to; KeyError if it is not allowed."""

    def tidied(self) -> bool:
        """Forget places where there are too many; whether all but the start are forgotten."""

    def ceiling(self, place: int) -> int:
        """With room for more characters than this, what is allowed does not depend on it."""


class Mask:
    """A constraint over a vocabulary, in tables that grow as places are met.

    Places are numbered anew, by their rows in the tables; ``start`` is row 0.

    Args:
        constraint: What is allowed.
        vocabulary: The ids that its characters have.
    """

    start = 0

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary) -> None:
        self._constraint, self._vocabulary = constraint, vocabulary
        self._signs = vocabulary.signs
        self._ids = {sign: number for number, sign in enumerate(self._signs) if sign}
        self._ids[""] = END
        self._begin()

    def _begin(self) -> None:
        """With no place met but the start."""
        vocabulary = self._vocabulary
        self._allowed = np.zeros((FIRST_ROWS, vocabulary.size), bool)
        self._next = np.full((FIRST_ROWS, vocabulary.size), UNSEEN, np.int32)
        self._places: list[int] = []
        self._row_of: dict[int, int] = {}
        self._sets: dict[frozenset[str], NDArray[np.bool_]] = {}
        self._highest = 0  # ceiling of all places met
        self._row(self._constraint.start)

    def tidy(self) -> None:
        """Keep memory bounded; no row but the start may be in use."""
        if self._constraint.tidied():
            self._begin()

    def after(
        self,
        rows: NDArray[np.int32],
        ids: NDArray[np.int32],
        unknown: Mapping[int, str] = NONE,
    ) -> NDArray[np.int32]:
        """The rows that ids lead to.

        Args:
            rows: Where the texts are.
            ids: What comes next in them.
            unknown: Where in ``ids`` stands what the vocabulary does not know, and what it is.

        Raises:
            InputError: if one is not allowed where it stands.
        """
        following = self._next[rows, ids]
        for at in np.flatnonzero(following == UNSEEN).tolist():
            row, number = int(rows[at]), int(ids[at])
            sign = unknown.get(at) or self._signs[number]
            try:
                place = self._constraint.after(self._places[row], sign)
            except KeyError as error:
                raise InputError(f"{sign!r} cannot stand where it is given") from error
            following[at] = self._row(place)
            if at not in unknown:  # the next one may be another
                self._next[row, number] = following[at]
        return following

    def allowed(self, rows: NDArray[np.int32], room: int) -> NDArray[np.bool_]:
        """What is allowed, with room for so many characters.

        Returns:
            Shape (rows, vocabulary).
        """
        table: NDArray[np.bool_] = self._allowed[rows]
        if room <= self._highest:
            for at, row in enumerate(rows.tolist()):
                if room <= self._constraint.ceiling(self._places[row]):
                    table[at] = self._fresh(self._places[row], room)
        return table

    def _row(self, place: int) -> int:
        row = self._row_of.get(place)
        if row is None:
            row = self._row_of[place] = len(self._places)
            self._places.append(place)
            if row == len(self._allowed):
                self._allowed = np.concatenate([self._allowed, np.zeros_like(self._allowed)])
                self._next = np.concatenate([self._next, np.full_like(self._next, UNSEEN)])
            ceiling = self._constraint.ceiling(place)
            self._highest = max(self._highest, ceiling)
            self._allowed[row] = self._fresh(place, ceiling + 1)
        return row

    def _fresh(self, place: int, room: int) -> NDArray[np.bool_]:
        signs = self._constraint.allowed(place, room)
        allowed = self._sets.get(signs)
        if allowed is None:
            allowed = self._sets[signs] = np.zeros(self._vocabulary.size, bool)
            allowed[[self._ids[sign] for sign in signs if sign in self._ids]] = True
        return allowed
