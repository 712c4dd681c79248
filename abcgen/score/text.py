"""Words around the music: titles made safe, keys and modes by name."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from abcgen.notation.tune import PRINTED_ACCIDENTALS

if TYPE_CHECKING:
    from abcgen.notation.tune import Key, Tune

LONGEST = 300
MOST_ACCENTS = 4
# They shape letters of some scripts and hold emoji together, and print nothing themselves.
JOINERS = "\u200c\u200d"


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line, without control and other characters that do not print.

    XML and the page cannot hold them, and titles come from untrusted files.

    Args:
        text: The text.
        longest: Most characters; a longer text is cut and ends in an ellipsis.
    """
    # Cut first, so that the work is bounded; four times as long, for what is removed below.
    printable = (
        character if character.isprintable() or character in JOINERS else " "
        for character in text[: 4 * longest]
    )
    # Accents piled up on a letter would cover the lines above.
    letters: list[str] = []
    accents = 0
    for character in " ".join("".join(printable).split()):
        accents = accents + 1 if unicodedata.combining(character) else 0
        if accents <= MOST_ACCENTS:
            letters.append(character)
    line = "".join(letters)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def key_name(key: Key) -> str:
    """Return the key as a musician says it: ``D``, ``B♭``, ``E minor``, ``A dorian``."""
    mode = key.mode.name.lower()
    accidental = PRINTED_ACCIDENTALS.get(key.alter, "") if key.alter else ""
    return f"{key.letter}{accidental}" + ("" if mode == "major" else f" {mode}")


def rhythm_and_key(tune: Tune) -> str:
    """Return the words at the left above a tune: ``reel · D``, or the key alone."""
    return " · ".join(filter(None, [one_line(tune.rhythm).lower(), key_name(tune.key)]))
