"""What is known of every bar before anything is drawn: number, key, metre, place in the line."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Bar, BarLine, Metre, Tune, opens_section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.key import Key

SECTION_ENDS = frozenset({BarLine.DOUBLE, BarLine.FINAL, BarLine.REPEAT})


@dataclass(frozen=True, slots=True)
class PlannedBar:
    """A bar and what holds in it.

    Attributes:
        bar: The bar.
        key: The key that holds.
        metre: The metre that holds.
        new_key: Whether a key signature is printed.
        new_metre: Whether a time signature is printed.
        number: Its number; a bar that is not counted has the number of the one before.
        counted: Whether it has a number of its own: pickups and second halves have none.
        offset: How much of a full bar is missing before it, in whole notes.
        starts_section: Whether it begins a part of the tune.
    """

    bar: Bar
    key: Key
    metre: Metre
    new_key: bool
    new_metre: bool
    number: int
    counted: bool
    offset: Fraction
    starts_section: bool

    @property
    def beat(self) -> Fraction:
        """The duration of a beat in whole notes; 0 in free metre."""
        if self.metre.is_free or self.metre.is_compound:
            return self.metre.beam_duration
        return Fraction(1, self.metre.unit)


class PlayedBar(NamedTuple):
    """A bar, each time it is played.

    Attributes:
        onset: When it begins, in whole notes from the start.
        place: Index of the bar in the tune.
        planned: The bar.
    """

    onset: Fraction
    place: int
    planned: PlannedBar


def played_bars(tune: Tune, order: tuple[int, ...]) -> tuple[PlayedBar, ...]:
    """The bars of a tune in the order they are played."""
    plan, onset, played = plan_bars(tune), Fraction(0), []
    for index in order:
        played.append(PlayedBar(onset, index, plan[index]))
        onset += plan[index].bar.duration
    return tuple(played)


def plan_bars(tune: Tune) -> tuple[PlannedBar, ...]:
    """Work out number, key, metre and place of every bar of a tune."""
    return tuple(_planned(tune))


def _planned(tune: Tune) -> Iterator[PlannedBar]:
    key, metre, number = tune.key, tune.metre, 0
    for index, bar in enumerate(tune.bars):
        key, metre = bar.key or key, bar.metre or metre
        starts = opens_section(tune.bars, index)
        missing = _missing_before(bar, metre) if starts else Fraction(0)
        number += not missing
        yield PlannedBar(
            bar=bar,
            key=key,
            metre=metre,
            new_key=index == 0 or bar.key is not None,
            new_metre=index == 0 or bar.metre is not None,
            number=number,
            counted=not missing,
            offset=missing,
            starts_section=starts,
        )


def _missing_before(bar: Bar, metre: Metre) -> Fraction:
    """What a pickup, or the second half of a divided bar, lacks to be full; else 0."""
    if metre.is_free or not bar.items:
        return Fraction(0)
    return max(metre.bar_duration - bar.duration, Fraction(0))


def ending_spans(bars: tuple[Bar, ...]) -> list[tuple[int, int]]:
    """First and last bar of every ending.

    An ending goes on to the next one, to a bar line that ends a section or to a repeat sign.
    """
    starts = [index for index, bar in enumerate(bars) if bar.ending]
    return [(start, _ending_end(bars, start)) for start in starts]


def _ending_end(bars: tuple[Bar, ...], start: int) -> int:
    for index in range(start, len(bars) - 1):
        following = bars[index + 1]
        if bars[index].line in SECTION_ENDS or following.ending or following.repeat_start:
            return index
    return len(bars) - 1
