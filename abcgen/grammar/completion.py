"""The way from any state to the end of a valid tune (``ShortestCompletion``)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from abcgen.grammar.form import LINE_END, SINGLE, TO_SECOND_ENDING
from abcgen.grammar.form_line import FormLine
from abcgen.grammar.lengths import UNIT, UNIT_LENGTH
from abcgen.grammar.music import FORM_LINE
from abcgen.grammar.state import (
    ACCIDENTAL,
    AFTER_CHORD_SYMBOL,
    BAR_LINE,
    BRACKET,
    CHORD_SYMBOL,
    DONE,
    FIELD,
    HEADER,
    LENGTH,
    LETTER,
    LETTERS,
    MIN_CHORD,
    REST,
    TUPLET,
)
from abcgen.notation.model_text import NEXT_VOICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from abcgen.grammar.music import Music
    from abcgen.grammar.state import State

MOST_BRIEF = 30  # lengths that are compared


class ShortestCompletion:
    """Leads from any state to the end of a valid tune in few characters.

    Because there is such a completion, and the grammar allows every step of it, generation never
    reaches a dead end. Its length decides when a text has to turn towards its end.
    """

    ITEMS = "z" + LETTERS
    OCTAVE_MARKS = "',"

    def __init__(self, music: Music) -> None:
        self._music, self._notes = music, music.notes
        self._candidates: dict[str, Callable[[State, bool], str]] = {
            HEADER: lambda state, _: self._in_header(state),
            FIELD: lambda state, _: _next_character(state.text, music.header.fields.texts),
            BAR_LINE: self._in_bar_line,
            TUPLET: lambda state, _: self._in_tuplet(state),
            CHORD_SYMBOL: lambda state, _: self._in_chord_symbol(state),
            AFTER_CHORD_SYMBOL: lambda *_: self.ITEMS,
            ACCIDENTAL: lambda *_: LETTERS,
            BRACKET: lambda *_: LETTERS,
            LETTER: self._after_letter,
            LENGTH: self._in_length,
            REST: self._in_length,
        }

    def candidates(self, state: State, *, has_way: bool = False) -> str:
        """Return the next characters that lead to the end, best first.

        Args:
            state: The state.
            has_way: Whether notes must still come before the end.
        """
        return self._candidates.get(state.written, self._in_bar)(state, has_way)

    def max_distance(self, state: State, way: int = 0) -> int:
        """Return a bound on the length of the completion, one character later too.

        Args:
            state: The state.
            way: How many notes it takes at most before the text may end.
        """
        form, rules = self._music.rules.form, self._music.rules
        fills = bool(rules.neat or rules.lengths or self._notes.exact)
        slack = 120  # more than it takes to complete a tuplet, a chord and a repeat
        if rules.form_line and state.written == HEADER:
            slack += FormLine.LONGEST
        if state.written == DONE or (form.is_free and not fills and not way):
            return slack
        # Before the header is complete the longest bar counts.
        bar_ticks = state.bar_ticks or max(self._music.header.metres.values())
        in_bar = self._most_characters(bar_ticks)
        in_sections = sum(section.bars + 3 for section in form.sections)
        # An announced ending takes a bar, and the second another.
        bars = 1 + 2 * rules.keeps_endings if form.is_free else form.bars + in_sections + 4
        if way and form.is_free:
            bars += 1 + -(-way // self._notes.durations.most_notes(bar_ticks))
        # A note takes an accidental, a letter, octave marks and a length.
        return bars * in_bar * max(1, len(rules.voices)) + slack + 12 * way

    def _most_characters(self, bar_ticks: int) -> int:
        """Return a bound on the characters that fill a bar with rests."""
        durations = self._notes.durations
        if self._music.rules.lengths:
            longest = max(map(len, durations.lengths))
            return 14 + (1 + longest) * (bar_ticks // durations.grain)
        # Rests of up to nine units, one for what is left, and its fractions.
        in_bar = 2 * (bar_ticks // (9 * UNIT)) + 14
        if not self._music.rules.alphabet >= set("23456789"):
            in_bar += bar_ticks // UNIT
        return in_bar

    def _in_bar(self, state: State, has_way: bool) -> str:
        """Close the bar if that leads towards the end, else fill it."""
        if state.items and not state.tuplet[0]:
            ends = self._music.ends(state)
            if has_way:
                ends = {text: after for text, after in ends.items() if not text.endswith(LINE_END)}
            if ends and state.voice + 1 < len(self._music.rules.voices):
                return NEXT_VOICE
            if ends:
                return min(ends, key=_rank)[0]
        return self.ITEMS

    def _in_bar_line(self, state: State, has_way: bool) -> str:
        ends = [text for text in self._music.ends(state) if text.startswith(state.text)]
        if has_way:
            ends = [text for text in ends if not text.endswith(LINE_END)]
        if not ends:
            return ""
        best = min(ends, key=_rank)
        return self.ITEMS if best == state.text else best[len(state.text)]

    def _in_header(self, state: State) -> str:
        if state.items == FORM_LINE:
            return FormLine.COMPLETION
        return _next_character(state.text, self._music.header.lines[state.items].texts)

    def _in_chord_symbol(self, state: State) -> str:
        symbols = self._notes.symbols
        return '"' if symbols.is_symbol(state.text) else symbols.completion(state.text)

    def _in_tuplet(self, state: State) -> str:
        tuplets = self._notes.durations.tuplets(self._notes.time_left(state)).texts
        return self.ITEMS if state.text in tuplets else _next_character(state.text, tuplets)

    def _after_letter(self, state: State, has_way: bool) -> str:
        # Octave marks come last, for notes that only they can bring into range.
        if state.chord >= 0:
            characters = "]" if state.chord + 1 >= MIN_CHORD else LETTERS
        else:
            characters = self._in_length(state._replace(text=""), has_way)
        return characters + self.OCTAVE_MARKS

    def _in_length(self, state: State, has_way: bool) -> str:
        """Return a short length or, if the bar must be filled, the longest of one character.

        On the way to the tonic notes are eighths, or as near to them as possible.
        """
        durations = self._notes.durations
        lengths = durations.with_prefix(self._notes.time_left(state), state.text)
        rules = self._music.rules
        if has_way and not state.tuplet[0]:
            texts = list(islice(lengths, MOST_BRIEF))
            best = min(texts, key=lambda text: _from_eighth(durations.lengths[text]))
        elif (self._notes.exact or rules.neat or rules.lengths) and not state.tuplet[0]:
            # The texts are sorted by their lengths, and those of one character come first.
            shortest = list(islice(lengths, 1 + len("/123456789")))
            brief = [text for text in shortest if len(text) <= 1] or shortest[:1]
            best = max(brief, key=durations.lengths.__getitem__)
        else:
            best = next(lengths)
        if best == state.text:
            return self._in_bar(self._notes.after_length(state), has_way)
        return best[len(state.text)]


def _from_eighth(length: int) -> tuple[bool, int]:
    """Return the sort key of a length: eighths and shorter ones first, the nearest first."""
    return length > UNIT_LENGTH, abs(length - UNIT_LENGTH)


def _next_character(prefix: str, texts: Iterable[str]) -> str:
    """Return the next character of the shortest text with a prefix."""
    best = min((t for t in texts if t.startswith(prefix)), key=lambda text: (len(text), text))
    return best[len(prefix)]


def _rank(text: str) -> tuple[int, int, str]:
    """Return the sort key of a bar's end: first the tune's end, then second endings, last ``|``."""
    order = 0 if text.endswith(LINE_END) else {TO_SECOND_ENDING: 1, SINGLE: 3}.get(text, 2)
    return order, len(text), text
