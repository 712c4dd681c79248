"""The grammar as a constraint on sampling: the allowed characters, and the distance to the end.

``Grammar`` combines time and form (``Music``) with pitch (``PitchRule``), and numbers their states.
``PrefixConstraint`` puts a fixed prefix before it, ``ShortestCompletion`` finds the way to the end.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.grammar.completion import ShortestCompletion
from abcgen.grammar.lengths import LONGEST, UNIT, UNIT_LENGTH
from abcgen.grammar.music import Music
from abcgen.grammar.numbered import NOTE_STARTS, IdTable, MusicStates, PitchStates
from abcgen.grammar.pitch import PitchRule, PitchState
from abcgen.grammar.state import (
    ACCIDENTAL,
    BAR_LINE,
    BRACKET,
    END,
    LENGTH,
    LETTER,
    OCTAVE_MARKS,
    REST,
    State,
)

if TYPE_CHECKING:
    from abcgen.grammar.form import Rules


MAX_STATES = 15_000  # about 30 MB


class Grammar:
    """A state machine that accepts exactly the valid tunes that follow some rules.

    States are numbered in the order in which they are reached; ``start`` is the one before the
    first character. The transitions of a state are computed once.

    Args:
        rules: The requirements on texts.
        music: The transitions of time and form; those of whole texts if None.
        pitch: The state of pitch before the first character.

    Raises:
        InputError: if the alphabet of the rules cannot write a tune.
    """

    start = 0

    def __init__(
        self, rules: Rules, music: Music | None = None, pitch: PitchState = PitchRule.start
    ) -> None:
        self._pitch, self._first_pitch = PitchRule(rules), pitch
        modes = tuple(mode for mode in rules.modes if self._pitch.ranges(mode) != ())
        if not modes:
            has_tonic = any(melody.ends_on_tonic for melody in rules.melodies.values())
            missing = "tonic to end on" if has_tonic else "note of the scale"
            raise InputError(f"the range has no {missing}")
        self.rules = replace(rules, modes=modes)
        self._music = music or Music(self.rules)
        self._completion = ShortestCompletion(self._music)
        self._forget()

    def _forget(self) -> None:
        """Forget all states but the start."""
        self._music_states = MusicStates(self._music, self._completion)
        self._pitch_states = PitchStates(self._pitch)
        self._states = IdTable[tuple[int, int]]()  # ids of both
        self.state_id(self._music.start, self._first_pitch)
        self._possible: dict[int, frozenset[str]] = {}
        self._following: dict[int, frozenset[str]] = {}
        self._after: dict[tuple[int, str], int] = {}
        self._distances: dict[int, float] = {}
        self._ends: dict[tuple[int, int, int | None], bool] = {}
        self._max_distances: dict[tuple[int, int], int] = {}

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
            return following
        return frozenset(
            character
            for character in following
            if character == END
            or self.distance_to_end(self.advance(state_id, character)) < remaining
        )

    def following(self, state_id: int) -> frozenset[str]:
        """Return every character that may come next, without a limit of length."""
        if state_id not in self._following:
            possible = self._possible_after(state_id)
            if self._may_miss_tonic(state_id):
                possible = frozenset(
                    character
                    for character in possible
                    if character == END
                    or self._leaves_time(state_id, character)
                    or self._can_end(self._step(state_id, character))
                )
            self._following[state_id] = possible
        return self._following[state_id]

    def advance(self, state_id: int, character: str) -> int:
        """Return the state that a character leads to.

        Raises:
            KeyError: if the character may not come next.
        """
        if character not in self.following(state_id):
            raise KeyError(character)
        return self._step(state_id, character)

    def _step(self, state_id: int, character: str) -> int:
        """Return the state that a possible character leads to."""
        step = state_id, character
        if step not in self._after:
            music_id, pitch_id = self._states[state_id]
            after = (
                self._music_states.after(music_id, character),
                self._pitch_states.after(pitch_id, character),
            )
            self._after[step] = self._states.id_of(after)
        return self._after[step]

    def _may_miss_tonic(self, state_id: int) -> bool:
        """Return whether so few bars are left that the melody may not come to its tonic."""
        music_id, pitch_id = self._states[state_id]
        way = self._pitch_states.longest_way(pitch_id)
        return way > 0 and self._music_states.notes_to_come(music_id) < way

    def _leaves_time(self, state_id: int, character: str) -> bool:
        """Return whether there is surely time for another note and the tonic after a character.

        That is enough where the tonic may follow any note. It spares looking for the end.
        """
        music_id, pitch_id = self._states[state_id]
        state, rules = self._music_states[music_id], self.rules
        way = self._pitch_states.longest_way(pitch_id)
        # Without naturals an altered tonic would stay altered.
        if way > 1 or rules.lengths or state.tuplet[0] or not rules.alphabet >= set("=/2"):
            return False
        if state.written == BAR_LINE or character in "|:":
            return False
        units = 1
        if state.written in {LETTER, LENGTH, REST}:
            text = "" if state.written == LETTER else state.text
            if character.isdigit() or character == "/":
                if text:
                    return False
                units = int(character) if character.isdigit() else 1
            else:
                length = self._music.notes.durations.lengths.get(text, LONGEST * UNIT_LENGTH)
                units = 1 + -(-length // UNIT_LENGTH)
        return state.ticks_left >= (units + 2) * UNIT

    def _can_end(self, state_id: int) -> bool:
        """Return whether the completion of a state comes to an end."""
        # Where pitch matters only by the number of notes to the tonic, states share the answer.
        path: dict[tuple[int, int, int | None], None] = {}
        can_end = False
        while True:
            music_id, pitch_id = self._states[state_id]
            is_straight, way = self._pitch_states.leads_straight(pitch_id), self._way(pitch_id)
            # On the tonic, rests can fill what is left.
            if is_straight and way <= max(0, self._music_states.notes_to_come(music_id)):
                can_end = True
                break
            key = music_id, way, None if is_straight else pitch_id
            if key in path or key in self._ends:
                can_end = self._ends.get(key, False)
                break
            path[key] = None
            character = self._next(state_id)
            if not character:
                can_end = character == END
                break
            state_id = self._step(state_id, character)
        self._ends |= dict.fromkeys(path, can_end)
        return can_end

    def _possible_after(self, state_id: int) -> frozenset[str]:
        """Return the characters that time and form allow, and pitch too."""
        if state_id not in self._possible:
            music_id, pitch_id = self._states[state_id]
            possible = self._music_states.following(music_id)
            if not self._pitch_states[pitch_id].is_unlimited:
                possible &= self._pitch_states.allowed(pitch_id)
                # The tonic has to come before the end.
                possible -= {
                    character
                    for character in self._music_states.endings(music_id) & possible
                    if self._way(self._pitch_states.after(pitch_id, character))
                }
            self._possible[state_id] = possible
        return self._possible[state_id]

    def _way(self, pitch_id: int) -> int:
        """Return how many notes must still come before the text may end."""
        return self._pitch_states.notes_to_tonic(pitch_id)

    def max_distance(self, state_id: int) -> int:
        """Return a bound on the distance to the end; with more left, nothing is excluded."""
        music_id, pitch_id = self._states[state_id]
        key = music_id, self._pitch_states.longest_way(pitch_id)
        if key not in self._max_distances:
            state, way = self._music_states[music_id], key[1]
            self._max_distances[key] = self._completion.max_distance(state, way)
        return self._max_distances[key]

    def distance_to_end(self, state_id: int) -> float:
        """Return the number of characters of a state's completion; infinite if it has none."""
        # Follow the completion up to a state whose distance is known, then count back.
        path: dict[int, None] = {}
        distance = math.inf
        while state_id not in path:
            if state_id in self._distances:
                distance = self._distances[state_id]
                break
            path[state_id] = None
            character = self._next(state_id)
            if character is None:
                break
            if character == END:
                distance = -1.0  # this state is on the path
                break
            state_id = self._step(state_id, character)
        for earlier in reversed(path):
            distance += 1
            self._distances[earlier] = distance
        return self._distances[next(iter(path))] if path else distance

    def completion(self, state_id: int) -> str:
        """Return the next character of a state's completion; empty at the end.

        Raises:
            InputError: if there is none, which is possible only after a given prefix.
        """
        character = self._next(state_id)
        if character is None or self.distance_to_end(state_id) == math.inf:
            raise _no_end()
        return character

    def _next(self, state_id: int) -> str | None:
        """Return the next character of a state's completion; None if nothing leads on."""
        possible = self._possible_after(state_id)
        if END in possible:
            return END
        music_id, pitch_id = self._states[state_id]
        music, pitch = self._music_states, self._pitch_states
        way = self._way(pitch_id) if possible else 0
        if way and pitch.needs_mark(pitch_id):
            return OCTAVE_MARKS[music[music_id].text[0]]
        # Candidates come from time and form; if pitch excludes the best one, another will do.
        candidates = music.completions(music_id, has_way=way > 0) if possible else ""
        best = next((character for character in candidates if character in possible), None)
        # Where a note may begin, it is one that leads to the tonic.
        if way and best and best in ShortestCompletion.ITEMS:
            is_begun = music[music_id].written in {ACCIDENTAL, BRACKET}
            return (
                pitch.nearer(pitch_id, possible.intersection(NOTE_STARTS), way + is_begun) or best
            )
        return best

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
        music_id, pitch_id = self._states[state_id]
        return self._music_states[music_id], self._pitch_states[pitch_id]

    def state_id(self, state: State, pitch: PitchState) -> int:
        """Return the id of a pair of states, numbering new ones."""
        pair = self._music_states.id_of(state), self._pitch_states.id_of(pitch)
        return self._states.id_of(pair)


def _no_end() -> InputError:
    return InputError("the network's characters cannot bring it to an end")


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
        """Return whether a text can end within a length, the prefix included.

        Raises:
            InputError: if it cannot end at all.
        """
        distance = self._drawing.distance_to_end(self._inner(len(self._prefix)))
        if distance == math.inf:
            raise _no_end()
        return len(self._prefix) + distance <= length

    def _inner(self, state_id: int) -> int:
        """Return the drawing grammar's state."""
        if state_id == len(self._prefix):
            return self._drawing.state_id(*self._after_prefix)
        return state_id - self._offset
