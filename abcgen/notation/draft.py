"""Bars while they are being read, and what can only be settled once the whole tune is known.

Which ties tie, where repeats go back to, and in what time a tuplet is played.

What players find written at the notes: decorations, chord symbols and grace notes.

None of it changes a note of the tune. Decorations have one name each, whichever of its ways of
writing a file uses. Slurs, words and annotations are passed over.
Source: the ABC standard 2.1, sections 4.12 (grace notes), 4.14 (decorations) and 4.18.
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
QUINTUPLET = 5
# The default tuplets of the standard 2.1, section 4.13; the others depend on the metre.
_DEFAULT_NORMAL = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that a tune's text says wrongly and its bars or notes put right.

    Attributes:
        line: Line of the file.
        what: What was done and why, in words for whoever typed the tune.
        text: The text that it was done to.
    """

    line: int
    what: str
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
        """The note as it stays."""
        if self.pitches:
            return Note(self.pitches, self.duration, self.tied, self.marks)
        return Rest(self.duration, self.visible, self.marks)


@dataclass(slots=True)
class DraftTuplet:
    """A tuplet being read: ``count`` notes, ``actual`` in the time of ``normal``.

    ``normal`` is None where the file leaves it to the default.
    """

    actual: int
    normal: int | None
    count: int
    notes: list[DraftNote] = field(default_factory=list)

    @property
    def written(self) -> Fraction:
        """The written duration of its notes, in whole notes."""
        return total(note.duration for note in self.notes)

    def normal_in(self, metre: Metre) -> int:
        """In the time of how many notes it is played, if need be by the standard's default."""
        return self.normal or _DEFAULT_NORMAL.get(self.actual, 3 if metre.is_compound else 2)


@dataclass(slots=True)
class DraftBar:
    """A bar being read; see :class:`abcgen.notation.tune.Bar`."""

    items: list[DraftNote | DraftTuplet] = field(default_factory=list)
    line: BarLine = BarLine.SINGLE
    repeat_start: bool = False
    ending: tuple[int, ...] = ()
    key: Key | None = None
    metre: Metre | None = None
    text_line: int = 0  # where in the file its first note stands

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
    def plain(self) -> Fraction:
        """Duration of what is in no tuplet, in whole notes."""
        notes = (item for item in self.items if isinstance(item, DraftNote))
        return total(note.duration for note in notes)

    def duration(self, metre: Metre) -> Fraction:
        """Sounding duration in whole notes, tuplets by their defaults."""
        squeezed = (t.written * Fraction(t.normal_in(metre), t.actual) for t in self.tuplets)
        return self.plain + sum(squeezed, Fraction(0))


def finished(drafts: list[DraftBar], metre: Metre, repairs: list[Repair]) -> tuple[Bar, ...]:
    """Turn drafts into bars.

    Args:
        drafts: The bars as read; they are changed.
        metre: The metre the tune opens in.
        repairs: What is put right on the way is added to these.
    """
    _resolve_ties(drafts, repairs)
    _open_repeats(drafts)
    bars = []
    for draft in drafts:
        metre = draft.metre or metre
        bars.append(_frozen(draft, metre, repairs))
    return tuple(bars)


def _resolve_ties(drafts: list[DraftBar], repairs: list[Repair]) -> None:
    """A tie ties equal pitches; between others it is a slur, and dropped."""
    notes = [(note, draft.text_line) for draft in drafts for note in draft.notes]
    for (note, line), (following, _) in pairwise([*notes, (DraftNote((), Fraction(0)), 0)]):
        if note.tied and set(note.pitches).isdisjoint(following.pitches):
            note.tied = False
            repairs.append(
                Repair(line, "a tie that meets no note of its pitch read as a slur", "-")
            )


def _open_repeats(drafts: list[DraftBar]) -> None:
    """Write the opening of every repeat that the file leaves out, so that all play it alike.

    It goes back to the end of the repeat before, or to a double bar after that one, or to the
    beginning.
    """
    start, repeated, opened, in_ending = 0, False, False, False
    for index, (draft, following) in enumerate(pairwise([*drafts, DraftBar()])):
        if draft.repeat_start:
            start, opened, in_ending = index, True, False
        in_ending |= bool(draft.ending)
        if draft.line is BarLine.REPEAT:
            drafts[start].repeat_start = repeated = True
            ends = not following.ending
        else:
            ends = draft.line is not BarLine.SINGLE and (in_ending or (repeated and not opened))
        if ends:
            start, opened, in_ending = index + 1, False, False


def _frozen(draft: DraftBar, metre: Metre, repairs: list[Repair]) -> Bar:
    normal = _fitting_normal(draft, metre)
    if normal:
        actual = draft.tuplets[0].actual
        what = f"{actual} notes played in the time of {normal}, for the bar to add up"
        repairs.append(Repair(draft.text_line, what, f"({actual}"))
    items = tuple(
        Tuplet(
            item.actual,
            normal or item.normal_in(metre),
            tuple(note.frozen() for note in item.notes),
        )
        if isinstance(item, DraftTuplet)
        else item.frozen()
        for item in draft.items
    )
    return Bar(items, draft.line, draft.repeat_start, draft.ending, draft.key, draft.metre)


def _fitting_normal(draft: DraftBar, metre: Metre) -> int | None:
    """In what time the tuplets of a bar must be played for the bar to add up.

    Files often leave it to a default that is wrong: ``d4 (5A/B/c/d/e/`` in 3/4. Only tuplets of
    five and more, all of one kind, are put right, and only to be faster than written.

    Returns:
        The number of notes, or None if the bar adds up as it stands or no number makes it so.
    """
    kinds = {(tuplet.actual, tuplet.normal) for tuplet in draft.tuplets}
    if metre.is_free or len(kinds) != 1 or draft.duration(metre) == metre.bar_duration:
        return None
    actual, normal = kinds.pop()
    if normal is not None or actual < QUINTUPLET:
        return None
    written = sum((tuplet.written for tuplet in draft.tuplets), Fraction(0))
    fitting = (metre.bar_duration - draft.plain) / written * actual
    return int(fitting) if fitting.denominator == 1 and 0 < fitting < actual else None


DECORATION_LETTERS = {
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
SYNONYMS = {
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
# These stand at the end of what they are about, so that before a bar line they belong to the note
# that is over.
AT_THE_END = frozenset({"fine", "D.C.", "D.S.", "dacoda"})
MOST = 8  # decorations at a note, and grace notes before one


@dataclass(slots=True)
class DraftMarks:
    """Marks that wait for their note."""

    chord_symbol: ChordSymbol | None = None
    decorations: list[str] = field(default_factory=list)
    grace: tuple[Pitch, ...] = ()

    def decorate(self, name: str) -> None:
        """Take a decoration, by its letter or name."""
        name = DECORATION_LETTERS.get(name) or SYNONYMS.get(name, name)
        if name not in self.decorations and len(self.decorations) < MOST:
            self.decorations.append(name)

    def quote(self, words: str) -> None:
        """Take a text in quotes, if it is a chord symbol."""
        self.chord_symbol = read_chord_symbol(words) or self.chord_symbol

    def ended(self) -> Marks | None:
        """Take out the decorations that belong to the note before a bar line."""
        names = tuple(name for name in self.decorations if name in AT_THE_END)
        self.decorations = [name for name in self.decorations if name not in names]
        return Marks(decorations=names) if names else None

    def taken(self) -> Marks | None:
        """Take them all out for the note they were waiting for; None if there are none."""
        if not (self.chord_symbol or self.decorations or self.grace):
            return None
        marks = Marks(self.chord_symbol, tuple(self.decorations), self.grace)
        self.chord_symbol, self.decorations, self.grace = None, [], ()
        return marks


def with_decorations(marks: Marks | None, more: Marks) -> Marks:
    """Marks with the decorations of others besides."""
    if marks is None:
        return more
    names = dict.fromkeys((*marks.decorations, *more.decorations))
    return Marks(marks.chord_symbol, tuple(names), marks.grace)
