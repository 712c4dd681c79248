"""Measure a tune against what players expect: no circles, a beat kept between sections."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.analysis import sections_of
from abcgen.notation.playback import play_order
from abcgen.notation.tune import BarLine, Note, Tuplet, opens_section
from abcgen.notation.walk import keys_and_metres

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from abcgen.notation.tune import Bar, Rest, Tune

# Lengths in bars of the cells that a tune may repeat on end.
CELLS = (1, 2, 4)
# A tune with as many equal cells on end goes round in a circle, if they last eight bars or more.
CIRCLE_CELLS, CIRCLE_BARS = 4, 8


class Extreme(NamedTuple):
    """The largest of some numbers, and the index of the first bar where it is."""

    value: int
    bar: int


class Joint(NamedTuple):
    """Two bars, by index, that are played one after the other where a section ends."""

    last: int
    first: int
    # Their duration together, or of the last alone if the next is full; and what it should be.
    duration: Fraction
    full: Fraction
    is_alone: bool

    @property
    def keeps_beat(self) -> bool:
        """Whether they make one full bar, or two."""
        return self.duration == self.full

    def __str__(self) -> str:
        bars = f"bar {self.last + 1} lasts"
        if not self.is_alone:
            bars = f"bar {self.last + 1} and the pickup, bar {self.first + 1}, last"
        return f"{bars} {self.duration} instead of {self.full} of a whole note"


@dataclass(frozen=True, slots=True)
class Shape:
    """The extremes of a tune's bars as written, and the joints of its sections."""

    bars: int
    # For each length in ``CELLS``, how often a cell of so many bars occurs on end at most.
    runs: tuple[Extreme, ...]
    # For each kind of tuplet, as (actual, normal), the index of the first bar that has it.
    tuplets: dict[tuple[int, int], int]
    # The largest denominator of a note's written duration in whole notes.
    denominator: Extreme
    # Most pitches struck together.
    chord: Extreme
    # Index of the first bar that is a whole section to be repeated; None if there is none.
    repeated_bar: int | None
    joints: tuple[Joint, ...]

    @property
    def keeps_beat(self) -> bool | None:
        """Whether the beat is kept where sections end; None if it is known of no such place."""
        return all(joint.keeps_beat for joint in self.joints) if self.joints else None


def shape_of(tune: Tune, first: int = 0) -> Shape:
    """Return the shape of a tune's bars from the one with index *first*."""
    bars = tune.bars[first:]
    tuplets: dict[tuple[int, int], int] = {}
    denominator, chord = Extreme(1, first), Extreme(0, first)
    for index, bar in enumerate(bars, start=first):
        for item in bar.items:
            if isinstance(item, Tuplet):
                tuplets.setdefault((item.actual, item.normal), index)
        for note in bar.notes:
            if note.duration.denominator > denominator.value:
                denominator = Extreme(note.duration.denominator, index)
            if isinstance(note, Note) and len(note.pitches) > chord.value:
                chord = Extreme(len(note.pitches), index)
    runs = (_longest_run(bars, cell) for cell in CELLS)
    return Shape(
        bars=len(bars),
        runs=tuple(Extreme(run.value, run.bar + first) for run in runs),
        tuplets=tuplets,
        denominator=denominator,
        chord=chord,
        repeated_bar=_repeated_bar(tune, first),
        joints=tuple(_joints(tune, first)),
    )


def _repeated_bar(tune: Tune, first: int) -> int | None:
    starts = [index for index in range(len(tune.bars)) if opens_section(tune.bars, index)]
    for start, section in zip(starts, sections_of(tune), strict=True):
        if start >= first and section.repeated and section.bars == 1:
            return start
    return None


def longest_run(bars: Sequence[Bar], cell: int) -> int:
    """Return how often *cell* bars occur on end at most, compared by pitches and durations."""
    return _longest_run(bars, cell).value


def _longest_run(bars: Sequence[Bar], cell: int) -> Extreme:
    music = [_music(bar) for bar in bars]
    # Equal cells on end are bars each equal to the bar one cell later.
    longest = equal = start = 0
    for index, (bar, later) in enumerate(zip(music, music[cell:], strict=False)):
        equal = equal + 1 if bar == later else 0
        if equal > longest:
            longest, start = equal, index + 1 - equal
    return Extreme(longest // cell + 1 if bars else 0, start)


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


def keeps_beat(tune: Tune) -> bool | None:
    """Return whether bars are full where sections end; None if it is known of no such place."""
    joints = [joint.keeps_beat for joint in _joints(tune, 0)]
    return all(joints) if joints else None


def _joints(tune: Tune, first: int) -> Iterator[Joint]:
    """Yield the places where a section ends, in a metre that is known and stays the same.

    Before a repeat, the last bar of the section and its first, the pickup, have to make one full
    bar, or be full both; before a section with a pickup, the last bar and the pickup have to. A bar
    that is cut by the beginning of an ending is completed by the ending.

    Args:
        tune: The tune.
        first: Index of the first bar that counts as the last of a section.
    """
    bars = tune.bars
    metres = [metre for _, metre in keys_and_metres(bars, tune.key, tune.metre)]
    order = play_order(tune)
    cut = Fraction(0)  # duration of the bar before, if an ending has cut it
    for index, following in zip_longest(order, order[1:]):
        full, completes, duration = metres[index].bar_duration, cut > 0, cut + bars[index].duration
        cut = Fraction(0)
        if following is None:
            if completes:
                yield Joint(index, index, max(duration, full), full, is_alone=True)
            break
        is_known = metres[index] == metres[following] and not metres[index].is_free
        if index < first or not is_known:
            continue
        if bars[following].ending and duration < full and not opens_section(bars, index):
            cut = duration
            continue
        pickup = full if following == index else bars[following].duration  # a bar may follow itself
        repeats = following <= index and bars[index].line is BarLine.REPEAT
        begins = following == index + 1 and opens_section(bars, following) and pickup < full
        ends = repeats or begins
        if ends or completes:
            alone = pickup == full or (not ends and duration == full)
            together = duration if alone else duration + pickup
            yield Joint(index, following, together, full, is_alone=alone)
