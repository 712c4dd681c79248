"""The values of ABC's fields: key, metre and unit note length.

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

# The pipes play F and C sharp, whether the signature shows it (Hp) or not (HP).
_HIGHLAND_PIPES = Key("A", 0, Mode.MIXOLYDIAN)
_KEY = re.compile(r"(?P<letter>[A-G])(?P<alter>[#b]?)\s*(?P<mode>[A-Za-z]*)(?P<rest>.*)", re.DOTALL)
_EXTRA = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])")
# As German sources write them; H is no other key anywhere.
_GERMAN_TONICS = {"H": "B", "Es": "Eb", "As": "Ab"}
# A slip of the finger for m, and a sign that is minor to every program but could mean major.
_DOUBTED_MODES = frozenset({"M", "n"})
# Words about the look of the staff, which leave the notes alone.
_LOOK = re.compile(
    r"(?:clef\s*=\s*)?\b(?:treble|bass|alto|tenor)(?![-+\w])"
    r"|\bclef\s*=\s*(?:none|perc)\b|\b(?:middle|stafflines|staffscale)\s*=\s*\S+"
)


def read_key(value: str, *, line: int = 0, current: Key | None = None) -> Key:
    """The key that a ``K:`` field names.

    Args:
        value: What stands after ``K:``.
        line: Its line in the file.
        current: The key so far, which a field that only names a clef leaves as it is.

    Raises:
        NotationError: if it names none that is known.
    """
    text = _LOOK.sub("", value).strip()
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
    word, rest = match["mode"], match["rest"]
    key = Key(match["letter"], ALTERATIONS[match["alter"]], _mode(word, value, line))
    if abs(key.fifths) > MAX_SIGNATURE:
        raise NotationError("key with more than seven sharps or flats", line=line, text=value)
    extra = _extra_accidentals(rest.replace("exp", "", 1), value, line)
    if "exp" in {word.lower(), rest.strip()[:3]}:
        extra = _in_place_of(key, extra)
    return replace(key, extra=extra)


def doubted_metre(value: str) -> str:
    """What a metre was taken for that is not quite what it says; empty if there is no doubt."""
    return f"M:{value} read as {read_metre(value)}" if value.endswith("]") else ""


def names_tonic_only(value: str) -> bool:
    """Whether a ``K:`` field leaves the mode to the standard's default, major."""
    return bool(re.fullmatch(r"[A-G][#b]?", _GERMAN_TONICS.get(value, value)))


def doubted_key(value: str) -> str:
    """What a key was taken for that is not quite what it says; empty if there is no doubt."""
    match = _KEY.fullmatch(value.strip())
    if match and match["mode"] in _DOUBTED_MODES:
        return f"K:{value} read as {match['letter']}{match['alter']} minor"
    return ""


def _mode(word: str, value: str, line: int) -> Mode:
    if word.lower() == "exp":
        return Mode.MAJOR
    name = word.lower()[:3]
    if name in MODES:
        return MODES[name]
    if word in _DOUBTED_MODES:
        return Mode.MINOR
    raise NotationError("mode not understood", line=line, text=value)


def _extra_accidentals(rest: str, value: str, line: int) -> tuple[tuple[str, int], ...]:
    extra = tuple((letter.upper(), ALTERATIONS[sign]) for sign, letter in _EXTRA.findall(rest))
    if _EXTRA.sub("", rest).strip(" ,"):
        raise NotationError("key not understood", line=line, text=value)
    return extra


def _in_place_of(key: Key, extra: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """``exp`` means these accidentals and no others: undo those of the mode."""
    named = {name for name, _ in extra}
    own = key.signature.items()
    return extra + tuple((name, 0) for name, sign in own if sign and name not in named)


def read_metre(value: str, *, line: int = 0) -> Metre:
    """The metre that an ``M:`` field names.

    Raises:
        NotationError: if it names none that is known.
    """
    text = re.sub(r"\s", "", value).rstrip("]")
    if text in METRE_SYMBOLS:
        return METRE_SYMBOLS[text]
    if text.lower() in {"", "none"} or text.startswith("FREI"):  # Essen's word for free
        return FREE_METRE
    match = re.fullmatch(r"\(?(\d+(?:\+\d+)*)\)?/(\d+)", text)
    if not match:
        raise NotationError("metre not understood", line=line, text=value)
    beats = sum(int(part[:4]) for part in match[1].split("+"))
    unit = int(match[2][:4])
    if not (0 < beats <= MAX_METRE and unit in {1, 2, 4, 8, 16, 32, 64}):
        raise NotationError("metre not understood", line=line, text=value)
    return Metre(beats, unit)


def read_unit(value: str, *, line: int = 0) -> Fraction:
    """The unit note length that an ``L:`` field names, in whole notes.

    Raises:
        NotationError: if it is no fraction between 1 and 1/128.
    """
    match = re.fullmatch(r"1(?:/(1|2|4|8|16|32|64|128))?", re.sub(r"\s", "", value))
    if not match:
        raise NotationError("unit note length not understood", line=line, text=value)
    return Fraction(1, int(match[1] or 1))


def default_unit(metre: Metre) -> Fraction:
    """The unit note length where ``L:`` is missing: 1/16 in metres below 3/4, else 1/8."""
    short = not metre.is_free and metre.bar_duration < Fraction(3, 4)
    return Fraction(1, 16) if short else Fraction(1, 8)
