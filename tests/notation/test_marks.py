"""Marks at the notes survive reading, writing and moving to another key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import ChordSymbol, Key, Marks, Note, read_chord_symbol
from abcgen.notation.words import Annotation
from abcgen.notation.writer import write_abc
from tests.referee import played
from tests.strategies import dressed_tunes

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Rest, Tune

HEAD = "X:1\nT:Test\nM:4/4\nL:1/4\nK:D\n"


def notes_of(body: str) -> list[Note | Rest]:
    tune = read_abc(HEAD + body)
    return list(tune.notes)


def marks_of(body: str) -> list[Marks | None]:
    return [note.marks for note in notes_of(body)]


@pytest.mark.parametrize(
    ("sign", "name"),
    [
        (".", "staccato"),
        ("~", "roll"),
        ("T", "trill"),
        ("H", "fermata"),
        ("u", "upbow"),
        ("!trill!", "trill"),
        ("+fermata+", "fermata"),
        ("!>!", "accent"),
        ("!emphasis!", "accent"),
        ("!<(!", "crescendo("),
        ("!8va(!", "8va("),
        ("+15mb)+", "15mb)"),
        ("!segno!", "segno"),
    ],
)
def test_a_decoration_has_one_name_however_it_is_written(sign: str, name: str) -> None:
    assert marks_of(f"A {sign}B c d") == [None, Marks(decorations=(name,)), None, None]


def test_marks_wait_for_their_note() -> None:
    marks = marks_of('"Am" | {g}~A B | "D"z2')
    assert marks[0] is not None
    assert marks[0].chord_symbol == ChordSymbol(("A", 0), "m")
    assert marks[0].grace
    assert marks[2] == Marks((ChordSymbol(("D", 0)),))


def test_a_jump_or_fine_before_a_bar_line_belongs_to_the_note_before() -> None:
    assert marks_of("A B c d !fine!| e4 !D.C.!|]") == [
        None,
        None,
        None,
        Marks(decorations=("fine",)),
        Marks(decorations=("D.C.",)),
    ]


def test_words_and_fingerings_are_no_chords() -> None:
    above, finger, fine, below = marks_of('"^slowly"A "4"B "Fine"c "_soft"d')
    assert above == Marks(annotations=(Annotation("^", "slowly"),))
    assert below == Marks(annotations=(Annotation("_", "soft"),))
    assert finger
    assert fine
    assert (finger.chord_symbol, fine.chord_symbol) == (None, None)
    assert [str(symbol) for symbol in (*finger.chord_symbols, *fine.chord_symbols)] == ["4", "Fine"]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("A", ChordSymbol(("A", 0))),
        ("Bbm7", ChordSymbol(("B", -1), "m7")),
        ("F#dim", ChordSymbol(("F", 1), "dim")),
        ("D/F#", ChordSymbol(("D", 0), "", ("F", 1))),
        ("G/b", ChordSymbol(("G", 0), "", ("B", 0))),
        ("Csus4", ChordSymbol(("C", 0), "sus4")),
        ("Fine", None),
        ("D.C.", None),
        ("Chorus", None),
        ("H", None),
        ("", None),
        ("A" + "m" * 100, None),
    ],
)
def test_chord_symbols_are_recognised(text: str, symbol: ChordSymbol | None) -> None:
    assert read_chord_symbol(text) == symbol
    if symbol and text != "G/b":
        assert str(symbol) == text


def test_marks_move_with_the_tune() -> None:
    tune = read_abc(HEAD + '"F#m/C#"{g^g}A4 |]')
    text = write_abc(transpose(tune, Key("F")))
    assert '{b=b}"Am/E"' in text


def test_a_grace_notes_accidental_is_its_own() -> None:
    first, second = notes_of("{^c=c}d2 c2")
    assert isinstance(second, Note)
    assert second.pitches[0].alter == 1  # as the key says
    assert write_abc(read_abc(HEAD + "{=c}d2 c2")).endswith("{=c}d4 ^c4 |\n")
    assert first.marks is not None


@settings(max_examples=40)
@given(dressed_tunes())
def test_any_marks_survive_writing_and_reading(tune: Tune) -> None:
    assert read_abc(write_abc(tune)) == tune
    check_that_the_model_text_has_none(tune)
    check_that_the_model_text_has_chord_symbols_if_asked(tune)


def check_that_the_model_text_has_none(tune: Tune) -> None:
    """Check the model text of the first voice."""
    bare = decode_tune(encode_tune(tune).text)
    assert not bare.others
    assert all(note.marks is None for note in bare.notes)


def check_that_the_model_text_has_chord_symbols_if_asked(tune: Tune) -> None:
    """Check that they survive encoding and decoding."""
    text = encode_tune(tune, chord_symbols=True).text
    moved = transpose(tune, Key("C"))
    expected = [
        note.marks.chord_symbol for note in moved.notes if note.marks and note.marks.chord_symbol
    ]
    assert [str(symbol) for symbol in expected] == text.split('"')[1::2]
    assert encode_tune(decode_tune(text), chord_symbols=True).text == text


@pytest.mark.parametrize(
    "body",
    ["{=c}d2 c2|", '"Am"{gf}.A ~B Tc ud|', "!fermata!A !trill!B !>!c !fine!d|", "H.c2 vA2|"],
)
def test_abc2midi_hears_the_same_notes_under_marks(
    body: str, abc2midi: Path, tmp_path: Path
) -> None:
    canonical = write_abc(read_abc(HEAD + body))
    assert played(abc2midi, canonical, tmp_path) == played(abc2midi, HEAD + body, tmp_path)


@pytest.mark.parametrize(
    ("music", "slurs"),
    [
        ("(c d (e) f g)", [(1, 0), (0, 0), (1, 1), (0, 0), (0, 1)]),
        ("(c (d e) f)", [(1, 0), (1, 0), (0, 1), (0, 1)]),
        ("(c) d", [(0, 0), (0, 0)]),
        ("c) (d e", [(0, 0), (0, 0), (0, 0)]),
    ],
)
def test_slurs_may_end_where_others_begin(music: str, slurs: list[tuple[int, int]]) -> None:
    tune = read_abc(f"X:1\nL:1/4\nK:C\n{music} |]\n")
    found = [note.marks or Marks() for note in tune.notes]
    assert [(marks.slur_starts, marks.slur_ends) for marks in found] == slurs
