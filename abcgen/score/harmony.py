"""Kinds of chord: their names in MusicXML and the notes that an accompanist plays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import LETTERS, NATURAL_SEMITONES

if TYPE_CHECKING:
    from abcgen.notation.tune import Root


class ChordKind(NamedTuple):
    """A kind of chord.

    Attributes:
        name: Its name in MusicXML's ``kind`` element.
        semitones: Its notes, in semitones above the root.
    """

    name: str
    semitones: tuple[int, ...]


CHORD_KINDS = {
    "": ChordKind("major", (0, 4, 7)),
    "m": ChordKind("minor", (0, 3, 7)),
    "+": ChordKind("augmented", (0, 4, 8)),
    "dim": ChordKind("diminished", (0, 3, 6)),
    "5": ChordKind("power", (0, 7)),
    "7": ChordKind("dominant", (0, 4, 7, 10)),
    "maj7": ChordKind("major-seventh", (0, 4, 7, 11)),
    "m7": ChordKind("minor-seventh", (0, 3, 7, 10)),
    "mmaj7": ChordKind("major-minor", (0, 3, 7, 11)),
    "dim7": ChordKind("diminished-seventh", (0, 3, 6, 9)),
    "m7b5": ChordKind("half-diminished", (0, 3, 6, 10)),
    "+7": ChordKind("augmented-seventh", (0, 4, 8, 10)),
    "6": ChordKind("major-sixth", (0, 4, 7, 9)),
    "m6": ChordKind("minor-sixth", (0, 3, 7, 9)),
    "9": ChordKind("dominant-ninth", (0, 4, 7, 10, 14)),
    "maj9": ChordKind("major-ninth", (0, 4, 7, 11, 14)),
    "m9": ChordKind("minor-ninth", (0, 3, 7, 10, 14)),
    "11": ChordKind("dominant-11th", (0, 7, 10, 14, 17)),
    "13": ChordKind("dominant-13th", (0, 4, 7, 10, 14, 21)),
    "sus2": ChordKind("suspended-second", (0, 2, 7)),
    "sus4": ChordKind("suspended-fourth", (0, 5, 7)),
}
# Other spellings of the same kinds.
_SPELLINGS = {
    "M": "",
    "maj": "",
    "major": "",
    "min": "m",
    "-": "m",
    "aug": "+",
    "o": "dim",
    "\u00b0": "dim",
    "M7": "maj7",
    "min7": "m7",
    "-7": "m7",
    "o7": "dim7",
    "\u00b07": "dim7",
    "\u00f8": "m7b5",
    "\u00f87": "m7b5",
    "aug7": "+7",
    "7+": "+7",
    "mM7": "mmaj7",
    "sus": "sus4",
    "min6": "m6",
    "min9": "m9",
    "M9": "maj9",
}
# Every known name, the longest first.
_BASES = sorted({**CHORD_KINDS, **dict.fromkeys(_SPELLINGS)}, key=len, reverse=True)


def chord_kind(text: str) -> ChordKind:
    """Return the kind of chord that a chord symbol's letters after the root mean.

    Args:
        text: Such as ``m7``. One that is not in the table is called ``other`` in MusicXML, and
            played as the longest known kind that it begins with: ``m7add11`` as ``m7``.
    """
    plain = re.sub(r"[\s(),]", "", text)
    known = CHORD_KINDS.get(_SPELLINGS.get(plain, plain))
    if known:
        return known
    base = next(name for name in _BASES if plain.startswith(name))
    return ChordKind("other", CHORD_KINDS[_SPELLINGS.get(base, base)].semitones)


def pitch_class(root: Root) -> int:
    """Return the semitones of a root above C, 0 to 11."""
    letter, alter = root
    return (NATURAL_SEMITONES[LETTERS.index(letter)] + alter) % 12
