"""Mistakes corrected in reading are reported, in words for the person who typed the tune."""

from __future__ import annotations

from fractions import Fraction

import pytest

from abcgen.notation.reader import Reading, read_abc, read_block
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tune import BarLine, Mode
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.writer import write_abc


def reading(body: str, *, metre: str = "4/4", key: str = "C") -> Reading:
    text = f"X:1\nT:Test\nM:{metre}\nL:1/4\nK:{key}\n{body}\n"
    result = read_block(next(split_tunebook(text)))
    assert isinstance(result, Reading)
    return result


def repairs(body: str, *, metre: str = "4/4", key: str = "C") -> list[tuple[int, str]]:
    return [(repair.line, repair.what) for repair in reading(body, metre=metre, key=key).repairs]


def test_a_correct_tune_needs_no_repair() -> None:
    assert repairs('|: "Am"A>B (3ABc d :| c4- | c4 |]') == []


def test_a_tuplet_is_played_in_the_time_that_fills_its_bar() -> None:
    assert repairs("c3|d2(5A/4B/4c/4d/4e/4|", metre="3/4")[-1] == (
        6,
        "5 notes played in the time of 4, for the bar to add up",
    )


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("ABcd\ne4|", "the line's end taken for a bar line"),
        ("AB-cd|", "a tie that meets no note of its pitch read as a slur"),
        ("ABcd|=20\ne4|", "=20, a mail program's space, taken out at the line's end"),
        ("AB=\ncd|", "=, a mail program's line break, taken for a line that goes on"),
        ("ABcd|\n:e4:|", "a colon at the line's start joined to the bar line before: |:"),
        ("ABcd;|", ";| read as :|"),
        ("|:ABcd:;|]", ":;|] read as :|"),
        ("|:ABcd:}\ne4|", ":} read as :|"),
        ('ABcd|"', 'the sign ", which has no meaning here, ignored'),
        ("ABcd| K: D\ne4|", "a field after a bar line read as a line of its own"),
        ("ABcd|[M:2/4 L: 1/4]AB|", "two fields on one line read as two lines"),
        ("[A2c]Bc|", "notes of a chord with different lengths: all get the first one's"),
    ],
)
def test_each_repair_is_reported(body: str, what: str) -> None:
    assert what in [repair for _, repair in repairs(body)]


@pytest.mark.parametrize("end", ["||]", "| ]", "|]"])
def test_a_bracket_after_a_bar_line_ends_the_tune(end: str) -> None:
    read = reading(f"|:ABcd:|e4{end}", metre="4/4")
    assert [bar.line for bar in read.tune.bars] == [BarLine.REPEAT, BarLine.FINAL]


@pytest.mark.parametrize("end", [":}", ":]", ";|", ":;|]", ':|"'])
def test_a_repeat_sign_with_a_slip_of_the_fingers_repeats(end: str) -> None:
    (first, second) = reading(f"|:ABcd{end}\ne4|]").tune.bars
    assert (first.repeat_start, first.line, second.line) == (True, BarLine.REPEAT, BarLine.FINAL)


@pytest.mark.parametrize(
    ("key", "rest"),
    [("G |:", "ABcd:|"), ("G  |:\\", "ABcd:|"), ("G|:ABcd:|", ""), ("G [|:", "ABcd:|")],
)
def test_music_may_begin_on_the_line_of_the_key(key: str, rest: str) -> None:
    read = reading(rest, key=key)
    assert (str(read.tune.key), [bar.repeat_start for bar in read.tune.bars]) == ("G", [True])
    assert pitches_of(read.tune) == [69, 71, 72, 74]
    assert [repair.line for repair in read.repairs] == [5]


def test_fields_within_the_music_hold_from_there_on() -> None:
    tune = reading("ABcf| K: D\nABcf|[M:2/4 L:1/4 K:G |:]Bc:|").tune
    assert pitches_of(tune) == [69, 71, 72, 77, 69, 71, 73, 78, 71, 72]
    *_, last = tune.bars
    assert (str(last.metre), str(last.key), last.repeat_start) == ("2/4", "G", True)
    assert last.items[0].duration == Fraction(1, 4)


@pytest.mark.parametrize("space", [" ", "\x00", r"\u0020", "&nbsp;"])
def test_a_field_after_the_rhythm_is_read_once(space: str) -> None:
    tune = read_abc(f"X:1\nR:reel{space}M:3/4\nL:1/4\nK:C\nCDE|\n")
    assert read_abc(write_abc(tune)) == tune
    assert (tune.rhythm, str(tune.metre)) == ("reel", "3/4")


def test_equal_repairs_are_reported_once_with_their_number() -> None:
    (repair,) = repairs("ABcd\ne4\nf4\ng4|")
    assert repair == (6, "the line's end taken for a bar line, 3 times")


def test_a_stray_bracket_in_a_metre_is_reported() -> None:
    assert repairs("ABcd|", metre="2/2]") == [(3, "M:2/2] read as 2/2")]


@pytest.mark.parametrize("key", ["EM", "En"])
def test_an_ambiguous_minor_is_reported(key: str) -> None:
    assert repairs("EGBe|", key=key) == [(5, f"K:{key} read as E minor")]
    assert reading("EGBe|", key=key).tune.key.mode is Mode.MINOR


@pytest.mark.parametrize(
    ("body", "mode"),
    [
        ("D=FA=F|D_B=FD|", Mode.MINOR),
        ("D=FA=F|DB=FB|A=CA=C|", Mode.DORIAN),
        ("D=F_E_E|D=F_BD|", Mode.PHRYGIAN),
        ("DF=CF|DA=C=C|", Mode.MIXOLYDIAN),
        ("DFAd|DA=Cc|", Mode.MAJOR),
        ("D=FAF|DFFD|", Mode.MAJOR),
    ],
)
def test_the_mode_is_that_of_the_notes_where_the_key_names_none(body: str, mode: Mode) -> None:
    result = reading(body, key="D")
    assert result.tune.key.mode is mode
    assert bool(result.repairs) == (mode is not Mode.MAJOR)


def test_a_named_mode_is_kept() -> None:
    tune = reading("D=FA=F|D_B=FD|", key="Dmaj").tune
    assert tune.key.mode is Mode.MAJOR
    assert read_abc(write_abc(tune)) == tune
