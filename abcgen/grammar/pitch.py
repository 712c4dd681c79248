"""Pitch in the grammar: which characters keep all notes within an instrument's range.

``PitchRule`` is a second state machine over the same characters. It follows only what determines
the pitch of a note, in a ``PitchState``; time and form are left to ``Music``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.grammar.state import (
    ACCIDENTAL,
    BRACKET,
    CHORD_SYMBOL,
    FIELD,
    HEADER,
    HIGH,
    LETTER,
    LETTERS,
    LOW,
    MAX_OCTAVE_MARKS,
    OCTAVE_MARKS,
)
from abcgen.notation.fields import read_key
from abcgen.notation.tune import ALTERATIONS, MIDDLE_C_STEP, Key, Pitch

if TYPE_CHECKING:
    from abcgen.grammar.form import PitchRange, Rules


BODY, COLON = "body", "colon"  # further values of ``written``
# Effects on a PitchState of characters that are no notes.
EFFECTS: dict[str, dict[str, Any]] = {
    "[": {"written": BRACKET, "in_chord": True, "last_notes": ()},
    "]": {"in_chord": False, "tied": ()},
    "z": {"last_notes": (), "tied": ()},
    '"': {"written": CHORD_SYMBOL},
    "|": {"altered": ()},
}
KEY_LINE = re.compile(r"K:(C[a-z]{3})\n$")


class PitchState(NamedTuple):
    """The state of a text as far as it affects which pitches may follow."""

    # What the last character belongs to.
    written: str = HEADER
    # The characters of that so far: of a header line, a field, or a letter with octave marks.
    text: str = ""
    # The accidental before the letter.
    accidental: str = ""
    # The ranges that contain all notes so far; None if pitch is not limited.
    ranges: tuple[PitchRange, ...] | None = None
    # The key in force.
    key: Key = Key()
    # Letters with an accidental in this bar, and their alterations.
    altered: tuple[tuple[str, int], ...] = ()
    # Steps whose alteration is extended by a tie.
    tied: tuple[tuple[int, int], ...] = ()
    # Steps and alterations of the last note, or of the chord so far.
    last_notes: tuple[tuple[int, int], ...] = ()
    # Whether a chord is open.
    in_chord: bool = False

    @property
    def is_unlimited(self) -> bool:
        """True if pitch is not limited, and never will be."""
        return self.written == BODY and self.ranges is None


class PitchRule:
    """Keeps all notes within one of the pitch ranges that an instrument allows.

    A model text is in C, and transposed afterwards. Each possible transposition allows a range of
    its own, and all notes must be in the same one.
    """

    start = PitchState()

    def __init__(self, rules: Rules) -> None:
        self._ranges = rules.ranges
        # A note out of range can be brought into it only by characters of the alphabet.
        self._letters = [letter for letter in LETTERS if letter in rules.alphabet]
        self._octave_marks = rules.alphabet & {",", "'"}

    def after(self, state: PitchState, character: str) -> PitchState | None:
        """Return the state after a character; None if no range contains all notes."""
        if state.written == HEADER:
            return self._after_header(state, state.text + character)
        # If the mode has no ranges, nothing is limited after the key.
        if state.ranges is None:
            return state
        if state.written == CHORD_SYMBOL:
            return state._replace(written=BODY if character == '"' else CHORD_SYMBOL)
        if state.written == FIELD:
            return self._after_field(state, character)
        if state.written == LETTER:
            if character == OCTAVE_MARKS[state.text[0]]:
                return self._letter(state, state.text + character)
            # Any other character completes the note.
            note = self._note(state)
            return note and self._in_body(note, character)
        return self._in_body(state, character)

    def _after_header(self, state: PitchState, text: str) -> PitchState:
        # Of a header line only the last characters matter, ``K:Cmaj\n``.
        if not text.endswith("\n"):
            return state._replace(text=text[-8:])
        match = KEY_LINE.search(text)
        if not match:
            return state._replace(text="")
        key = read_key(match[1])
        return PitchState(BODY, ranges=self._ranges.get(key.mode), key=key)

    def _after_field(self, state: PitchState, character: str) -> PitchState:
        if character != "]":
            return state._replace(text=state.text + character)
        if state.text[0] != "K":
            return state._replace(written=BODY, text="")
        key = read_key(state.text[2:])
        # To the reader the key already in force is no change, and clears no accidentals.
        altered = state.altered if key == state.key else ()
        return state._replace(written=BODY, text="", key=key, altered=altered)

    def _in_body(self, state: PitchState, character: str) -> PitchState | None:
        if state.written == BRACKET and character in "MK1":
            written = BODY if character == "1" else FIELD
            return state._replace(written=written, text=character, in_chord=False)
        if character in OCTAVE_MARKS:
            return self._letter(state, character)
        if character and character in "^_=":
            # Some letter with this accidental must be in range.
            begun = state._replace(written=ACCIDENTAL, accidental=state.accidental + character)
            return begun if any(self._letter(begun, letter) for letter in self._letters) else None
        # The accidental of a tied note holds across the bar line.
        if character == "-":
            return state._replace(tied=state.last_notes)
        if character == ":":
            # Two colons are a bar line; one is part of a bar line or of a tuplet.
            altered = () if state.written == COLON else state.altered
            return state._replace(written=COLON, altered=altered)
        return state._replace(**{"written": BODY} | EFFECTS.get(character, {}))

    def _letter(self, state: PitchState, text: str) -> PitchState | None:
        """Return the state after a letter if it can be in range, perhaps with more octave marks."""
        letter = state._replace(written=LETTER, text=text)
        if not state.in_chord:
            letter = letter._replace(last_notes=())
        # Octave marks can bring a letter into range, if they can be written.
        mark = OCTAVE_MARKS[text[0]]
        most = MAX_OCTAVE_MARKS + 1 - len(text) if mark in self._octave_marks else 0
        candidates = (letter._replace(text=text + mark * more) for more in range(most + 1))
        return letter if any(self._note(candidate) for candidate in candidates) else None

    def _note(self, state: PitchState) -> PitchState | None:
        """Return the state after a letter that is complete; None if no range contains the note."""
        letter = state.text[0].upper()
        octave = (state.text[0] in HIGH) + state.text.count("'") - state.text.count(",")
        step = MIDDLE_C_STEP + 7 * octave + LOW.index(letter)
        # As in the reader, the alteration is that of the accidental, else of a tie, else of an
        # earlier accidental in the bar, else of the key.
        altered, tied = dict(state.altered), dict(state.tied)
        if state.accidental:
            alter = altered[letter] = ALTERATIONS[state.accidental]
        elif step in tied and letter not in altered:
            alter = tied[step]
        else:
            alter = altered.get(letter, state.key.signature[letter])
        midi = Pitch(step, alter).midi
        ranges = tuple(r for r in state.ranges or () if r[0] <= midi <= r[1])
        if not ranges:
            return None
        return state._replace(
            written=BODY,
            text="",
            accidental="",
            ranges=ranges,
            altered=tuple(sorted(altered.items())),
            last_notes=(*state.last_notes, (step, alter)),
            tied=state.tied if state.in_chord else (),
        )
