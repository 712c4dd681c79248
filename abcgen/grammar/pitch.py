"""Pitch in the grammar: which characters keep to an instrument's range and to a ``Melody``.

``PitchRule`` is a second state machine over the same characters. It follows only what determines
the pitch of a note, in a ``PitchState``; time and form are left to ``Music``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.grammar.melody import Melody
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
    TUPLET,
)
from abcgen.notation.fields import read_key
from abcgen.notation.model_text import NEXT_VOICE
from abcgen.notation.tune import ABC_ACCIDENTALS, ALTERATIONS, MIDDLE_C_STEP, Key, Mode, Pitch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.grammar.form import Rules
    from abcgen.grammar.melody import Note, PitchRange


BODY, COLON, FORM = "body", "colon", "form"  # further values of ``written``
ANY_RANGE = ((0, 127),)
TONIC_LETTER = "C"
TUPLET_NUMBERS = frozenset("0123456789:")
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
    # The last note, rests not counted, as far as the melody depends on it.
    last: Note | None = None
    # The number of the voice, from 0, and what is ``tied`` in the others, the next one first.
    voice: int = 0
    waiting: tuple[tuple[tuple[int, int], ...], ...] = ()

    @property
    def is_unlimited(self) -> bool:
        """True if pitch is not limited, and never will be."""
        return self.written == BODY and self.ranges is None


class PitchRule:
    """Keeps all notes within one of the pitch ranges that an instrument allows, and to a melody.

    A model text is in C, and transposed afterwards. Each possible transposition allows a range of
    its own, and all notes must be in the same one.
    """

    start = PitchState()

    def __init__(self, rules: Rules) -> None:
        self._ranges, self._voices = rules.ranges, rules.voices
        # Between tunes in several keys a note is what its letter, or its tie, says.
        self._has_changes, self._has_form_line = rules.changes, rules.form_line
        # A note out of range can be brought into it only by characters of the alphabet.
        self._letters = [letter for letter in LETTERS if letter in rules.alphabet]
        self._octave_marks = rules.alphabet & {",", "'"}
        self._melodies = {
            mode: replace(melody, notes=self._notes_of(Key("C", 0, mode), rules.alphabet))
            for mode, melody in rules.melodies.items()
        }

        # The modes in which nothing is asked but that the last note is the tonic.
        self._tonic_only = {
            mode
            for mode, melody in rules.melodies.items()
            if melody == Melody(ends_on_tonic=True) and mode not in rules.ranges
        }

    def _notes_of(self, key: Key, alphabet: frozenset[str]) -> frozenset[Note]:
        """Return the notes that an alphabet can write in a key."""
        notes = set()
        for letter in self._letters:
            alters = {key.signature[letter.upper()]} | {
                alter for alter, text in ABC_ACCIDENTALS.items() if alphabet.issuperset(text)
            }
            mark = OCTAVE_MARKS[letter]
            octave = 1 if mark == "'" else -1
            for marks in range(MAX_OCTAVE_MARKS + 1 if mark in self._octave_marks else 1):
                step = MIDDLE_C_STEP + LOW.index(letter.upper()) + 7 * (letter in HIGH)
                notes |= {(step + 7 * octave * marks, alter) for alter in alters}
        return frozenset(notes)

    def ranges(self, mode: Mode) -> tuple[PitchRange, ...] | None:
        """Return the pitch ranges that a mode has notes in; None if pitch is not limited."""
        ranges, melody = self._ranges.get(mode), self._melodies.get(mode)
        if melody is None:
            return ranges
        return tuple(limits for limits in ranges or ANY_RANGE if melody.can_be_in(limits))

    def notes_to_tonic(self, state: PitchState) -> int:
        """Return how many notes must still come before the text may end.

        In an unfinished note, it is those after it, if it is finished in the best way.
        """
        if state.ranges is None or state.key.mode not in self._melodies:
            return 0
        if state.written == ACCIDENTAL:
            notes = [after for letter in self._letters if (after := self._letter(state, letter))]
            return min(map(self.notes_to_tonic, notes))
        if state.written == LETTER:
            return min(
                self.notes_to_tonic(note)
                for letter in self._with_marks(state)
                if (note := self._note(letter))
            )
        return self._melodies[state.key.mode].notes_to_tonic(state.ranges, state.last)

    def longest_way(self, state: PitchState) -> int:
        """Return how many notes it can take to come to the tonic, if the text has to end on it."""
        melody = self._melodies.get(state.key.mode)
        if state.written == HEADER or melody is None or not state.ranges:
            return 0
        return melody.longest_way(state.ranges)

    def needs_mark(self, state: PitchState) -> bool:
        """Return whether a letter is a step towards the tonic only with another octave mark."""
        if state.written != LETTER:
            return False
        note = self._note(state)
        return note is None or self.notes_to_tonic(note) > self.notes_to_tonic(state)

    def after(self, state: PitchState, character: str) -> PitchState | None:
        """Return the state after a character; None if it breaks the limits on notes."""
        after = self._after(state, character)
        return _of_tonic(after) if after and after.key.mode in self._tonic_only else after

    def _after(self, state: PitchState, character: str) -> PitchState | None:
        if state.written == HEADER:
            return self._after_header(state, state.text + character)
        # If the mode has no ranges, nothing is limited after the key.
        if state.ranges is None:
            return state
        if state.written == FORM:
            return state._replace(written=BODY) if character == "\n" else state
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
        ranges = self.ranges(key.mode)
        written = FORM if self._has_form_line and ranges is not None else BODY
        waiting = ((),) * max(0, len(self._voices) - 1)
        return PitchState(written, ranges=ranges, key=key, waiting=waiting)

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
        if character == "\n" and self.notes_to_tonic(state):
            return None
        if state.written == BRACKET and character in "MK1":
            written = BODY if character == "1" else FIELD
            return state._replace(written=written, text=character, in_chord=False)
        if character in OCTAVE_MARKS:
            return self._letter(state, character)
        if self._voices:
            # The colons of ``(5:4:5`` are no bar line.
            if character == "(" or (state.written == TUPLET and character in TUPLET_NUMBERS):
                return state._replace(written=TUPLET)
            if character == NEXT_VOICE:
                return self._in_voice(state, state.voice + 1)
            if character in {"|", ":"} and state.voice:
                state = self._in_voice(state, 0)
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

    def _in_voice(self, state: PitchState, voice: int) -> PitchState:
        """Return the state at the beginning of a voice's bar."""
        (lowest, highest), (new_lowest, new_highest) = (
            self._voices[state.voice],
            self._voices[voice],
        )
        up, wider = new_lowest - lowest, new_highest - highest
        tied, *others = state.waiting
        return state._replace(
            written=BODY,
            ranges=tuple((low + up, high + wider) for low, high in state.ranges or ()),
            altered=(),
            last_notes=(),
            tied=tied,
            voice=voice,
            waiting=(*others, state.tied),
        )

    def _letter(self, state: PitchState, text: str) -> PitchState | None:
        """Return the state after a letter if it can be in range, perhaps with more octave marks."""
        letter = state._replace(written=LETTER, text=text)
        if not state.in_chord:
            letter = letter._replace(last_notes=())
        return letter if any(map(self._note, self._with_marks(letter))) else None

    def _with_marks(self, letter: PitchState) -> Iterator[PitchState]:
        """Yield a letter with any number of further octave marks, which may bring it into range."""
        mark = OCTAVE_MARKS[letter.text[0]]
        most = MAX_OCTAVE_MARKS + 1 - len(letter.text) if mark in self._octave_marks else 0
        return (letter._replace(text=letter.text + mark * more) for more in range(most + 1))

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
        # 1) The ranges that contain it, and in which the melody can end.
        note, midi = (step, alter), Pitch(step, alter).midi
        ranges = tuple(r for r in state.ranges or () if r[0] <= midi <= r[1])
        melody, last = self._melodies.get(state.key.mode), None
        if melody:
            ranges = tuple(limits for limits in ranges if melody.can_end_after(note, limits))
            in_chord = state.in_chord and state.last_notes
            if not melody.allows(state.last, note):
                return None
            last = melody.memory_of(note) or (state.last if in_chord else None)
        if not ranges:
            return None
        # 2) A tie extends an alteration across the bar line; that of the key holds there anyway.
        is_plain = not self._has_changes and not state.in_chord
        extends = not is_plain or alter != state.key.signature[letter]
        return state._replace(
            written=BODY,
            text="",
            accidental="",
            ranges=ranges,
            altered=tuple(sorted(altered.items())),
            last_notes=(*state.last_notes, note) if extends else (),
            tied=state.tied if state.in_chord else (),
            last=last,
        )


def _of_tonic(state: PitchState) -> PitchState:
    """Return as much of a state as tells whether notes are the tonic, which is C.

    So a text has a few such states instead of hundreds, and with them the grammar.
    """
    text, accidental = state.text, state.accidental
    if state.written == LETTER and text[0].upper() != TONIC_LETTER:
        # Any other letter that takes the same octave marks would do.
        text, accidental = ("d" if text[0] in HIGH else "D"), ""
    return state._replace(
        text=text,
        accidental=accidental,
        altered=tuple(item for item in state.altered if item[0] == TONIC_LETTER),
        tied=tuple(note for note in state.tied if note[0] % 7 == 0),
        last_notes=tuple(note for note in state.last_notes if note[0] % 7 == 0),
    )
