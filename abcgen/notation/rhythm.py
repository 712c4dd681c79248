"""Kinds of tune: the names that people ask for, and what sources call them."""

from __future__ import annotations

import re

RHYTHMS = (
    "air",
    "barndance",
    "hornpipe",
    "jig",
    "march",
    "mazurka",
    "minuet",
    "polka",
    "reel",
    "schottische",
    "slide",
    "slip jig",
    "strathspey",
    "waltz",
)
_ALIASES = {
    "clog": "hornpipe",
    "double jig": "jig",
    "hop jig": "slip jig",
    "quick march": "march",
    "quickstep": "march",
    "quick step": "march",
    "single jig": "slide",
    "single reel": "reel",
    "slipjig": "slip jig",
    "slow air": "air",
}


def rhythm_named(words: str) -> str:
    """The rhythm that a tune's ``R:`` field names, or nothing if it names none of the table."""
    name = re.sub(r"[^a-z]+", " ", words.lower()).strip().removesuffix("s")
    name = _ALIASES.get(name, name)
    return name if name in RHYTHMS else ""
