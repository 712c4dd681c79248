"""Metres, keys and instruments are understood as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.notation.fields import RHYTHMS, read_key, read_metre
from abcgen.notation.spoken import abc_key, abc_metre, metre_of_rhythm, with_plain_rhythm
from abcgen.notation.transpose import INSTRUMENTS, instrument_named
from abcgen.notation.tune import Key, Tune


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("Am", "Amin"),
        ("am", "Amin"),
        ("d minor", "Dmin"),
        ("D Major", "D"),
        ("Ador", "Ador"),
        ("a dorian", "Ador"),
        ("F#", "F#"),
        ("f sharp minor", "F#min"),
        ("f-sharp-minor", "F#min"),
        ("F♯m", "F#min"),
        ("B flat", "Bb"),
        ("b-flat major", "Bb"),
        ("B♭ mixolydian", "Bbmix"),
        ("bb", "Bb"),
        ("bbm", "Bbmin"),
        ("b", "B"),
        ("bm", "Bmin"),
        ("e", "E"),
        ("H", "B"),
        ("Hm", "Bmin"),
        ("h-moll", "Bmin"),
        ("H moll", "Bmin"),
        ("B-Dur", "Bb"),
        ("b dur", "Bb"),
        ("fis-moll", "F#min"),
        ("Cis moll", "C#min"),
        ("Es-Dur", "Eb"),
        ("as dur", "Ab"),
        ("Des-Dur", "Db"),
        ("a-moll", "Amin"),
        ("e-moll", "Emin"),
        ("G", "G"),
        ("la mineur", "Amin"),
        ("Ré majeur", "D"),
        ("si bémol majeur", "Bb"),
        ("fa dièse mineur", "F#min"),
        ("fa#", "F#"),
        ("do minore", "Cmin"),
        ("Mi bemolle maggiore", "Eb"),
        ("sol mayor", "G"),
        ("re dorian", "Ddor"),
    ],
)
def test_keys(words: str, key: str) -> None:
    assert str(read_key(abc_key(words))) == key


@pytest.mark.parametrize(
    ("words", "metre"),
    [
        ("C", "C"),
        ("c|", "C|"),
        ("common time", "C"),
        ("Common", "C"),
        ("cut time", "C|"),
        ("alla breve", "C|"),
        ("6/8", "6/8"),
        ("6-8", "6/8"),
        ("6 8", "6/8"),
        ("3:4", "3/4"),
        ("6/8 time", "6/8"),
        ("6 by 8", "6/8"),
        ("free", "none"),
    ],
)
def test_metres(words: str, metre: str) -> None:
    assert str(read_metre(abc_metre(words))) == metre


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("violin", "fiddle"),
        ("Tin Whistle", "whistle"),
        ("tin-whistle", "whistle"),
        ("uilleann pipes", "uilleann-pipes"),
        ("Tenor Banjo", "tenor-banjo"),
        ("melodeon", "accordion"),
        ("Bb clarinet", "clarinet"),
    ],
)
def test_instruments(words: str, name: str) -> None:
    assert instrument_named(words) is INSTRUMENTS[name]


@given(st.text(max_size=12))
def test_what_is_not_understood_stays_as_it_is_for_the_error(words: str) -> None:
    for abc in (abc_key, abc_metre):
        assert abc(abc(words)) == abc(words)
    for words_for_nothing in ("waltz", "H7", "hello", "6/8/4", "la la", "sol H"):
        assert abc_key(words_for_nothing) == abc_metre(words_for_nothing) == words_for_nothing


@pytest.mark.parametrize(
    ("named", "metre", "printed"),
    [("", "6/8", "jig"), ("", "9/8", "slip jig"), ("", "4/4", ""), ("march", "6/8", "march")],
)
def test_a_rhythm_is_plain_from_some_metres(named: str, metre: str, printed: str) -> None:
    tune = Tune((), Key(), read_metre(metre), rhythm=named)
    assert with_plain_rhythm(tune).rhythm == printed


def test_only_rhythms_with_one_metre_imply_it() -> None:
    implied = {rhythm: str(metre) for rhythm in RHYTHMS if (metre := metre_of_rhythm(rhythm))}
    assert implied["waltz"] == "3/4"
    assert implied["jig"] == "6/8"
    assert not {"reel", "hornpipe", "march", "air"} & implied.keys()
