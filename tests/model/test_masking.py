from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from abcgen.errors import InputError
from abcgen.model.sampling import FIRST_ROWS, TokenMask
from abcgen.model.vocabulary import END, UNKNOWN, Vocabulary

LETTERS = Vocabulary("ab")
A, B = LETTERS.encode("ab").tolist()


class Countdown:
    """Allows a, and b only with remaining for more characters than have gone before."""

    start = 10

    def allowed(self, state_id: int, remaining: int) -> frozenset[str]:
        return frozenset("ab" if remaining > state_id - 10 else "a") | {"", "never known"}

    def advance(self, state_id: int, character: str) -> int:
        if character == "b" and state_id == 10:
            raise KeyError(character)
        return state_id + 1

    def prune(self) -> bool:
        return False

    def max_distance(self, state_id: int) -> int:
        return state_id - 10


def allowed(mask: TokenMask, row: int, remaining: int) -> list[int]:
    return np.flatnonzero(mask.allowed(np.array([row], np.int32), remaining)[0]).tolist()


def after(mask: TokenMask, row: int, number: int) -> int:
    return int(mask.advance(np.array([row], np.int32), np.array([number], np.int32))[0])


def test_allowed_tokens_depend_on_the_remaining_length() -> None:
    mask = TokenMask(Countdown(), LETTERS)
    row = after(mask, after(mask, mask.start, A), A)
    assert allowed(mask, row, 9) == [END, A, B]
    assert allowed(mask, row, 2) == [END, A]
    assert allowed(mask, row, 9) == [END, A, B]


def test_states_are_numbered_as_they_are_reached() -> None:
    mask = TokenMask(Countdown(), LETTERS)
    assert [after(mask, mask.start, A), after(mask, mask.start, A)] == [1, 1]


def test_the_tables_grow() -> None:
    mask = TokenMask(Countdown(), LETTERS)
    row = mask.start
    for _ in range(2 * FIRST_ROWS):
        row = after(mask, row, A)
    assert row == 2 * FIRST_ROWS
    assert allowed(mask, row, 10**6) == [END, A, B]


def test_unknown_characters_are_followed_by_what_they_are() -> None:
    mask = TokenMask(Countdown(), LETTERS)
    rows, unknown = np.zeros(2, np.int32), np.full(2, UNKNOWN, np.int32)
    for characters in ("xy", "zb"):  # the same id, and never the same character
        with pytest.raises(InputError, match="'b'") if "b" in characters else nullcontext():
            assert mask.advance(rows, unknown, dict(enumerate(characters))).tolist() == [1, 1]


def test_a_forbidden_token_is_refused() -> None:
    with pytest.raises(InputError, match="'b'"):
        after(TokenMask(Countdown(), LETTERS), 0, B)
