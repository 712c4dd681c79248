from __future__ import annotations

from fractions import Fraction

import pytest

from abcgen.errors import NotationError
from abcgen.notation.fields import (
    RHYTHMS,
    default_unit,
    read_key,
    read_metre,
    read_unit,
    rhythm_named,
)
from abcgen.notation.tune import FREE_METRE, Key, Metre, Mode, key_at


@pytest.mark.parametrize(
    ("value", "written", "fifths"),
    [
        ("C", "C", 0),
        ("G", "G", 1),
        ("F#m", "F#min", 3),
        ("Bb", "Bb", -2),
        ("A Dorian", "Ador", 1),
        ("AMix", "Amix", 2),
        ("D Major", "D", 2),
        ("Glydian", "Glyd", 2),
        ("E phrygian", "Ephr", 0),
        ("B locrian", "Bloc", 0),
        ("A aeolian", "Amin", 0),
        ("D ionian", "D", 2),
        ("none", "C", 0),
        ("", "C", 0),
        ("Hp", "Amix", 2),
        ("HP", "Amix", 2),
        ("G clef=treble", "G", 1),
        ("Dmix treble", "Dmix", 1),
        ("H", "B", 5),
        ("Es", "Eb", -3),
        ("B♭", "Bb", -2),
        ("F♯m", "F#min", 3),
        ("f sharp minor".capitalize(), "F#min", 3),
        ("Bflat", "Bb", -2),
        ('"D"', "D", 2),
        ("GMAJOR", "G", 1),
        ("D Freygish", "Dphr ^f", -2),
        ("none ^f", "C ^f", 0),
        ("^f _b", "C ^f _b", 0),
        ("Dmix=c", "Dmix =c", 1),
        ("G transpose=2", "G", 1),
        ("G treble-8", "G", 1),
        ("G G-8", "G", 1),
        ("D F4-8", "D", 2),
        ('G Clef="treble" foo=bar stafflines=1', "G", 1),
        ("Am octave=-1 middle=d bass,,", "Amin", 0),
    ],
)
def test_keys_are_read(value: str, written: str, fifths: int) -> None:
    key = read_key(value)
    assert (str(key), key.fifths) == (written, fifths)


def test_explicit_accidentals_add_to_the_signature_or_replace_it() -> None:
    assert read_key("D =c").signature["C"] == 0
    assert read_key("D =c").signature["F"] == 1
    only = read_key("D exp _b").signature
    assert (only["B"], only["F"], only["C"]) == (-1, 0, 0)
    assert read_key(str(read_key("D exp _b"))).signature == only


@pytest.mark.parametrize("value", ["Q", "X", "g", "D/Bm", "Gfoo", "G# exp ^f", "C# lyd", "D ^q"])
def test_a_key_that_is_not_understood_is_an_error(value: str) -> None:
    with pytest.raises(NotationError):
        read_key(value)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("fifths", range(-7, 8))
def test_a_key_is_found_by_its_signature(mode: Mode, fifths: int) -> None:
    key = key_at(fifths, mode)
    assert (key.fifths, key.mode) == (fifths, mode)
    assert sum(key.signature.values()) == fifths
    assert read_key(str(key)) == key


def test_relative_keys_share_a_signature() -> None:
    assert Key("A", 0, Mode.MINOR).signature == Key("C").signature
    assert Key("E", 0, Mode.DORIAN).signature == Key("D").signature


@pytest.mark.parametrize(
    ("value", "metre"),
    [
        ("4/4", Metre(4, 4)),
        ("C", Metre(4, 4, "C")),
        ("C|", Metre(2, 2, "C|")),
        (" 6 / 8 ", Metre(6, 8)),
        ("2+3/8", Metre(5, 8)),
        ("(3+2+2)/8", Metre(7, 8)),
        ("none", FREE_METRE),
        ("", FREE_METRE),
        ("FREI4/4", FREE_METRE),
        ("free", FREE_METRE),
        ("cut", Metre(2, 2, "C|")),
        ("6/8 jig", Metre(6, 8)),
        ("6/8 (Jig)", Metre(6, 8)),
        ("9/8=2+2+2+3/8", Metre(9, 8)),
        ("2/4+3/8", Metre(7, 8)),
        ("3/4+1/16", Metre(13, 16)),
    ],
)
def test_metres_are_read(value: str, metre: Metre) -> None:
    assert read_metre(value) == metre


@pytest.mark.parametrize("value", ["4", "4/5", "0/4", "o", "3/4 6/8", "999999999999/4"])
def test_a_metre_that_is_not_understood_is_an_error(value: str) -> None:
    with pytest.raises(NotationError):
        read_metre(value)


def test_unit_lengths_are_read_or_follow_the_metre() -> None:
    assert read_unit("1/16") == Fraction(1, 16)
    assert default_unit(Metre(2, 4)) == Fraction(1, 16)
    assert default_unit(Metre(6, 8)) == Fraction(1, 8)
    for value in ("1/7", "2/8", "", "1/1000000"):
        with pytest.raises(NotationError):
            read_unit(value)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Reel", "reel"),
        ("double jig", "jig"),
        ("Slip-Jig", "slip jig"),
        ("Hornpipes", "hornpipe"),
        ("Romanze, Ballade, Lied", ""),
        ("", ""),
    ],
)
def test_a_rhythm_is_recognised_by_all_its_names(words: str, name: str) -> None:
    assert rhythm_named(words) == name
    assert name in {*RHYTHMS, ""}
