"""The symbols for the player in MusicXML: chord symbols, decorations, directions.

Names of decorations are those of the ABC standard 2.1, section 4.14.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from abcgen.notation.tune import LETTERS, NAME_ACCIDENTALS, Pitch, read_chord_symbol
from abcgen.score.marks import CHORD_KINDS, DYNAMICS, chord_kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

    from abcgen.notation.tune import ChordSymbol

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
# What else they may hold, in the words of a remark.
_PASSED_OVER = {
    "slur": "slurs",
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
    "metronome": "tempo marks",
    "rehearsal": "rehearsal marks",
    "octave-shift": "octave lines (what sounds is written)",
    "pedal": "pedal marks",
    "dashes": "dashes",
    "bracket": "brackets",
}
_JUMPS = {
    "dacapo": "D.C.",
    "dalsegno": "D.S.",
    "tocoda": "dacoda",
    "fine": "fine",
    "segno": "segno",
    "coda": "coda",
}
# What words over the staff say of the way through the piece.
_JUMP_WORDS = (
    (re.compile(r"d\.? ?c\.?\b|da capo", re.IGNORECASE), "D.C."),
    (re.compile(r"d\.? ?s\.?\b|dal segno", re.IGNORECASE), "D.S."),
    (re.compile(r"to coda", re.IGNORECASE), "dacoda"),
    (re.compile(r"fine\.?", re.IGNORECASE), "fine"),
)
# Those that close what they refer to.
HAIRPIN_END = "hairpin)"  # of either kind
CLOSING = frozenset(("D.C.", "D.S.", "dacoda", "fine"))


def chord_symbol_in(element: Element, moved: Callable[[Pitch], Pitch]) -> ChordSymbol | None:
    """Return the chord that a ``harmony`` element names, or None if it names none.

    Args:
        element: The element.
        moved: Returns the pitch that sounds where another is written.
    """
    root = _root(element.find("root"), "root", moved)
    if not root:
        return None
    bass = _root(element.find("bass"), "bass", moved)
    kind = element.find("kind")
    name = "" if kind is None else (kind.text or "").strip()
    shown = [each for each in element.findall("degree") if each.get("print-object") != "no"]
    degrees = "".join(map(_degree, shown))
    slash = f"/{bass}" if bass else ""
    plain = _KINDS.get(name, "")
    printed = plain if kind is None else kind.get("text", plain).strip()
    # As it is printed, if that names a chord of the same kind; else by its kind.
    texts = [f"{plain}{degrees}", plain]
    if chord_kind(printed).name in {name, "other"}:
        texts.insert(0, f"{printed}{degrees}")
    symbols = (read_chord_symbol(f"{root}{text}{slash}") for text in texts)
    return next(filter(None, symbols), None)


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
            elif tag == "fingering":
                names.append((child.text or "").strip())
            elif tag in _DECORATIONS:
                names.append(_DECORATIONS[tag])
            elif tag in DYNAMICS:
                names.append(tag)
            elif tag in _PASSED_OVER:
                count(passed_over, _PASSED_OVER[tag])
    return [name for name in names if len(name) > 1 or name in set("012345pf")]


def directions_in(element: Element, passed_over: dict[str, int]) -> list[str]:
    """Return the decorations that a ``direction`` or ``sound`` element stands for."""
    names: list[str] = []
    for kind in element.findall("direction-type"):
        for child in kind:
            tag = child.tag
            if tag == "dynamics":
                names += [level.tag for level in child if level.tag in DYNAMICS]
            elif tag == "wedge":
                names += _hairpin(child)
            elif tag in {"segno", "coda"}:
                names.append(tag)
            elif tag == "words":
                words = (child.text or "").strip()
                jumps = [name for form, name in _JUMP_WORDS if form.match(words)]
                names += jumps[:1]
                if words and not jumps:
                    count(passed_over, "words above the staff")
            else:
                count(passed_over, _DIRECTIONS.get(tag, "other signs"))
    # What it sounds as, where no sign or word says it.
    sound = element if element.tag == "sound" else element.find("sound")
    if sound is not None and not set(names) & set(_JUMPS.values()):
        names += [name for attribute, name in _JUMPS.items() if sound.get(attribute)]
    return names


def _hairpin(element: Element) -> list[str]:
    kind = element.get("type", "")
    if kind in {"crescendo", "diminuendo"}:
        return [f"{kind}("]
    return [HAIRPIN_END] if kind == "stop" else []


def count(passed_over: dict[str, int], what: str) -> None:
    """Count something that is not kept."""
    passed_over[what] = passed_over.get(what, 0) + 1
