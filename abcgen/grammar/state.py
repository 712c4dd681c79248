"""The state of a text that is being written, as far as time and form go.

A state is a small immutable value that holds only what can matter later, so that texts with the
same future share a state.
"""

from __future__ import annotations

from typing import NamedTuple

from abcgen.grammar.form import FormState

END = ""  # the end of the text, among characters

LOW, HIGH = "CDEFGAB", "cdefgab"
LETTERS = LOW + HIGH
OCTAVE_MARKS = dict.fromkeys(LOW, ",") | dict.fromkeys(HIGH, "'")
MAX_OCTAVE_MARKS = 3  # C,,, to c''': the range of a piano
MIN_CHORD, MAX_CHORD = 2, 10  # notes
NO_TUPLET = (0, 1, 1)

# What has just been written.
HEADER, FIELD, BAR, ITEM, BAR_LINE, DONE = "header", "field", "bar", "item", "bar line", "done"
ACCIDENTAL, LETTER, LENGTH, REST = "accidental", "letter", "length", "rest"
BRACKET, TUPLET, CHORD_SYMBOL = "bracket", "tuplet", "chord symbol"
AFTER_CHORD_SYMBOL = "after chord symbol"


class State(NamedTuple):
    """The state after a character.

    Attributes:
        written: What has just been written.
        text: Its characters so far, if it may not be complete.
        bar_ticks: Ticks of a full bar; 0 in free metre.
        ticks_left: Ticks left in this bar.
        items: Notes and tuplets in this bar; at most 1 where they cannot become too many. In the
            header, the number of the line.
        tuplet: Notes left in the open tuplet, its ``normal`` and ``actual``.
        chord: Notes in the open chord; -1 outside of one.
        opens_section: Whether the bar is the first of a section or ending.
        fields: Letters of the fields that may still change before the bar's first note.
        tied: Whether a tie follows the last note, which must not cross the end of a section.
        form: Repeats, endings and sections.
    """

    written: str
    text: str = ""
    bar_ticks: int = 0
    ticks_left: int = 0
    items: int = 0
    tuplet: tuple[int, int, int] = NO_TUPLET
    chord: int = -1
    opens_section: bool = True
    fields: str = ""
    tied: bool = False
    form: FormState = FormState()


# The state that a character leads to: (state, written, text) stands for ``state`` with the last
# two replaced. Most characters that may come next never do, so only those that do are
# materialized.
Transition = tuple[State, str, str]
Transitions = dict[str, Transition]  # by character


def transition_to(state: State) -> Transition:
    """Return the transition to a state."""
    return state, state.written, state.text


def materialize(transition: Transition) -> State:
    """Return the state that a transition leads to."""
    state, written, text = transition
    return State(written, text, *state[2:])
