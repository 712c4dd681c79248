"""The melody of a tune; its mode is tested with the reader, its form with the features of tunes."""

from __future__ import annotations

from fractions import Fraction

from abcgen.notation.analysis import MelodyNote, melody_of
from tests.tunes import tune


def test_the_melody_is_the_top_of_chords_with_ties_joined() -> None:
    melody = melody_of(tune("[DFA]2 z2 A2-A2|(3DEF G6|").bars)
    assert melody[:3] == [
        MelodyNote(69, Fraction(1, 4)),
        MelodyNote(None, Fraction(1, 4)),
        MelodyNote(69, Fraction(1, 2)),
    ]
    assert [note.duration for note in melody[3:6]] == [Fraction(1, 12)] * 3


def test_chords_tied_by_any_pitch_are_one_note_of_the_melody() -> None:
    assert melody_of(tune("[DF]4-[FA]4|").bars) == [MelodyNote(66, Fraction(1))]
