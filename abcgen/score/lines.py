"""Where a line of music ends: at sections, and about every four bars where they fit.

Lengths are in staff heights (the distance from the lowest to the highest line of a staff), so
that nothing here depends on the size of the print.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from abcgen.score.accidentals import printed_accidentals, printed_fifths

if TYPE_CHECKING:
    from abcgen.score.pieces import Piece
    from abcgen.score.plan import PlannedBar

LINE_WIDTH = 180 / 6.5
"""Width of a line in staff heights where none is asked for: 180 mm of staves 6.5 mm high."""

USUAL_BARS = 4

# Least-squares estimates of what the engraver needs before it justifies, in staff heights.
CLEF_WIDTH = 1.2
SIGN_WIDTH = 0.15
METRE_WIDTH = 0.7
REPEAT_WIDTH = 0.4
BAR_LINE_WIDTH = 0.36
SIXTEENTH_WIDTH = 0.45
GRACE_WIDTH = 0.35
NOTE_GROWTH = 0.55


def line_starts(
    plan: tuple[PlannedBar, ...], widths: list[float], line_width: float = LINE_WIDTH
) -> frozenset[int]:
    """Which bars, by index, begin a line of music; the first bar is among them.

    Args:
        plan: The bars of a tune.
        widths: The width that each needs, in staff heights.
        line_width: Width of a line in staff heights.
    """
    starts: set[int] = set()
    for first, end in sections(plan):
        room = line_width - CLEF_WIDTH - SIGN_WIDTH * abs(printed_fifths(plan[first].key))
        starts |= _best_breaks(plan, widths, first, end, room)
    return frozenset(starts)


def bar_width(planned: PlannedBar, pieces: list[Piece]) -> float:
    """About how wide the engraver sets a bar before it justifies the line, in staff heights."""
    printed = printed_accidentals(pieces, planned.key)
    accidentals = sum(len(signs.grace) + len(signs.notes) for signs in printed)
    notes = sum(_piece_width(piece) for piece in pieces)
    graces = sum(len(piece.grace) for piece in pieces) * GRACE_WIDTH
    signs = planned.new_metre * METRE_WIDTH + planned.bar.repeat_start * REPEAT_WIDTH
    return BAR_LINE_WIDTH + notes + graces + accidentals * SIGN_WIDTH + signs


def _piece_width(piece: Piece) -> float:
    """A note's width grows with its duration, but more slowly."""
    return SIXTEENTH_WIDTH * math.pow(piece.duration * 16, NOTE_GROWTH)


def sections(plan: tuple[PlannedBar, ...]) -> list[tuple[int, int]]:
    """Sections as (first bar, bar after the last); one of under four bars joins a neighbour."""
    starts = [0]
    for index, planned in enumerate(plan):
        before, after = plan[starts[-1] : index], plan[index:]
        if planned.starts_section and min(_counted(before), _counted(after)) >= USUAL_BARS:
            starts.append(index)
    return list(zip(starts, [*starts[1:], len(plan)], strict=True))


def _counted(bars: tuple[PlannedBar, ...]) -> int:
    return sum(planned.counted for planned in bars)


def _best_breaks(
    plan: tuple[PlannedBar, ...], widths: list[float], first: int, end: int, room: float
) -> set[int]:
    """The breaks of one section that cost least in all, by dynamic programming."""
    best: dict[int, tuple[float, set[int]]] = {end: (0.0, set())}
    for start in range(end - 1, first - 1, -1):
        choices: list[tuple[float, set[int]]] = []
        for stop in range(start + 1, end + 1):
            width = sum(widths[start:stop])
            if width > room and stop > start + 1:
                break
            cost, starts = best[stop]
            cost += _line_cost(width / room, _counted(plan[start:stop]), is_last=stop == end)
            choices.append((cost, {start} | starts))
        best[start] = min(choices, key=lambda choice: choice[0])
    return best[first][1]


def _line_cost(fill: float, bars: int, *, is_last: bool) -> float:
    """How ill a line looks: stretched, or not of four bars, or at least of an even number.

    What is left over stands best on the last line of a section.
    """
    stretched = 0.5 * max(0.0, 1.0 - fill) ** 2
    uneven = 0.1 * (bars - USUAL_BARS) ** 2 + 0.2 * (bars % 2)
    return 0.1 + stretched + (0.5 * uneven if is_last else uneven)
