from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import pitches_of, transpose
from abcgen.notation.tune import Key, Mode, key_at
from abcgen.notation.writer import write_abc
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

KEYS = [key_at(fifths, Mode.MAJOR) for fifths in range(-5, 7)]


def test_spelling_goes_along() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:Gm\nG^F=EA B4|]")
    assert write_abc(transpose(tune, Key("C"))).splitlines()[-2:] == ["K:Cmin", "c=B=Ad e4 |]"]
    assert write_abc(transpose(tune, Key("D"))).splitlines()[-2:] == ["K:Dmin", "D^C=B,E F4 |]"]


def test_changes_of_key_go_along() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:D\nD8|\nK:A\nA8|")
    moved = transpose(tune, Key("G"))
    assert (str(moved.key), str(moved.bars[1].key)) == ("G", "D")


def test_explicit_accidentals_go_along() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:D =c\nc8|")
    assert str(transpose(tune, Key("G")).key) == "G =f"


@given(tunes(), st.sampled_from(KEYS), st.integers(-1, 1))
@settings(max_examples=40)
def test_every_note_moves_by_the_same_interval(tune: Tune, key: Key, octaves: int) -> None:
    moved = transpose(tune, key, octaves=octaves)
    steps = {new - old for old, new in zip(pitches_of(tune), pitches_of(moved), strict=True)}
    distance = (key.tonic_pitch_class - tune.key.tonic_pitch_class + 6) % 12 - 6 + 12 * octaves
    assert steps <= {distance}
    assert moved.key.tonic_pitch_class == key.tonic_pitch_class
    assert abs(moved.key.fifths) <= 7


@given(tunes(), st.sampled_from(KEYS))
@settings(max_examples=30)
def test_there_and_back_is_the_same_tune(tune: Tune, key: Key) -> None:
    back = transpose(transpose(tune, key), tune.key)
    shift = {new - old for old, new in zip(pitches_of(tune), pitches_of(back), strict=True)}
    assert shift in [{0}, {12}, {-12}, set()]
