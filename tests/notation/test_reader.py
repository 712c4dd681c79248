from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from abcgen.errors import NotationError
from abcgen.notation.encoding import decode_text
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import LeftOut, read_abc, read_tunebook
from abcgen.notation.transpose import pitches_of, transpose
from abcgen.notation.tune import BarLine, Key, Metre, Note, Pitch, Tune, Tuplet
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.walk import sounding_durations, sounding_notes, walk_tune
from abcgen.notation.writer import write_abc


def tune(body: str, *, key: str = "C", metre: str = "4/4", unit: str = "1/8") -> Tune:
    return read_abc(f"X:1\nT:Test\nM:{metre}\nL:{unit}\nK:{key}\n{body}\n")


def notes(body: str, **fields: str) -> list[tuple[int | None, Fraction]]:
    """Highest pitch (None for a rest) and sounding duration in eighths."""
    return [
        (max(p.midi for p in note.pitches) if isinstance(note, Note) else None, duration * 8)
        for note, _, duration, _ in walk_tune(tune(body, **fields))
    ]  # fmt: skip


def chords(body: str) -> list[tuple[Pitch, ...]]:
    return [note.pitches for note in tune(body).notes if isinstance(note, Note)]


def keys(body: str, **fields: str) -> list[int | None]:
    return [key for key, _ in notes(body, **fields)]


def lengths(body: str, **fields: str) -> list[Fraction]:
    return [length for _, length in notes(body, **fields)]


def test_letters_and_marks_name_octaves() -> None:
    assert keys("C, C c c' c''") == [48, 60, 72, 84, 96]


def test_the_key_signature_applies() -> None:
    assert keys("FCB", key="D") == [66, 61, 71]
    assert keys("BEA", key="Gm") == [70, 63, 69]


def test_an_accidental_lasts_to_the_end_of_the_bar_in_every_octave() -> None:
    assert keys("^FfF,|F") == [66, 78, 54, 65]


def test_an_accidental_lasts_along_a_tie_and_no_longer() -> None:
    assert keys("^f4-|f2 f2") == [78, 78, 77]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A A2 A3 A/ A/2 A// A3/2 A/4", ["1", "2", "3", "1/2", "1/2", "1/4", "3/2", "1/4"]),
        ("A>B A<B", ["3/2", "1/2", "1/2", "3/2"]),
        ("A>>B A<<B", ["7/4", "1/4", "1/4", "7/4"]),
        ("A2>B2", ["3", "1"]),
        ("A>{g}B A>.B A>|B A> B", ["3/2", "1/2"] * 4),
        ("[CE]>G z<A", ["3/2", "1/2", "1/2", "3/2"]),
        ("(3ABc (2AB (4ABcd (6ABcABc", ["2/3"] * 3 + ["3/2"] * 2 + ["3/4"] * 4 + ["1/3"] * 6),
        ("(3A2B2c2 (3:2:2A2B", ["4/3"] * 4 + ["2/3"]),
        ("[c2e2] [ce]2 [c2e2]2", ["2", "2", "4"]),
        ("[CEG]/ z2 x", ["1/2", "2", "1"]),
    ],
)
def test_lengths_multiply_and_divide_the_unit(body: str, expected: list[str]) -> None:
    assert lengths(body, metre="none") == [Fraction(length) for length in expected]


def test_a_tuplet_in_compound_metre_has_another_default() -> None:
    assert lengths("(5ABcde f2", metre="2/4") == [*[Fraction(2, 5)] * 5, 2]
    assert lengths("(5ABcde f3", metre="6/8") == [*[Fraction(3, 5)] * 5, 3]


def test_a_tuplet_is_played_in_the_time_that_fills_its_bar() -> None:
    (bar,) = tune("d4 (5A/B/c/d/e/|", metre="3/4").bars
    tuplet = bar.items[1]
    assert isinstance(tuplet, Tuplet)
    assert (tuplet.actual, tuplet.normal) == (5, 4)
    assert bar.duration == Fraction(3, 4)


def test_a_missing_unit_length_follows_the_metre() -> None:
    assert read_abc("X:1\nM:2/4\nK:C\nA").bars[0].duration == Fraction(1, 16)
    assert read_abc("X:1\nM:3/4\nK:C\nA").bars[0].duration == Fraction(1, 8)


def test_a_tie_between_different_pitches_is_a_slur() -> None:
    first, second, third, *_ = tune("A-B B-B").notes
    assert isinstance(first, Note)
    assert not first.tied
    assert isinstance(second, Note)
    assert not second.tied
    assert isinstance(third, Note)
    assert third.tied


@pytest.mark.parametrize(
    "body",
    ['"Am"ABcd', "{gf}ABcd", "~A.B!trill!cTd", "(AB)(cd)", "A`B`c`d", "ABcd % words", 'AB"1"cyd'],
)
def test_marks_change_no_note(body: str) -> None:
    assert keys(body) == [69, 71, 72, 74]


@pytest.mark.parametrize("field", ["clef=bass", "bass", "", "clef=treble middle=B"])
def test_a_change_of_clef_changes_no_note(field: str) -> None:
    read = tune(f"F4|[K:{field}]F4|\nK:{field}\nF4|", key="D")
    assert [bar.key for bar in read.bars] == [None, None, None]
    assert keys(f"F4|[K:{field}]F4|", key="D") == [66, 66]


@pytest.mark.parametrize(
    ("body", "struck"),
    [
        ("[CE-G]2[DEF]2|", ["60 67", "64", "62 65"]),
        ("[C-EG]2[CEG]2|", ["60", "64 67", "64 67"]),
        ("[CE-G]2[CFG]2|", ["60 64 67", "60 65 67"]),
        ("[CEG]2-[CEG]2|", ["60 64 67"]),
    ],
)
def test_the_notes_of_a_chord_may_be_tied_singly(body: str, struck: list[str]) -> None:
    read = tune(body, metre="2/4", unit="1/8")
    for one in (read, read_abc(write_abc(read)), transpose(transpose(read, Key("D")), Key("C"))):
        sounds = sounding_notes(one)
        assert sorted(" ".join(map(str, sound.keys)) for sound in sounds) == sorted(struck)


def test_old_chords_and_line_breaks_are_no_decorations() -> None:
    assert [len(pitches) for pitches in chords("A2+ce+B2")] == [1, 2, 1]
    assert keys("AB!cd!ef|") == [69, 71, 72, 74, 76, 77]
    assert keys("A!fermata!B+trill+c!ff!d") == [69, 71, 72, 74]


def test_bar_lines_and_repeats_are_read() -> None:
    bars = tune("|:A|B:|:c||d|]").bars
    assert [bar.line for bar in bars] == [
        BarLine.SINGLE, BarLine.REPEAT, BarLine.DOUBLE, BarLine.FINAL,
    ]  # fmt: skip
    assert [bar.repeat_start for bar in bars] == [True, False, True, False]


@pytest.mark.parametrize("joint", ["::", ":||:", ":|:", ":| |:", ":|\n|:"])
def test_a_repeat_may_end_where_another_begins(joint: str) -> None:
    first, second = tune(f"|:A8{joint}B8:|").bars
    assert first.line is BarLine.REPEAT
    assert second.repeat_start


def test_a_note_directly_after_a_repeat_sign_is_no_field() -> None:
    assert keys("E2\nA::c4\nc:|") == [64, 69, 72, 72]


@pytest.mark.parametrize("body", ["|:A8|1B8:|2c8|]", "|:A8|[1B8:|[2c8|]", "|:A8 [|1 B8:| [2 c8|]"])
def test_endings_are_read_however_they_are_written(body: str) -> None:
    assert [bar.ending for bar in tune(body).bars] == [(), (1,), (2,)]


def test_an_ending_may_be_for_several_turns() -> None:
    assert [bar.ending for bar in tune("|:A8|[1,3 B8:|[2-4 c8:|").bars] == [(), (1, 3), (2, 3, 4)]


@pytest.mark.parametrize(
    ("body", "opened"),
    [
        ("A8|B8:|", [True, False]),
        ("A8:|B8:|", [True, True]),
        ("A8:|B8||c8:|", [True, False, True]),
        ("A8||B8:|", [True, False]),
        ("|:A8||B8:|c8:|", [True, False, True]),
        ("A8|1B8:|2c8||d8:|", [True, False, False, True]),
    ],
)
def test_a_repeat_that_is_not_opened_gets_an_opening(body: str, opened: list[bool]) -> None:
    assert [bar.repeat_start for bar in tune(body).bars] == opened


def test_a_lines_end_closes_a_full_bar() -> None:
    assert len(tune("C4D4\nE4F4\n").bars) == 2
    assert len(tune("C4\nE4|\n").bars) == 1
    assert len(tune("C4D4\\\nE4F4|\n").bars) == 1


def test_changes_of_key_and_metre_take_effect_at_the_next_bar() -> None:
    bars = tune("FGAB cdef|\nM:3/4\nK:G\nF6|[K:C]F6|").bars
    assert [str(bar.key) if bar.key else None for bar in bars] == [None, "G", "C"]
    assert [bar.metre for bar in bars] == [None, Metre(3, 4), None]
    assert keys("F|[K:G]F|[K:C]F") == [65, 66, 65]


@pytest.mark.parametrize("fields", ["K:C", "M:4/4", "K:G\nK:C", "M:3/4\nM:4/4"])
def test_a_field_that_repeats_the_key_or_metre_is_no_change(fields: str) -> None:
    bar = tune(f"A8|\n{fields}\nB8|").bars[1]
    assert (bar.key, bar.metre) == (None, None)


def test_a_change_of_unit_length_applies_to_the_next_note() -> None:
    assert lengths("A[L:1/4]A\nL:1/16\nA") == [1, 2, Fraction(1, 2)]


def test_rests_of_whole_bars() -> None:
    assert [bar.duration for bar in tune("Z2|C8|").bars] == [1, 1, 1]


def test_header_fields_are_kept() -> None:
    read = read_abc(
        "X:7\nT:The \\% Reel\nT:Other name\nR:reel\nS:a book\nM:C|\nL:1/8\nK:Ador\nA8|]"
    )
    assert (read.number, read.title, read.rhythm, read.source) == (
        7,
        "The % Reel",
        "reel",
        "a book",
    )
    assert (str(read.metre), str(read.key)) == ("C|", "Ador")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("A B @ C", "@ C"),
        ('A "Am B', '"Am B'),
        ("(3AB|c", ""),
        ("(3A(3BcdefA", "(3"),
        (">A", ""),
        ("A>", ""),
        ("A>(3BcdA", ""),
        ("A100000", "A100000"),
        ("A/100000", "A/100000"),
        ("A/0", "A/0"),
        ("c''''''", "c''''''"),
        ("[cH", "[cH"),
        ("|::A::|", "|::"),
        ("[K:X]A", "X"),
        ("Z2000", "Z2000"),
        ("A/128<<<<B", ""),
        ("A^/B", "A^/B"),
        ("A(&B&)", "(&"),
        ("AB]c", "]c"),
        ("AB]|", "]"),
        ("& AB|", "&"),
        ("AB0", "B0"),
        ("", ""),
    ],
)
def test_music_that_is_not_understood_is_an_error_that_shows_it(body: str, text: str) -> None:
    with pytest.raises(NotationError) as caught:
        tune(body)
    assert caught.value.text == text


def test_an_error_names_line_and_text() -> None:
    with pytest.raises(NotationError) as caught:
        read_abc("X:1\nM:4/4\nK:C\nABcd|\nAB@cd|", line=11)
    assert caught.value.line == 15
    assert "@cd" in str(caught.value)


def test_a_bad_tune_does_not_affect_the_others() -> None:
    text = "X:1\nT:One\nK:C\nABcd|\n\nX:2\nT:Two\nK:C\nAB@d|\n\nwords\n\nX:3\nT:Three\nK:C\nA|\n"
    first, second, third = read_tunebook(text)
    assert isinstance(first, Tune)
    assert isinstance(third, Tune)
    assert second == LeftOut(9, "2", "Two", "sign not understood: '@d|'")


def test_a_tunebook_is_cut_at_blank_lines_and_numbers() -> None:
    blocks = list(split_tunebook("%abc\n\nX:1\nK:C\nA\nX:2\nK:C\nB\n\nfree text\n\nX:3\nK:C\nC"))
    assert [block.line for block in blocks] == [3, 6, 12]


def test_a_tune_without_a_number_is_a_tune_and_words_are_none() -> None:
    (read,) = read_tunebook("M:a list\nnothing here\n\nT:Nameless\nM:4/4\nK:C\nABcd|\n\nwords")
    assert isinstance(read, Tune)
    assert read.title == "Nameless"


def test_latin_1_byte_order_marks_and_other_line_ends_are_read() -> None:
    assert decode_text("Füß".encode("latin-1")) == "Füß"
    assert decode_text("\ufeffFüß".encode()) == "Füß"
    (read,) = read_tunebook("X:1\r\nT:Füß\r\nK:C\r\nABcd|\r\n")
    assert isinstance(read, Tune)
    assert read.title == "Füß"


def test_only_line_ends_end_lines() -> None:
    (read,) = read_tunebook("X:1\nT:A\x85B\x0cC\u2028D\nK:C\nA8|")
    assert isinstance(read, Tune)
    assert read.title == "A B C D"


def test_what_mail_programs_left_at_a_lines_end_is_no_music() -> None:
    assert keys("ABcd=20") == [69, 71, 72, 74]
    assert len(tune("ABcd efga|C4=\nD4|").bars) == 2


def test_an_ending_in_mid_bar_divides_it() -> None:
    bars = tune("|:A8|^F4 [1 F4:|[2 F2 G2|]").bars
    assert [bar.ending for bar in bars] == [(), (), (1,), (2,)]
    assert keys("^F4 [1 F4:|[2 F4|]") == [66, 66, 65]


def test_a_bar_line_may_be_split_over_two_lines() -> None:
    bars = tune("A8|\\\n:B8:|\\\n").bars
    assert [bar.repeat_start for bar in bars] == [False, True]
    assert bars[1].line is BarLine.REPEAT


def test_words_in_the_header_are_no_music() -> None:
    assert read_abc("X:1\nM:4/4\nL:1/8\nas heard at a fair\nK:C\nC8|").bars
    with pytest.raises(NotationError) as caught:
        read_abc("X:1\nM:4/4\nL:1/8\nABcd|\nK:C\nC8|")
    assert (caught.value.line, caught.value.text) == (4, "ABcd|")


@pytest.mark.parametrize(
    "body",
    [
        "A" + "/" * 60 + "^/",  # no way of cutting slashes into signs may be tried twice
        "(" * 50_000,
        "A" * 500,
        "C99999999999999999999",
        "[" + "C" * 50_000,
    ],
    ids=["slashes", "slurs", "notes", "length", "chord"],
)
def test_hostile_texts_are_refused_quickly(body: str) -> None:
    with pytest.raises(NotationError):
        tune(body)


def test_a_line_of_bar_lines_is_one_bar_line() -> None:
    assert len(tune(f"A8{'|' * 30_000}B8\\\n|").bars) == 2


@pytest.mark.parametrize(
    ("body", "voices"),
    [
        ("c4 & C4|d4|", ["72 74", "60"]),
        ("c4|^d4 & D4|d4 & D4|", ["72 75 74", "62 62"]),
        ("c4- & C4|c4 & E4|", ["72", "60 64"]),
        ("c4 & C4- | d4 & C4|", ["72 74", "60"]),
        ("c4 & C2|d4|", ["72 74", "60"]),
        ("c4 & C4 & E4|", ["72", "60", "64"]),
        ("|:c4 & C4|1 d4 & D4:|2 e4|]", ["72 74 76", "60 62"]),
        ("c4|(&d4|e4|&D4|E4&)|f4|", ["72 74 76 77", "62 64"]),
        ("(&d4|e4|&D4|&F4|A4&)|f4|", ["74 76 77", "62", "65 69"]),
        ("(&d4|[K:D]f4|&F4|F4&)|f4|", ["74 78 78", "65 66"]),
        ("(&d4|\ne4|\n&D4|\nE4&)|f4|", ["74 76 77", "62 64"]),
        ("(&d4|e4|&D4|E4", ["74 76", "62 64"]),
    ],
)
def test_an_overlay_is_a_further_voice(body: str, voices: list[str]) -> None:
    read = tune(body, metre="2/4")
    for one in (read, read_abc(write_abc(read))):
        found = [
            " ".join(str(key) for sound in sounding_notes(replace(one, bars=voice.bars))
                     for key in sound.keys)
            for voice in one.voices
        ]  # fmt: skip
        assert found == voices
        assert {len(voice.bars) for voice in one.voices} == {len(one.bars)}
        assert {voice.bars[0].duration for voice in one.voices} == {one.bars[0].duration}


def test_slurs_join_notes_of_one_voice() -> None:
    read = tune("(c2 d2) & (C2 D2)|(e4 & E4|f4) & F4|c4 & (C4|d4 & D4)|")
    for one in (read, read_abc(write_abc(read))):
        for voice in one.voices:
            notes = [
                note.marks
                for bar in voice.bars
                for note, _ in sounding_durations(bar)
                if note.marks
            ]
            opened = sum(marks.slur_starts for marks in notes)
            assert opened == sum(marks.slur_ends for marks in notes) == 2


@pytest.mark.parametrize(
    ("reach", "expected"),
    [
        ("not", [66, 65, 77, 66, 66]),
        ("octave", [66, 66, 77, 66, 66]),
        ("pitch", [66, 66, 78, 66, 66]),
    ],
)
@pytest.mark.parametrize(
    "form", ["I:propagate-accidentals {}\nK:C\n", "K:C\n%%propagate-accidentals {}\n"]
)
def test_a_file_says_how_far_an_accidental_reaches(
    form: str, reach: str, expected: list[int]
) -> None:
    read = read_abc(f"X:1\nM:none\nL:1/4\n{form.format(reach)}^F F f ^F-|F\n")
    assert pitches_of(read) == expected
    assert pitches_of(read_abc(write_abc(read))) == expected


def test_an_unknown_reach_of_accidentals_is_an_error() -> None:
    with pytest.raises(NotationError):
        read_abc("X:1\nI:propagate-accidentals maybe\nK:C\nC|\n")


@pytest.mark.parametrize(
    "line",
    [
        "Repeat first part and Fine", "D.C. al Fine", "Fine", "Chorus:", "A part", "End here.",
        "Play ABBA twice!",
    ],
)  # fmt: skip
def test_a_line_of_words_is_no_music(line: str) -> None:
    assert keys(f"CDEF|\n{line}\nGABc|") == [60, 62, 64, 65, 67, 69, 71, 72]


@pytest.mark.parametrize(
    "line", ["(uiBc) \\", "ABc def", "~A2 TB2", "A B c d", "kAB2 c4", "fed cab"]
)
def test_a_line_of_notes_is_not_taken_for_words(line: str) -> None:
    assert len(keys(f"{line}\nGABc|")) > 4


@pytest.mark.parametrize(
    ("body", "notes_read"),
    [
        ("!wobble!C !D.C. al coda!D|", 2),
        ("!^!C !^^!D !8va(!E !8va)!F|", 4),
        ("C !trem1! D !///! E !beambr1! F|", 4),
        ("C D!E F!G A|", 6),
        ("C D! G A uB c! d|", 7),
        ("+intro+C +trill+D|", 2),
    ],
)
def test_decorations_that_nobody_knows_change_no_note(body: str, notes_read: int) -> None:
    assert len(keys(body)) == notes_read


@pytest.mark.parametrize(
    ("body", "endings"),
    [
        ("|:A4|[12 B4:|[3 c4|]", [(), (1, 2), (3,)]),
        ("|:A4|1. B4:|2. c4|]", [(), (1,), (2,)]),
        ("|:A4| 1 B4:| 2 c4|]", [(), (1,), (2,)]),
        ('|:A4|["1." B4:|["last time" c4|]', [(), (1,), (2,)]),
        ("|:A4|[1 B4]:|[2 c4]||", [(), (1,), (2,)]),
        ('A4|B4|]["Coda" c4|]', [(), (), ()]),
    ],
)
def test_endings_are_read_however_they_are_typed(body: str, endings: list[tuple[int, ...]]) -> None:
    assert [bar.ending for bar in tune(body).bars] == endings


@pytest.mark.parametrize("body", ["AB|2z4 c|", "AB| 3A2|", "A2]c|"])
def test_a_stray_number_or_bracket_is_no_ending(body: str) -> None:
    try:
        endings = [bar.ending for bar in tune(body).bars]
    except NotationError:
        return
    assert (3,) not in endings


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("A^/B|", "quarter tone"),
        ("A_3/B|", "quarter tone"),
        ("AB0|", "length"),
        ('A"B|', "quotation mark"),
        ("A(&B&)|", "overlay"),
        ("(&A4|&B4|c4|&)|", "overlay"),
        ("A[B", "bracket"),
    ],
)
def test_the_reason_names_the_thing(body: str, reason: str) -> None:
    with pytest.raises(NotationError) as caught:
        tune(body)
    assert reason in caught.value.reason


def test_tuplets_may_have_more_than_nine_notes() -> None:
    (bar,) = tune("(12:8:12CDEFGABcdefg|").bars
    assert bar.duration == 1
    assert tune("(1:2:2CC C4|").bars == tune("C2C2 C4|").bars
    assert read_abc(write_abc(tune("(12:8:12CDEFGABcdefg|"))).bars[0].duration == 1


@pytest.mark.parametrize(
    ("metre", "body", "unit"),
    [
        ("2/4", "dBAF|A2AB|dBAF|", 8),
        ("4/4", "GABc|d2d2|c4|", 4),
        ("2/4", "dBAFdBAF|A4AB3|", 16),
        ("3/4", "CDEFGA|C6|", 8),
    ],
)
def test_a_missing_unit_length_is_that_which_the_bars_need(
    metre: str, body: str, unit: int
) -> None:
    read = read_abc(f"X:1\nM:{metre}\nK:C\n{body}\n")
    assert read.bars[0].notes.__next__().duration == Fraction(1, unit)


def test_almost_all_real_tunes_are_read(real_blocks: list[object], real_tunes: list[Tune]) -> None:
    assert len(real_tunes) >= 0.98 * len(real_blocks)


def test_a_tune_without_a_number_may_have_a_space_before_the_colon_of_its_key() -> None:
    blocks = split_tunebook("T:a\nM:4/4\nL:1/4\nK : D\nCDEF|\n\nT:b\nK:G\nCDEF|\n")
    assert [block.lines[0] for block in blocks] == ["T:a", "T:b"]


@pytest.mark.parametrize("tonic", ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"])
@pytest.mark.parametrize("properties", ["", " transpose=-2", " transpose=11"])
def test_any_tune_that_can_be_read_can_be_moved_to_c(tonic: str, properties: str) -> None:
    extremes = ["C" + "," * marks for marks in range(3, 6)] + ["b" + "'" * n for n in range(3, 6)]
    extremes += ["G" + "," * marks for marks in range(3, 6)] + ["d" + "'" * n for n in range(3, 6)]
    accepted = 0
    for letter in extremes:
        text = f"X:1\nM:4/4\nL:1/4\nK:{tonic}{properties}\n{letter}4|\n"
        for result in read_tunebook(text):
            if isinstance(result, Tune):
                accepted += 1
                assert read_abc(write_abc(result)) == result
                model = encode_tune(result).text
                assert encode_tune(decode_tune(model)).text == model
            else:
                assert "range" in result.reason
    assert accepted


def test_a_rest_under_a_long_overlaid_bar_can_be_written() -> None:
    read = tune("c4 & e8|c124 B124 A16|")
    again = read_abc(write_abc(read))
    assert [bar.duration for bar in again.others[0].bars] == [
        bar.duration for bar in read.others[0].bars
    ]


@pytest.mark.parametrize("text", ['"slow R:jig"', '"a K:C" 1/4=60', '1/4=60 "M:C"'])
def test_fields_named_in_quotation_marks_are_words(text: str) -> None:
    read = read_abc(f"X:1\nM:4/4\nQ:{text}\nK:D\nCDEF|\n")
    assert str(read.words.tempo) == text
    assert not read.rhythm
    assert read_abc(write_abc(read)) == read


@pytest.mark.parametrize("name", ["T", "C", "Z", "N", "W", "H"])
@pytest.mark.parametrize("text", ["|G0 E|D2", ":| again", "|: A", ": and"])
def test_texts_that_begin_like_a_bar_line_are_texts(name: str, text: str) -> None:
    header = {"T": "Test"} | ({name: f"\x01{text}"} if name != "W" else {})
    fields = "".join(f"{letter}:{value}\n" for letter, value in header.items())
    below = f"W:\x01{text}\n" if name == "W" else ""
    read = read_abc(f"X:1\n{fields}M:4/4\nK:D\nCDEF|\n{below}")
    assert text in {read.title, *read.words.named(name)}
    assert read_abc(write_abc(read)) == read


def test_control_characters_in_a_tempo_separate_no_fields() -> None:
    read = read_abc("X:1\nM:4/4\nQ:1/4=60\x0eR:jig\nK:D\nCDEF|\n")
    assert write_abc(read_abc(write_abc(read))) == write_abc(read)
