"""What players find written at the notes: decorations, chord symbols and grace notes.

None of it changes a note of the tune. Decorations have one name each, whichever of its ways of
writing a file uses. Slurs, words and annotations are passed over.
Source: the ABC standard 2.1, sections 4.12 (grace notes), 4.14 (decorations) and 4.18.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abcgen.notation.chord_symbol import read_chord_symbol
from abcgen.notation.tune import Marks

if TYPE_CHECKING:
    from abcgen.notation.chord_symbol import ChordSymbol
    from abcgen.notation.tune import Pitch

LETTERS = {
    ".": "staccato",
    "~": "roll",
    "H": "fermata",
    "L": "accent",
    "M": "lowermordent",
    "O": "coda",
    "P": "uppermordent",
    "S": "segno",
    "T": "trill",
    "u": "upbow",
    "v": "downbow",
}
SYNONYMS = {
    ">": "accent",
    "emphasis": "accent",
    "mordent": "lowermordent",
    "pralltriller": "uppermordent",
    "+": "plus",
    "<(": "crescendo(",
    "<)": "crescendo)",
    ">(": "diminuendo(",
    ">)": "diminuendo)",
    "Segno": "segno",
    "Coda": "coda",
    "dacapo": "D.C.",
    "DC": "D.C.",
    "D.C": "D.C.",
    "DS": "D.S.",
    "D.S": "D.S.",
}
# These stand at the end of what they are about, so that before a bar line they belong to the note
# that is over.
AT_THE_END = frozenset({"fine", "D.C.", "D.S.", "dacoda"})
MOST = 8  # decorations at a note, and grace notes before one


@dataclass(slots=True)
class DraftMarks:
    """Marks that wait for their note."""

    chord_symbol: ChordSymbol | None = None
    decorations: list[str] = field(default_factory=list)
    grace: tuple[Pitch, ...] = ()

    def decorate(self, name: str) -> None:
        """Take a decoration, by its letter or name."""
        name = LETTERS.get(name) or SYNONYMS.get(name, name)
        if name not in self.decorations and len(self.decorations) < MOST:
            self.decorations.append(name)

    def quote(self, words: str) -> None:
        """Take a text in quotes, if it is a chord symbol."""
        self.chord_symbol = read_chord_symbol(words) or self.chord_symbol

    def ended(self) -> Marks | None:
        """Take out the decorations that belong to the note before a bar line."""
        names = tuple(name for name in self.decorations if name in AT_THE_END)
        self.decorations = [name for name in self.decorations if name not in names]
        return Marks(decorations=names) if names else None

    def taken(self) -> Marks | None:
        """Take them all out for the note they were waiting for; None if there are none."""
        if not (self.chord_symbol or self.decorations or self.grace):
            return None
        marks = Marks(self.chord_symbol, tuple(self.decorations), self.grace)
        self.chord_symbol, self.decorations, self.grace = None, [], ()
        return marks


def with_decorations(marks: Marks | None, more: Marks) -> Marks:
    """Marks with the decorations of others besides."""
    if marks is None:
        return more
    names = dict.fromkeys((*marks.decorations, *more.decorations))
    return Marks(marks.chord_symbol, tuple(names), marks.grace)
