"""Chord symbols: the chords for an accompanist, written above the notes (``"Am7"``, ``"D/F#"``).

Source: the ABC standard 2.1, section 4.18.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ALTERS = {"": 0, "#": 1, "b": -1, "\u266f": 1, "\u266d": -1, "=": 0, "\u266e": 0}
_ROOT = r"([A-G])([#b=\u266f\u266d\u266e]?)"
# Words for the kinds of chord that are in use; longer ones first.
KINDS = (
    "maj",
    "min",
    "dim",
    "aug",
    "sus",
    "add",
    "omit",
    "no",
    *"mM+-\u00b0o\u00f8#b0123456789(), ",
)
_KIND = f"(?:{'|'.join(map(re.escape, KINDS))})*"
_SYMBOL = re.compile(rf"{_ROOT}({_KIND})(?:/{_ROOT.replace('A-G', 'A-Ga-g')})?")
MAX_LENGTH = 20

Root = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """A chord by name.

    Attributes:
        root: Letter and accidental (-1 flat, 0, 1 sharp) of its root.
        kind: What follows the root: empty for a major triad, ``m``, ``7``, ``maj7``, ``dim``.
        bass: Letter and accidental of the bass note, or None where that is the root.
    """

    root: Root
    kind: str = ""
    bass: Root | None = None

    def __str__(self) -> str:
        """The symbol as ABC writes it, without its quotes."""
        bass = f"/{_name(self.bass)}" if self.bass else ""
        return f"{_name(self.root)}{self.kind}{bass}"


def read_chord_symbol(text: str) -> ChordSymbol | None:
    """The chord that a quoted text names, or None if it names none.

    Args:
        text: What stands between the quotes.
    """
    match = _SYMBOL.fullmatch(text.strip()) if len(text) <= MAX_LENGTH else None
    if not match:
        return None
    letter, sign, kind, bass_letter, bass_sign = match.groups()
    bass = (bass_letter.upper(), ALTERS[bass_sign]) if bass_letter else None
    return ChordSymbol((letter, ALTERS[sign]), kind.strip(), bass)


def _name(root: Root) -> str:
    letter, alter = root
    return letter + ("#" * alter if alter > 0 else "b" * -alter)
