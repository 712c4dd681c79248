"""The walk through bars and notes, and the joining of ties."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given

from abcgen.notation.playback import play_order
from abcgen.notation.tune import Key, Metre, Note, Tune
from abcgen.notation.walk import (
    Sound,
    WrittenChord,
    join_ties,
    sounding_notes,
    walk_bars,
    walk_notes,
    walk_tune,
)
from tests import strategies
from tests.tunes import JIG, REEL, changed, tune

G, WALTZ = Key("G"), Metre(3, 4)


def test_changes_of_key_and_metre_hold_from_their_bar_on() -> None:
    modulating = changed(changed(REEL, 2, key=G), 3, metre=WALTZ)
    bars = list(walk_bars(modulating.bars, modulating.key, modulating.metre))
    assert [bar.key for bar in bars[:4]] == [REEL.key, REEL.key, G, G]
    assert [bar.metre for bar in bars[:4]] == [REEL.metre] * 3 + [WALTZ]
    assert {(bar.key, bar.metre) for bar in bars[4:]} == {(G, WALTZ)}


def test_a_repeat_is_in_the_key_of_its_first_time() -> None:
    modulating = changed(tune("|: A8 | B8 :|"), 1, key=G)
    order = play_order(modulating)
    bars = walk_bars(modulating.bars, modulating.key, modulating.metre, order)
    assert [(bar.index, bar.key) for bar in bars] == [
        (0, modulating.key),
        (1, G),
        (0, modulating.key),
        (1, G),
    ]


def test_notes_of_tuplets_last_as_long_as_they_sound() -> None:
    notes = list(walk_tune(tune("(3ABc d2 (5efgab|")))
    assert [note.duration for note in notes[:3]] == [Fraction(1, 12)] * 3
    assert [note.onset for note in notes[:4]] == [
        0,
        Fraction(1, 12),
        Fraction(1, 6),
        Fraction(1, 4),
    ]
    assert notes[4].onset == Fraction(1, 2)


@given(strategies.tunes())
def test_bars_and_notes_fill_time_without_gaps(tune: Tune) -> None:
    order = play_order(tune)
    end = Fraction(0)
    for note in walk_tune(tune, order):
        assert note.onset == end
        end += note.duration
    assert end == sum(tune.bars[index].duration for index in order)
    bars = walk_bars(tune.bars, tune.key, tune.metre, order)
    notes = {
        (note.bar.index, note.bar.onset)
        for note in walk_notes(tune.bars, tune.key, tune.metre, order)
    }
    assert [(bar.index, bar.onset) for bar in bars] == sorted(notes, key=lambda bar: bar[1])


def test_a_tie_joins_only_the_keys_that_both_chords_have() -> None:
    assert sounding_notes(tune("[DF]4- [FA]4|")) == [
        Sound(Fraction(0), Fraction(1, 2), (62,)),
        Sound(Fraction(0), Fraction(1), (66,)),
        Sound(Fraction(1, 2), Fraction(1, 2), (69,)),
    ]
    assert len(sounding_notes(tune("[DF]4- [DF]4|"), chord_ties=False)) == 2


def test_a_tie_is_joined_over_a_repeat() -> None:
    tied = tune("|: A4 B4- :|")
    assert [note.duration for note in sounding_notes(tied, play_order(tied))] == [
        Fraction(1, 2)
    ] * 4
    slurred = replace(tied.bars[0], items=(Note(tied.bars[0].items[0].pitches, Fraction(1), True),))  # type: ignore[union-attr]
    held = replace(tied, bars=(slurred,))
    assert sounding_notes(held, play_order(held)) == [Sound(Fraction(0), Fraction(2), (69,))]


def test_a_tie_to_a_note_that_comes_late_joins_nothing() -> None:
    late = [
        WrittenChord(Fraction(0), Fraction(1, 4), {60: True, 64: False}),
        WrittenChord(Fraction(1, 2), Fraction(1, 4), {60: False}),
    ]
    assert join_ties(late) == [
        Sound(Fraction(0), Fraction(1, 4), (60, 64)),
        Sound(Fraction(1, 2), Fraction(1, 4), (60,)),
    ]


def test_the_walk_goes_the_way_that_a_player_goes() -> None:
    order = play_order(JIG)
    bars = walk_bars(JIG.bars, JIG.key, JIG.metre, order)
    assert tuple(bar.index for bar in bars) == order
