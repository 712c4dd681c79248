"""Swing: the first of two even notes in a beat takes two thirds of it, as hornpipes are played."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.notation.rhythm import rhythm_named
from abcgen.notation.tune import timed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import Metre, Tune
    from abcgen.score.plan import PlayedBar

SWUNG = frozenset({"hornpipe", "barndance", "schottische"})
LONG_SHARE = Fraction(2, 3)


def swung_times(parts: Sequence[Tune], bars: Sequence[PlayedBar]) -> dict[Fraction, Fraction]:
    """Which times of a tune are moved, and where to.

    Only the middle of a beat is, and only if nothing else begins or ends within that beat:
    triplets and dotted notes say themselves how they are to be played.

    Args:
        parts: The voices.
        bars: The bars as they are played.

    Returns:
        New times by old ones, in whole notes from the start; none if the rhythm has no swing.
    """
    if rhythm_named(parts[0].rhythm) not in SWUNG:
        return {}
    return {
        bar.onset + middle: bar.onset + middle + beat * (LONG_SHARE - Fraction(1, 2))
        for bar in bars
        if (beat := _swung_beat(bar.planned.metre))
        for middle in _even_middles(parts, bar, beat)
    }


def _swung_beat(metre: Metre) -> Fraction:
    """The beat whose halves are swung, in whole notes; 0 if none is."""
    if metre.is_free or metre.is_compound:
        return Fraction(0)
    return Fraction(1, 8) if metre.beats * metre.unit == 8 else Fraction(1, 4)  # noqa: PLR2004 - 2/4


def _even_middles(parts: Sequence[Tune], bar: PlayedBar, beat: Fraction) -> Iterator[Fraction]:
    """The middles of evenly divided beats, in whole notes from the start of the bar."""
    inner: dict[Fraction, set[Fraction]] = {}
    for part in parts:
        for note in timed((part.bars[bar.place],)):
            place = (note.onset + bar.planned.offset) % beat
            if place:
                inner.setdefault(note.onset - place, set()).add(place)
    return (start + beat / 2 for start, places in inner.items() if places == {beat / 2})
