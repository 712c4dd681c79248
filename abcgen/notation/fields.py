"""Read the values of ABC's fields: key, metre, unit note length and rhythm.

Source: the ABC standard 2.1, sections 3.1.6 (M:), 3.1.7 (L:), 3.1.14 (K:) and 4.6.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from abcgen.errors import NotationError
from abcgen.notation.properties import read_properties
from abcgen.notation.tune import (
    ALTERATIONS,
    FREE_METRE,
    LETTERS,
    MAX_SIGNATURE,
    BarLine,
    Key,
    Metre,
    Mode,
)

MAX_METRE = 64
# How often a section may be played.
MAX_TURNS = 8
_DIGITS_IN_ORDER = re.compile("1?2?3?4?5?6?7?8?")

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
# Other spellings of keys, and how they are read.
_KEY_SPELLINGS = (
    (re.compile('^"(.*)"$'), r"\1"),
    (re.compile("[♭𝄫]"), "b"),
    (re.compile("♯"), "#"),
    (re.compile("♮"), "="),
    (re.compile(r"^([A-G]) ?sharp\b", re.IGNORECASE), r"\1#"),
    (re.compile(r"^([A-G]) ?flat\b", re.IGNORECASE), r"\1b"),
)
# German names of keys. H means nothing else anywhere.
_GERMAN_TONICS = {"H": "B", "Es": "Eb", "As": "Ab"}
# M is a typing error for m. Every program takes n for minor, though it could mean major.
_AMBIGUOUS_MODES = frozenset({"M", "n"})
# The klezmer scale: phrygian with a major third.
_FREYGISH = re.compile(r"fr(?:ey|ei)g", re.IGNORECASE)
_METRE_WORDS = {"cut": "C|", "common": "C", "free": "none", "frei": "none"}
# Words after a metre, which say what kind of tune it is.
_METRE = re.compile(r"(?P<metre>C\|?|[\d+/()=\s]+?|[A-Za-z]+)(?P<words>(?:\s+\(?[A-Za-z]{2,}\)?)*)")
# A second field after the value of the first.
_SECOND_FIELD = re.compile(r'^((?:"[^"]*"|[^"])*?)\s([KLMQR]:.*)', re.DOTALL)
_BAR_LINE = re.compile(r"[:\[]?\|.*", re.DOTALL)


def read_key(value: str, *, line: int = 0, current: Key | None = None) -> Key:
    """Return the key that a ``K:`` field names; what it says about the staff is ignored.

    Args:
        value: The field's text after ``K:``.
        line: Its line in the file, for the error.
        current: The key in force, which a field that only names a clef does not change.

    Raises:
        NotationError: if it names no known key.
    """
    text = _plain_key(value)
    if not text and current:
        return current
    if text in {"", "none"}:
        return Key()
    if text in {"HP", "Hp"}:
        return _HIGHLAND_PIPES
    # Accidentals alone, or after ``none``, are the whole signature.
    accidentals = text.removeprefix("none").strip()
    if _EXTRA_ACCIDENTAL.match(accidentals):
        return Key(extra=_extra_accidentals(accidentals, value, line))
    match = _KEY.fullmatch(text)
    if not match:
        raise NotationError("key not understood", line=line, text=value)

    # 1) The tonic and the mode. After ``exp`` the signature is spelled out.
    word, extra_text = match["mode"], match["extra"]
    freygish = bool(_FREYGISH.match(word))
    if word in _AMBIGUOUS_MODES:
        mode = Mode.MINOR
    elif word.lower() == "exp":
        mode = Mode.MAJOR
    elif freygish:
        mode = Mode.PHRYGIAN
    elif word.lower()[:3] in MODES:
        mode = MODES[word.lower()[:3]]
    else:
        raise NotationError("mode not understood", line=line, text=value)
    key = Key(match["letter"], ALTERATIONS[match["alter"]], mode)
    if abs(key.fifths) > MAX_SIGNATURE:
        raise NotationError("key with more than seven sharps or flats", line=line, text=value)

    # 2) Extra accidentals.
    extra = _extra_accidentals(extra_text.replace("exp", "", 1), value, line)
    if "exp" in {word.lower(), extra_text.strip()[:3]}:
        # The signature has these accidentals and no others: cancel those of the mode.
        named = {letter for letter, _ in extra}
        signature = key.signature.items()
        extra += tuple((letter, 0) for letter, alter in signature if alter and letter not in named)
    if freygish:
        third = LETTERS[(LETTERS.index(key.letter) + 2) % 7]
        extra += ((third, key.signature[third] + 1),)
    return replace(key, extra=extra)


def _plain_key(value: str) -> str:
    """Return the text of a key without what it says about the staff, in its usual spelling."""
    if value.isalpha() and value.isascii() and len(value) <= 2:
        return _GERMAN_TONICS.get(value, value)
    text = read_properties(value)[1]
    for spelling, plain in _KEY_SPELLINGS:
        text = spelling.sub(plain, text)
    return _GERMAN_TONICS.get(text, text)


def _extra_accidentals(text: str, value: str, line: int) -> tuple[tuple[str, int], ...]:
    if _EXTRA_ACCIDENTAL.sub("", text).strip(" ,"):
        raise NotationError("key not understood", line=line, text=value)
    return tuple(
        (letter.upper(), ALTERATIONS[accidental])
        for accidental, letter in _EXTRA_ACCIDENTAL.findall(text)
    )


def names_tonic_only(value: str) -> bool:
    """Return whether a ``K:`` field leaves the mode to the standard's default, major."""
    return bool(re.fullmatch(r"[A-G][#b]?", _plain_key(value)))


def second_field(value: str) -> tuple[str, str]:
    """Return the value of a field and the field that follows it on the same line, if any."""
    match = _SECOND_FIELD.match(value)
    return (match[1].rstrip(), match[2]) if match else (value.rstrip(), "")


def split_key_line(value: str) -> tuple[str, str]:
    """Return the value of a ``K:`` field and the music after it, from its first bar line on."""
    bar = _BAR_LINE.search(value)
    return (value[: bar.start()].rstrip(), bar[0]) if bar else (value, "")


def read_metre(value: str, *, line: int = 0) -> Metre:
    """Return the metre that an ``M:`` field names.

    Raises:
        NotationError: if it names no known metre.
    """
    value = " ".join(value.split())
    match = _METRE.fullmatch(value.rstrip("]"))
    text = re.sub(r"\s", "", match["metre"] if match else value)
    text = _METRE_WORDS.get(text.lower(), text)
    if text in METRE_SYMBOLS:
        return METRE_SYMBOLS[text]
    # FREI is the Essen collection's word for free metre.
    if text.lower() in {"", "none"} or text.startswith("FREI"):
        return FREE_METRE
    # ``9/8=2+2+2+3/8`` names a metre and its groups.
    fractions = [
        re.fullmatch(r"\(?(\d+(?:\+\d+)*)\)?/(\d+)", part)
        for part in re.split(r"(?<=/\d)\+|(?<=/\d\d)\+", text.partition("=")[0])
    ]
    parts = [
        (sum(int(number[:4]) for number in part[1].split("+")), int(part[2][:4]))
        for part in fractions
        if part
    ]
    units = {unit for _, unit in parts}
    if len(parts) < len(fractions) or not units <= {1, 2, 4, 8, 16, 32, 64}:
        raise NotationError("metre not understood", line=line, text=value)
    unit = max(units)
    beats = sum(number * (unit // own) for number, own in parts)
    if not 0 < beats <= MAX_METRE:
        raise NotationError("metre not understood", line=line, text=value)
    return Metre(beats, unit)


def field_repair(name: str, value: str) -> str:
    """Return a remark if a ``K:`` or ``M:`` field had to be corrected to be read, else ``""``."""
    if name == "M":
        match = _METRE.fullmatch(" ".join(value.split()))
        if value.endswith("]") or (match and match["words"]):
            return f"M:{value} read as {read_metre(value)}"
    if name == "K":
        plain = _plain_key(value)
        match = _KEY.fullmatch(plain)
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


def read_bar_line(before: str, line: str) -> BarLine:
    """Return the bar line that is written as ``line``, after the repeat sign ``before`` if any."""
    if before:
        return BarLine.REPEAT
    if line in {"|", "[|]"}:
        return BarLine.SINGLE
    return BarLine.FINAL if line.endswith("]") else BarLine.DOUBLE


def read_ending(value: str) -> tuple[tuple[int, ...], str]:
    """Return the numbers of an ending, none if they are not understood, and a remark if need be."""
    numbers: list[int] = []
    remark = ""
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", value):
        if _DIGITS_IN_ORDER.fullmatch(first) and int(first) > MAX_TURNS and not last:
            # ``[12`` is the first and second time.
            numbers.extend(map(int, first))
            remark = f"ending {first} read as {','.join(first)}"
        else:
            numbers.extend(range(int(first[:3]), int((last or first)[:3]) + 1))
    if not 1 <= len(numbers) <= MAX_TURNS or not 1 <= min(numbers) <= max(numbers) <= MAX_TURNS:
        return (), ""
    return tuple(numbers), remark


def default_unit(metre: Metre) -> Fraction:
    """Return the unit note length where ``L:`` is missing: 1/16 in metres below 3/4, else 1/8."""
    short = not metre.is_free and metre.bar_duration < Fraction(3, 4)
    return Fraction(1, 16) if short else Fraction(1, 8)


def rhythm_named(words: str) -> str:
    """Return the entry of ``RHYTHMS`` that an ``R:`` field names, or ``""`` if it names none."""
    name = re.sub(r"[^a-z]+", " ", words.lower()).strip().removesuffix("s")
    name = _RHYTHM_ALIASES.get(name, name)
    return name if name in RHYTHMS else ""
