from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from abcgen.errors import InputError
from abcgen.notation.fields import RHYTHMS, rhythm_named
from abcgen.notation.reader import read_abc
from abcgen.notation.titles import new_title
from abcgen.notation.transpose import INSTRUMENTS, instrument_named, pitches_of, transpose_for
from abcgen.notation.tune import Key
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

TUNE = read_abc("X:1\nM:4/4\nL:1/8\nK:Cdor\nCDEF GABc|cBAG FEDC|]")


FIVE_NOTES = read_abc("X:1\nM:4/4\nL:1/8\nK:Cdor\nCDEF G4|]")


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_instrument_can_play_five_notes(name: str) -> None:
    player = instrument_named(name)
    for choice in (0.0, 0.5, 0.99):
        pitches = pitches_of(transpose_for(FIVE_NOTES, player, choice))
        assert player.lowest <= min(pitches) <= max(pitches) <= player.highest


def test_a_tune_is_moved_to_a_signature_that_players_like() -> None:
    fiddle = instrument_named("Fiddle")
    tonics = {transpose_for(TUNE, fiddle, choice).key.tonic for choice in (0.0, 0.4, 0.9)}
    assert tonics == {"E", "A", "B"}  # dorian with the signatures of D, G and A


@given(tunes())
@settings(max_examples=20)
def test_moving_keeps_the_mode(tune: Tune) -> None:
    assert transpose_for(tune, instrument_named("whistle")).key.mode is tune.key.mode


def test_an_unknown_instrument_is_an_error_that_names_the_known() -> None:
    with pytest.raises(InputError, match="fiddle"):
        instrument_named("kazoo")


def test_usual_keys_are_keys_and_programs_are_general_midi() -> None:
    for instrument in INSTRUMENTS.values():
        assert 0 <= instrument.program < 128
        assert instrument.lowest < instrument.highest
        assert all(Key(name[0]).letter in "ABCDEFG" for name in instrument.keys)


def test_titles_do_not_repeat() -> None:
    taken: set[str] = set()
    for number in range(400):
        taken.add(new_title(random.Random(number), taken))
    assert len(taken) == 400


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
def test_rhythms_by_their_many_names(words: str, name: str) -> None:
    assert rhythm_named(words) == name
    assert name in {*RHYTHMS, ""}
