from __future__ import annotations

import pytest

from abcgen.notation.reader import read_abc
from abcgen.notation.validation import repeat_problems


def problems(body: str) -> list[str]:
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
def test_repeats_that_pair(body: str) -> None:
    assert problems(body) == []


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
def test_repeats_that_do_not_pair(body: str, problem: str) -> None:
    assert problem in problems(body)
