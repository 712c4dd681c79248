"""Bar arithmetic: whether every bar adds up to its metre.

A bar may be short where a tune's phrases meet: at the beginning (a pickup), at either edge of a
section, and where a repeat sign cuts a bar in two. Nowhere may it be long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.notation.tune import BarLine, Tune, opens_section

if TYPE_CHECKING:
    from fractions import Fraction


@dataclass(frozen=True, slots=True)
class BarProblem:
    """A bar that does not add up.

    Attributes:
        bar: Its number, counted from 1 as written.
        found: Its duration in whole notes.
        expected: The metre's.
    """

    bar: int
    found: Fraction
    expected: Fraction

    def __str__(self) -> str:
        return f"bar {self.bar} lasts {self.found} instead of {self.expected} of a whole note"


def bar_problems(tune: Tune) -> list[BarProblem]:
    """The bars of a tune that do not add up; in free metre there are none."""
    problems = []
    metre = tune.metre
    for index, bar in enumerate(tune.bars):
        metre = bar.metre or metre
        full = metre.bar_duration
        wrong = bar.duration > full or (bar.duration < full and not _may_be_short(tune, index))
        if not metre.is_free and wrong:
            problems.append(BarProblem(index + 1, bar.duration, full))
    return problems


def _may_be_short(tune: Tune, index: int) -> bool:
    bar = tune.bars[index]
    begins = opens_section(tune.bars, index) or bool(bar.ending)
    if begins or bar.line is not BarLine.SINGLE or index + 1 == len(tune.bars):
        return True
    following = tune.bars[index + 1]
    return following.repeat_start or bool(following.ending)
