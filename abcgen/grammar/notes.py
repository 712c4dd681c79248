"""Notes in the grammar: the notes, rests, chords, tuplets and chord symbols that fit into a bar.

``Notes`` has the transitions that ``Music`` uses within a bar. Which pitches are in range is left
to ``pitch``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.grammar.lengths import TRIPLET, TUPLETS, Durations, TimeLeft, Trie
from abcgen.grammar.state import (
    ACCIDENTAL,
    AFTER_CHORD_SYMBOL,
    BRACKET,
    CHORD_SYMBOL,
    HIGH,
    ITEM,
    LENGTH,
    LETTER,
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
from abcgen.notation.tune import (
    ABC_ACCIDENTALS,
    CHORD_ACCIDENTALS,
    CHORD_KIND_WORDS,
    MAX_CHORD_SYMBOL,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.grammar.form import Rules


ACCIDENTAL_TRIE = Trie.of(frozenset(ABC_ACCIDENTALS.values()))


class Notes:
    """The notes, rests, chords, tuplets and chord symbols that fit into a bar.

    Attributes:
        exact: Whether bars must be filled exactly, as a requested form or another voice demands.
        durations: The lengths and tuplets that can be written.
        symbols: The chord symbols that can be written.
    """

    def __init__(self, rules: Rules) -> None:
        self.exact = rules.fills_bars
        # No note shorter than a 64th where bars must be filled, so that no requested bar can have
        # too many notes.
        self.durations = Durations(
            rules.alphabet, 2 if self.exact else 1, neat=rules.neat, wanted=rules.lengths
        )
        self.symbols = ChordSymbols(rules.alphabet)
        self._has_chords = rules.chords and "]" in rules.alphabet
        self._has_tuplets = not rules.lengths and "3" in rules.alphabet

    def time_left(self, state: State) -> TimeLeft:
        """Return the time that is left for the current note."""
        count, normal, actual = state.tuplet
        return TimeLeft(state.ticks_left, (count or 1, normal, actual), self.exact)

    def items(self, state: State) -> Transitions:
        """Return the characters that begin another note, rest, chord, tuplet or field."""
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
        """Return the characters that begin a note, rest or chord; ``[`` may also begin a field."""
        following = pitches(state)
        following["z"] = state, REST, ""
        if self._has_chords:
            following["["] = state, BRACKET, ""
        return following

    def in_chord_symbol(self, state: State) -> Transitions:
        """Return the characters that may follow in a chord symbol."""
        text = state.text
        following: Transitions = {
            character: (state, CHORD_SYMBOL, text + character)
            for character in self.symbols.following(text)
        }
        if self.symbols.is_symbol(text):
            following['"'] = state._replace(fields=""), AFTER_CHORD_SYMBOL, ""
        return following

    def in_length(self, state: State) -> Transitions:
        """Return the characters that may continue a length."""
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
        """Return the characters that continue ``(5:4:5``, or begin the tuplet's first note."""
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
        fills = self.durations.can_fill_exactly(state.ticks_left)
        return fills and state.items < LIMITS.bar_notes

    def _one_more_item(self, state: State) -> int:
        # Counting only where there could be too many lets more texts share a state.
        most = LIMITS.bar_notes * self.durations.grain
        return state.items + 1 if not state.bar_ticks or state.bar_ticks > most else 1


def pitches(state: State, accidental: str = "") -> Transitions:
    """Return letters and accidentals, possibly after a first accidental."""
    # Here letters differ only in the direction of their octave marks.
    low, high = (state, LETTER, LOW[0]), (state, LETTER, HIGH[0])
    following: Transitions = dict.fromkeys(LOW, low) | dict.fromkeys(HIGH, high)
    for character in ACCIDENTAL_TRIE.after(accidental):
        following[character] = state, ACCIDENTAL, accidental + character
    return following


def after_accidental(state: State) -> Transitions:
    """Return a second accidental, and letters."""
    return pitches(state, state.text)


def in_chord(state: State) -> Transitions:
    """Return the characters that may continue a chord."""
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
    """The chord symbols that an alphabet can write, as ``abcgen.notation.tune`` reads them.

    A symbol is a root, words for the kind of chord, and perhaps a bass: ``Am7/G``.
    """

    def __init__(self, alphabet: frozenset[str]) -> None:
        self._words = [word for word in CHORD_KIND_WORDS if alphabet.issuperset(word)]
        self._roots = [root for root in "ABCDEFG" if root in alphabet]
        self._accidentals = [text for text in CHORD_ACCIDENTALS if text in alphabet]
        self._has_bass = "/" in alphabet
        self.can_be_written = bool(self._roots) and '"' in alphabet
        self._following: dict[str, dict[str, bool]] = {}

    def following(self, text: str) -> dict[str, bool]:
        """Return the characters that may follow, and whether each completes a symbol."""
        if text not in self._following:
            following = dict(self._characters(text)) if len(text) < MAX_CHORD_SYMBOL else {}
            self._following[text] = following
        return self._following[text]

    def is_symbol(self, text: str) -> bool:
        """Return whether a text is a complete symbol; it must be built from ``following``."""
        return bool(text) and self.following(text[:-1])[text[-1]]

    def completion(self, text: str) -> str:
        """Return the next character of the shortest symbol with a prefix."""
        layer = [text]
        while True:
            layer = [prefix + char for prefix in layer for char in self.following(prefix)]
            if symbols := [symbol for symbol in layer if self.is_symbol(symbol)]:
                return min(symbols)[len(text)]

    def _characters(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield the characters that leave room to complete the symbol."""
        # The root, or the bass after a slash, then its accidental; or a word for the kind.
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
                    missing = len(word) - len(part)
                    if word.startswith(part) and 0 < missing <= remaining:
                        character = word[len(part)]
                        yield character, "" in self._open_words(chord + character)
            if "" in parts:
                yield from (
                    (accidental, True) for accidental in self._accidentals if len(chord) == 1
                )
                if remaining > 1 and self._has_bass:
                    yield "/", False

    def _open_words(self, chord: str) -> frozenset[str]:
        """Return the possible unfinished words at its end; ``""`` if all may be finished."""
        # There may be several: after ``Cm`` minor is complete, and ``maj`` has begun.
        parts = {""}
        for index, character in enumerate(chord[1:]):
            longer = {part + character for part in parts}
            parts = {part for part in longer if any(word.startswith(part) for word in self._words)}
            if longer & {*self._words, *(self._accidentals if index == 0 else ())}:
                parts.add("")
        return frozenset(parts)
