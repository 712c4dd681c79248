"""Words beside the music: titles made safe, keys and modes by name."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abcgen.notation.tune import Key, Tune

SIGNS = {-2: "♭♭", -1: "♭", 0: "", 1: "♯", 2: "♯♯"}


LONGEST = 300
MOST_ACCENTS = 4
JOINERS = "\u200c\u200d"
"""They shape letters of some scripts and hold emoji together, and print nothing themselves."""


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text on one line, without control characters and other things that do not print.

    XML and the page cannot hold them, and titles come from strangers' files.

    Args:
        text: The text.
        longest: Most characters; a longer text is cut and ends in an ellipsis.
    """
    words = "".join(sign if _prints(sign) else " " for sign in text[: 4 * longest]).split()
    line = _with_few_accents(" ".join(words))
    if len(line) <= longest:
        return line
    return line[: longest - 1].rstrip() + "…"


def _prints(sign: str) -> bool:
    return sign.isprintable() or sign in JOINERS


def _with_few_accents(text: str) -> str:
    """The text with no letter carrying so many accents that they cover the lines above."""
    kept: list[str] = []
    accents = 0
    for sign in text:
        accents = accents + 1 if unicodedata.combining(sign) else 0
        if accents <= MOST_ACCENTS:
            kept.append(sign)
    return "".join(kept)


def key_name(key: Key) -> str:
    """The key as a musician says it: ``D``, ``B♭``, ``E minor``, ``A dorian``."""
    mode = key.mode.name.lower()
    return f"{key.letter}{SIGNS.get(key.alter, '')}" + ("" if mode == "major" else f" {mode}")


def kind_and_key(tune: Tune) -> str:
    """What stands at the left above a tune: ``reel · D``, or the key alone."""
    return " · ".join(filter(None, [one_line(tune.rhythm).lower(), key_name(tune.key)]))
