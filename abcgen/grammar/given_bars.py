"""Bars whose lengths are given, and what stands between them: the base of gaps and given voices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from abcgen.grammar.form import SINGLE
from abcgen.grammar.lengths import WHOLE
from abcgen.grammar.music import Music
from abcgen.grammar.state import BAR_LINE, DONE, END, State, Transitions, transition_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from abcgen.errors import InputError
    from abcgen.grammar.form import BarEnds, Rules


class GivenBarsMusic(Music, ABC):
    """The transitions within given bars. The section of a state's form is the number of its bar.

    Args:
        rules: The requirements on texts.
        durations: The duration of each bar in whole notes.
        ends: The text between each bar's last note and the first of the next bar.

    Raises:
        InputError: if a bar cannot be filled.
    """

    def __init__(self, rules: Rules, durations: Sequence[Fraction], ends: Sequence[str]) -> None:
        super().__init__(rules)
        self._given_ends = ends
        self._ticks: list[int] = []
        for number, duration in enumerate(durations, start=1):
            ticks = duration * WHOLE
            if ticks <= 0 or ticks % self.notes.durations.grain:
                raise self.unfillable(number, duration)
            self._ticks.append(int(ticks))

    @staticmethod
    @abstractmethod
    def unfillable(number: int, duration: Fraction) -> InputError:
        """Return the error that no notes can fill a bar, which is counted from 1."""

    @abstractmethod
    def next_bar(self, index: int) -> Transitions:
        """Return the characters that begin a bar after the first."""

    def in_bar_line(self, state: State) -> Transitions:
        """Return the characters that continue the end of a bar, or begin the next bar."""
        index = state.form.section
        end = self._given_ends[index]
        if state.text != end:
            character = end[len(state.text)]
            return {character: (state, BAR_LINE, state.text + character)}
        if index + 1 < len(self._given_ends):
            return self.next_bar(index + 1)
        return {END: transition_to(State(DONE))}

    def ends(self, state: State) -> BarEnds:
        """Return the text that ends the bar, if it is full."""
        end = self._given_ends[state.form.section]
        if state.written == BAR_LINE:
            return {end: state.form}
        if state.ticks_left or state.tuplet[0]:
            return {}
        # A tie may lead to the next bar, but not over a repeat or a change, or out of the last.
        is_last = state.form.section + 1 == len(self._given_ends)
        is_held = state.tied or state.held
        return {} if is_held and (end != SINGLE or is_last) else {end: state.form}
