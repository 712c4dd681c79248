"""Chord symbols in the grammar, as :mod:`abcgen.notation.tune` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.notation.tune import CHORD_ACCIDENTALS, KINDS, MAX_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator


ROOTS = "ABCDEFG"
QUOTE = '"'


class ChordSymbols:
    """Which chord symbols an alphabet can write, character by character.

    A symbol is read as a root, words for the kind of chord, and perhaps a bass.

    Args:
        alphabet: The characters that may be used.
    """

    def __init__(self, alphabet: frozenset[str]) -> None:
        self._words = [word for word in KINDS if alphabet.issuperset(word)]
        self._alphabet = alphabet
        self._roots = [root for root in ROOTS if root in alphabet]
        self._alters = [alter for alter in CHORD_ACCIDENTALS if alter in alphabet]
        self._known: dict[str, dict[str, bool]] = {}

    @property
    def can_be_written(self) -> bool:
        """Whether there is any."""
        return bool(self._roots) and QUOTE in self._alphabet

    def following(self, text: str) -> dict[str, bool]:
        """What may follow the beginning of a symbol, and whether it is whole after that."""
        if text not in self._known:
            self._known[text] = dict(self._after(text)) if len(text) < MAX_LENGTH else {}
        return self._known[text]

    def is_whole(self, text: str) -> bool:
        """Whether a symbol may be just this."""
        return bool(text) and self.following(text[:-1])[text[-1]]

    def way_out(self, text: str) -> str:
        """The next character of the shortest whole symbol that begins so."""
        layer = [text]
        while True:
            longer = [begun + sign for begun in layer for sign in self.following(begun)]
            whole = [one for one in longer if self.is_whole(one)]
            if whole:
                return min(whole)[len(text)]
            layer = longer

    def _after(self, text: str) -> Iterator[tuple[str, bool]]:
        """Signs that leave room for what they begin."""
        chord, slash, bass = text.partition("/")
        if not chord or (slash and not bass):
            yield from ((root, True) for root in self._roots)
        elif slash:
            yield from ((alter, True) for alter in self._alters if len(bass) == 1)
        else:
            yield from self._after_root(chord)

    def _after_root(self, chord: str) -> Iterator[tuple[str, bool]]:
        room = MAX_LENGTH - len(chord)
        begun = self._begun(chord)
        for word in self._words:
            for part in begun:
                if word.startswith(part) and part != word and len(word) - len(part) <= room:
                    sign = word[len(part)]
                    yield sign, "" in self._begun(chord + sign)
        if "" in begun:
            yield from ((alter, True) for alter in self._alters if len(chord) == 1)
            if room > 1 and "/" in self._alphabet:
                yield "/", False

    def _begun(self, chord: str) -> frozenset[str]:
        """What words of the kind may be begun and not whole, empty if all may be whole."""
        begun = {""}
        for place, sign in enumerate(chord[1:]):
            longer = {part + sign for part in begun}
            begun = {part for part in longer if any(word.startswith(part) for word in self._words)}
            if longer & {*self._words, *(self._alters if not place else ())}:
                begun.add("")
        return frozenset(begun)
