"""Notes in the grammar: what fits into a bar, and which pitches are in range.

Two state machines read the same characters. ``Notes`` follows letters, lengths, chords, tuplets
and chord symbols within a bar, as part of a ``State``; ``PitchRule`` follows only what determines
the pitch of a note, in a ``PitchState``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.config import LIMITS
from abcgen.grammar.lengths import TRIPLET, TUPLETS, Durations, TimeLeft, Trie
from abcgen.grammar.state import (
    ACCIDENTAL,
    AFTER_CHORD_SYMBOL,
    BRACKET,
    CHORD_SYMBOL,
    FIELD,
    HEADER,
    HIGH,
    ITEM,
    LENGTH,
    LETTER,
    LETTERS,
    LOW,
    MAX_CHORD,
    MAX_OCTAVE_MARKS,
    MIN_CHORD,
    NO_TUPLET,
    OCTAVE_MARKS,
    REST,
    TUPLET,
    State,
    Transitions,
)
from abcgen.notation.fields import read_key
from abcgen.notation.tune import (
    ABC_ACCIDENTALS,
    ALTERATIONS,
    CHORD_ACCIDENTALS,
    CHORD_KINDS,
    MAX_CHORD_SYMBOL,
    Key,
    Pitch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.grammar.form import PitchRange, Rules


ACCIDENTAL_TRIE = Trie.of(frozenset(ABC_ACCIDENTALS.values()))


class Notes:
    """The notes, rests, chords, tuplets and chord symbols that fit into a bar.

    Attributes:
        exact: Whether bars have to be filled exactly, as a requested form demands.
        durations: The lengths and tuplets that can be written.
        symbols: The chord symbols that can be written.
    """

    def __init__(self, rules: Rules) -> None:
        self.exact = not rules.form.is_free
        # No note shorter than a 64th where bars have to be filled: then no bar that is requested
        # can hold too many notes.
        self.durations = Durations(rules.alphabet, 2 if self.exact else 1, neat=rules.neat)
        self.symbols = ChordSymbols(rules.alphabet)
        self._has_chords, self._has_tuplets = "]" in rules.alphabet, "3" in rules.alphabet

    def time_left(self, state: State) -> TimeLeft:
        """Return the time that the note being written has to fit into."""
        count, normal, actual = state.tuplet
        return TimeLeft(state.ticks_left, (count or 1, normal, actual), self.exact)

    def items(self, state: State) -> Transitions:
        """Return how another note, rest, chord, tuplet or field may begin, if one fits."""
        # A tuplet counts as one item.
        in_tuplet = state.tuplet[0] > 0
        if not in_tuplet and state.items >= LIMITS.bar_notes:
            return {}
        time = self.time_left(state)
        if not self.durations.can_fill(time):
            return {}
        following = self.notes(state)
        if self.symbols.can_be_written:
            following['"'] = state, CHORD_SYMBOL, ""
        if not in_tuplet and self._has_tuplets and self.durations.has_tuplet(time, TRIPLET):
            following["("] = state, TUPLET, "("
        return following

    def notes(self, state: State) -> Transitions:
        """Return how a note, rest or chord may begin; ``[`` may also begin a field."""
        following = pitches(state)
        following["z"] = state, REST, ""
        if self._has_chords:
            following["["] = state, BRACKET, ""
        return following

    def in_chord_symbol(self, state: State) -> Transitions:
        """Return what may follow in a chord symbol; its note has to follow it."""
        text = state.text
        following: Transitions = {
            character: (state, CHORD_SYMBOL, text + character)
            for character in self.symbols.following(text)
        }
        if self.symbols.is_symbol(text):
            following['"'] = state._replace(fields=""), AFTER_CHORD_SYMBOL, ""
        return following

    def in_length(self, state: State) -> Transitions:
        """Return what may make a length longer."""
        characters = self.durations.following(self.time_left(state), state.text)
        return {char: (state, state.written, state.text + char) for char in characters}

    def is_length(self, state: State) -> bool:
        """Return whether the length may end here."""
        return self.durations.is_length(self.time_left(state), state.text)

    def after_length(self, state: State) -> State:
        """Return the state after a note whose length is complete."""
        time = self.time_left(state).after(self.durations.lengths[state.text])
        # Without a metre time never runs out.
        ticks = time.ticks if state.bar_ticks else state.ticks_left
        if state.tuplet[0]:
            tuplet = time.tuplet if time.tuplet[0] else NO_TUPLET
            return state._replace(
                written=ITEM, text="", ticks_left=ticks, tuplet=tuplet, tied=False
            )
        items = self._one_more_item(state)
        return state._replace(
            written=ITEM, text="", ticks_left=ticks, items=items, fields="", tied=False
        )

    def in_tuplet(self, state: State) -> Transitions:
        """Return what may follow in ``(5:4:5`` and the like, and how its first note may begin."""
        tuplets = self.durations.tuplets(self.time_left(state))
        text = state.text
        following: Transitions = {
            character: (state, TUPLET, text + character) for character in tuplets.after(text)
        }
        if text in tuplets.texts:
            actual, normal, count = TUPLETS[text]
            opened = state._replace(
                written=ITEM,
                text="",
                items=self._one_more_item(state),
                tuplet=(count, normal, actual),
                fields="",
            )
            following |= self.items(opened)
        return following

    def can_fill_bar(self, state: State) -> bool:
        """Return whether plain notes can fill the bar."""
        return not state.ticks_left % self.durations.grain and state.items < LIMITS.bar_notes

    def _one_more_item(self, state: State) -> int:
        # Counting only where there could be too many lets more texts share a state.
        most = LIMITS.bar_notes * self.durations.grain
        return state.items + 1 if not state.bar_ticks or state.bar_ticks > most else 1


def pitches(state: State, accidental: str = "") -> Transitions:
    """Return letters, and the accidentals that may follow one already written."""
    # Only which way its octave marks go matters of a letter here.
    low, high = (state, LETTER, LOW[0]), (state, LETTER, HIGH[0])
    following: Transitions = dict.fromkeys(LOW, low) | dict.fromkeys(HIGH, high)
    for character in ACCIDENTAL_TRIE.after(accidental):
        following[character] = state, ACCIDENTAL, accidental + character
    return following


def after_accidental(state: State) -> Transitions:
    """Return a second accidental, and letters."""
    return pitches(state, state.text)


def in_chord(state: State) -> Transitions:
    """Return how a chord may continue."""
    following = pitches(state) if state.chord < MAX_CHORD else {}
    if state.chord >= MIN_CHORD:
        following["]"] = state._replace(chord=-1), LENGTH, ""
    return following


def octave_marks(state: State) -> Transitions:
    """Return the mark that moves a letter by one more octave."""
    if len(state.text) > MAX_OCTAVE_MARKS:
        return {}
    mark = OCTAVE_MARKS[state.text[0]]
    return {mark: (state, LETTER, state.text + mark)}


class ChordSymbols:
    """The chord symbols that an alphabet can write, as :mod:`abcgen.notation.tune` reads them.

    A symbol is a root, words for the kind of chord, and perhaps a bass: ``Am7/G``.
    """

    def __init__(self, alphabet: frozenset[str]) -> None:
        self._words = [word for word in CHORD_KINDS if alphabet.issuperset(word)]
        self._roots = [root for root in "ABCDEFG" if root in alphabet]
        self._accidentals = [text for text in CHORD_ACCIDENTALS if text in alphabet]
        self._has_bass = "/" in alphabet
        self.can_be_written = bool(self._roots) and '"' in alphabet
        self._following: dict[str, dict[str, bool]] = {}

    def following(self, text: str) -> dict[str, bool]:
        """Return what may follow, and whether the symbol is complete with it."""
        if text not in self._following:
            following = dict(self._characters(text)) if len(text) < MAX_CHORD_SYMBOL else {}
            self._following[text] = following
        return self._following[text]

    def is_symbol(self, text: str) -> bool:
        """Return whether a text that ``following`` led to is a complete symbol."""
        return bool(text) and self.following(text[:-1])[text[-1]]

    def completion(self, text: str) -> str:
        """Return the next character of the shortest symbol with a prefix."""
        layer = [text]
        while True:
            layer = [prefix + char for prefix in layer for char in self.following(prefix)]
            if symbols := [symbol for symbol in layer if self.is_symbol(symbol)]:
                return min(symbols)[len(text)]

    def _characters(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield what may follow so that there is room to complete what it begins."""
        # Root, or bass after the slash, then its accidental; else a word for the kind of chord.
        chord, slash, bass = text.partition("/")
        if not chord or (slash and not bass):
            yield from ((root, True) for root in self._roots)
        elif slash:
            yield from ((accidental, True) for accidental in self._accidentals if len(bass) == 1)
        else:
            remaining = MAX_CHORD_SYMBOL - len(chord)
            parts = self._open_words(chord)
            for word in self._words:
                for part in parts:
                    rest = len(word) - len(part)
                    if word.startswith(part) and 0 < rest <= remaining:
                        character = word[len(part)]
                        yield character, "" in self._open_words(chord + character)
            if "" in parts:
                yield from (
                    (accidental, True) for accidental in self._accidentals if len(chord) == 1
                )
                if remaining > 1 and self._has_bass:
                    yield "/", False

    def _open_words(self, chord: str) -> frozenset[str]:
        """Return what of a word may be written last; the empty text if all may be complete."""
        # Several readings may be open: after ``Cm`` minor is complete, and major not.
        parts = {""}
        for index, character in enumerate(chord[1:]):
            longer = {part + character for part in parts}
            parts = {part for part in longer if any(word.startswith(part) for word in self._words)}
            if longer & {*self._words, *(self._accidentals if index == 0 else ())}:
                parts.add("")
        return frozenset(parts)


# Further values of ``written`` for pitches.
BODY, COLON = "body", "colon"
MIDDLE_C = 28  # steps of the scale from C four octaves below
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
    """What matters of the pitches so far.

    Attributes:
        written: What has just been written.
        text: Its characters so far: of a header line, a field, or a letter with octave marks.
        accidental: The accidental before the letter.
        ranges: The ranges that hold all notes so far; None if pitch is not limited.
        key: The key in force.
        altered: Letters with an accidental in this bar, and their alterations.
        tied: Steps whose alteration a tie carries on.
        last_notes: Steps and alterations of the last note, or of the chord so far.
        in_chord: Whether a chord is open.
    """

    written: str = HEADER
    text: str = ""
    accidental: str = ""
    ranges: tuple[PitchRange, ...] | None = None
    key: Key = Key()
    altered: tuple[tuple[str, int], ...] = ()
    tied: tuple[tuple[int, int], ...] = ()
    last_notes: tuple[tuple[int, int], ...] = ()
    in_chord: bool = False

    @property
    def is_unlimited(self) -> bool:
        """Whether pitch is not limited, and never will be."""
        return self.written == BODY and self.ranges is None


class PitchRule:
    """Keeps all notes within one of the pitch ranges that an instrument allows.

    A model text is in C and is transposed afterwards, in one octave or another. Each possible
    transposition allows its own range, and all notes have to lie in one and the same range.
    """

    start = PitchState()

    def __init__(self, rules: Rules) -> None:
        self._ranges = rules.ranges
        # Only what the alphabet can write can bring a note into range.
        self._letters = [letter for letter in LETTERS if letter in rules.alphabet]
        self._octave_marks = rules.alphabet & {",", "'"}

    def after(self, state: PitchState, character: str) -> PitchState | None:
        """Return the state after a character; None if no range holds all notes."""
        if state.written == HEADER:
            return self._after_header(state, state.text + character)
        # Once the key is known and its mode has no ranges, nothing is limited.
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
        # Only the end of ``K:Cmaj\n`` is needed of a line.
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
        # The reader takes the key already in force for no change, which clears nothing.
        altered = state.altered if key == state.key else ()
        return state._replace(written=BODY, text="", key=key, altered=altered)

    def _in_body(self, state: PitchState, character: str) -> PitchState | None:
        if state.written == BRACKET and character in "MK1":
            written = BODY if character == "1" else FIELD
            return state._replace(written=written, text=character, in_chord=False)
        if character in OCTAVE_MARKS:
            return self._letter(state, character)
        if character and character in "^_=":
            # Some letter with this accidental has to be in range.
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
        # A letter out of range may come into it with octave marks, if these can be written.
        mark = OCTAVE_MARKS[text[0]]
        most = MAX_OCTAVE_MARKS + 1 - len(text) if mark in self._octave_marks else 0
        candidates = (letter._replace(text=text + mark * more) for more in range(most + 1))
        return letter if any(self._note(candidate) for candidate in candidates) else None

    def _note(self, state: PitchState) -> PitchState | None:
        """Return the state after a letter that is complete; None if no range holds the note."""
        letter = state.text[0].upper()
        octave = (state.text[0] in HIGH) + state.text.count("'") - state.text.count(",")
        step = MIDDLE_C + 7 * octave + LOW.index(letter)
        # The alteration is found as the reader finds it: of the accidental, else of the tie, else
        # of the bar, else of the key.
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
