"""Random tunes whose bars add up."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import strategies as st

from abcgen.notation.tune import (
    Bar,
    BarLine,
    ChordSymbol,
    Item,
    Key,
    Marks,
    Metre,
    Mode,
    Note,
    Pitch,
    Rest,
    Tune,
    Tuplet,
    Voice,
)

# How a beat may be divided, in parts of the beat; a tuple within stands for a tuplet.
SIMPLE_CELLS = ["1", "1/2 1/2", "3/4 1/4", "1/4 3/4", "1/4 1/4 1/2", "(3 1/2 1/2 1/2)", "(5 1/2 *)"]
COMPOUND_CELLS = ["1", "1/3 1/3 1/3", "2/3 1/3", "1/3 2/3", "1/2 1/6 1/3", "(2 1/3 1/3)"]
METRES = [Metre(4, 4), Metre(4, 4, "C"), Metre(2, 2, "C|"), Metre(3, 4), Metre(2, 4), Metre(6, 8)]
METRES += [Metre(9, 8), Metre(12, 8), Metre(3, 8)]
NORMAL = {2: 3, 3: 2, 5: 2}


def pitches() -> st.SearchStrategy[Pitch]:
    return st.builds(Pitch, st.integers(24, 44), st.sampled_from([0, 0, 0, 1, -1, 2, -2]))


def chords() -> st.SearchStrategy[tuple[Pitch, ...]]:
    several = st.lists(pitches(), min_size=2, max_size=3, unique_by=lambda pitch: pitch.step // 2)
    return st.one_of(*[pitches().map(lambda pitch: (pitch,))] * 5, several.map(tuple))


@st.composite
def singles(draw: st.DrawFn, duration: Fraction) -> Note | Rest:
    kind = draw(st.integers(0, 11))
    if kind == 0:
        return Rest(duration, visible=draw(st.booleans()))
    return Note(draw(chords()), duration, tied=kind == 1)


@st.composite
def cells(draw: st.DrawFn, beat: Fraction, *, compound: bool) -> list[Item]:
    text = draw(st.sampled_from(COMPOUND_CELLS if compound else SIMPLE_CELLS))
    if not text.startswith("("):
        return [draw(singles(beat * Fraction(part))) for part in text.split()]
    actual = int(text[1])
    length = beat / NORMAL[actual]
    return [Tuplet(actual, NORMAL[actual], tuple(draw(singles(length)) for _ in range(actual)))]


@st.composite
def full_bars(draw: st.DrawFn, metre: Metre) -> tuple[Item, ...]:
    beat = Fraction(3, metre.unit) if metre.is_compound else Fraction(1, metre.unit)
    beats = int(metre.bar_duration / beat)
    long = draw(st.integers(0, beats))  # a bar may open with one long note
    items: list[Item] = [draw(singles(beat * long))] if long else []
    for _ in range(beats - long):
        items += draw(cells(beat, compound=metre.is_compound))
    return tuple(items)


@st.composite
def tunes(draw: st.DrawFn) -> Tune:
    metre = draw(st.sampled_from(METRES))
    letter, alter = draw(st.sampled_from([("D", 0), ("G", 0), ("B", -1), ("F", 1), ("A", 0)]))
    key = Key(letter, alter, draw(st.sampled_from([Mode.MAJOR, Mode.MINOR, Mode.DORIAN])))
    bars: list[Bar] = []
    if draw(st.booleans()):
        bars.append(Bar((draw(singles(Fraction(1, metre.unit))),)))
    for _ in range(draw(st.integers(1, 2))):
        bars += draw(sections(metre))
    if bars[-1].line is not BarLine.REPEAT:
        bars[-1] = replace(bars[-1], line=BarLine.FINAL)
    return Tune(with_true_ties(tuple(bars)), key, metre, "Any tune", "reel")


@st.composite
def sections(draw: st.DrawFn, metre: Metre) -> list[Bar]:
    bars = [Bar(draw(full_bars(metre))) for _ in range(draw(st.integers(1, 3)))]
    repeated = draw(st.booleans())
    bars[0] = replace(bars[0], repeat_start=repeated)
    bars[-1] = replace(bars[-1], line=BarLine.REPEAT if repeated else BarLine.DOUBLE)
    if repeated and draw(st.booleans()):
        first = Bar(draw(full_bars(metre)), line=BarLine.REPEAT, ending=(1,))
        second = Bar(draw(full_bars(metre)), line=BarLine.DOUBLE, ending=(2,))
        bars[-1] = replace(bars[-1], line=BarLine.SINGLE)
        bars += [first, second]
    return bars


def with_true_ties(bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
    """Give the note after a tied note its pitches; drop ties that no note follows."""
    notes = [note for bar in bars for note in bar.notes]
    mended: list[Note | Rest] = []
    for note, following in pairwise([*notes, Rest(Fraction(0))]):
        before = mended[-1] if mended else None
        if isinstance(note, Note):
            pitches = before.pitches if isinstance(before, Note) and before.tied else note.pitches
            tied = note.tied and isinstance(following, Note)
            mended.append(replace(note, pitches=pitches, tied=tied))
        else:
            mended.append(note)
    return with_notes(bars, mended)


def with_notes(bars: tuple[Bar, ...], notes: list[Note | Rest]) -> tuple[Bar, ...]:
    """Put other notes in the place of those of bars."""
    replacements = iter(notes)
    return tuple(bar.with_notes(lambda _: next(replacements)) for bar in bars)


ROOTS = st.tuples(st.sampled_from("ABCDEFG"), st.sampled_from([0, 0, 1, -1]))
CHORD_SYMBOLS = st.builds(
    ChordSymbol, ROOTS, st.sampled_from(["", "m", "7", "maj7", "dim", "sus4"]), st.none() | ROOTS
)
DECORATIONS = ["staccato", "roll", "trill", "upbow", "fermata", "accent", "segno", "crescendo("]


@st.composite
def marks(draw: st.DrawFn) -> Marks | None:
    names = draw(st.lists(st.sampled_from(DECORATIONS), max_size=2, unique=True))
    grace = draw(st.just([]) | st.lists(pitches(), max_size=3))
    symbol = draw(st.none() | CHORD_SYMBOLS)
    return (
        Marks((symbol,) if symbol else (), tuple(names), tuple(grace))
        if names or grace or symbol
        else None
    )


@st.composite
def dressed_tunes(draw: st.DrawFn) -> Tune:
    """Draw tunes with chord symbols, decorations and grace notes, some of them of two voices."""
    tune = draw(tunes())
    tune = replace(tune, bars=draw(_dressed(tune.bars)))
    if draw(st.booleans()):
        second = Voice("B", draw(_dressed(tune.bars)))
        tune = replace(tune, voice="A", others=(second,))
    return tune


@st.composite
def _dressed(draw: st.DrawFn, bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
    notes = [
        replace(note, marks=draw(marks()) if draw(st.integers(0, 3)) == 0 else None)
        for bar in bars
        for note in bar.notes
    ]
    return with_notes(bars, notes)
