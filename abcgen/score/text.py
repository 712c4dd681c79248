"""The words around the music: printable titles, and the names of keys."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from abcgen.notation.tune import PRINTED_ACCIDENTALS

if TYPE_CHECKING:
    from abcgen.notation.tune import Key, Tune

LONGEST = 300
MOST_ACCENTS = 4
# Invisible characters that shape letters of some scripts and join emoji.
JOINERS = "\u200c\u200d"


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line, without control and other characters that do not print.

    XML and the page cannot hold them, and titles come from untrusted files.

    Args:
        text: The text.
        longest: Maximum number of characters; a longer text is cut and ends in an ellipsis.
    """
    # Cut first to bound the work, but not too short: characters are removed below.
    printable = (
        character if character.isprintable() or character in JOINERS else " "
        for character in text[: 4 * longest]
    )
    # Many accents stacked on one letter would cover the lines above.
    letters: list[str] = []
    accents = 0
    for character in " ".join("".join(printable).split()):
        accents = accents + 1 if unicodedata.combining(character) else 0
        if accents <= MOST_ACCENTS:
            letters.append(character)
    line = "".join(letters)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def key_name(key: Key) -> str:
    """Return the name of a key: ``D``, ``B♭``, ``E minor``, ``A dorian``."""
    mode = key.mode.name.lower()
    accidental = PRINTED_ACCIDENTALS.get(key.alter, "") if key.alter else ""
    return f"{key.letter}{accidental}" + ("" if mode == "major" else f" {mode}")


def rhythm_and_key(tune: Tune) -> str:
    """Return the words above a tune on the left: ``reel · D``, or the key alone."""
    return " · ".join(filter(None, [one_line(tune.rhythm).lower(), key_name(tune.key)]))
