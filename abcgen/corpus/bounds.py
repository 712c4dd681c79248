"""Bounds that a network's training tunes keep: a sampled tune beyond them is broken.

They are learnt, not constants: for each count, the value that all training tunes but one in a
thousand keep, so that a single odd tune does not spoil it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abcgen.config import Count, Schema
from abcgen.notation.shape import CELLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from abcgen.notation.shape import Shape

# One training tune in so many may be beyond a bound.
ODD = 1000
# The beat has to be kept at repeats if at least this share of the training tunes keeps it.
KEPT_SHARE = 0.9
MAX_TUPLETS = 1000

TupletKind = Annotated[tuple[Count, Count], Field(strict=False)]


class Fault(StrEnum):
    """The ways in which a tune is broken though its bars add up and its repeats pair."""

    CIRCLE = "goes round in a circle"
    LENGTH = "is longer than real tunes"
    RHYTHM = "has a rhythm that no real tune has"
    CHORD = "has a larger chord than real tunes"
    BEAT = "drops the beat at a repeat"


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
    # Number of tunes with a repeat, and of those that keep the beat there.
    with_repeats: Count
    keep_beat: Count

    @classmethod
    def of(cls, shapes: Sequence[Shape]) -> TuneBounds:
        """Return the bounds that tunes keep."""
        beats = [shape.keeps_beat for shape in shapes if shape.keeps_beat is not None]
        return cls(
            bars=_bound(shape.bars for shape in shapes),
            runs=tuple(_bound(shape.runs[cell] for shape in shapes) for cell in range(len(CELLS))),
            tuplets=tuple(sorted(frozenset().union(*(shape.tuplets for shape in shapes)))),
            denominator=max((shape.denominator for shape in shapes), default=1),
            chord=max((shape.chord for shape in shapes), default=0),
            with_repeats=len(beats),
            keep_beat=sum(beats),
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
        )

    def faults(self, shape: Shape, *, any_length: bool = False) -> Iterator[Fault]:
        """Yield what is wrong with a tune.

        Args:
            shape: The shape of the tune.
            any_length: Whether it may have any number of bars.
        """
        if any(run > bound for run, bound in zip(shape.runs, self.runs, strict=True)):
            yield Fault.CIRCLE
        if shape.bars > self.bars and not any_length:
            yield Fault.LENGTH
        if shape.denominator > self.denominator or not shape.tuplets.issubset(self.tuplets):
            yield Fault.RHYTHM
        if shape.chord > self.chord:
            yield Fault.CHORD
        required = self.keep_beat >= KEPT_SHARE * max(1, self.with_repeats)
        if required and shape.keeps_beat is False:
            yield Fault.BEAT


def _bound(values: Iterable[int]) -> int:
    """Return what all values but the largest, one in ``ODD``, do not exceed; 0 of none."""
    ranked = sorted(values, reverse=True)
    return ranked[len(ranked) // ODD] if ranked else 0
