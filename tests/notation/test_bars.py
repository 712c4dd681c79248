from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from abcgen.notation.reader import read_abc
from abcgen.notation.validation import BarProblem, bar_problems
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune


def wrong(body: str, metre: str = "4/4") -> list[int]:
    """The numbers of the bars that do not add up."""
    tune = read_abc(f"X:1\nM:{metre}\nL:1/8\nK:C\n{body}\n")
    return [problem.bar for problem in bar_problems(tune)]


@pytest.mark.parametrize(
    "body",
    [
        "C8|D8|]",
        "C|D8|E7|]",
        "|:C|D8|E7:|",
        "C8|D6:|E2|F8|]",
        "C8|D6||E2|F8|]",
        "|:C|D8|1E7:|2E8||F|G8|]",
        "(3CDEF2G4|]",
    ],
)
def test_a_short_bar_where_phrases_meet_is_not_an_error(body: str) -> None:
    assert wrong(body) == []


@pytest.mark.parametrize(
    ("body", "bars"),
    [("C8|D7|E8|]", [2]), ("C9|D8|]", [1]), ("C8|D8|E9|]", [3]), ("C8|D9:|", [2])],
)
def test_a_bar_that_does_not_add_up_is_found(body: str, bars: list[int]) -> None:
    assert wrong(body) == bars


def test_a_change_of_metre_counts() -> None:
    assert wrong("C8|\nM:3/4\nD6|E8|F6|") == [3]


def test_in_free_metre_every_bar_is_right() -> None:
    assert wrong("C8|D3|E99/8|", metre="none") == []


def test_a_problem_says_what_was_found() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:C\nC8|D7|E8|]")
    assert bar_problems(tune) == [BarProblem(2, Fraction(7, 8), Fraction(1))]
    assert str(bar_problems(tune)[0]) == "bar 2 lasts 7/8 instead of 1 of a whole note"


@given(tunes())
@settings(max_examples=40)
def test_bars_that_add_up_are_never_complained_of(tune: Tune) -> None:
    assert bar_problems(tune) == []
