"""Bars by the numbers that people count them by, by part and by ending.

Bars are counted as on abcgen's pages: from 1, and a pickup before bar 1 is 0. A later pickup, or
the second half of a bar that a repeat divides, has the number of the bar before it and the letter
a: ``8a``. ``5-8`` is all from bar 5 to bar 8, what is between them included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.score.layout import ending_spans, plan_bars, section_spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.notation.tune import Tune

HINT = "such as 5-8, or 5-8,13; a pickup before bar 1 is 0"
LAST_BARS = 2  # the ending of a section without brackets
_RANGE = re.compile(r"(\d{1,5}a?)(?:\s*[-–]\s*(\d{1,5}a?))?")  # noqa: RUF001 - people type dashes

Span = tuple[int, int]  # first and last bar, by index


def numbers_of(tune: Tune) -> list[str]:
    """Return the number of every bar of a tune."""
    return [f"{bar.number}{'a' * (not bar.counted and bar.number > 0)}" for bar in plan_bars(tune)]


def spans_named(tune: Tune, text: str) -> list[Span]:
    """Return the bars that a text names: ``5-8,13``.

    Raises:
        InputError: if it is no such text, or the tune has no such bar.
    """
    numbers = numbers_of(tune)
    spans = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if not match:
            raise InputError(f"impossible bars {text!r}", hint=HINT)
        first, last = match[1], match[2] or match[1]
        for number in (first, last):
            if number not in numbers:
                raise InputError(
                    f"the tune has bars {numbers[0]} to {numbers[-1]}, but no {number}"
                )
        start, stop = numbers.index(first), len(numbers) - 1 - numbers[::-1].index(last)
        if start > stop:
            raise InputError(f"bar {last} comes before bar {first}", hint=HINT)
        spans.append((start, stop))
    return joined(spans)


def part_named(tune: Tune, name: str) -> Span:
    """Return the bars of a part, whose name is one of ``parts_of``.

    Raises:
        InputError: if there is no such part.
    """
    parts = parts_of(tune)
    for each, span in parts:
        if each.casefold() == name.casefold():
            return span
    names = ", ".join(each for each, _ in parts)
    raise InputError(f"the tune has no part {name!r}", hint=f"it has {names}")


def parts_of(tune: Tune) -> list[tuple[str, Span]]:
    """Return the parts of a tune by name: those that it names, or its sections, lettered from A."""
    starts = [index for index, bar in enumerate(tune.bars) if bar.part]
    if starts:
        names = [tune.bars[start].part for start in starts]
        spans = list(zip(starts, [*starts[1:], len(tune.bars)], strict=True))
    else:
        spans = section_spans(plan_bars(tune))
        names = [chr(ord("A") + index) for index in range(len(spans))]
    return [(name, (first, after - 1)) for name, (first, after) in zip(names, spans, strict=True)]


def endings_of(tune: Tune, within: Span | None = None) -> list[Span]:
    """Return the bars under the brackets of endings; of a tune without any its last two bars.

    Args:
        tune: The tune.
        within: Only those in these bars.
    """
    first, last = within or (0, len(tune.bars) - 1)
    spans = [
        (start, stop) for start, stop in ending_spans(tune.bars) if first <= start and stop <= last
    ]
    return joined(spans) if spans else [last_bars(tune, (first, last))]


def last_bars(tune: Tune, within: Span | None = None) -> Span:
    """Return the last two bars of a tune, or of some bars of it."""
    first, last = within or (0, len(tune.bars) - 1)
    return max(first, last - LAST_BARS + 1), last


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that overlap or follow each other as one."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = result[-1][0], max(last, result[-1][1])
        else:
            result.append((first, last))
    return result


def described(tune: Tune, spans: Iterable[Span]) -> str:
    """Return bars by their numbers: ``bars 5-8, 13``."""
    numbers = numbers_of(tune)
    names = [
        numbers[first] if first == last else f"{numbers[first]}-{numbers[last]}"
        for first, last in spans
    ]
    several = len(names) > 1 or "-" in names[0]
    return f"bar{'s' * several} {', '.join(names)}"
