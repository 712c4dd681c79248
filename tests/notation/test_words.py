"""What people write around the notes is kept, spelled as they did, and written again."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abcgen.notation.lyrics import syllables_in, syllables_text
from abcgen.notation.model_text import encode_tune
from abcgen.notation.playback import parts_in_order, play_order
from abcgen.notation.reader import Reading, read_abc, read_block
from abcgen.notation.transpose import pitches_of, transpose, transpose_by
from abcgen.notation.tune import Key, Note, chord_symbol_named
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.words import (
    MAX_TEXT,
    MAX_TEXTS,
    MAX_WORDS_AT_NOTE,
    Annotation,
    Syllable,
    Tempo,
    Words,
    read_tempo,
)
from abcgen.notation.writer import write_abc

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

CASES = Path(__file__).parent / "cases"
HEAD = "X:1\nT:Test\nM:4/4\nL:1/4\nK:C\n"
EIGHTH, QUARTER = Fraction(1, 8), Fraction(1, 4)


def case(name: str) -> Tune:
    """Read a tune of ``cases``, and check that its canonical ABC says the same."""
    tune = read_abc((CASES / f"{name}.abc").read_text(encoding="utf-8"))
    assert read_abc(write_abc(tune)) == tune
    return tune


def sung(tune: Tune) -> list[tuple[str, ...]]:
    """Return the syllables of every note, ``_`` where one is held."""
    return [
        tuple(
            (syllable.text or "_") + "-" * syllable.hyphen if syllable else ""
            for syllable in (note.marks.lyrics if note.marks else ())
        )
        for note in tune.notes
        if isinstance(note, Note)
    ]


def chords(tune: Tune) -> list[list[str]]:
    """Return the chord symbols of every bar, those before its bar line too."""
    return [
        [
            str(symbol)
            for marks in (*(note.marks for note in bar.notes), bar.closing)
            if marks
            for symbol in marks.chord_symbols
        ]
        for bar in tune.bars
    ]


# The cases.


def test_titles_people_and_sources_are_kept() -> None:
    tune = case("second-title-composer-lost")
    assert tune.title == "Long Road, The"
    assert tune.words.named("T") == ("Also called The Short Way",)
    assert (tune.words.composer, tune.words.origin) == ("M. Composer", "Norway")
    kept = {name: tune.words.named(name) for name in "BDNZ"}
    assert kept == {
        "B": ("a book",), "D": ("some record",), "N": ("play slowly",), "Z": ("A. Hand",)
    }  # fmt: skip


def test_words_are_sung_to_their_notes() -> None:
    tune = case("song-with-words")
    assert sung(tune) == [
        ("O",), ("_",), ("come,",), ("you",), ("_",), ("all,",), ("and",), ("sing",), (),
        ("with",), ("me.",), (),
    ]  # fmt: skip
    assert tune.words.named("W") == ("2. O go, you all", "and sing no more")


def test_the_tempo_is_kept() -> None:
    assert case("tempo-field").words.tempo == Tempo("", (Fraction(3, 8),), 40)


def test_parts_are_named_and_played_in_their_order() -> None:
    tune = case("order-of-parts")
    assert tune.words.parts == "AABA"
    assert [bar.part for bar in tune.bars] == ["A", "", "B", ""]
    assert play_order(tune) == (0, 1, 0, 1, 2, 3, 0, 1)


def test_chord_symbols_are_spelled_as_their_author_did() -> None:
    assert chords(case("chord-symbols-dropped")) == [
        ["C6/9", "Cma7", "CΔ7", "Dmin7"],
        ["H7", "N.C.", "(Am)", "Bbmi"],
        ["D7/F#", "Am7/G", "C7alt", "F/A"],
        ["Dø", "G7sus4", "Gsus", "C°"],
        ["Cdim7", "E+", "Fmaj7#11", "G7(b9)"],
        ["G", "Am", "D;G"],
        ["C\\nD"],
        ["am", "do"],
    ]
    assert chords(case("two-chords-in-one-quote")) == [
        ["C Gsus4"],
        ["c(Am)"],
        ["Dm  G"],
        [".Fine."],
    ]


def test_a_chord_before_a_bar_line_stays_in_its_bar() -> None:
    tune = case("chord-at-end-of-bar")
    assert chords(tune) == [["C", "G7"], ["F"], ["Am", "Em"]]
    assert [bool(bar.closing) for bar in tune.bars] == [True, False, False]


def test_grace_notes_before_a_bar_line_belong_to_the_note_before() -> None:
    tune = case("grace-after-the-last-note")
    graces = [bar.closing and [pitch.letter for pitch in bar.closing.grace] for bar in tune.bars]
    assert graces == [["C", "D"], None, ["E", "F"]]
    assert not any(note.marks for note in tune.notes)


def test_a_continued_field_is_one_text() -> None:
    tune = case("continued-title")
    assert tune.title == "A title that is so long that it goes on"
    assert tune.words.named("N") == ("A note continued here",)
    assert tune.words.named("H") == ("late history abc def",)


def test_da_capo_al_fine_is_kept_and_played() -> None:
    tune = case("dc-al-fine")
    last = [note.marks for note in tune.notes][-1]
    assert last
    assert last.decorations == ("D.C.alfine",)
    assert play_order(tune) == (0, 1, 2, 3, 0, 1)


def test_clefs_change_where_the_source_says() -> None:
    tune = case("clef-change-inside-line")
    assert tune.clef == "bass"
    changes = [[note.marks.clef for note in bar.notes if note.marks] for bar in tune.bars]
    assert changes == [[], ["treble"], ["alto"]]


# Lyrics.


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("syll-a-ble", [Syllable("syll", True), Syllable("a", True), Syllable("ble")]),
        ("time__ flies", [Syllable("time"), Syllable(""), Syllable(""), Syllable("flies")]),
        ("of~the day", [Syllable("of the"), Syllable("day")]),
        (r"well\-known", [Syllable("well-known")]),
        ("a * b", [Syllable("a"), "*", Syllable("b")]),
        ("on | off", [Syllable("on"), "|", Syllable("off")]),
        ("o -- ver", [Syllable("o"), Syllable("", True), Syllable("", True), Syllable("ver")]),
        ("o--ver", [Syllable("o", True), Syllable("", True), Syllable("ver")]),
    ],
)
def test_syllables_are_divided(text: str, syllables: list[Syllable | str]) -> None:
    assert list(syllables_in(text)) == syllables
    if "|" not in text:
        sung_or_not = [None if isinstance(each, str) else each for each in syllables]
        assert list(syllables_in(syllables_text(sung_or_not))) == syllables


def test_verses_go_under_one_line_and_rests_are_not_sung() -> None:
    tune = read_abc(HEAD + "C z D E|F4|]\nw:one two three four\nw:ein zwei * vier\n")
    assert sung(tune) == [("one", "ein"), ("two", "zwei"), ("three",), ("four", "vier")]


def test_a_bar_sign_in_the_words_goes_on_to_the_next_bar() -> None:
    tune = read_abc(HEAD + "C D E F|G2 A2|B4|]\nw:one | two three | four\n")
    assert sung(tune) == [("one",), (), (), (), ("two",), ("three",), ("four",)]


def test_words_longer_than_their_line_belong_to_the_lines_before() -> None:
    tune = read_abc(HEAD + "C D E F|\nG2 A2|\nw:a b c d e f\n")
    assert sung(tune) == [(letter,) for letter in "abcdef"]


def test_words_beyond_the_last_note_are_reported() -> None:
    (block,) = split_tunebook(HEAD + "C4|]\nw:one two three\n")
    reading = read_block(block)
    assert isinstance(reading, Reading)
    assert [repair.line for repair in reading.repairs] == [7]


def test_each_voice_has_its_own_words() -> None:
    text = HEAD + "V:1\nC D E F|]\nw:one two three four\nV:2\nC,4|]\nw:bass\n"
    tune = read_abc(text)
    assert sung(tune) == [("one",), ("two",), ("three",), ("four",)]
    assert sung(replace(tune, bars=tune.others[0].bars)) == [("bass",)]
    assert read_abc(write_abc(tune)) == tune


# Tempi.


@pytest.mark.parametrize(
    ("value", "tempo"),
    [
        ("1/4=120", Tempo("", (QUARTER,), 120)),
        ('"Allegro" 1/4=120', Tempo("Allegro", (QUARTER,), 120)),
        ('3/8=50 "Slowly"', Tempo("", (Fraction(3, 8),), 50, "Slowly")),
        ("1/4 3/8 1/4 3/8=40", Tempo("", (QUARTER, Fraction(3, 8)) * 2, 40)),
        ('"Andante"', Tempo("Andante")),
        ("120", Tempo("", (QUARTER,), 120)),
        ("C3=40", Tempo("", (EIGHTH * 3,), 40)),
        ("1/4=112.5", Tempo("", (QUARTER,), 112.5)),
        ("Allegro moderato", Tempo("Allegro moderato")),
        ("1/0=40", Tempo("1/0=40")),
        ("", None),
    ],
)
def test_tempi_are_understood_or_kept_as_words(value: str, tempo: Tempo | None) -> None:
    assert read_tempo(value, EIGHTH) == tempo
    if tempo:
        assert read_tempo(str(tempo), EIGHTH) == tempo


def test_a_change_of_tempo_is_at_its_note() -> None:
    tune = read_abc(HEAD + 'C D [Q:"rit." 1/4=60]E F|]')
    tempi = [note.marks and note.marks.tempo for note in tune.notes]
    assert tempi == [None, None, Tempo("rit.", (QUARTER,), 60), None]
    assert read_abc(write_abc(tune)) == tune


# Parts.


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("AABB", "AABB"),
        ("A2B2", "AABB"),
        ("A.B.(AC)2", "ABACAC"),
        ("((AB)2C)2", "ABABCABABC"),
        ("(AB", "AB"),
        (")2A", "A"),
        ("", ""),
    ],
)
def test_an_order_of_parts_is_unfolded(text: str, letters: str) -> None:
    assert parts_in_order(text) == letters


@pytest.mark.parametrize("text", ["A9999", "(((A99)99)99)99", "(" * 5000 + "A", "A" * 5000])
def test_an_order_of_parts_is_bounded(text: str) -> None:
    assert set(parts_in_order(text)) <= {"A"}
    assert len(parts_in_order(text)) <= 200


def test_parts_have_their_repeats_and_unknown_letters_are_skipped() -> None:
    body = "G4|\nP:A\n|:C4|1 D4:|2 E4|]\nP:B\nF4|]\n"
    tune = read_abc("X:1\nT:x\nP:BAZ\n" + HEAD.partition("T:Test\n")[2] + body)
    assert play_order(tune) == (0, 4, 1, 2, 1, 3)


def test_an_order_that_names_no_part_changes_nothing() -> None:
    tune = read_abc("X:1\nT:x\nP:AABB\nM:4/4\nL:1/4\nK:C\nC4|D4|]")
    assert play_order(tune) == (0, 1)


# Slurs and annotations.


def test_slurs_are_kept_in_pairs() -> None:
    tune = read_abc(HEAD + "(C (D E) F)|(G4|A) B) c (d|]")
    slurs = [
        (note.marks.slur_starts, note.marks.slur_ends) if note.marks else (0, 0)
        for note in tune.notes
    ]
    assert slurs == [
        (1, 0), (1, 0), (0, 1), (0, 1), (1, 0), (0, 1), (0, 0), (0, 0), (0, 0)
    ]  # fmt: skip
    assert read_abc(write_abc(tune)) == tune


def test_a_slur_over_grace_notes_alone_is_none_over_notes() -> None:
    tune = read_abc(HEAD + "C2 D2 ({ef})|(E2 ({g})F2)|]")
    assert write_abc(tune).endswith("C4 D4{ef} | (E4 {g}F4) |]\n")


def test_a_tie_between_two_pitches_is_a_slur() -> None:
    tune = read_abc(HEAD + "C-D E2|]")
    assert write_abc(tune).endswith("(C D) E2 |]\n")


def test_annotations_keep_their_place() -> None:
    tune = read_abc(HEAD + '"^a"C "_b"D "<c"E ">d"F|"@e"G4 "^f"|]')
    annotations = [
        annotation for note in tune.notes if note.marks for annotation in note.marks.annotations
    ]
    assert annotations == [Annotation(*pair) for pair in ("^a", "_b", "<c", ">d", "@e")]
    assert tune.bars[1].closing
    assert tune.bars[1].closing.annotations == (Annotation("^", "f"),)
    assert read_abc(write_abc(tune)) == tune


def test_a_percent_sign_is_no_comment() -> None:
    tune = read_abc("X:1\nT:50\\% more\nC:A\\%B\nK:C\n" + '"^9\\%"C4|]\nw:90\\%\nW:1\\%\n')
    assert tune.words.named("W") == ("1%",)
    assert sung(tune) == [("90%",)]
    assert read_abc(write_abc(tune)) == tune


# Transposing.


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("C6/9", "D6/9"),
        ("Bbmi7/Ab", "Cmi7/Bb"),
        ("C Gsus4", "D Asus4"),
        ("(Am)", "(Bm)"),
        ("N.C.", "N.C."),
        ("A tempo", "A tempo"),
        ("H7", "H7"),
    ],
)
def test_chord_symbols_move_with_the_tune(text: str, moved: str) -> None:
    tune = read_abc(f'{HEAD}"{text}"C4|]')
    assert chords(transpose(tune, Key("D"))) == [[moved]]
    assert chords(transpose(tune, Key("C"))) == [[text]]


@pytest.mark.parametrize("semitones", [-24, -7, -1, 1, 2, 6, 12, 13])
@pytest.mark.parametrize("key", ["C", "F#", "Ebm", "Ador"])
def test_a_tune_moves_by_semitones(semitones: int, key: str) -> None:
    tune = read_abc(HEAD.replace("K:C", f"K:{key}") + "C D E F|G4|]")
    moved = transpose_by(tune, semitones)
    keys = [pitches_of(each) for each in (tune, moved)]
    assert keys[1] == [midi + semitones for midi in keys[0]]
    assert moved.key.mode is tune.key.mode
    assert abs(moved.key.fifths) <= 6


# Model text, and bounds.


def test_model_text_has_notes_only() -> None:
    plain = read_abc(HEAD + "C D E F|G4|]")
    dressed = read_abc(
        HEAD.replace("M:", "C:A\nP:A\nQ:1/4=60\nM:")
        + 'P:A\n"H7"(C "^x"D [Q:1/4=90]E [K:bass]F){c}"G7"|"C""Am"G4|]\nw:a b c\nW:d\n'
    )
    assert encode_tune(dressed) == encode_tune(plain)
    assert encode_tune(dressed, chord_symbols=True).text.count('"') == 2


def test_lines_of_the_source_are_kept_on_request() -> None:
    tune = read_abc(HEAD + "C2D2|D4|\nE2C2|F4|G4|A4|\nB4|]\n")
    kept = write_abc(tune, keep_lines=True).splitlines()[-3:]
    assert kept == ["C4 D4 | D8 |", "E4 C4 | F8 | G8 | A8 |", "B8 |]"]
    four_a_line = write_abc(tune).splitlines()[-2:]
    assert four_a_line == ["C4 D4 | D8 | E4 C4 | F8 |", "G8 | A8 | B8 |]"]


def test_what_is_passed_over_is_reported() -> None:
    text = (
        "%%text for all\n\nX:1\nT:x\nR:reel\nR:slow\nr:code\n%%center words\n%%scale 1\n"
        "K:C\nC4|]\ns:!p!\n"
    )
    (block,) = split_tunebook(text)
    reading = read_block(block)
    assert isinstance(reading, Reading)
    assert [repair.line for repair in reading.repairs] == [6, 8, 12]


def test_texts_are_bounded() -> None:
    long = "x" * (MAX_TEXT * 2)
    text = f"X:1\nT:{long}\n" + f"N:{long}\n" * (2 * MAX_TEXTS) + f"Q:{long}\nK:C\n"
    text += '"^a"' * 100 + '"C"' * 100 + "(" * 100 + f"C4|]\nw:{long}\n" + "w:a\n" * 100
    tune = read_abc(text)
    assert len(tune.words.texts) <= MAX_TEXTS
    assert all(len(text) <= MAX_TEXT for _, text in tune.words.texts)
    (note,) = tune.notes
    assert note.marks
    assert len(note.marks.annotations) + len(note.marks.chord_symbols) <= MAX_WORDS_AT_NOTE
    assert len(note.marks.lyrics) <= 12
    assert note.marks.slur_starts <= 4


def test_a_tune_without_words_has_none() -> None:
    assert read_abc(HEAD + "C4|]").words == Words()


def test_an_unknown_chord_has_its_text_only() -> None:
    assert chord_symbol_named("N.C.").root is None
    assert str(chord_symbol_named("N.C.")) == "N.C."


def test_a_hyphen_within_a_syllable_is_no_accent() -> None:
    text = "X:1\nT:x\nM:4/4\nL:1/4\nK:C\nc d e f |]\nw:va\\-do l\\-o \\'e\\-d i\\-H\n"
    tune = read_abc(text)
    sung = [note.marks.lyrics[0] for note in tune.notes if note.marks]
    assert [syllable.text for syllable in sung if syllable] == ["va-do", "l-o", "é-d", "i-H"]
    assert read_abc(write_abc(tune)).bars == tune.bars


def test_texts_within_the_music_are_kept() -> None:
    tune = read_abc(f"{HEAD}CD[N:slowly]EF|[r:no one sees this]G[C:A. Hand]ABc|\n")
    assert (tune.words.named("N"), tune.words.composer) == (("slowly",), "A. Hand")
    assert len(pitches_of(tune)) == 8
