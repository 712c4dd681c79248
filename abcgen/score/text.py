"""The words around the music: printable titles, and the names of keys."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from abcgen.notation.tune import PRINTED_ACCIDENTALS

if TYPE_CHECKING:
    from abcgen.notation.tune import Key, Tune

LONGEST = 300
LONGEST_TITLE = 160
MOST_SUBTITLES = 8
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
    """Return the words above a tune on the left: ``reel · D · AABB``, or the key alone."""
    words = [one_line(tune.rhythm).lower(), key_name(tune.key), one_line(tune.words.parts)]
    return " · ".join(filter(None, words))


def composer_and_origin(tune: Tune, default: str = "") -> str:
    """Return the words above a tune on the right: ``A. Writer (Norway)``.

    Args:
        tune: The tune.
        default: The composer where the tune names none.
    """
    origin = one_line(tune.words.origin)
    words = [one_line(tune.words.composer or default), f"({origin})" if origin else ""]
    return " ".join(filter(None, words))


def subtitles_of(tune: Tune) -> list[str]:
    """Return the titles below the first."""
    titles = (one_line(title, LONGEST_TITLE) for title in tune.words.named("T"))
    return [title for title in titles if title][:MOST_SUBTITLES]


def stanzas_of(tune: Tune) -> list[list[str]]:
    """Return the words under the music, line by line in stanzas."""
    stanzas: list[list[str]] = [[]]
    for verse in tune.words.named("W"):
        if line := one_line(verse):
            stanzas[-1].append(line)
        elif stanzas[-1]:
            stanzas.append([])
    return [stanza for stanza in stanzas if stanza]
