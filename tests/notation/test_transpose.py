"""Tunes keep their intervals and spelling in every key, and suit the instruments they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.errors import InputError
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import (
    INSTRUMENTS,
    arrange_for,
    instrument_named,
    pitches_of,
    playing_in,
    ranges_in_c,
    transpose,
    transpose_for,
)
from abcgen.notation.tune import Key, Mode, Note, key_at
from abcgen.notation.writer import write_abc
from tests.strategies import tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

KEYS = [key_at(fifths, Mode.MAJOR) for fifths in range(-5, 7)]
TUNE = read_abc("X:1\nM:4/4\nL:1/8\nK:Cdor\nCDEF GABc|cBAG FEDC|]")
FIVE_NOTES = read_abc("X:1\nM:4/4\nL:1/8\nK:Cdor\nCDEF G4|]")


def tune(body: str, key: str = "C") -> Tune:
    return read_abc(f"M:4/4\nL:1/8\nK:{key}\n{body}\n")


def test_spelling_is_kept() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:Gm\nG^F=EA B4|]")
    assert write_abc(transpose(tune, Key("C"))).splitlines()[-2:] == ["K:Cmin", "c=B=Ad e4 |]"]
    assert write_abc(transpose(tune, Key("D"))).splitlines()[-2:] == ["K:Dmin", "D^C=B,E F4 |]"]


def test_changes_of_key_are_transposed() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:D\nD8|\nK:A\nA8|")
    moved = transpose(tune, Key("G"))
    assert (str(moved.key), str(moved.bars[1].key)) == ("G", "D")


def test_explicit_accidentals_are_transposed() -> None:
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
def test_a_tune_moved_there_and_back_has_the_same_notes(tune: Tune, key: Key) -> None:
    back = transpose(transpose(tune, key), tune.key)
    shift = {new - old for old, new in zip(pitches_of(tune), pitches_of(back), strict=True)}
    assert shift in [{0}, {12}, {-12}, set()]


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
def test_a_tune_moved_for_an_instrument_keeps_its_mode(tune: Tune) -> None:
    assert transpose_for(tune, instrument_named("whistle")).key.mode is tune.key.mode


def test_an_unknown_instrument_is_an_error_that_names_the_known() -> None:
    with pytest.raises(InputError, match="fiddle"):
        instrument_named("kazoo")


def test_usual_keys_are_keys_and_programs_are_general_midi() -> None:
    for instrument in INSTRUMENTS.values():
        assert 0 <= instrument.program < 128
        assert instrument.lowest < instrument.highest
        assert all(Key(name[0]).letter in "ABCDEFG" for name in instrument.keys)


@given(st.sampled_from(sorted(INSTRUMENTS)), st.sampled_from(list(Mode)), st.data())
def test_a_tune_in_one_of_the_ranges_can_be_played_once_moved(
    name: str, mode: Mode, data: st.DataObject
) -> None:
    player = INSTRUMENTS[name]
    low, high = data.draw(st.sampled_from(ranges_in_c(player, [mode])[mode]))
    notes = ["C,", "G,", "C", "G", "c", "g", "c'", "g'"]
    text = "".join(
        f"{note}2"
        for note in notes
        if low <= pitches_of(tune(note, f"C{mode.abbreviation}"))[0] <= high
    )
    moved = transpose_for(tune(text + "|", f"C{mode.abbreviation}"), player)
    assert all(player.lowest <= pitch <= player.highest for pitch in pitches_of(moved))


@pytest.mark.parametrize("key", ["D", "Bbmaj", "F#min", "Ador", "Gmix", "Abmaj"])
def test_a_requested_key_is_the_key_of_the_tune(key: str) -> None:
    wanted = read_abc(f"K:{key}\nc|\n").key
    player = playing_in(instrument_named("whistle"), wanted)
    in_c = tune("CDEF GABc|", f"C{wanted.mode.abbreviation}")
    assert arrange_for(in_c, player, 0.9).key == wanted


def test_the_octave_can_follow_a_given_first_note() -> None:
    player = playing_in(instrument_named("fiddle"), Key("D"))
    for first in (50, 62, 74):
        assert pitches_of(arrange_for(tune("CDEF|"), player, 0.0, first))[0] == first


def test_double_accidentals_are_respelled() -> None:
    player = playing_in(instrument_named("fiddle"), Key("D"))
    moved = arrange_for(tune("^B2^c2(3^Bcd[^Be]2|"), player, 0.0)
    before = pitches_of(transpose_for(tune("^B2^c2(3^Bcd[^Be]2|"), player))
    assert pitches_of(moved) == before
    alters = [
        pitch.alter for note in moved.notes if isinstance(note, Note) for pitch in note.pitches
    ]
    assert max(map(abs, alters)) == 1
