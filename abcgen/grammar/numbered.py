"""The states of time and form, and those of pitch, each numbered and looked at once.

A text has few states of either kind, a thousand or two, but many pairs of them. What follows a pair
is what follows both, so ``Grammar`` keeps what is slow to find for each half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from abcgen.grammar.form import LINE_END, bars_to_come
from abcgen.grammar.pitch import PitchState
from abcgen.grammar.state import BAR_LINE, DONE, HEADER, LETTERS, State, materialize

if TYPE_CHECKING:
    from abcgen.grammar.completion import ShortestCompletion
    from abcgen.grammar.music import Music
    from abcgen.grammar.pitch import PitchRule
    from abcgen.grammar.state import Transitions

T = TypeVar("T")
NOTE_STARTS = LETTERS + "^_="  # accidentals last, for notes that are as near without


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


class MusicStates(IdTable[State]):
    """The states of time and form.

    Args:
        music: Their transitions.
        completion: The way from any of them to the end.
    """

    def __init__(self, music: Music, completion: ShortestCompletion) -> None:
        super().__init__()
        self._music, self._completion = music, completion
        self._transitions: dict[int, Transitions] = {}
        self._characters: dict[int, frozenset[str]] = {}
        self._after: dict[tuple[int, str], int] = {}
        self._endings: dict[int, frozenset[str]] = {}
        self._completions: dict[tuple[int, bool], str] = {}
        self._notes_to_come: dict[int, float] = {}

    def following(self, id_: int) -> frozenset[str]:
        """Return the characters that time and form allow."""
        if id_ not in self._characters:
            self._transitions[id_] = self._music.following(self[id_])
            self._characters[id_] = frozenset(self._transitions[id_])
        return self._characters[id_]

    def after(self, id_: int, character: str) -> int:
        """Return the state that one of them leads to."""
        step = id_, character
        if step not in self._after:
            self.following(id_)
            self._after[step] = self.id_of(materialize(self._transitions[id_][character]))
        return self._after[step]

    def endings(self, id_: int) -> frozenset[str]:
        """Return those after which the tune can only end."""
        if id_ not in self._endings:
            self._endings[id_] = frozenset(
                character
                for character in self.following(id_)
                if character and character in "|:]" and self._only_ends(id_, character)
            )
        return self._endings[id_]

    def _only_ends(self, id_: int, character: str) -> bool:
        transition = self._transitions[id_][character]
        _, written, text = transition
        if written != BAR_LINE or not text:
            return False
        ends = self._music.ends(materialize(transition))
        return not any(end.startswith(text) and not end.endswith(LINE_END) for end in ends)

    def completions(self, id_: int, *, has_way: bool) -> str:
        """Return the next characters that lead to the end, best first.

        Args:
            id_: The state.
            has_way: Whether the tonic must still come before it.
        """
        key = id_, has_way
        if key not in self._completions:
            self._completions[key] = self._completion.candidates(self[id_], has_way=has_way)
        return self._completions[key]

    def notes_to_come(self, id_: int) -> float:
        """Return how many notes, no shorter than an eighth unless it must be, later bars hold."""
        if id_ not in self._notes_to_come:
            state = self[id_]
            if state.written in {HEADER, DONE}:
                return float("inf")
            # After a bar line the first of the bars to come begins.
            bars = bars_to_come(self._music.rules.form, state.form) - (state.written == BAR_LINE)
            in_bar = self._music.notes.durations.most_notes(state.bar_ticks)
            self._notes_to_come[id_] = bars * in_bar
        return self._notes_to_come[id_]


class PitchStates(IdTable[PitchState]):
    """The states of pitch.

    Args:
        rule: Their transitions.
    """

    def __init__(self, rule: PitchRule) -> None:
        super().__init__()
        self._rule = rule
        self._allowed: dict[int, frozenset[str]] = {}
        self._after: dict[tuple[int, str], int] = {}
        self._ways: dict[int, int] = {}
        self._longest_ways: dict[int, int] = {}
        self._needing_marks: dict[int, bool] = {}
        self._straight: dict[int, bool] = {}
        self._nearer: dict[tuple[int, frozenset[str], int], str | None] = {}

    def allowed(self, id_: int) -> frozenset[str]:
        """Return the characters that pitch allows."""
        if id_ not in self._allowed:
            self._allowed[id_] = self._rule.allowed(self[id_])
        return self._allowed[id_]

    def after(self, id_: int, character: str) -> int:
        """Return the state after one of them."""
        step = id_, character
        if step not in self._after:
            after = self._rule.after(self[id_], character)
            if after is None:
                raise KeyError(character)
            self._after[step] = self.id_of(after)
        return self._after[step]

    def notes_to_tonic(self, id_: int) -> int:
        """Return how many notes must still come before the text may end."""
        if id_ not in self._ways:
            self._ways[id_] = self._rule.notes_to_tonic(self[id_])
        return self._ways[id_]

    def longest_way(self, id_: int) -> int:
        """Return how many notes it can take to come to the tonic, if the text has to end on it."""
        if id_ not in self._longest_ways:
            self._longest_ways[id_] = self._rule.longest_way(self[id_])
        return self._longest_ways[id_]

    def needs_mark(self, id_: int) -> bool:
        """Return whether a letter is a step towards the tonic only with another octave mark."""
        if id_ not in self._needing_marks:
            self._needing_marks[id_] = self._rule.needs_mark(self[id_])
        return self._needing_marks[id_]

    def leads_straight(self, id_: int) -> bool:
        """Return whether a completion needs no more notes to the tonic than it may."""
        if id_ not in self._straight:
            needs_other_tonic = not self.notes_to_tonic(id_) and self.needs_mark(id_)
            is_straight = self._rule.leads_straight(self[id_]) and not needs_other_tonic
            self._straight[id_] = is_straight
        return self._straight[id_]

    def nearer(self, id_: int, characters: frozenset[str], way: int) -> str | None:
        """Return the character of a note that is nearer to the tonic; None if there is none.

        Args:
            id_: The state.
            characters: Those that may come next.
            way: How many notes it takes now.
        """
        key = id_, characters, way
        if key not in self._nearer:
            ways = {
                character: self.notes_to_tonic(self.after(id_, character))
                for character in NOTE_STARTS
                if character in characters
            }
            best = min(ways, key=ways.__getitem__, default=None)
            self._nearer[key] = best if best and ways[best] < way else None
        return self._nearer[key]
