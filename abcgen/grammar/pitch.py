"""Pitch in the grammar: which characters keep to an instrument's range and to a ``Melody``.

``PitchRule`` is a second state machine over the same characters. It follows only what determines
the pitch of a note, in a ``PitchState``; time and form are left to ``Music``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.grammar.melody import Melody
from abcgen.grammar.state import (
    ACCIDENTAL,
    BRACKET,
    CHORD_SYMBOL,
    END,
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
    from collections.abc import Iterable

    from abcgen.grammar.form import Rules
    from abcgen.grammar.melody import Note, PitchRange


BODY, COLON, FORM = "body", "colon", "form"  # further values of ``written``
MAX_CACHED = 2**13  # states whose characters are kept
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

        # What may be excluded: beginnings of notes, and the end of the line.
        self._limited = frozenset((*LETTERS, *"^_=", "\n")) & rules.alphabet
        self._every_character = rules.alphabet | {END}
        self._allowed_in_body = lru_cache(MAX_CACHED)(self._characters_in_body)
        # By what it depends on: how many notes it takes from a note to the tonic.
        self._ways: dict[tuple[Any, ...], dict[Note, int | None]] = {}
        self._ranges_after: dict[tuple[Any, ...], dict[Note, tuple[PitchRange, ...]]] = {}
        # By a letter with its marks: the same, and with any number of further marks.
        self._with_marks = {
            text: tuple(text + mark * more for more in range(most - marks + 1))
            for letter in LETTERS
            for mark in OCTAVE_MARKS[letter]
            for most in [MAX_OCTAVE_MARKS if mark in self._octave_marks else 0]
            for marks in range(MAX_OCTAVE_MARKS + 1)
            for text in [letter + mark * marks]
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
        letters: Iterable[str] = ()
        if state.written == ACCIDENTAL:
            letters = self._letters
        elif state.written == LETTER:
            letters = [state.text]
        if letters:
            ways = (way for letter in letters for way in self._ways_of(state, letter))
            return min(way for way in ways if way is not None)
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

    def leads_straight(self, state: PitchState) -> bool:
        """Return whether nothing but a rest or a note nearer to the tonic comes next, if wanted.

        It is not so if an accidental or a tie may make another note of the tonic.
        """
        is_open = state.written in {ACCIDENTAL, BRACKET} or state.in_chord or bool(state.tied)
        altered = {letter for letter, _ in state.altered}
        if state.accidental:
            altered.add(state.text[:1].upper())
        return "z" in self._every_character and not (
            is_open or TONIC_LETTER in altered or self._voices
        )

    def allowed(self, state: PitchState) -> frozenset[str]:
        """Return the characters of the alphabet, and the end, that do not break the limits."""
        if state.ranges is None or state.written in {HEADER, FORM, CHORD_SYMBOL, FIELD}:
            return self._every_character
        if state.written == LETTER:
            mark = OCTAVE_MARKS[state.text[0]]
            marks = frozenset({mark} if self._letter(state, state.text + mark) else ())
            note = self._note(state)
            return (self.allowed(note) - {mark}) | marks if note else marks
        # Most states differ only in what does not matter here.
        return self._allowed_in_body(
            state._replace(written=BODY, text="", last_notes=(), in_chord=False)
        )

    def _characters_in_body(self, state: PitchState) -> frozenset[str]:
        accidentals = {char for char in "^_=" if state.accidental + char in ALTERATIONS}
        excluded = {
            char
            for char in self._limited - (set("^_=") - accidentals)
            if self._in_body(state, char) is None
        }
        return self._every_character - excluded

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
        if all(way is None for way in self._ways_of(state, text)):
            return None
        last_notes = state.last_notes if state.in_chord else ()
        return state._replace(written=LETTER, text=text, last_notes=last_notes)

    def _ways_of(self, state: PitchState, text: str) -> list[int | None]:
        """Return the ways to the tonic after a letter, with any number of further octave marks."""
        return [
            self._way_after(state, self._sounding(state, text))
            for text in self._with_marks.get(text, ())
        ]

    def _sounding(self, state: PitchState, text: str) -> Note:
        """Return the note of a letter with its octave marks."""
        step, name = _step_of(text), text[0].upper()
        # As in the reader, the alteration is that of the accidental, else of an earlier accidental
        # in the bar, else of a tie, else of the key.
        if state.accidental:
            return step, ALTERATIONS[state.accidental]
        for altered, alter in state.altered:
            if altered == name:
                return step, alter
        tied = dict(state.tied)
        return step, tied[step] if step in tied else _signature(state.key)[name]

    def _way_after(self, state: PitchState, note: Note) -> int | None:
        """Return how many notes it takes from a note to the tonic; None if it may not come next."""
        is_first = not (state.in_chord and state.last_notes)
        ways = self._ways.setdefault((state.ranges, state.last, state.key.mode, is_first), {})
        if note not in ways:
            melody, ranges = self._melodies.get(state.key.mode), self._ranges_with(state, note)
            if not ranges or (melody and not melody.allows(state.last, note)):
                ways[note] = None
            elif melody:
                ways[note] = melody.notes_to_tonic(ranges, self._memory_of(state, note))
            else:
                ways[note] = 0
        return ways[note]

    def _memory_of(self, state: PitchState, note: Note) -> Note | None:
        """Return what the melody depends on after a note."""
        melody = self._melodies.get(state.key.mode)
        if melody is None:
            return None
        in_chord = state.in_chord and state.last_notes
        return melody.memory_of(note) or (state.last if in_chord else None)

    def _ranges_with(self, state: PitchState, note: Note) -> tuple[PitchRange, ...]:
        """Return the ranges that contain a note, and in which the melody can end after it."""
        ranges = self._ranges_after.setdefault((state.ranges, state.key.mode), {})
        if note not in ranges:
            melody, midi = self._melodies.get(state.key.mode), Pitch(*note).midi
            ranges[note] = tuple(
                limits
                for limits in state.ranges or ()
                if limits[0] <= midi <= limits[1]
                and (melody is None or melody.can_end_after(note, limits))
            )
        return ranges[note]

    def _note(self, state: PitchState) -> PitchState | None:
        """Return the state after a letter that is complete; None if no range contains the note."""
        note = self._sounding(state, state.text)
        if self._way_after(state, note) is None:
            return None
        name, alter = state.text[0].upper(), note[1]
        altered = state.altered
        if state.accidental:
            altered = tuple(sorted((dict(altered) | {name: alter}).items()))
        # A tie extends an alteration across the bar line; that of the key holds there anyway.
        is_plain = not self._has_changes and not state.in_chord
        extends = not is_plain or alter != _signature(state.key)[name]
        return state._replace(
            written=BODY,
            text="",
            accidental="",
            ranges=self._ranges_with(state, note),
            altered=altered,
            last_notes=(*state.last_notes, note) if extends else (),
            tied=state.tied if state.in_chord else (),
            last=self._memory_of(state, note),
        )


@lru_cache(maxsize=256)
def _step_of(text: str) -> int:
    """Return the step of a letter with its octave marks."""
    octave = (text[0] in HIGH) + text.count("'") - text.count(",")
    return MIDDLE_C_STEP + 7 * octave + LOW.index(text[0].upper())


@lru_cache(maxsize=256)
def _signature(key: Key) -> dict[str, int]:
    """Return the alteration of every letter in a key."""
    return key.signature


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
