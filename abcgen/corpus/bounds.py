"""Bounds that a network's training tunes keep: a sampled tune beyond them is broken.

They are learnt, not constants: for each count, the value that all training tunes but one in a
thousand keep, so that a single odd tune does not spoil it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from abcgen.config import Count, Schema
from abcgen.notation.shape import CELLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from abcgen.notation.shape import Shape

# One training tune in so many may be beyond a bound.
ODD = 1000
# The beat has to be kept where sections end if at least this share of the tunes keeps it.
KEPT_SHARE = 0.9
MAX_TUPLETS = 1000

TupletKind = Annotated[tuple[Count, Count], Field(strict=False)]


class Fault(StrEnum):
    """The ways in which a tune is broken though its bars add up and its repeats pair."""

    CIRCLE = "goes round in a circle"
    LENGTH = "is longer than real tunes"
    RHYTHM = "has a rhythm that no real tune has"
    CHORD = "has a larger chord than real tunes"
    FRAGMENT = "repeats a single bar"
    BEAT = "drops the beat where a section ends"


class Finding(NamedTuple):
    """A fault of a tune, and where it is."""

    fault: Fault
    # The first and last bar concerned, counted from 1 as written.
    bars: tuple[int, int]
    # What is there, and what was expected.
    what: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.what}"


class TuneBounds(Schema):
    """Bounds of tunes, learnt from some."""

    # Number of bars as written.
    bars: Count
    # How often a cell occurs on end, for each length in ``shape.CELLS``.
    runs: Annotated[
        tuple[Count, ...], Field(strict=False, min_length=len(CELLS), max_length=len(CELLS))
    ]
    # The kinds of tuplets, as (actual, normal).
    tuplets: Annotated[tuple[TupletKind, ...], Field(strict=False, max_length=MAX_TUPLETS)]
    # The denominator of the shortest written note.
    denominator: Count
    # Pitches struck together.
    chord: Count
    # Number of tunes with sections that end where it can be told whether the beat is kept,
    # and of those that keep it everywhere.
    with_repeats: Count
    keep_beat: Count
    # Number of tunes, none in bounds of earlier versions, and of those that repeat a single bar.
    tunes: Count = 0
    repeat_bar: Count = 0

    @classmethod
    def of(cls, shapes: Sequence[Shape]) -> TuneBounds:
        """Return the bounds that tunes keep."""
        beats = [shape.keeps_beat for shape in shapes if shape.keeps_beat is not None]
        return cls(
            bars=_bound(shape.bars for shape in shapes),
            runs=tuple(
                _bound(shape.runs[cell].value for shape in shapes) for cell in range(len(CELLS))
            ),
            tuplets=tuple(sorted(frozenset().union(*(shape.tuplets for shape in shapes)))),
            denominator=max((shape.denominator.value for shape in shapes), default=1),
            chord=max((shape.chord.value for shape in shapes), default=0),
            with_repeats=len(beats),
            keep_beat=sum(beats),
            tunes=len(shapes),
            repeat_bar=sum(shape.repeated_bar is not None for shape in shapes),
        )

    def __or__(self, other: TuneBounds) -> TuneBounds:
        """Return bounds that tunes within either keep."""
        return TuneBounds(
            bars=max(self.bars, other.bars),
            runs=tuple(map(max, self.runs, other.runs)),
            tuplets=tuple(sorted({*self.tuplets, *other.tuplets})),
            denominator=max(self.denominator, other.denominator),
            chord=max(self.chord, other.chord),
            with_repeats=self.with_repeats + other.with_repeats,
            keep_beat=self.keep_beat + other.keep_beat,
            tunes=self.tunes + other.tunes,
            repeat_bar=self.repeat_bar + other.repeat_bar,
        )

    def faults(self, shape: Shape, *, any_length: bool = False) -> Iterator[Finding]:
        """Yield the faults of a tune.

        Args:
            shape: The shape of the tune.
            any_length: Whether it may have any number of bars.
        """
        for cell, run, most in zip(CELLS, shape.runs, self.runs, strict=True):
            if run.value > most:
                bars = (run.bar + 1, run.bar + cell * run.value)
                repeated = "one bar" if cell == 1 else f"the same {cell} bars"
                what = f"bars {bars[0]} to {bars[1]} are {repeated} {run.value} times, not at most"
                yield Finding(Fault.CIRCLE, bars, f"{what} {most}")
                break
        if shape.bars > self.bars and not any_length:
            what = f"{shape.bars} bars, not at most {self.bars}"
            yield Finding(Fault.LENGTH, (1, shape.bars), what)
        yield from self._notes_beyond(shape)
        if shape.repeated_bar is not None and self.repeat_bar * ODD < self.tunes:
            bar = shape.repeated_bar + 1
            yield Finding(Fault.FRAGMENT, (bar, bar), f"bar {bar} is a section of its own")
        if self.keep_beat >= KEPT_SHARE * max(1, self.with_repeats):
            for joint in shape.joints:
                if not joint.keeps_beat:
                    first, last = sorted((joint.last + 1, joint.first + 1))
                    yield Finding(Fault.BEAT, (first, last), str(joint))
                    break

    def _notes_beyond(self, shape: Shape) -> Iterator[Finding]:
        """Yield a shape's tuplets, short notes and chords that are beyond the bounds."""
        if shape.denominator.value > self.denominator:
            bar = shape.denominator.bar + 1
            what = f"bar {bar} has a note of a 1/{shape.denominator.value}, not at least"
            yield Finding(Fault.RHYTHM, (bar, bar), f"{what} a 1/{self.denominator}")
        odd = {kind: bar for kind, bar in shape.tuplets.items() if kind not in self.tuplets}
        if odd:
            (actual, normal), bar = next(iter(odd.items()))
            what = f"bar {bar + 1} has {actual} notes in the time of {normal}"
            yield Finding(Fault.RHYTHM, (bar + 1, bar + 1), what)
        if shape.chord.value > self.chord:
            bar = shape.chord.bar + 1
            what = f"bar {bar} has a chord of {shape.chord.value} notes, not at most"
            yield Finding(Fault.CHORD, (bar, bar), f"{what} {max(1, self.chord)}")


def _bound(values: Iterable[int]) -> int:
    """Return what all values but the largest, one in ``ODD``, do not exceed; 0 of none."""
    ranked = sorted(values, reverse=True)
    return ranked[len(ranked) // ODD] if ranked else 0
