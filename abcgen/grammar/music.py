"""Time and form in the grammar: follows a model text and says what may come next.

Pitches are left to :mod:`abcgen.grammar.pitch`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.grammar import form, notes
from abcgen.grammar.header import Header
from abcgen.grammar.lengths import LONGEST, UNIT
from abcgen.grammar.notes import Notes
from abcgen.grammar.spot import (
    ACCIDENTAL,
    BAR,
    BRACKET,
    CHORD,
    DONE,
    END,
    FIELD,
    HEAD,
    ITEM,
    LENGTH,
    LETTER,
    LINE,
    QUOTE,
    QUOTED,
    REST,
    TUPLET,
    Spot,
    Steps,
    step_to,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.grammar.rules import Rules


MOST_MET = 2**12  # spots whose music is kept
CUT, EXCUSED = 1, 2  # what is left of a short bar once it is closed


class Music:
    """Which characters may follow, as far as time and form go.

    Args:
        rules: What is asked for.

    Attributes:
        rules: What is asked for.
        notes: What fits into a bar.
        header: What may stand before the music.

    Raises:
        InputError: if the alphabet cannot write a tune.
    """

    start = Spot(HEAD)

    def __init__(self, rules: Rules) -> None:
        self.rules, self.notes = rules, Notes(rules)
        self.header = Header(rules, self.notes.clock.grain)
        self._known = rules.alphabet | {END}
        # Notes that end in different ways lead to the same music; so do letters to lengths.
        self._in_music = lru_cache(MOST_MET)(self._any_music)
        self._in_length = lru_cache(MOST_MET)(self._any_length)
        self._ends: dict[tuple[form.Place, form.Bar], dict[str, form.Place]] = {}
        self._following: dict[int, Callable[[Spot], Steps]] = {
            HEAD: self.header.in_line,
            BAR: self._in_music,
            ITEM: self._in_music,
            ACCIDENTAL: notes.after_accidental,
            LETTER: self._after_letter,
            LENGTH: self._in_length,
            REST: self._in_length,
            CHORD: notes.in_chord,
            BRACKET: self._after_bracket,
            FIELD: self.header.in_field,
            TUPLET: self.notes.in_tuplet_sign,
            LINE: self._in_line,
            QUOTE: self.notes.in_symbol,
            QUOTED: self.notes.sounding,
            DONE: lambda spot: {END: step_to(spot)},
        }
        if not all(trie.whole for trie in self.header.lines) or not rules.alphabet >= {"|", "\n"}:
            raise InputError(
                "the network's characters cannot write such a tune", hint="sample with --free"
            )

    def following(self, spot: Spot) -> Steps:
        """Every character that may come next, and where it leads."""
        steps = self._following[spot.at](spot)
        if steps.keys() <= self._known:
            return steps
        return {sign: after for sign, after in steps.items() if sign in self._known}

    def _any_music(self, spot: Spot) -> Steps:
        return self.notes.next(spot) | self._lines(spot)

    def _after_letter(self, spot: Spot) -> Steps:
        if spot.chord >= 0:
            steps = notes.in_chord(spot._replace(chord=spot.chord + 1))
        else:
            steps = self._in_length(spot._replace(at=LENGTH, text=""))
        return steps | notes.octave_marks(spot)

    def _any_length(self, spot: Spot) -> Steps:
        steps = self.notes.in_length(spot)
        if self.notes.is_whole(spot):
            after = self.notes.finished(spot)
            steps |= self._in_music(after)
            if spot.at == LENGTH and self._leads_on(tied := after._replace(tied=self.rules.neat)):
                steps["-"] = step_to(tied)
        return steps

    def _leads_on(self, spot: Spot) -> bool:
        """Whether a note may follow a tie, in this bar or the next."""
        return not spot.tied or form.SINGLE in self.ends(spot) or bool(self.notes.next(spot))

    def _after_bracket(self, spot: Spot) -> Steps:
        """A chord, a change of metre or key, or a first ending."""
        steps = notes.pitches(spot._replace(chord=0))
        for sign in spot.fields if self.rules.changes else "":
            steps[sign] = spot, FIELD, sign
        if spot.text:
            first = spot.place._replace(repeat=form.FIRST)
            steps["1"] = step_to(self.bar(spot, first, begins=True)._replace(fields=spot.fields))
        return steps

    # Bar lines.

    def ends(self, spot: Spot) -> dict[str, form.Place]:
        """The texts that may close the bar, and where each leads."""
        if not spot.items:
            return self._written(form.beginnings(self.rules.form))
        bar = self._closing(spot)
        if (spot.place, bar) not in self._ends:
            ends = form.bar_ends(self.rules.form, spot.place, bar)
            self._ends[spot.place, bar] = self._written(ends)
        ends = self._ends[spot.place, bar]
        return {text: ends[text] for text in ends if text == form.SINGLE} if spot.tied else ends

    def _written(self, ends: dict[str, form.Place]) -> dict[str, form.Place]:
        """Those that the alphabet can write."""
        known, neat = self.rules.alphabet, self.rules.neat
        return {
            text: after
            for text, after in ends.items()
            if known.issuperset(text) and not (neat and text == form.THIRD)
        }

    def bar(self, spot: Spot, place: form.Place, *, begins: bool) -> Spot:
        """A new bar."""
        left = spot.full or LONGEST * UNIT
        fields = "MK" if spot.items else ""
        return Spot(BAR, "", spot.full, left, begins=begins, fields=fields, place=place)

    def _closing(self, spot: Spot) -> form.Bar:
        """What matters of a bar that is about to be closed."""
        short = spot.full > 0 and spot.left > 0
        if not short or not self.rules.neat:
            return form.Bar(short, spot.begins)
        if spot.begins:
            return form.Bar(short, begins=True, pickup=spot.full - spot.left)
        return form.Bar(short, begins=False, is_cut=self._is_cut(spot))

    def _is_cut(self, spot: Spot) -> bool:
        """Whether a short bar completes no pickup, and can be filled."""
        if spot.at == LINE:
            return spot.left == CUT
        return spot.left != spot.place.pickup and self.notes.can_fill(spot)

    def _lines(self, spot: Spot) -> Steps:
        if not spot.items or spot.tuplet[0]:
            return {}
        ends = self.ends(spot)
        bar = self._closing(spot)
        # Nothing else of a bar matters once it is closed, so that many places become one.
        left = spot.left if bar.pickup else (CUT if bar.is_cut else EXCUSED) if bar.short else 0
        closed = spot._replace(items=1, left=left, fields="")
        return {text[0]: (closed, LINE, text[0]) for text in ends}

    def _in_line(self, spot: Spot) -> Steps:
        ends = self.ends(spot)
        steps: Steps = {}
        for text in ends:
            if text.startswith(spot.text) and text != spot.text:
                sign = text[len(spot.text)]
                is_end = sign == form.END
                steps[sign] = step_to(Spot(DONE)) if is_end else (spot, LINE, spot.text + sign)
        if spot.text in ends:
            bar = self.bar(spot, ends[spot.text], begins=spot.text != form.SINGLE)
            following = self.notes.next(bar)
            if "[" in steps and "[" in following:
                following["["] = bar, BRACKET, "1"
            steps |= following
        return steps
