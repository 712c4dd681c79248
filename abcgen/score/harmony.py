"""Kinds of chord: what each is called in MusicXML and which notes an accompanist plays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import LETTERS, NATURAL_SEMITONES

if TYPE_CHECKING:
    from abcgen.notation.tune import Root


class Kind(NamedTuple):
    """A kind of chord.

    Attributes:
        name: Its name in MusicXML's ``kind``.
        semitones: Its notes above the root.
    """

    name: str
    semitones: tuple[int, ...]


_MAJOR = Kind("major", (0, 4, 7))
KINDS = {
    "": _MAJOR,
    "m": Kind("minor", (0, 3, 7)),
    "+": Kind("augmented", (0, 4, 8)),
    "dim": Kind("diminished", (0, 3, 6)),
    "5": Kind("power", (0, 7)),
    "7": Kind("dominant", (0, 4, 7, 10)),
    "maj7": Kind("major-seventh", (0, 4, 7, 11)),
    "m7": Kind("minor-seventh", (0, 3, 7, 10)),
    "mmaj7": Kind("major-minor", (0, 3, 7, 11)),
    "dim7": Kind("diminished-seventh", (0, 3, 6, 9)),
    "m7b5": Kind("half-diminished", (0, 3, 6, 10)),
    "+7": Kind("augmented-seventh", (0, 4, 8, 10)),
    "6": Kind("major-sixth", (0, 4, 7, 9)),
    "m6": Kind("minor-sixth", (0, 3, 7, 9)),
    "9": Kind("dominant-ninth", (0, 4, 7, 10, 14)),
    "maj9": Kind("major-ninth", (0, 4, 7, 11, 14)),
    "m9": Kind("minor-ninth", (0, 3, 7, 10, 14)),
    "11": Kind("dominant-11th", (0, 7, 10, 14, 17)),
    "13": Kind("dominant-13th", (0, 4, 7, 10, 14, 21)),
    "sus2": Kind("suspended-second", (0, 2, 7)),
    "sus4": Kind("suspended-fourth", (0, 5, 7)),
}
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
# The longest kind that a longer name begins with says what is played: Am7add11 as Am7.
_BASES = sorted({**KINDS, **dict.fromkeys(_SPELLINGS)}, key=len, reverse=True)


def kind_of(text: str) -> Kind:
    """The kind of chord that a chord symbol's letters after the root mean.

    Args:
        text: Such as ``m7``; one that is not in the table is called ``other``, and played as the
            kind in the table that it begins with.
    """
    plain = re.sub(r"[\s(),]", "", text)
    known = KINDS.get(_SPELLINGS.get(plain, plain))
    if known:
        return known
    base = next(name for name in _BASES if plain.startswith(name))
    return Kind("other", KINDS[_SPELLINGS.get(base, base)].semitones)


def pitch_class(root: Root) -> int:
    """Semitones of a root above C, 0 to 11."""
    letter, alter = root
    return (NATURAL_SEMITONES[LETTERS.index(letter)] + alter) % 12
