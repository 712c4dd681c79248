"""What stands at the notes for the player, as music21's signs: decorations and chord symbols.

The names are those of the ABC standard 2.1, section 4.14. A name that has no sign here prints
nothing and is kept in the tune.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from abcgen.score.harmony import kind_of
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
    # The Irish roll has no sign of its own in MusicXML; the turn is the nearest one.
    "roll": ("Turn", None),
    "arpeggio": ("ArpeggioMark", None),
}
DYNAMICS = frozenset({"pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff", "sfz"})
BEFORE = {"segno": "Segno", "coda": "Coda"}
WORDS = {"fine": "Fine", "D.C.": "D.C.", "D.S.": "D.S.", "dacoda": "To Coda"}
FINGERS = frozenset("012345")
HAIRPINS = {"crescendo": "Crescendo", "diminuendo": "Diminuendo"}
ALTER_NAMES = {-2: "--", -1: "-", 0: "", 1: "#", 2: "##"}


def decorate(note: Any, names: tuple[str, ...]) -> None:
    """Put the signs that belong to a note on it.

    Args:
        note: A music21 note, chord or rest.
        names: Decorations.
    """
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


def signs_beside(names: tuple[str, ...]) -> list[Any]:
    """The signs that stand at a note's place, above or below the staff."""
    signs: list[Any] = []
    for name in names:
        if name in DYNAMICS:
            signs.append(music21.dynamics.Dynamic(name))
        elif name in BEFORE:
            signs.append(getattr(music21.repeat, BEFORE[name])())
        elif name in WORDS:
            words = music21.expressions.TextExpression(WORDS[name])
            words.placement = "above"
            signs.append(words)
    return signs


def hairpins_of(decorated: list[tuple[Any, tuple[str, ...]]]) -> list[Any]:
    """Crescendos and diminuendos, from the note that opens each to the one that closes it.

    Args:
        decorated: Every note of a part with its decorations, in order.
    """
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
    """A chord symbol that prints what the tune says and means what players understand by it.

    It is put together by hand: music21's own reading of a figure takes milliseconds.
    """
    sign = music21.harmony.ChordSymbol()
    root = _pitch(symbol.root)
    bass = _pitch(symbol.bass) if symbol.bass else root
    sign.pitches = (root,) if bass == root else (bass, root)
    sign.root(root)
    sign.bass(bass)
    sign.inversion(0, transposeOnSet=False)  # worked out from these notes it would be nonsense
    sign.chordKind = kind_of(symbol.kind).name
    sign.chordKindStr = symbol.kind
    return sign


@lru_cache(maxsize=64)
def _pitch(root: Root) -> Any:
    letter, alter = root
    return music21.pitch.Pitch(f"{letter}{ALTER_NAMES[alter]}3")
