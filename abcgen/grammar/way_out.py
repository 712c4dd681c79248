"""The way out: from any place in a text a short way to the end of a right tune.

That there is one, and that every step of it is allowed, is what keeps the grammar from painting
itself into a corner; how long it is tells when a text must make for its end.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from abcgen.grammar import form
from abcgen.grammar import spot as at
from abcgen.grammar.lengths import UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from abcgen.grammar.music import Music
    from abcgen.grammar.spot import Spot


FILLERS = "z" + at.LETTERS
SLACK = 120  # more than closing a tuplet, a chord and a repeat takes
MARKS = "',"


class ShortestCompletion:
    """Where to go from a place to come to the end.

    Args:
        music: Says what is allowed.
    """

    def __init__(self, music: Music) -> None:
        self._music = music
        self._signs: dict[int, Callable[[Spot], str]] = {
            at.HEAD: lambda spot: self._completion(spot.text, music.header.lines[spot.items].whole),
            at.FIELD: lambda spot: self._completion(spot.text, music.header.fields.whole),
            at.LINE: self._line,
            at.TUPLET: self._tuplet,
            at.QUOTE: self._symbol,
            at.QUOTED: lambda _: FILLERS,
            at.LETTER: self._note,
            at.LENGTH: self._note,
            at.REST: self._note,
        }

    def signs(self, spot: Spot) -> str:
        """The character to write next, and others that serve as well, best first."""
        return self._signs.get(spot.at, self._other)(spot)

    def ceiling(self, spot: Spot) -> int:
        """A length that no way out from a place, or from one a character later, exceeds."""
        asked = self._music.rules.form
        if spot.at == at.DONE or (asked.is_free and not self._music.rules.neat):
            return SLACK
        in_sections = sum(section.bars + 3 for section in asked.sections)
        full = spot.full or max(self._music.header.metres.values())
        # Rests of up to nine units, one of what is left, and its fractions.
        in_bar = 2 * (full // (9 * UNIT)) + 14 + (0 if self._has_digits else full // UNIT)
        bars = 1 if asked.is_free else asked.bars + in_sections + 4
        return bars * in_bar + SLACK

    @property
    def _has_digits(self) -> bool:
        return self._music.rules.alphabet >= set("23456789")

    def _other(self, spot: Spot) -> str:
        if spot.at == at.CHORD:
            return "]" if spot.chord >= at.SMALLEST_CHORD else at.LETTERS
        if spot.at in {at.ACCIDENTAL, at.BRACKET}:
            return at.LETTERS
        return self._music_signs(spot)

    def _music_signs(self, spot: Spot) -> str:
        """Close the bar if that leads on, else fill it."""
        if spot.items and not spot.tuplet[0]:
            ends = self._music.ends(spot)
            if ends:
                return min(ends, key=_rank)[0]
        return FILLERS

    def _line(self, spot: Spot) -> str:
        ends = [text for text in self._music.ends(spot) if text.startswith(spot.text)]
        best = min(ends, key=_rank)
        return FILLERS if best == spot.text else best[len(spot.text)]

    def _symbol(self, spot: Spot) -> str:
        symbols = self._music.notes.symbols
        return '"' if symbols.is_whole(spot.text) else symbols.way_out(spot.text)

    def _tuplet(self, spot: Spot) -> str:
        whole = self._music.notes.clock.tuplets(self._music.notes.room(spot)).whole
        return FILLERS if spot.text in whole else self._completion(spot.text, whole)

    def _note(self, spot: Spot) -> str:
        if spot.at == at.LETTER and spot.chord >= 0:
            return self._other(spot._replace(at=at.CHORD, chord=spot.chord + 1)) + MARKS
        begun = "" if spot.at == at.LETTER else spot.text
        marks = MARKS if spot.at == at.LETTER else ""
        length = self._length(spot, begun)
        if length == begun:
            return self._music_signs(self._music.notes.finished(spot._replace(text=begun))) + marks
        return length[len(begun)] + marks

    def _length(self, spot: Spot, begun: str) -> str:
        """The length to make of one that is begun."""
        room = self._music.notes.room(spot)
        lengths = self._music.notes.clock.lengths(room, begun)
        must_fill = self._music.notes.exact or self._music.rules.neat
        if not must_fill or spot.tuplet[0]:
            return next(lengths)
        shortest = list(islice(lengths, 1 + len("/123456789")))
        brief = [text for text in shortest if len(text) <= 1] or shortest[:1]
        return max(brief, key=self._music.notes.clock.steps.__getitem__)

    @staticmethod
    def _completion(begun: str, texts: Iterable[str]) -> str:
        best = min((t for t in texts if t.startswith(begun)), key=lambda text: (len(text), text))
        return best[len(begun)]


def _rank(text: str) -> tuple[int, int, str]:
    """How near the end a bar's end leads: the end itself, a second ending, another bar."""
    order = 0 if text.endswith(form.END) else {form.SECOND: 1, form.SINGLE: 3}.get(text, 2)
    return order, len(text), text
