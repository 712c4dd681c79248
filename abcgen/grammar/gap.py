"""Gaps in the grammar: bars drawn anew within a tune, each exactly as long as it was.

A gap is some bars on end. Only their notes and rests are free; what stands between them, bar lines,
repeats, endings and changes of metre and key, is given. ``gap_grammar`` returns the grammar of the
text from the first free note to the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.grammar.constraint import Grammar
from abcgen.grammar.form import SINGLE, Form, FormState, Rules
from abcgen.grammar.lengths import WHOLE
from abcgen.grammar.music import Music
from abcgen.grammar.pitch import BODY, PitchState
from abcgen.grammar.state import BAR, BAR_LINE, DONE, END, State, Transitions, transition_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from abcgen.grammar.form import BarEnds


class GapBar(NamedTuple):
    """A bar to be drawn."""

    # Of its free notes, in whole notes.
    duration: Fraction
    # The text between its last free note and the first of the next bar: ``|``, ``:|2``,
    # ``|[M:6/8]``. After the last bar it is what the text ends with, which may be nothing.
    end: str


def gap_grammar(bars: Sequence[GapBar], alphabet: frozenset[str]) -> Grammar:
    """Return the grammar of what may fill a gap.

    Args:
        bars: Its bars, at least one, none without free time.
        alphabet: The characters that may be used.

    Raises:
        InputError: if notes of the alphabet cannot fill a bar, or cannot write what is given.
    """
    given = "".join(bar.end for bar in bars)
    if unknown := set(given) - alphabet:
        raise InputError(f"the network cannot write {min(unknown)!r}, which the bars have")
    # A requested form makes the bars exact.
    rules = Rules(alphabet, neat=True, changes=False, form=Form(len(bars)))
    music = GapMusic(rules, bars)
    return Grammar(rules, music, PitchState(BODY))


class GapMusic(Music):
    """The transitions within a gap. The section of a state's form is the number of its bar.

    Args:
        rules: The requirements on texts.
        bars: The bars of the gap.

    Raises:
        InputError: if a bar cannot be filled.
    """

    def __init__(self, rules: Rules, bars: Sequence[GapBar]) -> None:
        super().__init__(rules)
        self._ticks: list[int] = []
        self._texts = [bar.end for bar in bars]
        for bar in bars:
            ticks = bar.duration * WHOLE
            if ticks <= 0 or ticks % self.notes.durations.grain:
                raise InputError(
                    f"notes cannot fill exactly what is free in a bar, {bar.duration} of a whole "
                    "note",
                    hint="leave that bar out, or choose the bars next to it too",
                )
            self._ticks.append(int(ticks))
        self.start = self._begin(0)

    def _begin(self, index: int) -> State:
        """Return the state at the first free note of a bar."""
        ticks = self._ticks[index]
        return State(BAR, bar_ticks=ticks, ticks_left=ticks, form=FormState(section=index))

    def _in_bar(self, state: State) -> Transitions:
        """Return the characters that begin another item, or end the bar if it is full."""
        following = self.notes.items(state)
        for text in self.ends(state):
            closed = State(BAR_LINE, bar_ticks=state.bar_ticks, form=state.form)
            following[text[:1]] = (closed, BAR_LINE, text[0]) if text else transition_to(state)
        return following

    def in_bar_line(self, state: State) -> Transitions:
        """Return the characters that continue the end of a bar, or begin the next bar."""
        index = state.form.section
        end = self._texts[index]
        if state.text != end:
            character = end[len(state.text)]
            return {character: (state, BAR_LINE, state.text + character)}
        if index + 1 < len(self._texts):
            return self.notes.items(self._begin(index + 1))
        return {END: transition_to(State(DONE))}

    def ends(self, state: State) -> BarEnds:
        """Return the text that ends the bar, if it is full."""
        if state.written == BAR_LINE:
            return {self._texts[state.form.section]: state.form}
        if state.ticks_left or state.tuplet[0]:
            return {}
        end = self._texts[state.form.section]
        # A tie may lead to the next bar of the gap, but not over a repeat and not out of the gap.
        is_last = state.form.section + 1 == len(self._texts)
        return {} if state.tied and (end != SINGLE or is_last) else {end: state.form}
