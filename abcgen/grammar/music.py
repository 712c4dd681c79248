"""The characters that may follow in a model text, as far as time and form are concerned.

A model text is a header (rhythm, metre, key, and for some networks form), then bars up to the end
of the line. ``Music`` is the state machine; ``Header`` is the part of it for the header and for
changes of metre and key.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import InputError
from abcgen.grammar.form import (
    FIRST_ENDING,
    LINE_END,
    SINGLE,
    TO_THIRD_ENDING,
    BarEnds,
    ClosingBar,
    FormState,
    bar_ends,
    beginnings,
)
from abcgen.grammar.form_line import MAX_PICKUP, FormLine, read_form_line
from abcgen.grammar.lengths import LONGEST, UNIT, WHOLE, Durations, Trie
from abcgen.grammar.notes import Notes, after_accidental, in_chord, octave_marks, pitches
from abcgen.grammar.state import (
    ACCIDENTAL,
    AFTER_CHORD_SYMBOL,
    BAR,
    BAR_LINE,
    BRACKET,
    CHORD_SYMBOL,
    DONE,
    END,
    FIELD,
    HEADER,
    ITEM,
    LENGTH,
    LETTER,
    REST,
    TUPLET,
    State,
    Transitions,
    transition_to,
)
from abcgen.notation.model_text import NEXT_VOICE
from abcgen.notation.tune import MAX_SIGNATURE, SHARP_ORDER, Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.grammar.form import Rules


MAX_CACHED = 2**12  # states whose transitions are kept
# The values of ``ticks_left`` after a short bar that is not a pickup: whether it should have been
# filled (``ClosingBar.is_cut``).
CUT, EXCUSED = 1, 2
# Lines of the header.
RHYTHM_OR_METRE_LINE, METRE_LINE, KEY_LINE, FORM_LINE = range(4)


class Music:
    """The transitions between states (``following``).

    Attributes:
        rules: The requirements on texts.
        notes: The notes that fit into a bar.
        header: Header lines and fields.

    Raises:
        InputError: if the alphabet cannot write a tune.
    """

    start = State(HEADER)

    def __init__(self, rules: Rules) -> None:
        self.rules, self.notes = rules, Notes(rules)
        self.header = Header(rules, self.notes.durations)
        self._characters = rules.alphabet | {END}
        self._bar_ends: dict[tuple[FormState, ClosingBar], BarEnds] = {}
        # Many states lead to the same bar or length, so these transitions are shared.
        self.in_bar = lru_cache(MAX_CACHED)(self._in_bar)
        self.in_length = lru_cache(MAX_CACHED)(self._in_length)
        self._following: dict[str, Callable[[State], Transitions]] = {
            HEADER: self.header.in_line,
            BAR: self.in_bar,
            ITEM: self.in_bar,
            ACCIDENTAL: after_accidental,
            LETTER: self.after_letter,
            LENGTH: self.in_length,
            REST: self.in_length,
            BRACKET: self.after_bracket,
            FIELD: self.header.in_field,
            TUPLET: self.notes.in_tuplet,
            BAR_LINE: self.in_bar_line,
            CHORD_SYMBOL: self.notes.in_chord_symbol,
            AFTER_CHORD_SYMBOL: self.notes.notes,
            DONE: lambda state: {END: transition_to(state)},
        }
        if rules.lengths and not self.header.metres:
            raise InputError("the note values fill no bar of such a metre")
        has_header = all(trie.texts for trie in self.header.lines)
        needed = {"|", "\n", *([NEXT_VOICE] if rules.voices else [])}
        if not has_header or not rules.alphabet >= needed:
            raise InputError(
                "the network's characters cannot write such a tune", hint="sample with --free"
            )

    def following(self, state: State) -> Transitions:
        """Return every character that may come next, with its transition."""
        following = self._following[state.written](state)
        if following.keys() <= self._characters:
            return following
        return {char: after for char, after in following.items() if char in self._characters}

    def _in_bar(self, state: State) -> Transitions:
        """Return the characters that begin another item or end the bar."""
        following = self.notes.items(state)
        if not state.items or state.tuplet[0]:
            return following
        if state.voice + 1 < len(self.rules.voices):
            if self.ends(state):
                following[NEXT_VOICE] = transition_to(self._next_voice(state))
        else:
            bar = self._closing(state)
            # Of the time left in a closed bar, only a pickup's matters; of other bars, only whether
            # they are short, and why. Forgetting the rest merges many states into one.
            # Of several voices the first one's bar says so.
            ticks_left = 0
            if bar.pickup and not state.closing:
                ticks_left = state.ticks_left
            elif bar.is_short and not state.closing:
                ticks_left = CUT if bar.is_cut else EXCUSED
            closed = state._replace(items=1, ticks_left=ticks_left, fields="", voice=0)
            for text in self.ends(state):
                following[text[0]] = closed, BAR_LINE, text[0]
        return following

    def after_letter(self, state: State) -> Transitions:
        """Return octave marks, and the characters that may follow a note."""
        if state.chord >= 0:
            following = in_chord(state._replace(chord=state.chord + 1))
        else:
            following = self.in_length(state._replace(written=LENGTH, text=""))
        return following | octave_marks(state)

    def _in_length(self, state: State) -> Transitions:
        """Return the characters that continue a length or, if it is complete, follow it."""
        following = self.notes.in_length(state)
        if self.notes.is_length(state):
            after = self.notes.after_length(state)
            following |= self.in_bar(after)
            tied = after._replace(tied=self.rules.neat)
            # A note must follow a tie, within the same section if the rules are neat.
            if state.written == LENGTH and (
                not tied.tied or SINGLE in self.ends(tied) or self.notes.items(tied)
            ):
                following["-"] = transition_to(tied)
        return following

    def after_bracket(self, state: State) -> Transitions:
        """Return the characters after ``[``: of a chord, a field or a first ending."""
        following = pitches(state._replace(chord=0))
        # ``fields`` is empty where an item has been written since the bar line.
        for field in state.fields if self.rules.changes else "":
            following[field] = state, FIELD, field
        # ``text`` is a 1 after ``||``, where a first ending may begin.
        if state.text:
            form = state.form._replace(repeat=FIRST_ENDING)
            bar = self._new_bar(state, form, opens_section=True)._replace(fields=state.fields)
            following["1"] = transition_to(bar)
        return following

    def in_bar_line(self, state: State) -> Transitions:
        """Return the characters that continue the end of a bar, or begin the next bar."""
        ends = self.ends(state)
        following: Transitions = {}
        for text in ends:
            if text.startswith(state.text) and text != state.text:
                character = text[len(state.text)]
                following[character] = (
                    transition_to(State(DONE))
                    if character == LINE_END
                    else (state, BAR_LINE, state.text + character)
                )
        # A longer end could follow, but this one is complete.
        if state.text in ends:
            opens_section = state.text != SINGLE
            bar = self._new_bar(state, ends[state.text], opens_section=opens_section)
            items = self.notes.items(bar)
            # After ``||`` a bracket may begin a first ending, or a chord of the next bar.
            if "[" in following and "[" in items:
                items["["] = bar, BRACKET, "1"
            following |= items
        return following

    def ends(self, state: State) -> BarEnds:
        """Return the texts that may end the bar, with the state that each leads to."""
        # Before the first note the only bar line is the start of a repeat.
        if not state.items:
            return self._writable(beginnings(self.rules.form, state.form.announced))
        # Every voice fills the bar.
        if state.voice and state.ticks_left:
            return {}
        bar = self._closing(state)
        # Few different pairs occur.
        if (state.form, bar) not in self._bar_ends:
            ends = self._writable(bar_ends(self.rules.form, state.form, bar))
            self._bar_ends[state.form, bar] = ends
        ends = self._bar_ends[state.form, bar]
        if state.tied or state.held:
            return {text: ends[text] for text in ends if text == SINGLE}
        return ends

    def _writable(self, ends: BarEnds) -> BarEnds:
        alphabet, neat = self.rules.alphabet, self.rules.neat
        return {
            text: after
            for text, after in ends.items()
            if alphabet.issuperset(text) and not (neat and text == TO_THIRD_ENDING)
        }

    def _closing(self, state: State) -> ClosingBar:
        """Return the properties of the current bar that decide how it may end."""
        if state.closing:
            return state.closing
        is_short = state.bar_ticks > 0 and state.ticks_left > 0
        if not is_short or not self.rules.neat:
            return ClosingBar(is_short, state.opens_section)
        # A short bar at the beginning of a section is a pickup, completed by its last bar.
        if state.opens_section:
            pickup = state.bar_ticks - state.ticks_left
            return ClosingBar(is_short, opens_section=True, pickup=pickup)
        if state.written == BAR_LINE:
            is_cut = state.ticks_left == CUT
        else:
            completes_pickup = state.ticks_left == state.form.pickup
            is_cut = not completes_pickup and self.notes.can_fill_bar(state)
        return ClosingBar(is_short, opens_section=False, is_cut=is_cut)

    def _next_voice(self, state: State) -> State:
        """Return the state at the beginning of the same bar of the next voice."""
        # ``ticks_left`` of the first voice's bar is what it is short of; of the others', nothing.
        length = state.length or state.bar_ticks - state.ticks_left
        return State(
            BAR,
            bar_ticks=state.bar_ticks,
            ticks_left=length,
            opens_section=state.opens_section,
            form=state.form,
            voice=state.voice + 1,
            length=length,
            closing=self._closing(state),
            held=state.held or state.tied,
        )

    def _new_bar(self, state: State, form: FormState, *, opens_section: bool) -> State:
        return State(
            BAR,
            bar_ticks=state.bar_ticks,
            ticks_left=state.bar_ticks or LONGEST * UNIT,
            opens_section=opens_section,
            fields="MK" if state.items else "",
            form=form,
        )


class Header:
    """The header lines that a text begins with, and the fields that may change in its body.

    Args:
        rules: The requirements on texts.
        durations: The note lengths, which have to fill every bar.
    """

    def __init__(self, rules: Rules, durations: Durations) -> None:
        self._rules, self._durations = rules, durations
        self._form_line = FormLine(rules.form, rules.alphabet, rules.begun)

    @cached_property
    def metres(self) -> dict[str, int]:
        """Ticks of a bar by ``M:`` values, of metres whose bars can be written and filled."""
        # In a requested form a bar must not be able to hold too many of the shortest notes.
        metres, durations = self._rules.all_metres(), self._durations
        ticks = {str(metre): int(metre.bar_duration * WHOLE) for metre in metres}
        has_form = self._rules.fills_bars
        most = LIMITS.bar_notes * durations.grain if has_form else max(ticks.values())
        return {
            name: bar
            for name, bar in ticks.items()
            if bar <= most and durations.can_fill_exactly(bar)
        }

    @cached_property
    def lines(self) -> tuple[Trie, Trie, Trie]:
        """The header's lines: rhythm or metre; metre; key."""
        rhythms = [f"R:{name}\n" for name in self._rules.rhythms if name]
        metres = [f"M:{name}\n" for name in self.metres]
        keys = [f"K:C{mode.abbreviation}\n" for mode in self._rules.modes]
        first = rhythms + (metres if "" in self._rules.rhythms else [])
        return self._trie(first), self._trie(metres), self._trie(keys)

    @cached_property
    def fields(self) -> Trie:
        """Changes of metre and key, as written after an opening bracket."""
        metres = [f"M:{name}]" for name in self.metres]
        keys = (
            Key(letter, alter, mode)
            for letter in SHARP_ORDER
            for alter in (-1, 0, 1)
            for mode in self._rules.modes
        )
        return self._trie(
            metres
            + [
                f"K:{key.tonic}{key.mode.abbreviation}]"
                for key in keys
                if abs(key.fifths) <= MAX_SIGNATURE
            ]
        )

    def _trie(self, texts: list[str]) -> Trie:
        return Trie.of(frozenset(filter(self._rules.alphabet.issuperset, texts)))

    def in_line(self, state: State) -> Transitions:
        """Return the characters that may follow in a line of the header."""
        music = State(BAR_LINE, bar_ticks=state.bar_ticks)
        if state.items == FORM_LINE:
            # A pickup is shorter than a bar; the unit length is two sixteenths.
            longest_pickup = (2 * state.bar_ticks - 1) // UNIT if state.bar_ticks else MAX_PICKUP
            if self._rules.keeps_endings and self._rules.form.is_free:
                announced = read_form_line(state.text).bars_before_endings
                music = music._replace(form=FormState(announced=announced))
            return {
                character: transition_to(music)
                if character == LINE_END
                else (state, HEADER, state.text + character)
                for character in self._form_line.after(state.text, longest_pickup)
            }
        trie = self.lines[state.items]
        following: Transitions = {}
        for character in trie.after(state.text):
            text = state.text + character
            if text not in trie.texts:
                following[character] = state, HEADER, text
            elif text[0] == "R":
                following[character] = transition_to(State(HEADER, items=METRE_LINE))
            elif text[0] == "M":
                bar = self.metres[text[2:-1]]
                following[character] = transition_to(State(HEADER, items=KEY_LINE, bar_ticks=bar))
            elif self._rules.form_line:
                after = State(HEADER, items=FORM_LINE, bar_ticks=state.bar_ticks)
                following[character] = transition_to(after)
            else:
                following[character] = transition_to(music)
        return following

    def in_field(self, state: State) -> Transitions:
        """Return the characters that may follow in a change of metre or key."""
        following: Transitions = {}
        for character in self.fields.after(state.text):
            text = state.text + character
            if text not in self.fields.texts:
                following[character] = state, FIELD, text
            elif text[0] == "K":
                following[character] = state._replace(fields=""), BAR, ""
            else:
                # The metre comes before the key, and each changes at most once.
                bar = self.metres[text[2:-1]]
                left = bar or LONGEST * UNIT
                after = state._replace(bar_ticks=bar, ticks_left=left, fields="K")
                following[character] = after, BAR, ""
        return following
