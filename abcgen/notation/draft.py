"""Bars while they are being read, and their completion once the whole voice is known.

``finish_bars`` then decides which ties join notes, where repeats go back to, and the time in
which tuplets are played.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.tune import (
    Bar,
    BarLine,
    Item,
    Marks,
    Metre,
    Note,
    Pitch,
    Rest,
    Tuplet,
    chord_symbol_named,
    total,
)
from abcgen.notation.words import MAX_WORDS_AT_NOTE, Annotation, short_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import ChordSymbol, Key
    from abcgen.notation.words import Tempo

MAX_TUPLET = 99
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
    "DCalfine": "D.C.alfine",
    "DCalcoda": "D.C.alcoda",
    "DSalfine": "D.S.alfine",
    "DSalcoda": "D.S.alcoda",
}
# These close what they refer to: before a bar line they belong to the note before.
_CLOSING_DECORATIONS = frozenset(
    {"fine", "D.C.", "D.S.", "dacoda", "D.C.alfine", "D.C.alcoda", "D.S.alfine", "D.S.alcoda"}
    | {"8va)", "8vb)", "15ma)", "15mb)"}
)


@dataclass(frozen=True, slots=True)
class Repair:
    """A mistake in a tune's text that was corrected from its bars or notes."""

    # Line of the file.
    line: int
    # The correction and its reason, for the person who typed the tune.
    what: str
    # The text corrected.
    text: str = ""


def merge_repairs(repairs: list[Repair]) -> list[Repair]:
    """Merge equal repairs into one with their number, at the first line that needed it."""
    repairs.sort(key=lambda repair: repair.line)
    counts = Counter(repair.what for repair in repairs)
    firsts = {repair.what: repair for repair in reversed(repairs)}
    return [
        replace(firsts[what], what=f"{what}, {number} times") if number > 1 else firsts[what]
        for what, number in counts.items()
    ]


@dataclass(slots=True)
class DraftNote:
    """A note, chord or rest being read; without pitches it is a rest."""

    pitches: tuple[Pitch, ...]
    duration: Fraction
    tied: bool = False
    # Pitches of a tied chord that have no tie of their own.
    struck_again: frozenset[Pitch] = frozenset()
    visible: bool = True
    marks: Marks | None = None

    def add_slurs(self, starts: int = 0, ends: int = 0) -> None:
        """Add slurs that begin and end at the note, or take them away where negative."""
        marks = self.marks or _NO_MARKS
        marks = replace(
            marks, slur_starts=marks.slur_starts + starts, slur_ends=marks.slur_ends + ends
        )
        self.marks = None if marks == _NO_MARKS else marks

    def frozen(self) -> Note | Rest:
        """Return the finished note or rest."""
        if self.pitches:
            return Note(self.pitches, self.duration, self.tied, self.marks, self.struck_again)
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

    def longer_notes(self, normal: int, line: int) -> list[Note | Rest]:
        """Return what a tuplet of one in the time of several is: nothing but longer notes.

        Raises:
            NotationError: if that makes one too long.
        """
        for note in self.notes:
            note.duration *= normal
            if note.duration > LIMITS.duration:
                raise NotationError("note length out of range", line=line, text=f"(1:{normal}")
        return [note.frozen() for note in self.notes]

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
    part: str = ""
    closing: Marks | None = None
    ends_line: bool = False
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
    """Marks whose note has not been read yet.

    Source: the ABC standard 2.1, sections 4.12 (grace notes), 4.14 (decorations), 4.18 (chord
    symbols) and 4.19 (annotations).
    """

    chord_symbols: list[ChordSymbol] = field(default_factory=list)
    decorations: list[str] = field(default_factory=list)
    grace: tuple[Pitch, ...] = ()
    annotations: list[Annotation] = field(default_factory=list)
    slur_starts: int = 0
    tempo: Tempo | None = None
    clef: str = ""

    def add_decoration(self, name: str) -> None:
        """Add a decoration, by its letter or any of its names."""
        name = _DECORATION_LETTERS.get(name) or _DECORATION_SYNONYMS.get(name, name)
        if name not in self.decorations and len(self.decorations) < MAX_MARKS:
            self.decorations.append(name)

    def add_quoted(self, words: str) -> None:
        """Add a quoted text: an annotation if it begins with its place, else a chord symbol."""
        place, text = ("", words) if words[:1] not in set("^_<>@") else (words[0], words[1:])
        text = short_text(text)
        if not text or len(self.annotations) + len(self.chord_symbols) >= MAX_WORDS_AT_NOTE:
            return
        if place:
            self.annotations.append(Annotation(place, text))
        else:
            self.chord_symbols.append(chord_symbol_named(text))

    def pop(self) -> Marks | None:
        """Remove and return all marks, or None if there are none."""
        if not (
            self.chord_symbols
            or self.decorations
            or self.grace
            or self.annotations
            or self.slur_starts
            or self.tempo
            or self.clef
        ):
            return None
        marks = Marks(
            tuple(self.chord_symbols),
            tuple(self.decorations),
            self.grace,
            tuple(self.annotations),
            self.slur_starts,
            tempo=self.tempo,
            clef=self.clef,
        )
        self.chord_symbols, self.decorations, self.annotations = [], [], []
        self.grace, self.slur_starts, self.tempo, self.clef = (), 0, None, ""
        return marks

    def pop_closing(self) -> tuple[Marks | None, list[str]]:
        """Remove and return what belongs to the bar before a bar line.

        Returns:
            The marks at the bar line, if any, and the decorations of the note before it.
        """
        at_note = [name for name in self.decorations if name in _CLOSING_DECORATIONS]
        if at_note:
            self.decorations = [name for name in self.decorations if name not in at_note]
        if not (self.chord_symbols or self.annotations or self.grace):
            return None, at_note
        marks = Marks(
            tuple(self.chord_symbols), grace=self.grace, annotations=tuple(self.annotations)
        )
        self.chord_symbols, self.annotations, self.grace = [], [], ()
        return marks, at_note


_NO_MARKS = Marks()


def finish_bars(drafts: list[DraftBar], metre: Metre, repairs: list[Repair]) -> tuple[Bar, ...]:
    """Turn the drafts of a voice into bars.

    Args:
        drafts: The bars as read; they are changed.
        metre: The metre the tune opens in.
        repairs: Corrections are appended to these.
    """
    # 1) A tie joins equal pitches; between different ones it is a slur.
    notes = [(note, draft.text_line) for draft in drafts for note in draft.notes]
    for (note, line), (following, _) in pairwise([*notes, (DraftNote((), Fraction(0)), 0)]):
        shared = set(note.pitches).intersection(following.pitches)
        joined = shared - note.struck_again
        note.struck_again &= shared if joined else frozenset()
        if note.tied and not joined:
            note.tied = False
            if following.pitches:
                note.add_slurs(starts=1)
                following.add_slurs(ends=1)
            what = "a tie that meets no note of its pitch read as a slur"
            repairs.append(Repair(line, what, "-"))

    # 2) Repeats that the file does not open.
    open_repeats(drafts)

    # 3) The time in which tuplets are played.
    bars = []
    for draft in drafts:
        metre = draft.metre or metre
        fitting = _fitting_normal(draft, metre)
        if fitting:
            actual = draft.tuplets[0].actual
            what = f"{actual} notes played in the time of {fitting}, for the bar to add up"
            repairs.append(Repair(draft.text_line, what, f"({actual}"))
        items: list[Item] = []
        for item in draft.items:
            if isinstance(item, DraftNote):
                items.append(item.frozen())
            elif item.actual == 1:
                items += item.longer_notes(item.normal_in(metre), draft.text_line)
            else:
                items.append(item.frozen(fitting or item.normal_in(metre)))
        bars.append(
            Bar(
                tuple(items),
                draft.line,
                draft.repeat_start,
                draft.ending,
                draft.key,
                draft.metre,
                draft.part,
                draft.closing,
                draft.ends_line,
            )
        )
    return tuple(bars)


def open_repeats(drafts: list[DraftBar]) -> None:
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
