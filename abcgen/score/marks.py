"""Marks at notes: decorations and chord symbols as music21's objects, and the kinds of chord.

Names of decorations are those of the ABC standard 2.1, section 4.14. A name that is in no table
here prints nothing and stays in the tune.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.notation.tune import LETTERS, NATURAL_SEMITONES
from abcgen.score.additions import LONGEST_WORDS, MARK, tempo_placeholder
from abcgen.score.text import one_line
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import ChordSymbol, Marks, Root

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
WORDS = {
    "fine": "Fine",
    "D.C.": "D.C.",
    "D.S.": "D.S.",
    "dacoda": "To Coda",
    "D.C.alfine": "D.C. al Fine",
    "D.C.alcoda": "D.C. al Coda",
    "D.S.alfine": "D.S. al Fine",
    "D.S.alcoda": "D.S. al Coda",
}
# Strokes through the stem, by their number.
TREMOLOS = {"/": 1, "//": 2, "///": 3, "////": 4}
FINGERS = frozenset("012345")
HAIRPINS = {"crescendo": "Crescendo", "diminuendo": "Diminuendo"}
# Brackets over notes that are printed one octave or two from where they sound.
OCTAVE_BRACKETS = ("8va", "8vb", "15ma", "15mb")
# After the letter of a pitch's name; in music21 a flat is a minus sign.
PITCH_MODIFIERS = {-2: "--", -1: "-", 0: "", 1: "#", 2: "##"}


def decorate(note: Any, names: tuple[str, ...]) -> None:
    """Add the symbols that belong to a note to a music21 note, chord or rest."""
    for name in names:
        if name in ARTICULATIONS:
            note.articulations.append(getattr(music21.articulations, ARTICULATIONS[name])())
        elif name in FINGERS:
            note.articulations.append(music21.articulations.Fingering(int(name)))
        elif name in TREMOLOS:
            tremolo = music21.expressions.Tremolo()
            tremolo.numberOfMarks = TREMOLOS[name]
            note.expressions.append(tremolo)
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
            directions.append(words_above(WORDS[name]))
    return directions


def words_above(text: str, placement: str = "above") -> Any:
    """Return words above the staff, or below it."""
    words = music21.expressions.TextExpression(text)
    words.placement = placement
    return words


def chord_symbols_of(marks: Marks) -> list[Any]:
    """Return the chord symbols of a note."""
    return [chord_symbol_of(symbol) for symbol in marks.chord_symbols]


def words_of(marks: Marks) -> list[Any]:
    """Return the tempo and the annotations of a note."""
    tempo = [words_above(tempo_placeholder(marks.tempo))] if marks.tempo else []
    return tempo + [
        words_above(one_line(text, LONGEST_WORDS), "below" if place == "_" else "above")
        for place, text in marks.annotations
    ]


def sing(notes: Sequence[tuple[Any, Marks | None]]) -> None:
    """Set the lyrics of a part under its music21 notes, in order; rests and grace notes aside."""
    # By verse: whether a word is open, and the syllable that later notes may hold.
    open_words: set[int] = set()
    last: dict[int, Any] = {}
    for note, marks in notes:
        for verse, syllable in enumerate(marks.lyrics if marks else (), start=1):
            if syllable is None:
                continue
            text = one_line(syllable.text, LONGEST_WORDS)
            if not text:
                if not syllable.hyphen and verse in last and not last[verse].text.endswith(MARK):
                    last[verse].text += MARK
                continue
            goes_on, ends = syllable.hyphen, verse in open_words
            kind = ("middle" if goes_on else "end") if ends else "begin" if goes_on else "single"
            lyric = music21.note.Lyric(text, number=verse, syllabic=kind, applyRaw=True)
            note.lyrics.append(lyric)
            last[verse] = lyric
            (open_words.add if goes_on else open_words.discard)(verse)


def slurs_of(notes: Sequence[tuple[Any, Marks | None]]) -> list[Any]:
    """Return the slurs of a part, from its notes with their marks."""
    opened: list[Any] = []
    slurs: list[Any] = []
    for note, marks in notes:
        if marks:
            ends = min(marks.slur_ends, len(opened))
            slurs += [music21.spanner.Slur(opened.pop(), note) for _ in range(ends)]
            opened += [note] * marks.slur_starts
    return slurs


def hairpins_of(notes: Sequence[tuple[Any, Marks | None]]) -> list[Any]:
    """Return the crescendos and diminuendos of a part, from its notes with their marks."""
    return [
        getattr(music21.dynamics, kind)(begin, end)
        for name, kind in HAIRPINS.items()
        for begin, *_, end in _between(name, notes, least=2)
    ]


def octave_brackets_of(notes: Sequence[tuple[Any, Marks | None]]) -> list[Any]:
    """Return the octave brackets of a part, from its notes with their marks."""
    return [
        music21.spanner.Ottava(*span, type=name, transposing=False)
        for name in OCTAVE_BRACKETS
        for span in _between(name, notes, least=1)
    ]


def pedals_of(notes: Sequence[tuple[Any, Marks | None]]) -> list[Any]:
    """Return the pedal marks of a part, each held until the next ``ped`` or ``ped-up``."""
    pedals: list[Any] = []
    held: list[Any] = []
    for note, marks in notes:
        names = marks.decorations if marks else ()
        if held and {"ped", "ped-up"}.intersection(names):
            pedals.append(music21.expressions.PedalMark(held))
            held = []
        if held or "ped" in names:
            held.append(note)
    return [*pedals, music21.expressions.PedalMark(held)] if held else pedals


def _between(
    name: str, notes: Sequence[tuple[Any, Marks | None]], least: int
) -> Iterator[list[Any]]:
    """Yield the notes from each decoration ``name(`` to ``name)``, if they are enough."""
    opened: list[Any] = []
    for note, marks in notes:
        names = marks.decorations if marks else ()
        ends = f"{name})" in names
        if opened:
            opened.append(note)
        # At the note where one ends the next may begin.
        if ends and len(opened) >= least:
            yield opened
            opened, ends = [], False
        if f"{name}(" in names:
            opened = [note]
            if ends and least == 1:
                yield opened
                opened = []


def chord_symbol_of(symbol: ChordSymbol) -> Any:
    """Return a music21 chord symbol that prints the tune's text.

    It is assembled by hand, because music21 takes milliseconds to parse one.
    """
    if not symbol.root:
        # The text of a chord that is none, as MusicXML writes ``N.C.``.
        text = one_line(str(symbol).replace("\\n", " "), LONGEST_WORDS)
        return music21.harmony.NoChord(text)
    result = music21.harmony.ChordSymbol()
    root = _pitch(symbol.root)
    bass = _pitch(symbol.bass) if symbol.bass else root
    result.pitches = (root,) if bass == root else (bass, root)
    result.root(root)
    result.bass(bass)
    # From these two notes music21 would infer a wrong inversion.
    result.inversion(0, transposeOnSet=False)
    result.chordKind = chord_kind(symbol.kind).name
    result.chordKindStr = one_line(symbol.kind)
    return result


@lru_cache(maxsize=64)
def _pitch(root: Root) -> Any:
    letter, alter = root
    return music21.pitch.Pitch(f"{letter}{PITCH_MODIFIERS[alter]}3")


class ChordKind(NamedTuple):
    """A kind of chord."""

    # The name in MusicXML's ``kind`` element.
    name: str
    # The notes, in semitones above the root.
    semitones: tuple[int, ...]


CHORD_KINDS = {
    "": ChordKind("major", (0, 4, 7)),
    "m": ChordKind("minor", (0, 3, 7)),
    "+": ChordKind("augmented", (0, 4, 8)),
    "dim": ChordKind("diminished", (0, 3, 6)),
    "5": ChordKind("power", (0, 7)),
    "7": ChordKind("dominant", (0, 4, 7, 10)),
    "maj7": ChordKind("major-seventh", (0, 4, 7, 11)),
    "m7": ChordKind("minor-seventh", (0, 3, 7, 10)),
    "mmaj7": ChordKind("major-minor", (0, 3, 7, 11)),
    "dim7": ChordKind("diminished-seventh", (0, 3, 6, 9)),
    "m7b5": ChordKind("half-diminished", (0, 3, 6, 10)),
    "+7": ChordKind("augmented-seventh", (0, 4, 8, 10)),
    "6": ChordKind("major-sixth", (0, 4, 7, 9)),
    "m6": ChordKind("minor-sixth", (0, 3, 7, 9)),
    "9": ChordKind("dominant-ninth", (0, 4, 7, 10, 14)),
    "maj9": ChordKind("major-ninth", (0, 4, 7, 11, 14)),
    "m9": ChordKind("minor-ninth", (0, 3, 7, 10, 14)),
    "11": ChordKind("dominant-11th", (0, 7, 10, 14, 17)),
    "13": ChordKind("dominant-13th", (0, 4, 7, 10, 14, 21)),
    "sus2": ChordKind("suspended-second", (0, 2, 7)),
    "sus4": ChordKind("suspended-fourth", (0, 5, 7)),
}
# Other spellings of the same kinds.
_SPELLINGS = {
    "M": "",
    "maj": "",
    "major": "",
    "min": "m",
    "-": "m",
    "aug": "+",
    "o": "dim",
    "\u00b0": "dim",
    "M7": "maj7",
    "min7": "m7",
    "-7": "m7",
    "o7": "dim7",
    "\u00b07": "dim7",
    "\u00f8": "m7b5",
    "\u00f87": "m7b5",
    "aug7": "+7",
    "7+": "+7",
    "mM7": "mmaj7",
    "sus": "sus4",
    "min6": "m6",
    "min9": "m9",
    "M9": "maj9",
    "mi": "m",
    "mi7": "m7",
    "Min": "m",
    "Maj": "",
    "ma7": "maj7",
    "Maj7": "maj7",
    "\u0394": "maj7",
    "\u03947": "maj7",
    "\u2206": "maj7",
    "\u22067": "maj7",
    "6/9": "6",
}
# Every known name, the longest first.
_BASES = sorted({**CHORD_KINDS, **dict.fromkeys(_SPELLINGS)}, key=len, reverse=True)


def chord_kind(text: str) -> ChordKind:
    """Return the kind of chord that is written after the root of a chord symbol, such as ``m7``.

    An unknown one is called ``other`` in MusicXML, and played as the longest known kind that it
    begins with: ``m7add11`` as ``m7``.
    """
    plain = re.sub(r"[\s(),]", "", text)
    known = CHORD_KINDS.get(_SPELLINGS.get(plain, plain))
    if known:
        return known
    base = next(name for name in _BASES if plain.startswith(name))
    return ChordKind("other", CHORD_KINDS[_SPELLINGS.get(base, base)].semitones)


def pitch_class(root: Root) -> int:
    """Return the semitones of a root above C, 0 to 11."""
    letter, alter = root
    return (NATURAL_SEMITONES[LETTERS.index(letter)] + alter) % 12
