from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from abcgen.errors import InputError
from abcgen.model.sampling import FIRST_ROWS, Mask
from abcgen.model.vocabulary import END, UNKNOWN, Vocabulary

LETTERS = Vocabulary("ab")
A, B = LETTERS.encode("ab").tolist()


class Countdown:
    """Allows a, and b only with room for more characters than have gone before."""

    start = 10

    def allowed(self, place: int, room: int) -> frozenset[str]:
        return frozenset("ab" if room > place - 10 else "a") | {"", "never known"}

    def after(self, place: int, sign: str) -> int:
        if sign == "b" and place == 10:
            raise KeyError(sign)
        return place + 1

    def tidied(self) -> bool:
        return False

    def ceiling(self, place: int) -> int:
        return place - 10


def allowed(mask: Mask, row: int, room: int) -> list[int]:
    return np.flatnonzero(mask.allowed(np.array([row], np.int32), room)[0]).tolist()


def after(mask: Mask, row: int, number: int) -> int:
    return int(mask.after(np.array([row], np.int32), np.array([number], np.int32))[0])


def test_what_is_allowed_is_told_in_ids_and_depends_on_the_room() -> None:
    mask = Mask(Countdown(), LETTERS)
    row = after(mask, after(mask, mask.start, A), A)
    assert allowed(mask, row, 9) == [END, A, B]
    assert allowed(mask, row, 2) == [END, A]
    assert allowed(mask, row, 9) == [END, A, B]


def test_places_are_numbered_as_they_are_met() -> None:
    mask = Mask(Countdown(), LETTERS)
    assert [after(mask, mask.start, A), after(mask, mask.start, A)] == [1, 1]


def test_the_tables_grow() -> None:
    mask = Mask(Countdown(), LETTERS)
    row = mask.start
    for _ in range(2 * FIRST_ROWS):
        row = after(mask, row, A)
    assert row == 2 * FIRST_ROWS
    assert allowed(mask, row, 10**6) == [END, A, B]


def test_what_the_network_does_not_know_is_followed_by_what_it_is() -> None:
    mask = Mask(Countdown(), LETTERS)
    rows, unknown = np.zeros(2, np.int32), np.full(2, UNKNOWN, np.int32)
    for signs in ("xy", "zb"):  # the same id, and never the same sign
        with pytest.raises(InputError, match="'b'") if "b" in signs else nullcontext():
            assert mask.after(rows, unknown, dict(enumerate(signs))).tolist() == [1, 1]


def test_what_is_not_allowed_cannot_be_gone_on_from() -> None:
    with pytest.raises(InputError, match="'b'"):
        after(Mask(Countdown(), LETTERS), 0, B)
