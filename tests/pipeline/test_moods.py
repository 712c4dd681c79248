"""Tempo, articulation and features of moods."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Note
from abcgen.notation.writer import write_abc
from abcgen.pipeline.moods import distance, features_of, in_mood
from abcgen.score.performance import opening_tempo, usual_tempo
from abcgen.wishes.moods import MOODS, Mood
from tests.tunes import JIG, REEL, tune

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

NEUTRAL = Mood(0.0, 0.0)


def marks(abc: str, mood: Mood) -> str:
    """The bars of a tune in a mood, as ABC."""
    return write_abc(in_mood(tune(abc), mood)).splitlines()[-1]


@pytest.mark.parametrize("name", MOODS)
@pytest.mark.parametrize("original", [JIG, REEL])
def test_a_mood_changes_tempo_and_articulation_and_no_note(name: str, original: Tune) -> None:
    after = in_mood(original, MOODS[name])
    assert [note.pitches for note in after.notes if isinstance(note, Note)] == [
        note.pitches for note in original.notes if isinstance(note, Note)
    ]
    factor = opening_tempo(after) / usual_tempo(original)
    assert factor == pytest.approx(MOODS[name].tempo, abs=0.01)
    # It is still there after writing and reading, and slurs pair.
    assert read_abc(write_abc(after)).bars == after.bars
    starts = sum(note.marks.slur_starts for note in after.notes if note.marks)
    assert starts == sum(note.marks.slur_ends for note in after.notes if note.marks)


def test_notes_of_a_beat_or_less_are_detached_unless_they_are_tied() -> None:
    abc = "ABcd d4- | d2 z2 AB e2 |]"
    assert marks(abc, MOODS["happy"]) == ".A.B.c.d d4- | d2 z2 .A.B .e2 |]"
    assert marks(abc, NEUTRAL) == abc


def test_what_is_beamed_is_slurred() -> None:
    assert marks("e | ABcd d4 | z2 AB cdef |]", MOODS["calm"]) == (
        "e | (ABcd) d4 | z2 (AB) (cdef) |]"
    )
    assert marks("AB | cdcB (3ABc AB |]", MOODS["calm"]) == "(AB) | (cdcB) (3(ABcAB) |]"


def test_free_metre_has_no_beat_to_play_it_by() -> None:
    air = read_abc("X:1\nM:none\nK:D\nA2 B2 c4 |]")
    assert in_mood(air, MOODS["happy"]) == air


def test_features_are_heights_leaps_and_notes_a_second() -> None:
    found = features_of(tune("A2 c2 e2 A2 |]", key="C"))
    assert found["pitch"] == pytest.approx((69 + 72 + 76 + 69) / 4)
    assert found["leap"] == pytest.approx((3 + 4 + 7) / 3)
    beats_a_second = usual_tempo(tune("A8 |]")) / 60
    assert found["density"] == pytest.approx(beats_a_second)
    assert features_of(tune("z8 |]")) == {"pitch": 0.0, "leap": 0.0, "density": 0.0}


def test_a_lively_tune_is_nearer_to_a_lively_mood() -> None:
    lively, calm = tune("d'ad'a fd'ad' |]"), tune("D4 E4 | F8 |]")
    for name in ("happy", "excited"):
        assert distance(lively, MOODS[name]) < distance(calm, MOODS[name])
    assert distance(calm, MOODS["sad"]) < distance(lively, MOODS["sad"])
    assert Fraction(1, 2) <= MOODS["sad"].tempo < 1
