"""Keep voices from moving in parallel fifths and octaves (``WithoutParallels``).

Which notes would do so depends on all that sounds at the time, in the bar and at the end of the bar
before. As states of the grammar that would be too many, so this is a constraint around it: it
follows every text by itself, with the state that position features have of it too, and removes
letters and octave marks from what the grammar allows. It never removes all of them: where every
note would make a parallel, one is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.grammar.positions import LEFT, TICKS
from abcgen.grammar.state import HIGH, LETTERS, MAX_OCTAVE_MARKS, OCTAVE_MARKS
from abcgen.grammar.voice_positions import VoicesTracker, key_value, sounding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abcgen.grammar.constraint import Grammar, PrefixConstraint

FIFTH, OCTAVE, SEMITONES = 7, 0, 12
QUARTER = 2 * TICKS
# Octaves of a note that are further than this from the note before are not counted on.
NEAR = 7
MARKS = frozenset(",'")

Line = tuple[tuple[int, int], ...]  # when notes begin, and their values as sounding notes


class TextState(NamedTuple):
    """The state of a text."""

    # The grammar's state.
    grammar: int
    # That of a ``VoicesTracker``.
    voices: Any
    # The notes of each voice in the bar before, and how long that was.
    before: tuple[Line, ...] = ()
    length: int = 0
    # The letter and octave marks of the note being read, if one is.
    note: str = ""


class Move(NamedTuple):
    """How a voice above moves where the next note begins, and where this voice comes from."""

    above: int
    above_after: int
    own: int

    def is_parallel(self, after: int) -> bool:
        """Return whether this voice would move in parallel to a note."""
        interval = (self.above - self.own) % SEMITONES
        same = interval in {FIFTH, OCTAVE} and (self.above_after - after) % SEMITONES == interval
        return same and (self.above_after - self.above) * (after - self.own) > 0


class WithoutParallels:
    """A constraint on texts of several voices that also avoids parallel fifths and octaves.

    It looks at every two notes that begin where another voice moves, and at those a quarter apart.

    Args:
        grammar: The constraint that all texts have to keep.
        voices: Number of voices.
        form_line: Whether texts have a line that announces their form.
    """

    start = 0

    def __init__(
        self, grammar: Grammar | PrefixConstraint, voices: int, *, form_line: bool
    ) -> None:
        self._grammar = grammar
        self._tracker = VoicesTracker([], [*LEFT] if form_line else [], voices)
        self._forget()

    def _forget(self) -> None:
        first = TextState(self._grammar.start, self._tracker.first)
        self._states = [first]

    def prune(self) -> bool:
        """Forget all states but the start."""
        self._grammar.prune()
        self._forget()
        return True

    def max_distance(self, state_id: int) -> int:
        """Return how many characters may remain before ``allowed`` ignores their number."""
        return self._grammar.max_distance(self._states[state_id].grammar)

    def allowed(self, state_id: int, remaining: int) -> frozenset[str]:
        """Return the characters that may come next; see ``Grammar.allowed``."""
        state = self._states[state_id]
        allowed = self._grammar.allowed(state.grammar, remaining)
        if not state.voices.voice or not state.voices.position.is_music:
            return allowed
        return allowed - self._parallel(state, allowed) or allowed

    def advance(self, state_id: int, character: str) -> int:
        """Return the state that a character leads to.

        Raises:
            KeyError: if the character may not come next.
        """
        state = self._states[state_id]
        grammar = self._grammar.advance(state.grammar, character)
        voices = self._tracker.after(state.voices, character)
        before, length = state.before, state.length
        lines = tuple(voice.bar for voice in state.voices.notes)
        if any(lines) and not any(voice.bar for voice in voices.notes):
            # A bar line.
            before, length = lines, state.voices.position.state.now
        note = character if character and character in LETTERS else ""
        if character in MARKS and state.note:
            note = state.note + character
        self._states.append(TextState(grammar, voices, before, length, note))
        return len(self._states) - 1

    def _parallel(self, state: TextState, allowed: frozenset[str]) -> frozenset[str]:
        """Return the characters that would lead to a parallel."""
        position = state.voices.position.state
        blocked: set[str] = set()
        # 1) The note being read: another octave mark moves it, and anything else leaves it there.
        if state.note:
            moves = list(_moves(state, position.start))
            mark = OCTAVE_MARKS[state.note[0]]
            now = state.voices.notes[state.voices.voice].bar[-1][1]
            with_marks = _with_marks(now, mark, MAX_OCTAVE_MARKS - len(state.note) + 1)
            if _makes_parallel(moves, now):
                blocked |= allowed - {mark}
            elif all(_makes_parallel(moves, value) for value in with_marks):
                blocked.add(mark)
        # 2) The next note, in the octaves that are near.
        moves = list(_moves(state, position.now))
        for letter in LETTERS if moves else "":
            if letter in allowed:
                plain = key_value(state.voices, letter)
                values = [plain, *_with_marks(plain, OCTAVE_MARKS[letter], MAX_OCTAVE_MARKS)]
                near = [value for value in values if abs(value - moves[0].own) <= NEAR]
                if all(_makes_parallel(moves, value) for value in near or values):
                    blocked.add(letter)
        return frozenset(blocked)


def _makes_parallel(moves: Iterable[Move], value: int) -> bool:
    return any(move.is_parallel(value) for move in moves)


def _with_marks(value: int, mark: str, most: int) -> list[int]:
    """Return the values of a note with one and more octave marks."""
    octave = SEMITONES if mark == OCTAVE_MARKS[HIGH[0]] else -SEMITONES
    return [value + octave * number for number in range(1, most + 1)]


def _moves(state: TextState, onset: int) -> Iterator[Move]:
    """Yield how the voices above move at a time of the bar, after the tick or quarter before."""
    own = state.voices.voice
    for earlier in (onset - 1, onset - QUARTER) if onset % QUARTER == 0 else (onset - 1,):
        from_own = _sounding(state, own, earlier)
        for above in range(own) if from_own else ():
            before, after = _sounding(state, above, earlier), _sounding(state, above, onset)
            if before and after and before != after:
                yield Move(before, after, from_own)


def _sounding(state: TextState, voice: int, time: int) -> int:
    """Return the value of what sounds in a voice, before the bar if the time is negative."""
    if time >= 0:
        return sounding(state.voices.notes[voice].bar, time)
    if not state.before or state.length + time < 0:
        return 0
    return sounding(state.before[voice], state.length + time)
