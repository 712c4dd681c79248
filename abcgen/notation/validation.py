"""Bar arithmetic: whether every bar adds up to its metre.

A bar may be short where a tune's phrases meet: at the beginning (a pickup), at either edge of a
section, and where a repeat sign cuts a bar in two. Nowhere may it be long.

Whether repeats and endings pair: each repeat that begins ends, with both endings or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from abcgen.notation.tune import BarLine, Tune, opens_section

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from abcgen.notation.tune import Bar


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


@dataclass(frozen=True, slots=True)
class RepeatProblem:
    """A repeat or ending without its counterpart.

    Attributes:
        bar: Number of the bar where that shows, counted from 1 as written.
        what: What is amiss.
    """

    bar: int
    what: str

    def __str__(self) -> str:
        return f"bar {self.bar}: {self.what}"


class _Within(Enum):
    """Where in a repeat a bar stands."""

    NONE, REPEAT, FIRST, LAST = range(4)


def repeat_problems(tune: Tune) -> list[RepeatProblem]:
    """The repeats and endings of a tune that do not pair."""
    problems: list[RepeatProblem] = []
    within = _Within.NONE
    for index, bar in enumerate(tune.bars):
        problems += [RepeatProblem(index + 1, what) for what in _at_opening(bar, within)]
        within = _opened(bar, within)
        goes_on = _is_followed_by_ending(tune.bars, index)
        problems += [RepeatProblem(index + 1, what) for what in _at_line(bar, within, goes_on)]
        within = _closed(bar, within, goes_on=goes_on)
    if within in {_Within.REPEAT, _Within.FIRST}:
        problems.append(RepeatProblem(len(tune.bars), "a repeat begins that never ends"))
    return problems


def _at_opening(bar: Bar, within: _Within) -> Iterator[str]:
    if bar.repeat_start and within in {_Within.REPEAT, _Within.FIRST}:
        yield "a repeat begins before the last one has ended"
    if 1 in bar.ending and within is not _Within.REPEAT and not bar.repeat_start:
        yield "a first ending outside of a repeat"
    if bar.ending and 1 not in bar.ending and within is not _Within.LAST:
        yield "a later ending without a first"


def _opened(bar: Bar, within: _Within) -> _Within:
    if 1 in bar.ending:
        return _Within.FIRST
    return _Within.REPEAT if bar.repeat_start else within


def _at_line(bar: Bar, within: _Within, goes_on: bool) -> Iterator[str]:
    if bar.line is not BarLine.REPEAT:
        return
    if within is _Within.NONE or (within is _Within.LAST and not goes_on):
        yield "a repeat ends that none began"
    if within is _Within.REPEAT and goes_on:
        yield "a later ending without a first"
    if within is _Within.FIRST and not goes_on:
        yield "a first ending without a second"


def _closed(bar: Bar, within: _Within, *, goes_on: bool) -> _Within:
    if bar.line is BarLine.REPEAT:
        return _Within.LAST if goes_on else _Within.NONE
    if within is _Within.LAST and bar.line is not BarLine.SINGLE:
        return _Within.NONE
    return within


def _is_followed_by_ending(bars: tuple[Bar, ...], index: int) -> bool:
    """Whether an ending other than a first comes next."""
    if index + 1 == len(bars):
        return False
    ending = bars[index + 1].ending
    return bool(ending) and 1 not in ending
