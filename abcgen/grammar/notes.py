"""Notes in the grammar: letters and accidentals, lengths, chords and tuplets within a bar.

Pitches are left to :mod:`abcgen.grammar.pitch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.grammar.chord_symbols import ChordSymbols
from abcgen.grammar.lengths import TRIPLET, TUPLETS, Clock, Room, Trie
from abcgen.grammar.spot import (
    ACCIDENTAL,
    BRACKET,
    HIGH,
    ITEM,
    LARGEST_CHORD,
    LENGTH,
    LETTER,
    LOW,
    MARKS,
    MOST_MARKS,
    NO_TUPLET,
    QUOTE,
    QUOTED,
    REST,
    SMALLEST_CHORD,
    TUPLET,
    Spot,
    Steps,
)
from abcgen.notation.tune import ABC_ACCIDENTALS

if TYPE_CHECKING:
    from abcgen.grammar.rules import Rules


ACCIDENTALS = Trie.of(frozenset(ABC_ACCIDENTALS.values()))


class Notes:
    """Which notes fit where.

    Args:
        rules: What is asked for.

    Attributes:
        exact: Whether bars must be filled as asked.
        clock: What can be written of time.
        symbols: The chords that can be written above it.
    """

    def __init__(self, rules: Rules) -> None:
        self.exact = not rules.form.is_free
        # 64ths where bars must be filled: then no bar that is asked for can hold too many notes.
        self.clock = Clock(rules.alphabet, 2 if self.exact else 1, neat=rules.neat)
        self.symbols = ChordSymbols(rules.alphabet)
        self._has_chords, self._has_tuplets = "]" in rules.alphabet, "3" in rules.alphabet

    def room(self, spot: Spot) -> Room:
        """The time that the note being written must fit into."""
        count, normal, actual = spot.tuplet
        return Room(spot.left, (count or 1, normal, actual), self.exact)

    def next(self, spot: Spot) -> Steps:
        """Another note, rest, chord, tuplet or field, if there is room for one."""
        within = spot.tuplet[0] > 0
        if not within and spot.items >= LIMITS.bar_notes:
            return {}
        room = self.room(spot)
        if not self.clock.has_room(room):
            return {}
        steps = self.sounding(spot)
        if self.symbols.can_be_written:
            steps['"'] = spot, QUOTE, ""
        if not within and self._has_tuplets and self.clock.holds(room, TRIPLET):
            steps["("] = spot, TUPLET, "("
        return steps

    def sounding(self, spot: Spot) -> Steps:
        """A note, rest or chord; its bracket may also begin a field, where one may stand."""
        steps = pitches(spot)
        steps["z"] = spot, REST, ""
        if self._has_chords:
            steps["["] = spot, BRACKET, ""
        return steps

    def in_symbol(self, spot: Spot) -> Steps:
        """What may follow in a chord symbol; once it is whole its note must come."""
        signs = self.symbols.following(spot.text)
        steps: Steps = {sign: (spot, QUOTE, spot.text + sign) for sign in signs}
        if self.symbols.is_whole(spot.text):
            steps['"'] = spot._replace(fields=""), QUOTED, ""
        return steps

    def can_fill(self, spot: Spot) -> bool:
        """Whether plain notes can fill the bar."""
        return not spot.left % self.clock.grain and spot.items < LIMITS.bar_notes

    def in_length(self, spot: Spot) -> Steps:
        """What may make a length longer."""
        room, text = self.room(spot), spot.text
        return {sign: (spot, spot.at, text + sign) for sign in self.clock.longer(room, text)}

    def is_whole(self, spot: Spot) -> bool:
        """Whether the length may be just what there is of it."""
        return self.clock.is_whole(self.room(spot), spot.text)

    def finished(self, spot: Spot) -> Spot:
        """After a note whose length is whole."""
        steps = self.clock.steps[spot.text]
        room = self.room(spot).after(steps)
        left, count = room.left if spot.full else spot.left, room.tuplet[0]
        if spot.tuplet[0]:
            tuplet = (count, *room.tuplet[1:]) if count else NO_TUPLET
            return spot._replace(at=ITEM, text="", left=left, tuplet=tuplet, tied=False)
        items = self._counted(spot)
        return spot._replace(at=ITEM, text="", left=left, items=items, fields="", tied=False)

    def _counted(self, spot: Spot) -> int:
        """One item more; the count matters only where it could pass the limit."""
        may_pass = not spot.full or spot.full > LIMITS.bar_notes * self.clock.grain
        return spot.items + 1 if may_pass else 1

    def in_tuplet_sign(self, spot: Spot) -> Steps:
        """What may follow in a tuplet's sign, and its first note."""
        tuplets = self.clock.tuplets(self.room(spot))
        steps: Steps = {sign: (spot, TUPLET, spot.text + sign) for sign in tuplets.after(spot.text)}
        if spot.text in tuplets.whole:
            steps |= self.next(self._opened(spot))
        return steps

    def _opened(self, spot: Spot) -> Spot:
        """After a tuplet's sign."""
        actual, normal, count = TUPLETS[spot.text]
        items = self._counted(spot)
        tuplet = (count, normal, actual)
        return spot._replace(at=ITEM, text="", items=items, tuplet=tuplet, fields="")


def pitches(spot: Spot) -> Steps:
    """A letter, or an accidental before it."""
    return _letters(spot) | _accidentals(spot, "")


def after_accidental(spot: Spot) -> Steps:
    """Another accidental, or the letter."""
    return _letters(spot) | _accidentals(spot, spot.text)


def in_chord(spot: Spot) -> Steps:
    """Another note of a chord, or its end."""
    steps = pitches(spot) if spot.chord < LARGEST_CHORD else {}
    if spot.chord >= SMALLEST_CHORD:
        steps["]"] = spot._replace(chord=-1), LENGTH, ""
    return steps


def octave_marks(spot: Spot) -> Steps:
    """A mark for another octave."""
    if len(spot.text) > MOST_MARKS:
        return {}
    mark = MARKS[spot.text[0]]
    return {mark: (spot, LETTER, spot.text + mark)}


def _letters(spot: Spot) -> Steps:
    """Which letter it is does not matter here, only which way its marks go."""
    low, high = (spot, LETTER, LOW[0]), (spot, LETTER, HIGH[0])
    return dict.fromkeys(LOW, low) | dict.fromkeys(HIGH, high)


def _accidentals(spot: Spot, begun: str) -> Steps:
    return {sign: (spot, ACCIDENTAL, begun + sign) for sign in ACCIDENTALS.after(begun)}
