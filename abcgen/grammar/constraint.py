"""The grammar as a constraint on sampling: the allowed characters, and the distance to the end.

``Grammar`` combines time and form (``Music``) with pitch (``PitchRule``), and numbers their states.
``PrefixConstraint`` puts a fixed prefix before it, ``ShortestCompletion`` finds the way to the end.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from abcgen.errors import InputError
from abcgen.grammar.form import LINE_END, SINGLE, TO_SECOND_ENDING
from abcgen.grammar.form_line import FormLine
from abcgen.grammar.lengths import UNIT
from abcgen.grammar.music import FORM_LINE, Music
from abcgen.grammar.pitch import PitchRule, PitchState
from abcgen.grammar.state import (
    ACCIDENTAL,
    AFTER_CHORD_SYMBOL,
    BAR_LINE,
    BRACKET,
    CHORD_SYMBOL,
    DONE,
    END,
    FIELD,
    HEADER,
    LENGTH,
    LETTER,
    LETTERS,
    MIN_CHORD,
    REST,
    TUPLET,
    State,
    Transition,
    materialize,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from abcgen.grammar.form import Rules


T = TypeVar("T")
MAX_STATES = 15_000  # about 30 MB


class Grammar:
    """A state machine that accepts exactly the valid tunes that follow some rules.

    States are numbered in the order in which they are reached; ``start`` is the one before the
    first character. The transitions of a state are computed once.

    Args:
        rules: The requirements on texts.

    Raises:
        InputError: if the alphabet of the rules cannot write a tune.
    """

    start = 0

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._music, self._pitch = Music(rules), PitchRule(rules)
        self._completion = ShortestCompletion(self._music)
        self._forget()

    def _forget(self) -> None:
        """Forget all states but the start."""
        self._pitch_states = IdTable[PitchState]()
        self._states = IdTable[tuple[State, int]]()  # with the id of a pitch state
        self.state_id(self._music.start, self._pitch.start)
        self._following: dict[int, dict[str, tuple[Transition, int]]] = {}
        self._after: dict[tuple[int, str], int] = {}
        self._distances: dict[int, int] = {}
        self._max_distances: dict[int, int] = {}

    def prune(self) -> bool:
        """Forget all states but the start if there are too many; return whether there were."""
        if len(self._states) <= MAX_STATES:
            return False
        self._forget()
        return True

    def allowed(self, state_id: int, remaining: int) -> frozenset[str]:
        """Return the characters that may come next, with the empty string for the end.

        At most ``remaining`` characters may still come, this one included. If the text can end
        within them now, it still can after any allowed character.
        """
        following = self.following(state_id)
        # Most of the time the limit is far away and excludes nothing.
        if remaining > self.max_distance(state_id):
            return frozenset(following)
        return frozenset(
            character
            for character in following
            if character == END
            or self.distance_to_end(self.advance(state_id, character)) < remaining
        )

    def following(self, state_id: int) -> Collection[str]:
        """Return every character that may come next, without a limit of length."""
        return self._transitions(state_id).keys()

    def advance(self, state_id: int, character: str) -> int:
        """Return the state that a character leads to.

        Raises:
            KeyError: if the character may not come next.
        """
        step = state_id, character
        if step not in self._after:
            transition, pitch_id = self._transitions(state_id)[character]
            self._after[step] = self._states.id_of((materialize(transition), pitch_id))
        return self._after[step]

    def _transitions(self, state_id: int) -> dict[str, tuple[Transition, int]]:
        if state_id not in self._following:
            # Time and form allow some characters, and pitch some of these.
            state, pitch_id = self._states[state_id]
            transitions, pitch = self._music.following(state), self._pitch_states[pitch_id]
            if pitch.is_unlimited:
                following = {char: (after, pitch_id) for char, after in transitions.items()}
            else:
                following = {
                    character: (transition, self._pitch_states.id_of(pitch_after))
                    for character, transition in transitions.items()
                    if (pitch_after := self._pitch.after(pitch, character)) is not None
                }
            self._following[state_id] = following
        return self._following[state_id]

    def max_distance(self, state_id: int) -> int:
        """Return a bound on the distance to the end; with more left, nothing is excluded."""
        if state_id not in self._max_distances:
            self._max_distances[state_id] = self._completion.max_distance(self._states[state_id][0])
        return self._max_distances[state_id]

    def distance_to_end(self, state_id: int) -> int:
        """Return the number of characters of a state's completion."""
        # Follow the completion up to a state whose distance is known, then count back.
        path: dict[int, None] = {}
        while state_id not in self._distances:
            if state_id in path:
                raise _no_end()
            character = self.completion(state_id)
            if character == END:
                self._distances[state_id] = 0
                break
            path[state_id] = None
            state_id = self.advance(state_id, character)
        distance = self._distances[state_id]
        for earlier in reversed(path):
            distance += 1
            self._distances[earlier] = distance
        return distance

    def completion(self, state_id: int) -> str:
        """Return the next character of a state's completion; empty at the end.

        Raises:
            InputError: if there is none, which is possible only after a given prefix.
        """
        following = self.following(state_id)
        # Candidates come from time and form; if pitch excludes the best one, another will do.
        if END in following:
            return END
        if following:
            for character in self._completion.candidates(self._states[state_id][0]):
                if character in following:
                    return character
        raise _no_end()

    def read(self, text: str, state_id: int = start) -> int:
        """Return the state after a text.

        Raises:
            InputError: with the text up to the first character that is not allowed.
        """
        for index, character in enumerate(text):
            if character not in self.following(state_id):
                raise InputError(f"{text[max(0, index - 20) : index + 1]!r} cannot become a tune")
            state_id = self.advance(state_id, character)
        return state_id

    def accepts(self, text: str) -> bool:
        """Return whether a text is a complete valid tune."""
        try:
            return END in self.following(self.read(text))
        except InputError:
            return False

    def states(self, state_id: int) -> tuple[State, PitchState]:
        """Return the states that an id names, to continue with another grammar."""
        state, pitch_id = self._states[state_id]
        return state, self._pitch_states[pitch_id]

    def state_id(self, state: State, pitch: PitchState) -> int:
        """Return the id of a pair of states, numbering new ones."""
        return self._states.id_of((state, self._pitch_states.id_of(pitch)))


def _no_end() -> InputError:
    return InputError("the network's characters cannot bring it to an end")


class IdTable(Generic[T]):
    """Values numbered in the order of their first use."""

    def __init__(self) -> None:
        self._values: list[T] = []
        self._ids: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, id_: int) -> T:
        return self._values[id_]

    def id_of(self, value: T) -> int:
        """Return the id of a value."""
        id_ = self._ids.setdefault(value, len(self._values))
        if id_ == len(self._values):
            self._values.append(value)
        return id_


class HeaderConstraint:
    """Constrain generation to the header of a text, which ends where the music would begin.

    Args:
        grammar: The grammar of whole texts.
    """

    start = 0

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar

    def allowed(self, state_id: int, _remaining: int) -> frozenset[str]:
        """Return the characters that may come next; a header is short, so there is no limit."""
        state, _ = self._grammar.states(state_id)
        if state.written == BAR_LINE:
            return frozenset({END})
        return frozenset(self._grammar.following(state_id))

    def advance(self, state_id: int, character: str) -> int:
        """Return the state that a character leads to."""
        return self._grammar.advance(state_id, character)

    def max_distance(self, _state_id: int) -> int:
        """Return -1: no limit excludes anything."""
        return -1

    def prune(self) -> bool:
        """Forget states if there are too many; return whether there were."""
        return self._grammar.prune()

    def completed(self, header: str) -> str:
        """Return the shortest header that begins as given.

        Raises:
            InputError: if the grammar does not accept it.
        """
        state_id = self._grammar.read(header)
        while self._grammar.states(state_id)[0].written != BAR_LINE:
            header += self._grammar.completion(state_id)
            state_id = self._grammar.advance(state_id, header[-1])
        return header


class PrefixConstraint:
    """Constrain generation to a fixed prefix, then to the grammar.

    A prefix may contain characters that cannot be sampled. It is read by a grammar that has them in
    its alphabet, and continued by one that has not, so that no completion needs them.

    A state is the number of characters of the prefix; beyond the prefix, a state of the grammar.

    Args:
        reading: The grammar of the prefix.
        drawing: The grammar of the rest; may be the same.
        prefix: The first characters of every text.

    Raises:
        InputError: if the grammar does not accept the prefix.
    """

    start = 0
    # Characters that would change the last note of the prefix.
    CHANGE_NOTE = frozenset("0123456789/,'")

    def __init__(self, reading: Grammar, drawing: Grammar, prefix: str) -> None:
        self._reading, self._drawing, self._prefix = reading, drawing, prefix
        self._after_prefix = reading.states(reading.read(prefix))
        self._offset = len(prefix) + 1  # of the drawing grammar's states
        self._ends_in_note = bool(re.search(r"[A-Ga-gz\]0-9/,']\Z", prefix))

    def allowed(self, state_id: int, remaining: int) -> frozenset[str]:
        """Return the characters that may come next; see ``Grammar.allowed``."""
        if state_id < len(self._prefix):
            return frozenset(self._prefix[state_id])
        characters = self._drawing.allowed(self._inner(state_id), remaining)
        # Do not change the last note of the prefix, unless nothing else may follow.
        if self._ends_in_note and state_id == len(self._prefix):
            return characters - self.CHANGE_NOTE or characters
        return characters

    def advance(self, state_id: int, character: str) -> int:
        """Return the state that a character leads to.

        Raises:
            KeyError: if the character may not come next.
        """
        if state_id >= len(self._prefix):
            return self._offset + self._drawing.advance(self._inner(state_id), character)
        if character != self._prefix[state_id]:
            raise KeyError(character)
        return state_id + 1

    def max_distance(self, state_id: int) -> int:
        """Return a bound on the distance to the end; see ``Grammar.max_distance``."""
        in_prefix = state_id < len(self._prefix)
        return -1 if in_prefix else self._drawing.max_distance(self._inner(state_id))

    def prune(self) -> bool:
        """Forget states if there are too many; return whether there were."""
        return self._drawing.prune()

    def with_prefix(self, prefix: str) -> PrefixConstraint:
        """Return the same constraint for another prefix."""
        return PrefixConstraint(self._reading, self._drawing, prefix)

    def fits(self, length: int) -> bool:
        """Return whether a text can end within a length, the prefix included."""
        distance = self._drawing.distance_to_end(self._inner(len(self._prefix)))
        return len(self._prefix) + distance <= length

    def _inner(self, state_id: int) -> int:
        """Return the drawing grammar's state."""
        if state_id == len(self._prefix):
            return self._drawing.state_id(*self._after_prefix)
        return state_id - self._offset


class ShortestCompletion:
    """Leads from any state to the end of a valid tune in few characters.

    Because there is such a completion, and the grammar allows every step of it, generation never
    reaches a dead end. Its length decides when a text has to turn towards its end.
    """

    ITEMS = "z" + LETTERS
    OCTAVE_MARKS = "',"

    def __init__(self, music: Music) -> None:
        self._music, self._notes = music, music.notes
        self._candidates: dict[str, Callable[[State], str]] = {
            HEADER: self._in_header,
            FIELD: lambda state: _next_character(state.text, music.header.fields.texts),
            BAR_LINE: self._in_bar_line,
            TUPLET: self._in_tuplet,
            CHORD_SYMBOL: self._in_chord_symbol,
            AFTER_CHORD_SYMBOL: lambda _: self.ITEMS,
            ACCIDENTAL: lambda _: LETTERS,
            BRACKET: lambda _: LETTERS,
            LETTER: self._after_letter,
            LENGTH: self._in_length,
            REST: self._in_length,
        }

    def candidates(self, state: State) -> str:
        """Return the next characters that lead to the end, best first."""
        return self._candidates.get(state.written, self._in_bar)(state)

    def max_distance(self, state: State) -> int:
        """Return a bound on the length of the completion, one character later too."""
        form, neat = self._music.rules.form, self._music.rules.neat
        slack = 120  # more than it takes to complete a tuplet, a chord and a repeat
        if self._music.rules.form_line and state.written == HEADER:
            slack += FormLine.LONGEST
        if state.written == DONE or (form.is_free and not neat):
            return slack
        # Before the header is complete the longest bar counts.
        bar_ticks = state.bar_ticks or max(self._music.header.metres.values())
        # Rests of up to nine units, one for what is left, and its fractions.
        in_bar = 2 * (bar_ticks // (9 * UNIT)) + 14
        if not self._music.rules.alphabet >= set("23456789"):
            in_bar += bar_ticks // UNIT
        in_sections = sum(section.bars + 3 for section in form.sections)
        bars = 1 if form.is_free else form.bars + in_sections + 4
        return bars * in_bar + slack

    def _in_bar(self, state: State) -> str:
        """Close the bar if that leads towards the end, else fill it."""
        if state.items and not state.tuplet[0]:
            ends = self._music.ends(state)
            if ends:
                return min(ends, key=_rank)[0]
        return self.ITEMS

    def _in_bar_line(self, state: State) -> str:
        ends = [text for text in self._music.ends(state) if text.startswith(state.text)]
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

    def _after_letter(self, state: State) -> str:
        # Octave marks come last, for notes that only they can bring into range.
        if state.chord >= 0:
            characters = "]" if state.chord + 1 >= MIN_CHORD else LETTERS
        else:
            characters = self._in_length(state._replace(text=""))
        return characters + self.OCTAVE_MARKS

    def _in_length(self, state: State) -> str:
        """Return a short length or, if the bar must be filled, the longest of one character."""
        lengths = self._notes.durations.with_prefix(self._notes.time_left(state), state.text)
        if (self._notes.exact or self._music.rules.neat) and not state.tuplet[0]:
            # The texts are sorted by their lengths, and those of one character come first.
            shortest = list(islice(lengths, 1 + len("/123456789")))
            brief = [text for text in shortest if len(text) <= 1] or shortest[:1]
            best = max(brief, key=self._notes.durations.lengths.__getitem__)
        else:
            best = next(lengths)
        if best == state.text:
            return self._in_bar(self._notes.after_length(state))
        return best[len(state.text)]


def _next_character(prefix: str, texts: Iterable[str]) -> str:
    """Return the next character of the shortest text with a prefix."""
    best = min((t for t in texts if t.startswith(prefix)), key=lambda text: (len(text), text))
    return best[len(prefix)]


def _rank(text: str) -> tuple[int, int, str]:
    """Return the sort key of a bar's end: first the tune's end, then second endings, last ``|``."""
    order = 0 if text.endswith(LINE_END) else {TO_SECOND_ENDING: 1, SINGLE: 3}.get(text, 2)
    return order, len(text), text
