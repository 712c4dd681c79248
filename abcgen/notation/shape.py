"""Measure a tune against what players expect: no circles, a beat that continues at repeats."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from typing import TYPE_CHECKING

from abcgen.notation.playback import play_order
from abcgen.notation.tune import BarLine, Note, Tuplet, opens_section
from abcgen.notation.walk import keys_and_metres

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from abcgen.notation.tune import Bar, Rest, Tune

# Lengths in bars of the cells that a tune may repeat on end.
CELLS = (1, 2, 4)
# A tune with as many equal cells on end goes round in a circle, if they last eight bars or more.
CIRCLE_CELLS, CIRCLE_BARS = 4, 8


@dataclass(frozen=True, slots=True)
class Shape:
    """The extremes of a tune's bars as written, and whether it keeps the beat at repeats."""

    bars: int
    # For each length in ``CELLS``, how often a cell of so many bars occurs on end at most.
    runs: tuple[int, ...]
    # The tuplets that occur, as (actual, normal).
    tuplets: frozenset[tuple[int, int]]
    # The largest denominator of a note's written duration in whole notes.
    denominator: int
    # Most pitches struck together.
    chord: int
    # None if there is no repeat whose bars are known to be full or not.
    keeps_beat: bool | None


def shape_of(tune: Tune, first: int = 0) -> Shape:
    """Return the shape of a tune's bars from the one with index *first*."""
    bars = tune.bars[first:]
    notes = [note for bar in bars for note in bar.notes]
    return Shape(
        bars=len(bars),
        runs=tuple(longest_run(bars, cell) for cell in CELLS),
        tuplets=frozenset(
            (item.actual, item.normal)
            for bar in bars
            for item in bar.items
            if isinstance(item, Tuplet)
        ),
        denominator=max((note.duration.denominator for note in notes), default=1),
        chord=max((len(note.pitches) for note in notes if isinstance(note, Note)), default=0),
        keeps_beat=keeps_beat(tune, first),
    )


def longest_run(bars: Sequence[Bar], cell: int) -> int:
    """Return how often *cell* bars occur on end at most, compared by pitches and durations."""
    music = [_music(bar) for bar in bars]
    # Equal cells on end are bars each equal to the bar one cell later.
    longest = equal = 0
    for bar, later in zip(music, music[cell:], strict=False):
        equal = equal + 1 if bar == later else 0
        longest = max(longest, equal)
    return longest // cell + 1 if bars else 0


def _music(bar: Bar) -> Hashable:
    def sounds(notes: Iterable[Note | Rest]) -> Hashable:
        return tuple(
            (note.duration, note.pitches if isinstance(note, Note) else ()) for note in notes
        )

    return tuple(
        (item.actual, item.normal, sounds(item.items))
        if isinstance(item, Tuplet)
        else sounds([item])
        for item in bar.items
    )


def goes_in_circle(tune: Tune) -> bool:
    """Return whether a cell occurs four times or more on end, over eight bars or more."""
    return any(
        longest_run(tune.bars, cell) >= max(CIRCLE_CELLS, CIRCLE_BARS // cell) for cell in CELLS
    )


def keeps_beat(tune: Tune, first: int = 0) -> bool | None:
    """Return whether bars are full where a repeat or an ending joins two of them.

    The last bar of a repeated section and the first, its pickup, have to make one full bar, or be
    full both. A bar that is cut by the beginning of an ending is completed by the ending.

    Args:
        tune: The tune.
        first: Index of the first bar that counts as the last before a repeat.

    Returns:
        None if there is no such place in a metre that stays the same.
    """
    bars = tune.bars
    metres = [metre for _, metre in keys_and_metres(bars, tune.key, tune.metre)]
    order = play_order(tune)
    results = []
    cut = Fraction(0)  # duration of the bar before, if an ending has cut it
    for index, following in zip_longest(order, order[1:]):
        full, completes, duration = metres[index].bar_duration, cut > 0, cut + bars[index].duration
        cut = Fraction(0)
        if following is None:
            if completes:
                results.append(duration <= full)
            break
        is_known = metres[index] == metres[following] and not metres[index].is_free
        if index < first or not is_known:
            continue
        if bars[following].ending and duration < full and not opens_section(bars, index):
            cut = duration
            continue
        pickup = bars[following].duration
        joined = index != following and duration + pickup == full  # a bar may follow itself
        if following <= index and bars[index].line is BarLine.REPEAT:
            results.append(joined or duration == pickup == full)
        elif completes:
            results.append(joined or duration == full)
    return all(results) if results else None
