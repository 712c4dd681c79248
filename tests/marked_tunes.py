"""Tunes with marks of every kind and with two voices."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from abcgen.notation.tune import Bar, Marks, Note, Pitch, Rest, Tune, Voice, read_chord_symbol
from tests.tunes import JIG


def with_marks(tune: Tune, marks: dict[tuple[int, int], Marks]) -> Tune:
    """Add marks to some notes, by bar and item counted from 0."""
    bars = list(tune.bars)
    for (bar, index), mark in marks.items():
        items = list(bars[bar].items)
        item = items[index]
        assert isinstance(item, Note | Rest)
        items[index] = replace(item, marks=mark)
        bars[bar] = replace(bars[bar], items=tuple(items))
    return replace(tune, bars=tuple(bars))


def at(chord: str = "", *decorations: str, grace: tuple[Pitch, ...] = ()) -> Marks:
    symbol = read_chord_symbol(chord)
    return Marks((symbol,) if symbol else (), decorations, grace)


MARKED = with_marks(
    JIG,
    {
        (1, 0): at("D", "roll", "segno"),
        (1, 3): at("F#m7", "staccato", grace=(Pitch(31, 1), Pitch(32))),
        (2, 0): at("Bb", "trill"),
        (2, 2): at("Am7add11", "upbow"),
        (3, 0): at("D/F#", "downbow", "crescendo("),
        (3, 3): at("", "crescendo)", grace=(Pitch(35),)),
        (4, 0): at("G7", "accent", "mf"),
        (4, 3): at("", "fermata"),
        (5, 0): at("A7sus4", "tenuto", "3"),
        (6, 1): at("", "uppermordent"),
        (9, 0): at("", "fine"),
        (18, 0): at("Ebmaj7", "D.S."),
    },
)
LOW_NOTES = Bar((Note((Pitch(15),), Fraction(3, 8)), Note((Pitch(19),), Fraction(3, 8))))
DUET = replace(
    MARKED,
    title="A duet",
    voice="Melody",
    others=(Voice("Bass", (Bar((Rest(Fraction(1, 8)),)), *[LOW_NOTES] * 12)),),
)
