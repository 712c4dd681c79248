from __future__ import annotations

from fractions import Fraction

import pytest

from abcgen.errors import InputError
from abcgen.notation.tune import Key, Mode
from abcgen.wishes.levels import LEVELS
from abcgen.wishes.sounding import (
    SCALES,
    Scale,
    foreign_degrees,
    named_values,
    read_note_values,
    read_range,
    read_scale,
    widest_gap,
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("G3-B5", (55, 83)),
        ("g3 \u2013 b5", (55, 83)),
        ("Bb2 to F#4", (46, 66)),
        ("C4-C4", (60, 60)),
        ("first position", (55, 83)),
        ("whistle", (62, 86)),
        ("tin whistle", (62, 86)),
    ],
)
def test_ranges_are_read(words: str, expected: tuple[int, int]) -> None:
    assert read_range(words, "fiddle") == expected


@pytest.mark.parametrize("words", ["B5-G3", "G3", "H3-B5", "kazoo", "C0-C4", "C4-C9", "G3-B5-C6"])
def test_other_ranges_are_refused(words: str) -> None:
    with pytest.raises(InputError):
        read_range(words, "fiddle")
    with pytest.raises(InputError):
        read_range("first-position", "whistle")


@pytest.mark.parametrize(
    ("words", "key", "mode", "expected", "tonic"),
    [
        ("pentatonic", None, Mode.DORIAN, "1,2,4,5,b7", ""),
        ("Harmonic Minor", Key("A", 0, Mode.MINOR), Mode.MINOR, "1,2,b3,4,5,b6,7", "A"),
        ("1,b3,4,5,b7", None, Mode.MINOR, "1,b3,4,5,b7", ""),
        ("1 2 #4", Key("G"), Mode.MAJOR, "1,2,#4", "G"),
        ("G,A,B,D,E", None, Mode.MAJOR, "1,2,3,5,6", "G"),
        ("A, C, D, E, G", None, Mode.MINOR, "1,b3,4,5,b7", "A"),
        ("C,D,E,G,A", Key("A", 0, Mode.MINOR), Mode.MINOR, "1,b3,4,5,b7", "A"),
        ("Bb,C,D,F,G", Key("F"), Mode.MAJOR, "1,2,4,5,6", "F"),
        ("F#,A,B,C#,E", None, Mode.MINOR, "1,b3,4,5,b7", "F#"),
    ],
)
def test_scales_are_read(
    words: str, key: Key | None, mode: Mode, expected: str, tonic: str
) -> None:
    scales, found = read_scale(words, key)
    assert scales[mode] == Scale.of(expected)
    assert (found.tonic if found else "") == tonic


@pytest.mark.parametrize("words", ["", "ionic", "1,2,8", "C,H", "C,D,3", "Cb,D#"])
def test_other_scales_are_refused(words: str) -> None:
    with pytest.raises(InputError):
        read_scale(words, None)


def test_named_scales_are_on_their_tonic() -> None:
    for modes in SCALES.values():
        for scale in modes.values():
            assert (0, 0) in scale.rising & scale.falling
    for mode, scale in SCALES["pentatonic"].items():
        assert len(scale.degrees) == 5
        assert not foreign_degrees(scale, mode)
    assert widest_gap(Scale.of("1,5")) == 5
    assert widest_gap(Scale.of("1,2,3,5,6")) == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("2,1,1/2", "half, quarter, eighth"),
        ("1.5, 3/4", "dotted quarter, dotted eighth"),
        ("dotted-half,minims,Quavers", "dotted half, half, eighth"),
        ("dotted crotchet, semiquaver", "dotted quarter, sixteenth"),
        ("4,whole notes", "whole"),
    ],
)
def test_note_values_are_read(words: str, expected: str) -> None:
    assert named_values(read_note_values(words)) == expected


def test_numbers_count_quarter_notes() -> None:
    assert read_note_values("1") == {Fraction(1, 4)}


@pytest.mark.parametrize("words", ["", "1/3", "0", "-1", "11/4", "99", "1,,2", "1/0", "dotted 1"])
def test_other_note_values_are_refused(words: str) -> None:
    with pytest.raises(InputError):
        read_note_values(words)


def test_each_level_has_all_that_the_one_before_has() -> None:
    for number in range(1, len(LEVELS)):
        lower, higher = LEVELS[number], LEVELS[number + 1]
        assert lower.bars <= higher.bars
        assert lower.max_leap < higher.max_leap
        assert set(lower.metres) <= set(higher.metres)
        assert set(lower.modes) <= set(higher.modes)
        assert higher.compass[0] <= lower.compass[0] < lower.compass[1] <= higher.compass[1]
        if higher.rhythms:
            assert read_note_values(lower.rhythms) < read_note_values(higher.rhythms)
