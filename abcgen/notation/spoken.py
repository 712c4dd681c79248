"""Metres and keys as people write them: ``h-moll``, ``B flat``, ``cut time``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from unicodedata import combining, normalize

from abcgen.errors import NotationError
from abcgen.notation.fields import read_key, read_metre
from abcgen.notation.tune import Metre

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.notation.tune import Tune

_METRES = {
    "common": "C",
    "cut": "C|",
    "alla breve": "C|",
    "¢": "C|",
    "c": "C",
    "c|": "C|",
    "free": "none",
}
_METRE = re.compile(r"(\d+)\s*(?:[/:-]|\s|\bby\b)\s*(\d+)")
# The metre in which nine in ten tunes of a rhythm are written, for those that have one.
_METRES_OF_RHYTHMS = {
    "jig": Metre(6, 8),
    "mazurka": Metre(3, 4),
    "minuet": Metre(3, 4),
    "polka": Metre(2, 4),
    "slide": Metre(12, 8),
    "slip jig": Metre(9, 8),
    "strathspey": Metre(4, 4),
    "waltz": Metre(3, 4),
}

# The rhythm of nine in ten dances in a metre, for metres that have one.
_RHYTHMS_OF_METRES = {(6, 8): "jig", (9, 8): "slip jig", (12, 8): "slide"}

_ACCIDENTALS = {"♯": "#", "♭": "b", "sharp": "#", "flat": "b"}
_GERMAN_MODES = {"dur": "maj", "moll": "min"}
# As in French, Italian and Spanish: ``la mineur``, ``si bemolle maggiore``.
_SOL_FA = {"do": "C", "ut": "C", "re": "D", "mi": "E", "fa": "F", "sol": "G", "la": "A", "si": "B"}
_SOL_FA_WORDS = {
    "diese": "#",
    "diesis": "#",
    "sostenido": "#",
    "bemol": "b",
    "bemolle": "b",
    "majeur": " maj",
    "maggiore": " maj",
    "mayor": " maj",
    "mineur": " min",
    "minore": " min",
    "menor": " min",
    "#": "#",
    "♯": "#",
    "♭": "b",
}
# A tonic, perhaps in German; what follows is the mode.
_TONIC = re.compile(r"([A-Ha-h])(#|b(?!\w)|b(?=m)|is(?!\w)|(?<=[EAea])s(?!\w)|es(?!\w))?\s*(.*)")


def metre_of_rhythm(rhythm: str) -> Metre | None:
    """Return the metre that goes without saying for a rhythm of ``fields.RHYTHMS``, if one does."""
    return _METRES_OF_RHYTHMS.get(rhythm)


def with_plain_rhythm(tune: Tune) -> Tune:
    """Return a tune of a network with its rhythm, if it names none and its metre makes it plain."""
    rhythm = _RHYTHMS_OF_METRES.get((tune.metre.beats, tune.metre.unit), "")
    return replace(tune, rhythm=rhythm) if rhythm and not tune.rhythm else tune


def abc_metre(words: str) -> str:
    """Return a metre as ABC writes it; unchanged if it is ABC or not understood."""
    name = " ".join(words.lower().split()).removesuffix(" time").removesuffix(" metre")
    # Names come first: the reader of ABC takes some of them too.
    if name in _METRES or _is_read(read_metre, words):
        return _METRES.get(name, words)
    match = _METRE.fullmatch(name)
    return f"{match[1]}/{match[2]}" if match else words


def abc_key(words: str) -> str:
    """Return a key as ABC writes it; unchanged if it is ABC or not understood.

    Names in German (``fis-moll``), and in French, Italian and Spanish (``la mineur``) are known.
    ``H`` is B natural, and with a German word for the mode ``B`` is B flat.
    """
    if _is_read(read_key, words):
        return words
    text = _without_sol_fa(words.strip())
    for name, sign in _ACCIDENTALS.items():
        text = re.sub(rf"[\s-]*{name}", sign, text, flags=re.IGNORECASE)
    text = text.replace("-", " ")
    match = _TONIC.fullmatch(text)
    if not match:
        return words
    tonic, accidental, mode = match[1].upper(), match[2] or "", match[3].strip()
    german = mode.lower() in _GERMAN_MODES
    if german and tonic == "B" and not accidental:
        accidental = "b"
    tonic = tonic.replace("H", "B")
    accidental = {"is": "#", "s": "b", "es": "b"}.get(accidental, accidental)
    written = f"{tonic}{accidental}{_GERMAN_MODES.get(mode.lower(), mode)}"
    return written if _is_read(read_key, written) else words


def _without_sol_fa(words: str) -> str:
    """Return a key that is named as in Romance languages with letters; unchanged if it is not."""
    letters = "".join(sign for sign in normalize("NFD", words.lower()) if not combining(sign))
    first, *rest = re.findall(r"[a-z]+|[#♯♭]", letters) or [""]
    if first not in _SOL_FA:
        return words
    return _SOL_FA[first] + "".join(_SOL_FA_WORDS.get(word, f" {word}") for word in rest)


def _is_read(read: Callable[[str], object], words: str) -> bool:
    try:
        read(words)
    except NotationError:
        return False
    return True
