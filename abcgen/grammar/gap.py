"""Gaps in the grammar: bars drawn anew within a tune, each exactly as long as it was.

A gap is some bars on end. Only their notes and rests are free; what stands between them, bar lines,
repeats, endings and changes of metre and key, is given. ``gap_grammar`` returns the grammar of the
text from the first free note to the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.grammar.constraint import Grammar
from abcgen.grammar.form import Form, FormState, Rules
from abcgen.grammar.given_bars import GivenBarsMusic
from abcgen.grammar.pitch import BODY, PitchState
from abcgen.grammar.state import BAR, BAR_LINE, State, Transitions, transition_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction


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


class GapMusic(GivenBarsMusic):
    """The transitions within a gap.

    Args:
        rules: The requirements on texts.
        bars: The bars of the gap.

    Raises:
        InputError: if a bar cannot be filled.
    """

    def __init__(self, rules: Rules, bars: Sequence[GapBar]) -> None:
        super().__init__(rules, [bar.duration for bar in bars], [bar.end for bar in bars])
        self.start = self._begin(0)

    @staticmethod
    def unfillable(number: int, duration: Fraction) -> InputError:  # noqa: ARG004 - a bar of a gap
        """Return the error that no notes can fill a bar."""
        return InputError(
            f"notes cannot fill exactly what is free in a bar, {duration} of a whole note",
            hint="leave that bar out, or choose the bars next to it too",
        )

    def next_bar(self, index: int) -> Transitions:
        """Return the characters that begin a bar after the first."""
        return self.notes.items(self._begin(index))

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
