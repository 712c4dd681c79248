"""The order in which bars are played: repeats and endings unrolled, jumps taken.

Source: the ABC standard 2.1, sections 4.8 (repeat and bar symbols), 4.9 (first and second
repeats), 4.10 (variant endings) and 4.14 (``D.C.``, ``D.S.``, ``fine``, ``dacoda``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.notation.tune import Bar, BarLine, Tune, notes_in

if TYPE_CHECKING:
    from collections.abc import Sequence

TWICE = 2
ENDS_AN_ENDING = frozenset({BarLine.DOUBLE, BarLine.FINAL})
DA_CAPO, DAL_SEGNO, TO_CODA = "D.C.", "D.S.", "dacoda"
SEGNO, CODA, FINE = "segno", "coda", "fine"


def play_order(tune: Tune) -> tuple[int, ...]:
    """Which bars a player plays, in order.

    ``|: A [1 B :|2 C |]`` gives A B A C. A repeat that was never opened goes back to
    the end of the one before or to the beginning; endings are played on the passes they name.

    After ``D.C.`` or ``D.S.`` the tune is played once more from its beginning or its segno,
    repeats left out and last endings taken, as far as ``fine``, or by way of ``dacoda`` to the
    coda; where there is neither, as far as the jump and then on. Only the first jump is taken. It
    and all that it needs are decorations of the first voice; a jump to nowhere is none.

    Returns:
        Indices into ``tune.bars``.
    """
    order = _with_repeats(tune.bars)
    signs = [_decorations(bar) for bar in tune.bars]
    jump = next((index for index, names in enumerate(signs) if _target(names, signs) >= 0), None)
    if jump is None or jump not in order:
        return tuple(order)
    after = len(order) - order[::-1].index(jump)
    again = _last_endings(tune.bars, _target(signs[jump], signs))
    return (*order[:after], *_ended(again, jump, signs, order[after:]))


def _with_repeats(bars: Sequence[Bar]) -> list[int]:
    """All bars in order, repeats and endings unrolled."""
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
    return order


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


def _decorations(bar: Bar) -> frozenset[str]:
    notes = (note for item in bar.items for note in notes_in(item))
    return frozenset(name for note in notes if note.marks for name in note.marks.decorations)


def _target(names: frozenset[str], signs: list[frozenset[str]]) -> int:
    """The bar that a bar's jump leads to; -1 if there is none."""
    if DA_CAPO in names:
        return 0
    segnos = [index for index, others in enumerate(signs) if SEGNO in others]
    return segnos[0] if DAL_SEGNO in names and segnos else -1


def _last_endings(bars: Sequence[Bar], start: int) -> list[int]:
    """The bars from one on, each once; of endings only the last."""
    order: list[int] = []
    skipping = False
    for index in range(start, len(bars)):
        if bars[index].ending:
            skipping = _another_follows(bars, index)
        elif bars[index].repeat_start or (index and bars[index - 1].line in ENDS_AN_ENDING):
            skipping = False
        if not skipping:
            order.append(index)
    return order


def _another_follows(bars: Sequence[Bar], index: int) -> bool:
    """Whether the ending that begins at a bar is followed by one more."""
    for later in range(index + 1, len(bars)):
        if bars[later].ending:
            return True
        if bars[later].repeat_start or bars[later - 1].line is not BarLine.SINGLE:
            return False
    return False


def _ended(again: list[int], jump: int, signs: list[frozenset[str]], rest: list[int]) -> list[int]:
    """Where the last time through ends.

    Args:
        again: The bars from the jump's target on.
        jump: The bar with the jump.
        signs: The decorations of every bar.
        rest: The bars that would follow if there were no jump.
    """
    codas = [index for index, names in enumerate(signs) if CODA in names]
    for place, index in enumerate(again):
        if FINE in signs[index]:
            return again[: place + 1]
        if TO_CODA in signs[index] and codas:
            return again[: place + 1] + [bar for bar in again if bar >= codas[-1]]
        if index == jump:
            return again[: place + 1] + rest
    return again
