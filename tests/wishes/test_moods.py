from __future__ import annotations

import math

import pytest

from abcgen.config import Request
from abcgen.errors import InputError
from abcgen.notation.tune import Mode
from abcgen.wishes.moods import MOODS, Mood, mood_named, mood_of


def test_the_moods_are_in_all_quarters_of_the_circle() -> None:
    quarters = [(mood.valence > 0, mood.arousal > 0) for mood in MOODS.values()]
    assert {quarters.count(quarter) for quarter in quarters} == {2}
    assert len(set(quarters)) == 4
    for mood in MOODS.values():
        assert 0.8 <= math.hypot(mood.valence, mood.arousal) <= 1.1


@pytest.mark.parametrize("arousal", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_the_livelier_the_faster_and_denser(arousal: float) -> None:
    calmer, livelier = Mood(0.0, arousal - 0.1), Mood(0.0, arousal)
    assert calmer.tempo < livelier.tempo
    assert all(calmer.wanted[name] < value for name, value in livelier.wanted.items())
    assert not (livelier.is_staccato and livelier.is_legato)


def test_pleasant_is_major_and_unpleasant_minor() -> None:
    assert Mood(0.0, 1.0).modes == ()
    assert Mood(0.9, 0.0).modes == (Mode.MAJOR,)
    assert Mood(-0.9, 0.0).modes == (Mode.MINOR,)
    assert Mode.DORIAN in Mood(-0.1, 0.0).modes
    assert Mode.MIXOLYDIAN in Mood(0.1, 0.0).modes
    assert Mood(1.0, 0.0).wanted["pitch"] > Mood(-1.0, 0.0).wanted["pitch"]


def test_a_mood_has_a_name_or_a_place() -> None:
    assert mood_named(" Happy") is MOODS["happy"]
    with pytest.raises(InputError):
        mood_named("purple")
    assert mood_of(Request()) is None
    assert mood_of(Request(mood="sad")) is MOODS["sad"]
    assert mood_of(Request(valence=0.5)) == Mood(0.5, 0.0)
    assert mood_of(Request(arousal=0.0)) == Mood(0.0, 0.0)
