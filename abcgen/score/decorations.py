"""Decorations and chord symbols as music21's objects.

The names are those of the ABC standard 2.1, section 4.14. A name that is in no table here prints
nothing and is kept in the tune.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from abcgen.score.harmony import chord_kind
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from abcgen.notation.tune import ChordSymbol, Root

music21 = LazyModule("music21")

ARTICULATIONS = {
    "staccato": "Staccato",
    "wedge": "Staccatissimo",
    "tenuto": "Tenuto",
    "accent": "Accent",
    "marcato": "StrongAccent",
    "^": "StrongAccent",
    "upbow": "UpBow",
    "downbow": "DownBow",
    "open": "OpenString",
    "thumb": "StringThumbPosition",
    "plus": "Stopped",
    "breath": "BreathMark",
}
EXPRESSIONS = {
    "fermata": ("Fermata", "upright"),
    "invertedfermata": ("Fermata", "inverted"),
    "trill": ("Trill", None),
    "lowermordent": ("Mordent", None),
    "uppermordent": ("InvertedMordent", None),
    "turn": ("Turn", None),
    "invertedturn": ("InvertedTurn", None),
    "turnx": ("Turn", None),
    "invertedturnx": ("InvertedTurn", None),
    # MusicXML has no symbol for the Irish roll; the turn is the nearest one.
    "roll": ("Turn", None),
    "arpeggio": ("ArpeggioMark", None),
}
DYNAMICS = frozenset({"pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff", "sfz"})
JUMP_MARKS = {"segno": "Segno", "coda": "Coda"}
WORDS = {"fine": "Fine", "D.C.": "D.C.", "D.S.": "D.S.", "dacoda": "To Coda"}
FINGERS = frozenset("012345")
HAIRPINS = {"crescendo": "Crescendo", "diminuendo": "Diminuendo"}
# After the letter of a pitch's name; in music21 a flat is a minus sign.
PITCH_MODIFIERS = {-2: "--", -1: "-", 0: "", 1: "#", 2: "##"}


def decorate(note: Any, names: tuple[str, ...]) -> None:
    """Add the symbols that belong to a note to a music21 note, chord or rest."""
    for name in names:
        if name in ARTICULATIONS:
            note.articulations.append(getattr(music21.articulations, ARTICULATIONS[name])())
        elif name in FINGERS:
            note.articulations.append(music21.articulations.Fingering(int(name)))
        elif name in EXPRESSIONS:
            kind, shape = EXPRESSIONS[name]
            expression = getattr(music21.expressions, kind)()
            if shape:
                expression.type = shape
            note.expressions.append(expression)


def directions_of(names: tuple[str, ...]) -> list[Any]:
    """Return dynamics, segno, coda and words: symbols above or below the staff at a note."""
    directions: list[Any] = []
    for name in names:
        if name in DYNAMICS:
            directions.append(music21.dynamics.Dynamic(name))
        elif name in JUMP_MARKS:
            directions.append(getattr(music21.repeat, JUMP_MARKS[name])())
        elif name in WORDS:
            words = music21.expressions.TextExpression(WORDS[name])
            words.placement = "above"
            directions.append(words)
    return directions


def hairpins_of(decorated: list[tuple[Any, tuple[str, ...]]]) -> list[Any]:
    """Return the crescendos and diminuendos of a part, from its notes with their decorations."""
    opened: dict[str, Any] = {}
    hairpins: list[Any] = []
    for note, names in decorated:
        for name, kind in HAIRPINS.items():
            if f"{name})" in names and name in opened:
                hairpins.append(getattr(music21.dynamics, kind)(opened.pop(name), note))
            if f"{name}(" in names:
                opened[name] = note
    return hairpins


def chord_symbol_of(symbol: ChordSymbol) -> Any:
    """Return a chord symbol that prints the tune's text and means what players understand by it.

    It is put together by hand: music21 takes milliseconds to parse a figure.
    """
    result = music21.harmony.ChordSymbol()
    root = _pitch(symbol.root)
    bass = _pitch(symbol.bass) if symbol.bass else root
    result.pitches = (root,) if bass == root else (bass, root)
    result.root(root)
    result.bass(bass)
    # music21 would work out the inversion from these two notes, and get nonsense.
    result.inversion(0, transposeOnSet=False)
    result.chordKind = chord_kind(symbol.kind).name
    result.chordKindStr = symbol.kind
    return result


@lru_cache(maxsize=64)
def _pitch(root: Root) -> Any:
    letter, alter = root
    return music21.pitch.Pitch(f"{letter}{PITCH_MODIFIERS[alter]}3")
