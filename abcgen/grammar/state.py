"""The state of a text that is being generated: time and form (for pitch see ``pitch``).

A state is a small immutable value. It holds only what affects the characters that may follow, so
that texts that may continue in the same ways share a state.
"""

from __future__ import annotations

from typing import NamedTuple

from abcgen.grammar.form import ClosingBar, FormState

END = ""  # the end of the text, among characters

LOW, HIGH = "CDEFGAB", "cdefgab"
LETTERS = LOW + HIGH
OCTAVE_MARKS = dict.fromkeys(LOW, ",") | dict.fromkeys(HIGH, "'")
MAX_OCTAVE_MARKS = 3  # C,,, to c''': the range of a piano
MIN_CHORD, MAX_CHORD = 2, 10  # notes
NO_TUPLET = (0, 1, 1)

# The values of ``State.written``: what the last character belongs to.
HEADER, FIELD, BAR, ITEM, BAR_LINE, DONE = "header", "field", "bar", "item", "bar line", "done"
ACCIDENTAL, LETTER, LENGTH, REST = "accidental", "letter", "length", "rest"
BRACKET, TUPLET, CHORD_SYMBOL = "bracket", "tuplet", "chord symbol"
AFTER_CHORD_SYMBOL = "after chord symbol"
GIVEN = "given"  # ``items`` then counts its characters


class State(NamedTuple):
    """The state after a character."""

    # What the last character belongs to.
    written: str
    # The characters of that so far, unless it is complete.
    text: str = ""
    # Ticks of a full bar; 0 in free metre.
    bar_ticks: int = 0
    # Ticks left in this bar; once it is closed, only what ``Music`` needs of them.
    ticks_left: int = 0
    # Notes and tuplets in this bar, counted up to 1 unless they could become too many. In the
    # header, the number of the line.
    items: int = 0
    # Notes left in the open tuplet, its ``normal`` and ``actual``.
    tuplet: tuple[int, int, int] = NO_TUPLET
    # Notes in the open chord; -1 outside of one.
    chord: int = -1
    # Whether the bar is the first of a section or ending.
    opens_section: bool = True
    # Letters of the fields that may still change before the bar's first note.
    fields: str = ""
    # Whether a tie follows the last note, which must not cross the end of a section.
    tied: bool = False
    # Repeats, endings and sections.
    form: FormState = FormState()
    # The number of the voice, from 0. Bars of all voices but the first have to last as long as its.
    voice: int = 0
    # Ticks of the first voice's bar; 0 in that voice.
    length: int = 0
    # How the bar is about to be closed, as far as the first voice decides it; None in that voice.
    closing: ClosingBar | None = None
    # Whether a voice above is tied to the next bar.
    held: bool = False


# The state that a character leads to: (state, written, text) stands for ``state`` with ``written``
# and ``text`` replaced. Most characters that may come next are never drawn, so the ``State`` itself
# is created only when one is.
Transition = tuple[State, str, str]
Transitions = dict[str, Transition]  # by character


def transition_to(state: State) -> Transition:
    """Return the transition to a state."""
    return state, state.written, state.text


def materialize(transition: Transition) -> State:
    """Create the state that a transition leads to."""
    state, written, text = transition
    return State(written, text, *state[2:])
