"""Check that every bar adds up to its metre, and that repeats and endings pair."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from abcgen.notation.tune import BarLine, Tune, opens_section
from abcgen.notation.walk import keys_and_metres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from abcgen.notation.tune import Bar


@dataclass(frozen=True, slots=True)
class BarProblem:
    """A bar that does not add up."""

    # Its number, counted from 1 as written.
    bar: int
    # Its duration and the metre's, in whole notes.
    duration: Fraction
    expected: Fraction

    def __str__(self) -> str:
        return f"bar {self.bar} lasts {self.duration} instead of {self.expected} of a whole note"


def bar_problems(tune: Tune) -> list[BarProblem]:
    """Return the bars of a tune that do not add up; in free metre there are none.

    A bar may be short where phrases meet: at the beginning (a pickup), at either end of a section,
    and where a repeat sign cuts a bar in two. It may never be too long.
    """
    problems = []
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    for index, (bar, (_, metre)) in enumerate(zip(tune.bars, in_force, strict=True)):
        duration, full = bar.duration, metre.bar_duration
        short = duration < full and not _may_be_short(tune.bars, index)
        if not metre.is_free and (duration > full or short):
            problems.append(BarProblem(index + 1, duration, full))
    return problems


def _may_be_short(bars: tuple[Bar, ...], index: int) -> bool:
    bar = bars[index]
    begins = opens_section(bars, index) or bool(bar.ending)
    if begins or bar.line is not BarLine.SINGLE or index + 1 == len(bars):
        return True
    following = bars[index + 1]
    return following.repeat_start or bool(following.ending)


@dataclass(frozen=True, slots=True)
class RepeatProblem:
    """A repeat or ending without its counterpart."""

    # Number of the bar where it shows, counted from 1 as written.
    bar: int
    problem: str

    def __str__(self) -> str:
        return f"bar {self.bar}: {self.problem}"


class _Within(Enum):
    """The part of a repeat that has been reached."""

    NONE, REPEAT, FIRST_ENDING, LATER_ENDING = range(4)


def repeat_problems(tune: Tune) -> list[RepeatProblem]:
    """Return the repeats and endings of a tune that do not pair.

    Each repeat that begins must end, with both endings or none.
    """
    problems: list[RepeatProblem] = []
    within = _Within.NONE
    for number, bar in enumerate(tune.bars, start=1):
        next_ending = tune.bars[number].ending if number < len(tune.bars) else ()
        ending_follows = bool(next_ending) and 1 not in next_ending

        # 1) The bar's left side.
        problems += [
            RepeatProblem(number, problem) for problem in _problems_at_opening(bar, within)
        ]
        if 1 in bar.ending:
            within = _Within.FIRST_ENDING
        elif bar.repeat_start:
            within = _Within.REPEAT

        # 2) The bar line that closes it.
        if bar.line is BarLine.REPEAT:
            at_repeat = _problems_at_repeat(within, ending_follows=ending_follows)
            problems += [RepeatProblem(number, problem) for problem in at_repeat]
            within = _Within.LATER_ENDING if ending_follows else _Within.NONE
        elif within is _Within.LATER_ENDING and bar.line is not BarLine.SINGLE:
            within = _Within.NONE
    if within in {_Within.REPEAT, _Within.FIRST_ENDING}:
        problems.append(RepeatProblem(len(tune.bars), "a repeat begins that never ends"))
    return problems


def _problems_at_opening(bar: Bar, within: _Within) -> Iterator[str]:
    if bar.repeat_start and within in {_Within.REPEAT, _Within.FIRST_ENDING}:
        yield "a repeat begins before the last one has ended"
    if 1 in bar.ending and within is not _Within.REPEAT and not bar.repeat_start:
        yield "a first ending outside of a repeat"
    if bar.ending and 1 not in bar.ending and within is not _Within.LATER_ENDING:
        yield "a later ending without a first"


def _problems_at_repeat(within: _Within, *, ending_follows: bool) -> Iterator[str]:
    if within is _Within.NONE or (within is _Within.LATER_ENDING and not ending_follows):
        yield "a repeat ends that none began"
    if within is _Within.REPEAT and ending_follows:
        yield "a later ending without a first"
    if within is _Within.FIRST_ENDING and not ending_follows:
        yield "a first ending without a second"
