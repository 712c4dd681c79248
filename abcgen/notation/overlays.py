"""Overlays: further voices within a bar (``&``), or within several (``(& … & … &)``).

Source: the ABC standard 2.1, section 7.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.draft import DraftBar, DraftNote, Repair, finish_bars

if TYPE_CHECKING:
    from abcgen.notation.tune import Bar, Key, Metre

MAX_OVERLAYS = 4


class Layer(NamedTuple):
    """Music that an overlay interrupts, and what its next note depends on."""

    # The finished bars, and the one being read.
    bars: list[DraftBar]
    bar: DraftBar
    last: DraftNote | None
    tied_alterations: dict[int, int]
    last_in_tuplet: bool
    # The notes at which slurs opened that are not closed yet.
    open_slurs: list[DraftNote]
    # The key and metre in which notes are read, and those that the bars so far have announced.
    key: Key
    metre: Metre
    bars_key: Key
    bars_metre: Metre


@dataclass(slots=True)
class Overlays:
    """The overlays of a voice, each with the bars that have one, by number."""

    bars: list[dict[int, DraftBar]] = field(default_factory=list)
    # The voice's own music while an overlay is read.
    main: Layer | None = None
    # The index of the bar above which the overlay begins, and whether it goes on over bar lines.
    start: int = 0
    over_bars: bool = False
    # The key and metre at the beginning of these bars.
    opening: tuple[Key, Metre] | None = None
    # The number of overlays begun there.
    count: int = 0
    # The slurs that are open in each.
    open_slurs: list[list[DraftNote]] = field(default_factory=list)

    def begin(self, line: int) -> list[DraftNote]:
        """Begin the next overlay of these bars, and return its open slurs.

        Raises:
            NotationError: if there are too many.
        """
        if self.count >= MAX_OVERLAYS:
            raise NotationError(f"more than {MAX_OVERLAYS} voice overlays", line=line)
        if self.count == len(self.bars):
            self.bars.append({})
            self.open_slurs.append([])
        self.count += 1
        return self.open_slurs[self.count - 1]

    def new_key(self, index: int) -> Key | None:
        """Return the key that the voice's own music changes to at a bar of the overlay."""
        if self.main is None:
            return None
        bars = [*self.main.bars[self.start :], self.main.bar]
        return bars[index].key if index < len(bars) else None

    def add(self, bars: list[DraftBar], line: int) -> None:
        """Add the bars of the overlay that was begun last.

        Raises:
            NotationError: if there are more than in the voice's own music.
        """
        if self.main is None:
            return
        own = len(self.main.bars) + bool(self.main.bar.items) - self.start
        if len(bars) > own:
            raise NotationError("voice overlay longer than the bars it lies over", line=line)
        for number, bar in enumerate(bars):
            self.bars[self.count - 1][self.start + number] = bar

    def finish(
        self, bars: tuple[Bar, ...], metre: Metre, repairs: list[Repair]
    ) -> list[tuple[Bar, ...]]:
        """Return the bars of every overlay, with rests where it is silent.

        Args:
            bars: The voice's own bars, whose lines and signatures the overlays share.
            metre: The metre the tune opens in.
            repairs: Corrections are appended to these.
        """
        for note in (note for notes in self.open_slurs for note in notes):
            note.add_slurs(starts=-1)
        return [_finished(overlay, bars, metre, repairs) for overlay in self.bars]


def _finished(
    overlay: dict[int, DraftBar], bars: tuple[Bar, ...], metre: Metre, repairs: list[Repair]
) -> tuple[Bar, ...]:
    drafts = []
    for index, bar in enumerate(bars):
        metre_here = bar.metre or metre
        draft = overlay.get(index) or DraftBar()
        missing = bar.duration - draft.duration(metre_here)
        while missing > 0:
            rest = min(missing, Fraction(LIMITS.duration))
            draft.items.append(DraftNote((), rest, visible=False))
            missing -= rest
        draft.line, draft.repeat_start, draft.ending = bar.line, bar.repeat_start, bar.ending
        draft.key, draft.metre = bar.key, bar.metre
        drafts.append(draft)
        metre = metre_here
    return finish_bars(drafts, bars[0].metre or metre if bars else metre, repairs)
