"""The order in which bars are played: parts in their order, repeats unrolled, jumps taken.

Source: the ABC standard 2.1, sections 4.8 (repeat and bar symbols), 4.9 (first and second
repeats), 4.10 (variant endings) and 4.14 (``D.C.``, ``D.S.``, ``fine``, ``dacoda``).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.tune import Bar, BarLine, Tune

if TYPE_CHECKING:
    from collections.abc import Sequence

# Bar lines after which a last ending is over.
_ENDING_ENDS = frozenset({BarLine.DOUBLE, BarLine.FINAL})
# Bounds on what an order of parts may unfold to.
MAX_PARTS = 200
MAX_PLAYED_BARS = 8_000


def play_order(tune: Tune) -> tuple[int, ...]:
    """Return the bars that a player plays, in order, as indices into ``tune.bars``.

    ``|: A [1 B :|2 C |]`` gives A B A C. A repeat that was never opened goes back to the end of
    the previous one or to the beginning; an ending is played in the turns that it names.

    After ``D.C.`` or ``D.S.`` the tune is played once more from its beginning or its segno,
    without repeats and with the last endings, up to ``fine``, or with a jump from ``dacoda`` to the
    coda; if it has neither, it continues after the jump. Only the first ``D.C.`` or ``D.S.`` is
    played. Jumps and targets are decorations of the first voice; without its target a jump is
    ignored.

    If the tune says in which order its parts are played (``P:AABA``), that holds instead of jumps.
    """
    bars = tune.bars
    if in_parts := _with_parts(bars, tune.words.parts):
        return tuple(in_parts)
    order = _with_repeats(bars)
    decorations = [
        {
            # ``D.C.alfine`` is a ``D.C.``: where it ends is told by ``fine`` itself.
            name[:4] if name.startswith(("D.C.", "D.S.")) else name
            for note in bar.notes
            if note.marks
            for name in note.marks.decorations
        }
        for bar in bars
    ]

    # 1) The first jump and the bar that it leads to.
    segnos = [index for index, names in enumerate(decorations) if "segno" in names]
    jumps = {"D.C.", "D.S."} if segnos else {"D.C."}
    jump = next((index for index, names in enumerate(decorations) if names & jumps), None)
    if jump is None or jump not in order:
        return tuple(order)
    target = 0 if "D.C." in decorations[jump] else segnos[0]
    after_jump = len(order) - order[::-1].index(jump)

    # 2) The last time through, up to where it ends.
    last_time = _with_last_endings(bars, target)
    codas = [index for index, names in enumerate(decorations) if "coda" in names]
    for played, index in enumerate(last_time, start=1):
        if "fine" in decorations[index]:
            last_time = last_time[:played]
            break
        if "dacoda" in decorations[index] and codas:
            from_coda = [later for later in last_time if later >= codas[-1]]
            last_time = last_time[:played] + from_coda
            break
        if index == jump:
            last_time = last_time[:played] + order[after_jump:]
            break
    return (*order[:after_jump], *last_time)


def parts_in_order(text: str) -> str:
    """Return the letters of an order of parts: ``A2(BC)2`` gives ``AABCBC``.

    Signs that mean nothing are skipped, and an order that is too long is cut.
    """
    # The letters of every open parenthesis, in units that a number may repeat.
    open_units: list[list[str]] = [[]]
    for sign in re.findall(r"[A-Za-z]|\d+|[()]", text):
        units = open_units[-1]
        if sign == "(" and len(open_units) < MAX_PARTS:
            open_units.append([])
        elif sign == ")" and len(open_units) > 1:
            closed = "".join(open_units.pop())
            open_units[-1].append(closed[:MAX_PARTS])
        elif sign.isdecimal() and units:
            units[-1] = (units[-1] * min(int(sign[:4]), MAX_PARTS))[:MAX_PARTS]
        elif sign.isalpha():
            units.append(sign)
    return "".join("".join(units) for units in open_units)[:MAX_PARTS]


def _with_parts(bars: Sequence[Bar], parts: str) -> list[int]:
    """Return the bars in the order of the parts; none if that names no part of the tune.

    What comes before the first part is played first; each part has its own repeats.
    """
    starts = [index for index, bar in enumerate(bars) if bar.part]
    spans: dict[str, range] = {}
    for start, end in pairwise([*starts, len(bars)]):
        name = re.match(r"([A-Za-z])(?![A-Za-z])", bars[start].part)
        if name:
            spans.setdefault(name[1], range(start, end))
    letters = [letter for letter in parts_in_order(parts) if letter in spans]
    if not letters:
        return []
    order = _with_repeats(bars[: starts[0]])
    for letter in letters:
        span = spans[letter]
        order += [span.start + index for index in _with_repeats(bars[span.start : span.stop])]
    return order[:MAX_PLAYED_BARS]


def _with_repeats(bars: Sequence[Bar]) -> list[int]:
    """Return all bars in order, repeats and endings unrolled."""
    order: list[int] = []
    # The section that may be repeated begins at ``start``; this is its ``turn``-th time.
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
        elif bar.line is BarLine.REPEAT or (in_ending and bar.line in _ENDING_ENDS):
            start, turn, in_ending = index, 1, False
    return order


def _turns(bars: Sequence[Bar], start: int) -> int:
    """Return the number of times that the section beginning at ``start`` is played."""
    turns = 2
    for index in range(start, len(bars)):
        if bars[index].repeat_start and index != start:
            break
        turns = max(turns, *bars[index].ending, turns)
        following = bars[index + 1] if index + 1 < len(bars) else None
        if bars[index].line is BarLine.REPEAT and not (following and following.ending):
            break
    return turns


def _skip_ending(bars: Sequence[Bar], index: int, start: int, turn: int) -> tuple[int, int, int]:
    """Return the index to continue from, the section's start and the turn after an ending.

    Args:
        bars: All bars.
        index: Where an ending begins that is not for this turn.
        start: Where the section begins.
        turn: How many times the section has been begun.
    """
    for later in range(index + 1, len(bars)):
        if turn in bars[later].ending:
            return later, start, turn
        closes = bars[later - 1].line is BarLine.REPEAT and not bars[later].ending
        if closes or bars[later].repeat_start:
            return later, later, 1
    return len(bars), len(bars), 1


def _with_last_endings(bars: Sequence[Bar], start: int) -> list[int]:
    """Return the bars from ``start`` on, each once, with only the last of several endings."""
    order: list[int] = []
    skipping = False
    for index in range(start, len(bars)):
        if bars[index].ending:
            skipping = _another_ending_follows(bars, index)
        elif bars[index].repeat_start or (index and bars[index - 1].line in _ENDING_ENDS):
            skipping = False
        if not skipping:
            order.append(index)
    return order


def _another_ending_follows(bars: Sequence[Bar], index: int) -> bool:
    for later in range(index + 1, len(bars)):
        if bars[later].ending:
            return True
        if bars[later].repeat_start or bars[later - 1].line is not BarLine.SINGLE:
            return False
    return False
