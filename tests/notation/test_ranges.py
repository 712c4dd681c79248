from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import (
    INSTRUMENTS,
    arrange_for,
    instrument_named,
    pitches_of,
    playing_in,
    ranges_in_c,
    transpose_for,
)
from abcgen.notation.tune import Key, Mode, Note, Tune


def tune(body: str, key: str = "C") -> Tune:
    return read_abc(f"M:4/4\nL:1/8\nK:{key}\n{body}\n")


@given(st.sampled_from(sorted(INSTRUMENTS)), st.sampled_from(list(Mode)), st.data())
def test_a_tune_in_one_of_the_ranges_is_within_reach_once_moved(
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
def test_the_key_asked_for_is_the_key_given(key: str) -> None:
    wanted = read_abc(f"K:{key}\nc|\n").key
    player = playing_in(instrument_named("whistle"), wanted)
    in_c = tune("CDEF GABc|", f"C{wanted.mode.abbreviation}")
    assert arrange_for(in_c, player, 0.9).key == wanted


def test_the_octave_can_be_that_of_a_first_note() -> None:
    player = playing_in(instrument_named("fiddle"), Key("D"))
    for first in (50, 62, 74):
        assert pitches_of(arrange_for(tune("CDEF|"), player, 0.0, first))[0] == first


def test_two_accidentals_become_one() -> None:
    player = playing_in(instrument_named("fiddle"), Key("D"))
    moved = arrange_for(tune("^B2^c2(3^Bcd[^Be]2|"), player, 0.0)
    before = pitches_of(transpose_for(tune("^B2^c2(3^Bcd[^Be]2|"), player))
    assert pitches_of(moved) == before
    alters = [
        pitch.alter
        for item in moved.bars[0].items
        if isinstance(item, Note)
        for pitch in item.pitches
    ]
    assert max(map(abs, alters)) == 1
