"""Bars that do not add up and repeats that do not pair are reported, and no others."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from abcgen.notation.reader import read_abc
from abcgen.notation.validation import BarProblem, bar_problems, repeat_problems
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune


def bars_reported(body: str, metre: str = "4/4") -> list[int]:
    """Return the numbers of the bars reported."""
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
def test_a_short_bar_where_phrases_meet_is_not_reported(body: str) -> None:
    assert bars_reported(body) == []


@pytest.mark.parametrize(
    ("body", "bars"),
    [("C8|D7|E8|]", [2]), ("C9|D8|]", [1]), ("C8|D8|E9|]", [3]), ("C8|D9:|", [2])],
)
def test_a_bar_that_does_not_add_up_is_reported(body: str, bars: list[int]) -> None:
    assert bars_reported(body) == bars


def test_bars_after_a_change_of_metre_add_up_to_the_new_one() -> None:
    assert bars_reported("C8|\nM:3/4\nD6|E8|F6|") == [3]


def test_no_bar_is_reported_in_free_metre() -> None:
    assert bars_reported("C8|D3|E99/8|", metre="none") == []


def test_a_problem_has_the_bars_number_and_durations() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:C\nC8|D7|E8|]")
    assert bar_problems(tune) == [BarProblem(2, Fraction(7, 8), Fraction(1))]
    assert str(bar_problems(tune)[0]) == "bar 2 lasts 7/8 instead of 1 of a whole note"


@given(tunes())
@settings(max_examples=40)
def test_bars_that_add_up_are_never_reported(tune: Tune) -> None:
    assert bar_problems(tune) == []


def repeats_reported(body: str) -> list[str]:
    return [str(problem) for problem in repeat_problems(read_abc(f"M:4/4\nL:1/8\nK:C\n{body}\n"))]


@pytest.mark.parametrize(
    "body",
    [
        "c8|d8|",
        "|:c8:|",
        "c8:|d8:|",
        "|:c8::d8:|",
        "|:c8|1d8:|2e8||f8|",
        "|:c8|1d8:|2e8:|3f8|]",
        "|:c8|1,3d8:|2,4e8|]",
        "|:c8|1d8:|2e8|:f8:|",
        "|:c8||d8:|",
    ],
)
def test_repeats_that_pair_are_not_reported(body: str) -> None:
    assert repeats_reported(body) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("|:c8|d8|]", "bar 2: a repeat begins that never ends"),
        ("|:c8|:d8:|", "bar 2: a repeat begins before the last one has ended"),
        ("|:c8|1d8:|e8|", "bar 2: a first ending without a second"),
        ("|:c8:|[2d8|", "bar 1: a later ending without a first"),
        ("c8|[1d8|e8|]", "bar 2: a first ending outside of a repeat"),
        ("|:c8|1d8:|2e8:|", "bar 3: a repeat ends that none began"),
    ],
)
def test_repeats_that_do_not_pair_are_reported(body: str, problem: str) -> None:
    assert problem in repeats_reported(body)
