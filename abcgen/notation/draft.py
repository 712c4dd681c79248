"""Bars while they are being read, and their completion once the whole voice is known.

``finish_bars`` then decides which ties join notes, where repeats go back to, and the time in
which tuplets are played.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.tune import (
    Bar,
    BarLine,
    Marks,
    Metre,
    Note,
    Pitch,
    Rest,
    Tuplet,
    read_chord_symbol,
    total,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import ChordSymbol, Key

MAX_TUPLET = 9
# The most decorations at a note, and the most grace notes before one.
MAX_MARKS = 8

# The default tuplets of the standard 2.1, section 4.13; the others depend on the metre.
_DEFAULT_NORMAL = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}

# Decorations by their letters, and other names for them (standard 2.1, section 4.14).
_DECORATION_LETTERS = {
    ".": "staccato",
    "~": "roll",
    "H": "fermata",
    "L": "accent",
    "M": "lowermordent",
    "O": "coda",
    "P": "uppermordent",
    "S": "segno",
    "T": "trill",
    "u": "upbow",
    "v": "downbow",
}
_DECORATION_SYNONYMS = {
    ">": "accent",
    "emphasis": "accent",
    "mordent": "lowermordent",
    "pralltriller": "uppermordent",
    "+": "plus",
    "<(": "crescendo(",
    "<)": "crescendo)",
    ">(": "diminuendo(",
    ">)": "diminuendo)",
    "Segno": "segno",
    "Coda": "coda",
    "dacapo": "D.C.",
    "DC": "D.C.",
    "D.C": "D.C.",
    "DS": "D.S.",
    "D.S": "D.S.",
}
# These close what they refer to: before a bar line they belong to the note before.
_CLOSING_DECORATIONS = frozenset({"fine", "D.C.", "D.S.", "dacoda"})


@dataclass(frozen=True, slots=True)
class Repair:
    """A mistake in a tune's text that was corrected from its bars or notes."""

    # Line of the file.
    line: int
    # The correction and its reason, for the person who typed the tune.
    what: str
    # The text corrected.
    text: str = ""


@dataclass(slots=True)
class DraftNote:
    """A note, chord or rest being read; without pitches it is a rest."""

    pitches: tuple[Pitch, ...]
    duration: Fraction
    tied: bool = False
    visible: bool = True
    marks: Marks | None = None

    def frozen(self) -> Note | Rest:
        """Return the finished note or rest."""
        if self.pitches:
            return Note(self.pitches, self.duration, self.tied, self.marks)
        return Rest(self.duration, self.visible, self.marks)


@dataclass(slots=True)
class DraftTuplet:
    """A tuplet being read: ``count`` notes, ``actual`` in the time of ``normal``."""

    actual: int
    # None where the file leaves it to the default.
    normal: int | None
    count: int
    notes: list[DraftNote] = field(default_factory=list)

    @property
    def written(self) -> Fraction:
        """The written duration of its notes, in whole notes."""
        return total(note.duration for note in self.notes)

    def normal_in(self, metre: Metre) -> int:
        """Return ``normal``, by the standard's default for the metre where the file has none."""
        return self.normal or _DEFAULT_NORMAL.get(self.actual, 3 if metre.is_compound else 2)

    def frozen(self, normal: int) -> Tuplet:
        """Return the finished tuplet, played in the time of ``normal`` notes."""
        return Tuplet(self.actual, normal, tuple(note.frozen() for note in self.notes))


@dataclass(slots=True)
class DraftBar:
    """A bar being read; see :class:``abcgen.notation.tune.Bar``."""

    items: list[DraftNote | DraftTuplet] = field(default_factory=list)
    line: BarLine = BarLine.SINGLE
    repeat_start: bool = False
    ending: tuple[int, ...] = ()
    key: Key | None = None
    metre: Metre | None = None
    # Line of the file where its first note is written.
    text_line: int = 0

    @property
    def notes(self) -> Iterator[DraftNote]:
        """Its notes and rests, those of tuplets too."""
        for item in self.items:
            yield from item.notes if isinstance(item, DraftTuplet) else (item,)

    @property
    def tuplets(self) -> list[DraftTuplet]:
        """Its tuplets."""
        return [item for item in self.items if isinstance(item, DraftTuplet)]

    @property
    def plain_duration(self) -> Fraction:
        """Duration of its notes and rests outside tuplets, in whole notes."""
        return total(item.duration for item in self.items if isinstance(item, DraftNote))

    def duration(self, metre: Metre) -> Fraction:
        """Return its sounding duration in whole notes, tuplets played by their defaults."""
        tuplets = (t.written * Fraction(t.normal_in(metre), t.actual) for t in self.tuplets)
        return self.plain_duration + sum(tuplets, Fraction(0))


@dataclass(slots=True)
class PendingMarks:
    """Decorations, a chord symbol and grace notes whose note has not been read yet.

    Source: the ABC standard 2.1, sections 4.12 (grace notes), 4.14 (decorations) and 4.18.
    """

    chord_symbol: ChordSymbol | None = None
    decorations: list[str] = field(default_factory=list)
    grace: tuple[Pitch, ...] = ()

    def add_decoration(self, name: str) -> None:
        """Add a decoration, by its letter or any of its names."""
        name = _DECORATION_LETTERS.get(name) or _DECORATION_SYNONYMS.get(name, name)
        if name not in self.decorations and len(self.decorations) < MAX_MARKS:
            self.decorations.append(name)

    def add_quoted(self, text: str) -> None:
        """Add a quoted text, if it is a chord symbol."""
        self.chord_symbol = read_chord_symbol(text) or self.chord_symbol

    def pop(self) -> Marks | None:
        """Remove and return all marks, or None if there are none."""
        if not (self.chord_symbol or self.decorations or self.grace):
            return None
        marks = Marks(self.chord_symbol, tuple(self.decorations), self.grace)
        self.chord_symbol, self.decorations, self.grace = None, [], ()
        return marks

    def pop_closing(self) -> list[str]:
        """Remove and return the decorations that belong to the note before a bar line."""
        closing = [name for name in self.decorations if name in _CLOSING_DECORATIONS]
        if closing:
            self.decorations = [name for name in self.decorations if name not in closing]
        return closing


def finish_bars(drafts: list[DraftBar], metre: Metre, repairs: list[Repair]) -> tuple[Bar, ...]:
    """Turn the drafts of a voice into bars.

    Args:
        drafts: The bars as read; they are changed.
        metre: The metre the tune opens in.
        repairs: Corrections are appended to these.
    """
    # 1) A tie joins equal pitches; between different ones it is a slur, and ignored.
    notes = [(note, draft.text_line) for draft in drafts for note in draft.notes]
    for (note, line), (following, _) in pairwise([*notes, (DraftNote((), Fraction(0)), 0)]):
        if note.tied and set(note.pitches).isdisjoint(following.pitches):
            note.tied = False
            what = "a tie that meets no note of its pitch read as a slur"
            repairs.append(Repair(line, what, "-"))

    # 2) Repeats that the file does not open.
    _open_repeats(drafts)

    # 3) The time in which tuplets are played.
    bars = []
    for draft in drafts:
        metre = draft.metre or metre
        fitting = _fitting_normal(draft, metre)
        if fitting:
            actual = draft.tuplets[0].actual
            what = f"{actual} notes played in the time of {fitting}, for the bar to add up"
            repairs.append(Repair(draft.text_line, what, f"({actual}"))
        items = tuple(
            item.frozen(fitting or item.normal_in(metre))
            if isinstance(item, DraftTuplet)
            else item.frozen()
            for item in draft.items
        )
        bars.append(
            Bar(items, draft.line, draft.repeat_start, draft.ending, draft.key, draft.metre)
        )
    return tuple(bars)


def _open_repeats(drafts: list[DraftBar]) -> None:
    """Add the missing ``|:`` of every repeat that the file does not open.

    Such a repeat goes back to the end of the previous one, to a double bar after that, or to the
    beginning.
    """
    start, repeated, opened, in_ending = 0, False, False, False
    for index, (draft, following) in enumerate(pairwise([*drafts, DraftBar()])):
        if draft.repeat_start:
            start, opened, in_ending = index, True, False
        in_ending |= bool(draft.ending)
        if draft.line is BarLine.REPEAT:
            drafts[start].repeat_start = repeated = True
            section_ends = not following.ending
        else:
            double = draft.line is not BarLine.SINGLE
            section_ends = double and (in_ending or (repeated and not opened))
        if section_ends:
            start, opened, in_ending = index + 1, False, False


def _fitting_normal(draft: DraftBar, metre: Metre) -> int | None:
    """Return the ``normal`` that a bar's tuplets need for the bar to add up.

    Files often rely on a default that is wrong: ``d4 (5A/B/c/d/e/`` in 3/4. Only tuplets of five
    and more, all of one kind, are corrected, and only to be faster than written. None means that
    the bar adds up already, or would with no number.
    """
    kinds = {(tuplet.actual, tuplet.normal) for tuplet in draft.tuplets}
    if metre.is_free or len(kinds) != 1 or draft.duration(metre) == metre.bar_duration:
        return None
    actual, normal = kinds.pop()
    if normal is not None or actual < 5:
        return None
    written = sum((tuplet.written for tuplet in draft.tuplets), Fraction(0))
    fitting = (metre.bar_duration - draft.plain_duration) / written * actual
    return int(fitting) if fitting.denominator == 1 and 0 < fitting < actual else None
