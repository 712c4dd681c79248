"""Words beside the music: titles made safe, keys and modes by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abcgen.notation.key import Key
    from abcgen.notation.tune import Tune

SIGNS = {-2: "𝄫", -1: "♭", 0: "", 1: "♯", 2: "𝄪"}


def one_line(text: str) -> str:
    """The text on one line, without control characters and other things that do not print.

    XML and the page cannot hold them, and titles come from strangers' files.
    """
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def key_name(key: Key) -> str:
    """The key as a musician says it: ``D``, ``B♭``, ``E minor``, ``A dorian``."""
    mode = key.mode.name.lower()
    return f"{key.letter}{SIGNS.get(key.alter, '')}" + ("" if mode == "major" else f" {mode}")


def kind_and_key(tune: Tune) -> str:
    """What stands at the left above a tune: ``reel · D``, or the key alone."""
    return " · ".join(filter(None, [one_line(tune.rhythm).lower(), key_name(tune.key)]))
