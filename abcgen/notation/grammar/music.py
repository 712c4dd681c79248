"""Time and form in the grammar: follows a model text and says what may come next.

Pitches are left to :mod:`abcgen.notation.grammar.pitch`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import InputError
from abcgen.notation.grammar import form
from abcgen.notation.grammar.lengths import (
    LONGEST,
    TRIPLET,
    TUPLETS,
    UNIT,
    WHOLE,
    Clock,
    Room,
    Trie,
)
from abcgen.notation.key import MAX_SIGNATURE, SHARP_ORDER, Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.notation.grammar.rules import Rules

END = ""
"""Stands for the end of a text."""

LOW, HIGH = "CDEFGAB", "cdefgab"
LETTERS = LOW + HIGH
MARKS = dict.fromkeys(LOW, ",") | dict.fromkeys(HIGH, "'")
MOST_MARKS = 3  # C,,, to c''': what a piano has
SMALLEST_CHORD, LARGEST_CHORD = 2, 10
ACCIDENTALS = Trie.of(frozenset({"^^", "^", "=", "_", "__"}))
NO_TUPLET = (0, 1, 1)

# What has just been written.
HEAD, BAR, ITEM, ACCIDENTAL, LETTER, LENGTH, REST = range(7)
CHORD, BRACKET, FIELD, TUPLET, LINE, DONE = range(7, 13)
# Lines of the header, by what may come next.
RHYTHM_OR_METRE, METRE, KEY = range(3)


class Spot(NamedTuple):
    """A place in a text.

    Attributes:
        at: What has just been written.
        text: How much of it, where it is not whole.
        full: Ticks in a full bar; 0 in free metre.
        left: Ticks left in this one.
        items: Notes and tuplets in it; no more than 1 where they cannot become too many. In the
            header, which line it is.
        tuplet: Notes left in the open tuplet, its ``normal`` and ``actual``.
        chord: Notes in the open chord; -1 outside of one.
        begins: Whether a section or ending begins with the bar.
        fields: What may still change before its first note: ``MK``, ``K`` or nothing.
        place: Where in its form the tune has come to.
    """

    at: int
    text: str = ""
    full: int = 0
    left: int = 0
    items: int = 0
    tuplet: tuple[int, int, int] = NO_TUPLET
    chord: int = -1
    begins: bool = True
    fields: str = ""
    place: form.Place = form.Place()


Spots = dict[str, Spot]


class Music:
    """Which characters may follow, as far as time and form go.

    Args:
        rules: What is asked for.

    Raises:
        InputError: if the alphabet cannot write a tune.
    """

    start = Spot(HEAD)

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.exact = not rules.form.is_free
        # 64ths where bars must be filled: then no bar that is asked for can hold too many notes.
        self.clock = Clock(rules.alphabet, 2 if self.exact else 1)
        self._ends: dict[tuple[form.Place, form.Bar], dict[str, form.Place]] = {}
        self._following: dict[int, Callable[[Spot], Spots]] = {
            HEAD: self._in_head,
            BAR: self._in_music,
            ITEM: self._in_music,
            ACCIDENTAL: self._after_accidental,
            LETTER: self._after_letter,
            LENGTH: self._in_length,
            REST: self._in_length,
            CHORD: self._in_chord,
            BRACKET: self._after_bracket,
            FIELD: self._in_field,
            TUPLET: self._in_tuplet_sign,
            LINE: self._in_line,
            DONE: lambda spot: {END: spot},
        }
        if not all(trie.whole for trie in self.heads) or not rules.alphabet >= {"|", "\n"}:
            raise InputError(
                "the network's characters cannot write such a tune", way_out="sample with --free"
            )

    def following(self, spot: Spot) -> Spots:
        """Every character that may come next, and where it leads."""
        known = self.rules.alphabet
        spots = self._following[spot.at](spot)
        return {sign: after for sign, after in spots.items() if sign in known or sign == END}

    # The header.

    @cached_property
    def metres(self) -> dict[str, int]:
        """The ``M:`` values that can be written, and bars of them filled, with their ticks."""
        ticks = {str(metre): int(metre.bar_duration * WHOLE) for metre in self.rules.all_metres()}
        grain = self.clock.grain
        most = LIMITS.bar_notes * grain if self.exact else max(ticks.values())
        return {name: full for name, full in ticks.items() if not full % grain and full <= most}

    @cached_property
    def heads(self) -> tuple[Trie, Trie, Trie]:
        """The header's lines: rhythm or metre; metre; key."""
        rhythms = [f"R:{name}\n" for name in self.rules.rhythms if name]
        metres = [f"M:{name}\n" for name in self.metres]
        first = rhythms + (metres if "" in self.rules.rhythms else [])
        keys = [f"K:C{mode.abbreviation}\n" for mode in self.rules.modes]
        return self._trie(first), self._trie(metres), self._trie(keys)

    @cached_property
    def fields(self) -> Trie:
        """Changes of metre and key, as written between brackets."""
        metres = [f"M:{name}]" for name in self.metres]
        keys = [
            Key(letter, alter, mode)
            for letter in SHARP_ORDER
            for alter in (-1, 0, 1)
            for mode in self.rules.modes
        ]
        names = [
            key.tonic + key.mode.abbreviation for key in keys if abs(key.fifths) <= MAX_SIGNATURE
        ]
        return self._trie(metres + [f"K:{name}]" for name in names])

    def _trie(self, texts: list[str]) -> Trie:
        return Trie.of(frozenset(text for text in texts if self.rules.alphabet.issuperset(text)))

    def _in_head(self, spot: Spot) -> Spots:
        trie = self.heads[spot.items]
        spots: Spots = {}
        for sign in trie.after(spot.text):
            text = spot.text + sign
            spots[sign] = spot._replace(text=text)
            if text in trie.whole:
                spots[sign] = self._after_head(spot, text)
        return spots

    def _after_head(self, spot: Spot, line: str) -> Spot:
        kind, value = line[0], line[2:-1]
        if kind == "R":
            return Spot(HEAD, items=METRE)
        if kind == "M":
            return Spot(HEAD, items=KEY, full=self.metres[value])
        return Spot(LINE, full=spot.full)

    # Notes.

    def room(self, spot: Spot) -> Room:
        """The time that the note being written must fit into."""
        count, normal, actual = spot.tuplet
        return Room(spot.left, (count or 1, normal, actual), self.exact)

    def _in_music(self, spot: Spot) -> Spots:
        return self._notes(spot) | self._lines(spot)

    def _notes(self, spot: Spot) -> Spots:
        """Another note, rest, chord, tuplet or field, if there is room for one."""
        within = spot.tuplet[0] > 0
        if not within and spot.items >= LIMITS.bar_notes:
            return {}
        room = self.room(spot)
        if not self.clock.has_room(room):
            return {}
        spots = self._pitches(spot)
        spots["z"] = spot._replace(at=REST, text="")
        if "]" in self.rules.alphabet:
            spots["["] = spot._replace(at=BRACKET, text="")
        if not within and "3" in self.rules.alphabet and self.clock.holds(room, TRIPLET):
            spots["("] = spot._replace(at=TUPLET, text="(")
        return spots

    def _pitches(self, spot: Spot) -> Spots:
        return _letters(spot) | self._accidentals(spot, "")

    def _accidentals(self, spot: Spot, begun: str) -> Spots:
        signs = ACCIDENTALS.after(begun)
        return {sign: spot._replace(at=ACCIDENTAL, text=begun + sign) for sign in signs}

    def _after_accidental(self, spot: Spot) -> Spots:
        return _letters(spot) | self._accidentals(spot, spot.text)

    def _after_letter(self, spot: Spot) -> Spots:
        if spot.chord >= 0:
            spots = self._in_chord(spot._replace(at=CHORD, text="", chord=spot.chord + 1))
        else:
            spots = self._in_length(spot._replace(at=LENGTH, text=""))
        if len(spot.text) <= MOST_MARKS:
            mark = MARKS[spot.text[0]]
            spots[mark] = spot._replace(text=spot.text + mark)
        return spots

    def _in_chord(self, spot: Spot) -> Spots:
        spots = self._pitches(spot) if spot.chord < LARGEST_CHORD else {}
        if spot.chord >= SMALLEST_CHORD:
            spots["]"] = spot._replace(at=LENGTH, text="", chord=-1)
        return spots

    def _in_length(self, spot: Spot) -> Spots:
        room, text = self.room(spot), spot.text
        spots = {sign: spot._replace(text=text + sign) for sign in self.clock.longer(room, text)}
        if self.clock.is_whole(room, text):
            after = self.finished(spot)
            spots |= self._in_music(after)
            if spot.at == LENGTH:
                spots["-"] = after
        return spots

    def finished(self, spot: Spot) -> Spot:
        """After a note whose length is whole."""
        steps = self.clock.steps[spot.text]
        room = self.room(spot).after(steps)
        left, count = room.left if spot.full else spot.left, room.tuplet[0]
        if spot.tuplet[0]:
            tuplet = (count, *room.tuplet[1:]) if count else NO_TUPLET
            return spot._replace(at=ITEM, text="", left=left, tuplet=tuplet)
        return spot._replace(at=ITEM, text="", left=left, items=self._counted(spot), fields="")

    def _counted(self, spot: Spot) -> int:
        """One item more; the count matters only where it could pass the limit."""
        may_pass = not spot.full or spot.full > LIMITS.bar_notes * self.clock.grain
        return spot.items + 1 if may_pass else 1

    def _in_tuplet_sign(self, spot: Spot) -> Spots:
        tuplets = self.clock.tuplets(self.room(spot))
        spots = {sign: spot._replace(text=spot.text + sign) for sign in tuplets.after(spot.text)}
        if spot.text in tuplets.whole:
            spots |= self._notes(self.opened(spot))
        return spots

    def opened(self, spot: Spot) -> Spot:
        """After a tuplet's sign."""
        actual, normal, count = TUPLETS[spot.text]
        items = self._counted(spot)
        tuplet = (count, normal, actual)
        return spot._replace(at=ITEM, text="", items=items, tuplet=tuplet, fields="")

    def _after_bracket(self, spot: Spot) -> Spots:
        """A chord, a change of metre or key, or a first ending."""
        spots = self._pitches(spot._replace(chord=0, text=""))
        for sign in spot.fields if self.rules.changes else "":
            spots[sign] = spot._replace(at=FIELD, text=sign)
        if spot.text:
            first = spot.place._replace(repeat=form.FIRST)
            spots["1"] = self.bar(spot, first, begins=True)._replace(fields=spot.fields)
        return spots

    def _in_field(self, spot: Spot) -> Spots:
        spots: Spots = {}
        for sign in self.fields.after(spot.text):
            text = spot.text + sign
            spots[sign] = spot._replace(text=text)
            if text in self.fields.whole:
                spots[sign] = self._after_field(spot, text)
        return spots

    def _after_field(self, spot: Spot, field: str) -> Spot:
        if field[0] == "K":
            return spot._replace(at=BAR, text="", fields="")
        full = self.metres[field[2:-1]]
        left = full or LONGEST * UNIT
        return spot._replace(at=BAR, text="", full=full, left=left, fields="K")

    # Bar lines.

    def ends(self, spot: Spot) -> dict[str, form.Place]:
        """The texts that may close the bar, and where each leads."""
        if not spot.items:
            return self._written(form.beginnings(self.rules.form))
        bar = form.Bar(spot.full > 0 and spot.left > 0, spot.begins)
        if (spot.place, bar) not in self._ends:
            ends = form.bar_ends(self.rules.form, spot.place, bar)
            self._ends[spot.place, bar] = self._written(ends)
        return self._ends[spot.place, bar]

    def _written(self, ends: dict[str, form.Place]) -> dict[str, form.Place]:
        """Those that the alphabet can write."""
        known = self.rules.alphabet
        return {text: after for text, after in ends.items() if known.issuperset(text)}

    def bar(self, spot: Spot, place: form.Place, *, begins: bool) -> Spot:
        """A new bar."""
        left = spot.full or LONGEST * UNIT
        fields = "MK" if spot.items else ""
        return Spot(BAR, "", spot.full, left, begins=begins, fields=fields, place=place)

    def _lines(self, spot: Spot) -> Spots:
        if not spot.items or spot.tuplet[0]:
            return {}
        # Nothing of a bar matters once it is closed but whether it was short.
        closed = spot._replace(at=LINE, items=1, left=min(spot.left, 1), fields="")
        return {text[0]: closed._replace(text=text[0]) for text in self.ends(spot)}

    def _in_line(self, spot: Spot) -> Spots:
        ends = self.ends(spot)
        spots: Spots = {}
        for text in ends:
            if text.startswith(spot.text) and text != spot.text:
                sign = text[len(spot.text)]
                spots[sign] = spot._replace(text=spot.text + sign)
                if sign == form.END:
                    spots[sign] = Spot(DONE)
        if spot.text in ends:
            bar = self.bar(spot, ends[spot.text], begins=spot.text != form.SINGLE)
            notes = self._notes(bar)
            if "[" in spots and "[" in notes:
                notes["["] = notes["["]._replace(text="1")
            spots |= notes
        return spots


def _letters(spot: Spot) -> Spots:
    """Which letter it is does not matter here, only which way its marks go."""
    low, high = spot._replace(at=LETTER, text=LOW[0]), spot._replace(at=LETTER, text=HIGH[0])
    return dict.fromkeys(LOW, low) | dict.fromkeys(HIGH, high)
