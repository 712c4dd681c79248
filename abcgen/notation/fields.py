"""Read the values of ABC's fields: key, metre, unit note length and rhythm.

Source: the ABC standard 2.1, sections 3.1.6 (M:), 3.1.7 (L:), 3.1.14 (K:) and 4.6.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from abcgen.errors import NotationError
from abcgen.notation.tune import ALTERATIONS, FREE_METRE, MAX_SIGNATURE, Key, Metre, Mode

MAX_METRE = 64

# The first three letters decide (standard 4.6); a lone m is minor.
MODES = {
    "": Mode.MAJOR,
    "maj": Mode.MAJOR,
    "ion": Mode.MAJOR,
    "m": Mode.MINOR,
    "min": Mode.MINOR,
    "aeo": Mode.MINOR,
    "dor": Mode.DORIAN,
    "mix": Mode.MIXOLYDIAN,
    "phr": Mode.PHRYGIAN,
    "lyd": Mode.LYDIAN,
    "loc": Mode.LOCRIAN,
}
METRE_SYMBOLS = {"C": Metre(4, 4, "C"), "C|": Metre(2, 2, "C|")}

# The kinds of tune that can be requested, and other names that sources have for them.
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
_RHYTHM_ALIASES = {
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

# The pipes play F and C sharp, whether the signature shows it (Hp) or not (HP).
_HIGHLAND_PIPES = Key("A", 0, Mode.MIXOLYDIAN)
_KEY = re.compile(
    r"(?P<letter>[A-G])(?P<alter>[#b]?)\s*(?P<mode>[A-Za-z]*)(?P<extra>.*)", re.DOTALL
)
_EXTRA_ACCIDENTAL = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])")
# German names of keys. H means nothing else anywhere.
_GERMAN_TONICS = {"H": "B", "Es": "Eb", "As": "Ab"}
# M is a typing error for m. Every program takes n for minor, though it could mean major.
_AMBIGUOUS_MODES = frozenset({"M", "n"})
# Words about the staff, which change no note.
_STAFF_WORDS = re.compile(
    r"(?:clef\s*=\s*)?\b(?:treble|bass|alto|tenor)(?![-+\w])"
    r"|\bclef\s*=\s*(?:none|perc)\b|\b(?:middle|stafflines|staffscale)\s*=\s*\S+"
)


def read_key(value: str, *, line: int = 0, current: Key | None = None) -> Key:
    """Return the key that a ``K:`` field names.

    Args:
        value: The field's text after ``K:``.
        line: Its line in the file, for the error.
        current: The key in force, which a field that only names a clef does not change.

    Raises:
        NotationError: if it names no known key.
    """
    text = _STAFF_WORDS.sub("", value).strip()
    text = _GERMAN_TONICS.get(text, text)
    if not text and current:
        return current
    if text in {"", "none"}:
        return Key()
    if text in {"HP", "Hp"}:
        return _HIGHLAND_PIPES
    match = _KEY.fullmatch(text)
    if not match:
        raise NotationError("key not understood", line=line, text=value)

    # 1) The tonic and the mode. After ``exp`` the signature is spelled out.
    word, extra_text = match["mode"], match["extra"]
    if word in _AMBIGUOUS_MODES:
        mode = Mode.MINOR
    elif word.lower() == "exp":
        mode = Mode.MAJOR
    elif word.lower()[:3] in MODES:
        mode = MODES[word.lower()[:3]]
    else:
        raise NotationError("mode not understood", line=line, text=value)
    key = Key(match["letter"], ALTERATIONS[match["alter"]], mode)
    if abs(key.fifths) > MAX_SIGNATURE:
        raise NotationError("key with more than seven sharps or flats", line=line, text=value)

    # 2) Extra accidentals.
    accidentals = extra_text.replace("exp", "", 1)
    if _EXTRA_ACCIDENTAL.sub("", accidentals).strip(" ,"):
        raise NotationError("key not understood", line=line, text=value)
    extra = tuple(
        (letter.upper(), ALTERATIONS[accidental])
        for accidental, letter in _EXTRA_ACCIDENTAL.findall(accidentals)
    )
    if "exp" in {word.lower(), extra_text.strip()[:3]}:
        # The signature has these accidentals and no others: cancel those of the mode.
        named = {letter for letter, _ in extra}
        signature = key.signature.items()
        extra += tuple((letter, 0) for letter, alter in signature if alter and letter not in named)
    return replace(key, extra=extra)


def names_tonic_only(value: str) -> bool:
    """Return whether a ``K:`` field leaves the mode to the standard's default, major."""
    return bool(re.fullmatch(r"[A-G][#b]?", _GERMAN_TONICS.get(value, value)))


def read_metre(value: str, *, line: int = 0) -> Metre:
    """Return the metre that an ``M:`` field names.

    Raises:
        NotationError: if it names no known metre.
    """
    text = re.sub(r"\s", "", value).rstrip("]")
    if text in METRE_SYMBOLS:
        return METRE_SYMBOLS[text]
    # FREI is the Essen collection's word for free metre.
    if text.lower() in {"", "none"} or text.startswith("FREI"):
        return FREE_METRE
    match = re.fullmatch(r"\(?(\d+(?:\+\d+)*)\)?/(\d+)", text)
    if not match:
        raise NotationError("metre not understood", line=line, text=value)
    beats = sum(int(part[:4]) for part in match[1].split("+"))
    unit = int(match[2][:4])
    if not (0 < beats <= MAX_METRE and unit in {1, 2, 4, 8, 16, 32, 64}):
        raise NotationError("metre not understood", line=line, text=value)
    return Metre(beats, unit)


def field_repair(name: str, value: str) -> str:
    """Return a remark if a ``K:`` or ``M:`` field had to be corrected to be read, else ``""``."""
    if name == "M" and value.endswith("]"):
        return f"M:{value} read as {read_metre(value)}"
    match = _KEY.fullmatch(value.strip()) if name == "K" else None
    if match and match["mode"] in _AMBIGUOUS_MODES:
        return f"K:{value} read as {match['letter']}{match['alter']} minor"
    return ""


def read_unit(value: str, *, line: int = 0) -> Fraction:
    """Return the unit note length that an ``L:`` field names, in whole notes.

    Raises:
        NotationError: if it is not a fraction from 1/128 to 1.
    """
    match = re.fullmatch(r"1(?:/(1|2|4|8|16|32|64|128))?", re.sub(r"\s", "", value))
    if not match:
        raise NotationError("unit note length not understood", line=line, text=value)
    return Fraction(1, int(match[1] or 1))


def default_unit(metre: Metre) -> Fraction:
    """Return the unit note length where ``L:`` is missing: 1/16 in metres below 3/4, else 1/8."""
    short = not metre.is_free and metre.bar_duration < Fraction(3, 4)
    return Fraction(1, 16) if short else Fraction(1, 8)


def rhythm_named(words: str) -> str:
    """Return the entry of ``RHYTHMS`` that an ``R:`` field names, or ``""`` if it names none."""
    name = re.sub(r"[^a-z]+", " ", words.lower()).strip().removesuffix("s")
    name = _RHYTHM_ALIASES.get(name, name)
    return name if name in RHYTHMS else ""
