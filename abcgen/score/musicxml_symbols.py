"""The symbols for the player in MusicXML: chord symbols, decorations, directions.

Names of decorations are those of the ABC standard 2.1, section 4.14.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError
from abcgen.notation.tune import LETTERS, NAME_ACCIDENTALS, ChordSymbol, Pitch, chord_symbol_named
from abcgen.notation.words import Annotation, Syllable, Tempo, plain_text
from abcgen.score.marks import CHORD_KINDS, DYNAMICS, chord_kind
from abcgen.score.playback import USUAL_TEMPO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree.ElementTree import Element


UNDOTTED = {
    "maxima": Fraction(8),
    "long": Fraction(4),
    "breve": Fraction(2),
    "whole": Fraction(1),
    "half": Fraction(1, 2),
    "quarter": Fraction(1, 4),
    "eighth": Fraction(1, 8),
    **{f"{parts}th": Fraction(1, parts) for parts in (16, 64, 128, 256, 512, 1024)},
    "32nd": Fraction(1, 32),
}
MAX_DOTS = 4
_NUMBER = re.compile(r"\s*([+-]?\d{1,9}(?:\.\d{1,6})?)\s*")

_KINDS = {kind.name: text for text, kind in CHORD_KINDS.items()} | {
    "minor-11th": "m11",
    "minor-13th": "m13",
    "major-11th": "maj11",
    "major-13th": "maj13",
}
_DEGREES = {"add": "add", "subtract": "omit", "alter": ""}
_DEGREE_ALTERS = {"-1": "b", "0": "", "1": "#", "": ""}

# Elements within ``notations`` by the decoration that they are.
_DECORATIONS = {
    "accent": "accent",
    "arpeggiate": "arpeggio",
    "breath-mark": "breath",
    "delayed-inverted-turn": "invertedturn",
    "delayed-turn": "turn",
    "down-bow": "downbow",
    "inverted-mordent": "uppermordent",
    "inverted-turn": "invertedturn",
    "mordent": "lowermordent",
    "open-string": "open",
    "staccatissimo": "wedge",
    "staccato": "staccato",
    "stopped": "plus",
    "strong-accent": "marcato",
    "tenuto": "tenuto",
    "thumb-position": "thumb",
    "trill-mark": "trill",
    "turn": "turn",
    "up-bow": "upbow",
}
FINGERS = {*"012345"}
# What else they may hold, in the words of a remark.
_PASSED_OVER = {
    "fingering": "fingerings",
    "glissando": "glissandi",
    "tremolo": "tremolos",
    "harmonic": "harmonics",
    "pluck": "plucking fingers",
    "bend": "bends",
    "hammer-on": "hammer-ons",
    "pull-off": "pull-offs",
    "other-notation": "other signs",
    "wavy-line": "wavy lines",
    "non-arpeggiate": "brackets",
    **dict.fromkeys(("slide", "schleifer", "doit", "falloff", "plop", "scoop"), "slides"),
}
_DIRECTIONS = {
    "pedal": "pedal marks",
    "dashes": "dashes",
    "bracket": "brackets",
}
_SOUNDS = {
    "dacapo": "D.C.",
    "dalsegno": "D.S.",
    "tocoda": "dacoda",
    "fine": "fine",
    "segno": "segno",
    "coda": "coda",
}
# What words over the staff say of the way through the piece.
_JUMP_WORDS = tuple(
    (re.compile(form, re.IGNORECASE), name)
    for form, name in (
        (r"(d\.? ?c\.?|da capo) al fine\b", "D.C.alfine"),
        (r"(d\.? ?c\.?|da capo) al coda\b", "D.C.alcoda"),
        (r"(d\.? ?s\.?|dal segno) al fine\b", "D.S.alfine"),
        (r"(d\.? ?s\.?|dal segno) al coda\b", "D.S.alcoda"),
        (r"(d\. ?c\.|d\.?c\b|da capo)", "D.C."),
        (r"(d\. ?s\.|d\.?s\b|dal segno)", "D.S."),
        (r"to coda\b", "dacoda"),
        (r"fine\.?$", "fine"),
    )
)
JUMPS = frozenset([*(name for _, name in _JUMP_WORDS), *_SOUNDS.values()])
HAIRPIN_END = "hairpin)"  # of either kind
# Octave brackets by the way that their notes are moved on the page, and by their size.
_OCTAVE_BRACKETS = {
    ("down", "8"): "8va",
    ("up", "8"): "8vb",
    ("down", "15"): "15ma",
    ("up", "15"): "15mb",
}
OCTAVE_BRACKET_END = "octave bracket)"  # of any kind
# Those that close what they refer to.
CLOSING = JUMPS - {"segno", "coda"}


def chord_symbol_in(element: Element, moved: Callable[[Pitch], Pitch]) -> ChordSymbol | None:
    """Return the chord that a ``harmony`` element names, or None if it names none.

    Args:
        element: The element.
        moved: Returns the pitch that sounds where another is written.
    """
    kind = element.find("kind")
    name = "" if kind is None else (kind.text or "").strip()
    if kind is not None and name == "none":
        return ChordSymbol(None, text=plain_text(kind.get("text", "")).replace('"', "") or "N.C.")
    root = _root(element.find("root"), "root", moved)
    if not root:
        return None
    bass = _root(element.find("bass"), "bass", moved)
    slash = f"/{bass}" if bass else ""
    shown = [each for each in element.findall("degree") if each.get("print-object") != "no"]
    degrees = "".join(map(_degree, shown))
    plain = _KINDS.get(name, "")
    printed = plain if kind is None else plain_text(kind.get("text", plain)).replace('"', "")
    # As it is printed, if that names a chord of the same kind; else by its kind.
    symbol = chord_symbol_named(f"{root}{printed}{degrees}{slash}")
    if symbol.root and chord_kind(symbol.kind).name in {name, "other"}:
        return symbol
    return chord_symbol_named(f"{root}{plain}{degrees}{slash}")


def _root(element: Element | None, name: str, moved: Callable[[Pitch], Pitch]) -> str:
    """Return the name of a chord's root or bass, or ``""`` if there is none."""
    letter = element.findtext(f"{name}-step", "").strip().upper() if element is not None else ""
    if element is None or len(letter) != 1 or letter not in LETTERS:
        return ""
    alter = element.findtext(f"{name}-alter", "0").strip().removesuffix(".0")
    if alter not in {"-1", "0", "1", ""}:
        return ""
    pitch = moved(Pitch(28 + LETTERS.index(letter), int(alter or 0)))
    if abs(pitch.alter) > 1:
        near = Pitch(pitch.step + (1 if pitch.alter > 0 else -1))
        pitch = Pitch(near.step, pitch.midi - near.midi)
    return pitch.letter + NAME_ACCIDENTALS.get(pitch.alter, "")


def _degree(element: Element) -> str:
    """Return an altered, added or omitted note of a chord in brackets: ``(b5)``, ``(add9)``."""
    value = element.findtext("degree-value", "").strip()
    alter = _DEGREE_ALTERS.get(element.findtext("degree-alter", "").strip(), "")
    kind = _DEGREES.get(element.findtext("degree-type", "").strip(), "")
    if not re.fullmatch(r"\d{1,2}", value):
        return ""
    return f"({'' if alter else kind}{alter}{value})"


def decorations_in(element: Element, passed_over: dict[str, int]) -> list[str]:
    """Return the decorations of a ``note`` element.

    Args:
        element: The element.
        passed_over: What is not kept is counted in it by its name.
    """
    names: list[str] = []
    for notations in element.findall("notations"):
        for child in notations.iter():
            tag = child.tag
            if tag == "fermata":
                names.append("invertedfermata" if child.get("type") == "inverted" else "fermata")
            elif tag == "fingering" and (child.text or "").strip() in FINGERS:
                names.append((child.text or "").strip())
            elif tag in _DECORATIONS:
                names.append(_DECORATIONS[tag])
            elif tag in DYNAMICS:
                names.append(tag)
            elif tag in _PASSED_OVER:
                count(passed_over, _PASSED_OVER[tag])
    return names


def syllables_in(element: Element) -> Iterator[tuple[str, Syllable, bool]]:
    """Yield verse, syllable and whether it is held on, for each ``lyric`` of a ``note`` element."""
    for lyric in element.findall("lyric"):
        verse = lyric.get("number") or lyric.get("name") or "1"
        # Syllables that are drawn together are sung at one note.
        text = plain_text(" ".join(child.text or "" for child in lyric.findall("text")))
        extend = lyric.find("extend")
        is_held = extend is not None and extend.get("type") in {None, "start"}
        if text:
            hyphen = lyric.findtext("syllabic", "").strip() in {"begin", "middle"}
            yield verse, Syllable(text, hyphen), is_held or hyphen


class PartName(NamedTuple):
    """A rehearsal mark."""

    name: str


def directions_in(
    element: Element, passed_over: dict[str, int]
) -> list[str | Annotation | Tempo | PartName]:
    """Return what a ``direction`` or ``sound`` element means: decorations by name, and words.

    Args:
        element: The element.
        passed_over: What is not kept is counted in it by its name.
    """
    marks: list[str | Annotation | Tempo | PartName] = []
    words: list[str] = []
    beats: tuple[Fraction, ...] = ()
    per_minute = 0.0
    for child in (child for kind in element.findall("direction-type") for child in kind):
        tag, text = child.tag, plain_text(child.text or "").replace('"', "'")
        if tag == "dynamics":
            marks += [level.tag for level in child if level.tag in DYNAMICS]
        elif tag == "wedge":
            marks += _hairpin(child)
        elif tag == "octave-shift":
            marks += _octave_bracket(child)
        elif tag in {"segno", "coda"}:
            marks.append(tag)
        elif tag == "metronome":
            beats, per_minute = _metronome(child)
        elif tag == "rehearsal" and text:
            marks.append(PartName(text))
        elif tag == "words":
            jumps = [name for form, name in _JUMP_WORDS if form.match(text)]
            marks += jumps[:1]
            words += [] if jumps or not text else [text]
        else:
            count(passed_over, _DIRECTIONS.get(tag, "other signs"))
    sound = element if element.tag == "sound" else element.find("sound")
    if sound is not None:
        # What it sounds as, where no sign or word says it.
        if not set(marks) & JUMPS:
            marks += [name for attribute, name in _SOUNDS.items() if sound.get(attribute)]
        if sound.get("tempo") and not beats and sound.get("id") != USUAL_TEMPO:
            beats, per_minute = (Fraction(1, 4),), float(number_of(sound.get("tempo", "")))
    if not per_minute:
        place = "_" if element.get("placement") == "below" else "^"
        return [*marks, *(Annotation(place, text) for text in words)]
    return [*marks, Tempo(" ".join(words), beats, per_minute)]


def _metronome(element: Element) -> tuple[tuple[Fraction, ...], float]:
    """Return the beat and the beats a minute of a metronome mark; none if it relates two values."""
    beat = UNDOTTED.get(element.findtext("beat-unit", "").strip())
    number = re.search(r"\d{1,4}(?:\.\d{1,3})?", element.findtext("per-minute", ""))
    if beat is None or number is None or len(element.findall("beat-unit")) != 1:
        return (), 0.0
    dots = min(len(element.findall("beat-unit-dot")), MAX_DOTS)
    return (beat * Fraction(2 ** (dots + 1) - 1, 2**dots),), float(number[0])


def _hairpin(element: Element) -> list[str]:
    kind = element.get("type", "")
    if kind in {"crescendo", "diminuendo"}:
        return [f"{kind}("]
    return [HAIRPIN_END] if kind == "stop" else []


def _octave_bracket(element: Element) -> list[str]:
    kind = element.get("type", "")
    name = _OCTAVE_BRACKETS.get((kind, element.get("size", "8").strip()))
    if name:
        return [f"{name}("]
    return [OCTAVE_BRACKET_END] if kind == "stop" else []


def count(passed_over: dict[str, int], what: str) -> None:
    """Count something that is not kept."""
    passed_over[what] = passed_over.get(what, 0) + 1


def number_in(element: Element, tag: str, default: int | Fraction = 0) -> Fraction:
    """Return the number in a child element, or a default if there is none."""
    text = element.findtext(tag)
    return Fraction(default) if text is None or not text.strip() else number_of(text)


def number_of(text: str) -> Fraction:
    """Return the number that a text holds.

    Raises:
        NotationError: if it holds none, or one of too many digits.
    """
    match = _NUMBER.fullmatch(text)
    if not match:
        raise NotationError("not a number", text=text[:20])
    return Fraction(match[1])
