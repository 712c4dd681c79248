"""The order in which bars are played: repeats and endings unrolled.

Source: the ABC standard 2.1, sections 4.8 (repeat and bar symbols) and 4.9 (first and second
repeats).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.notation.tune import Bar, BarLine, Tune

if TYPE_CHECKING:
    from collections.abc import Sequence

TWICE = 2
ENDS_AN_ENDING = frozenset({BarLine.DOUBLE, BarLine.FINAL})


def play_order(tune: Tune) -> tuple[int, ...]:
    """Which bars a player plays, in order.

    ``|: A [1 B :|2 C |]`` gives A B A C. A repeat that was never opened goes back to
    the end of the one before or to the beginning; endings are played on the passes they name.

    Returns:
        Indices into ``tune.bars``.
    """
    bars = tune.bars
    order: list[int] = []
    start, turn, index, in_ending = 0, 1, 0, False
    while index < len(bars):
        bar = bars[index]
        if bar.repeat_start and index != start:
            start, turn, in_ending = index, 1, False
        if bar.ending and turn not in bar.ending:
            index, start, turn = _skip_ending(bars, index, start, turn)
            continue
        in_ending |= bool(bar.ending)
        order.append(index)
        index += 1
        if bar.line is BarLine.REPEAT and turn < _turns(bars, start):
            index, turn, in_ending = start, turn + 1, False
        elif bar.line is BarLine.REPEAT or (in_ending and bar.line in ENDS_AN_ENDING):
            start, turn, in_ending = index, 1, False
    return tuple(order)


def _turns(bars: Sequence[Bar], start: int) -> int:
    """How often the section that begins at ``start`` is played."""
    turns = TWICE
    for index in range(start, len(bars)):
        if bars[index].repeat_start and index != start:
            break
        turns = max(turns, *bars[index].ending, turns)
        following = bars[index + 1] if index + 1 < len(bars) else None
        if bars[index].line is BarLine.REPEAT and not (following and following.ending):
            break
    return turns


def _skip_ending(bars: Sequence[Bar], index: int, start: int, turn: int) -> tuple[int, int, int]:
    """Where to go on when the ending at ``index`` is not for this turn.

    Returns:
        The index to go on from, the section's start and the turn.
    """
    for later in range(index + 1, len(bars)):
        if turn in bars[later].ending:
            return later, start, turn
        closes = bars[later - 1].line is BarLine.REPEAT and not bars[later].ending
        if closes or bars[later].repeat_start:
            return later, later, 1
    return len(bars), len(bars), 1
