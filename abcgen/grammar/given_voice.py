"""The grammar of texts in several voices of which the first is given, to the character.

The network reads the given voice bar by bar, and draws the bars of the others in between: each as
long as the given one, and what stands between two bars, repeats, endings and changes of key, is
given too. ``given_voice_grammar`` returns the grammar of the whole text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.grammar.constraint import Grammar
from abcgen.grammar.form import Form, FormState
from abcgen.grammar.given_bars import GivenBarsMusic
from abcgen.grammar.state import (
    BAR,
    BAR_LINE,
    GIVEN,
    State,
    Transitions,
    transition_to,
)
from abcgen.notation.model_text import NEXT_VOICE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from abcgen.grammar.form import Rules


class GivenBar(NamedTuple):
    """A bar of the given voice."""

    # Its notes; before those of the first bar the header and the first bar line.
    text: str
    # In whole notes.
    duration: Fraction
    # The text between the last voice and the next bar: ``|``, ``:|2``, ``|[K:G]``; after the last
    # bar, up to the end of the line.
    end: str


class _GivenVoiceGrammar(Grammar):
    """A grammar whose texts cannot become too long: the bars are given."""

    def max_distance(self, state_id: int) -> int:  # noqa: ARG002 - the same for all
        """Return -1: no limit excludes anything."""
        return -1


def given_voice_grammar(bars: Sequence[GivenBar], rules: Rules) -> Grammar:
    """Return the grammar of a text whose first voice is given.

    Args:
        bars: The bars of the first voice.
        rules: The alphabet, the voices and their ranges.

    Raises:
        InputError: if the alphabet cannot write what is given, or fill a bar.
    """
    given = "".join(bar.text + bar.end for bar in bars)
    if unknown := set(given) - rules.alphabet:
        raise InputError(f"the network cannot write {min(unknown)!r}, which the tune has")
    rules = replace(rules, neat=True, form=Form(len(bars)))
    return _GivenVoiceGrammar(rules, GivenVoiceMusic(rules, bars))


class GivenVoiceMusic(GivenBarsMusic):
    """The transitions where the first voice is given.

    Args:
        rules: The requirements on texts.
        bars: The bars of the first voice.

    Raises:
        InputError: if a bar cannot be filled.
    """

    def __init__(self, rules: Rules, bars: Sequence[GivenBar]) -> None:
        super().__init__(rules, [bar.duration for bar in bars], [bar.end for bar in bars])
        self._texts = [bar.text for bar in bars]
        self._following[GIVEN] = self._in_given
        self.start = State(GIVEN)

    @staticmethod
    def unfillable(number: int, duration: Fraction) -> InputError:
        """Return the error that no notes can fill a bar."""
        return InputError(
            f"bar {number} lasts {duration} of a whole note, which no notes of the other voices "
            "can fill"
        )

    def next_bar(self, index: int) -> Transitions:
        """Return the first character of a bar after the first."""
        return self._in_given(State(GIVEN, form=FormState(section=index)))

    def _in_given(self, state: State) -> Transitions:
        """Return the next character that is given; after the last, the next voice begins."""
        text = self._texts[state.form.section]
        if state.items == len(text):
            return {NEXT_VOICE: transition_to(self._next_voice(state))}
        return {text[state.items]: transition_to(state._replace(items=state.items + 1))}

    def _next_voice(self, state: State) -> State:
        """Return the state at the beginning of the same bar of the next voice."""
        ticks = self._ticks[state.form.section]
        return State(
            BAR,
            bar_ticks=ticks,
            ticks_left=ticks,
            form=state.form,
            voice=state.voice + 1,
            length=ticks,
            held=state.held or state.tied,
        )

    def _in_bar(self, state: State) -> Transitions:
        """Return the characters that begin another item, or end the bar if it is full."""
        following = self.notes.items(state)
        ends = self.ends(state)
        if ends and state.voice + 1 < len(self.rules.voices):
            following[NEXT_VOICE] = transition_to(self._next_voice(state))
        elif ends:
            closed = State(BAR_LINE, bar_ticks=state.bar_ticks, form=state.form)
            following |= {text[0]: (closed, BAR_LINE, text[0]) for text in ends}
        return following
