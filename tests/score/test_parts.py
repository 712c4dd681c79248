from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings

from abcgen.notation.playback import play_order
from abcgen.notation.tune import Bar, BarLine, Note, Pitch, Rest, Tune, Voice
from abcgen.score.layout import parts_of
from tests.marked import DUET
from tests.strategies import tunes
from tests.tunes import JIG, REEL, tune

WHOLE = Bar((Note((Pitch(20),), Fraction(1)),))


def test_a_tune_of_one_voice_is_its_own_part() -> None:
    assert parts_of(REEL) == (REEL,)


def test_a_voice_with_fewer_bars_rests_to_the_end() -> None:
    melody, bass = parts_of(DUET)
    assert melody.bars == DUET.bars
    assert len(bass.bars) == len(melody.bars)
    assert bass.bars[-1].items == (Rest(melody.bars[-1].duration, visible=True),)


def test_a_voice_with_more_bars_makes_the_melody_rest() -> None:
    duet = replace(tune("A8 |]"), others=(Voice("2", (WHOLE, WHOLE)),))
    melody, _ = parts_of(duet)
    assert [bar.items for bar in melody.bars[1:]] == [(Rest(Fraction(1)),)]


def test_a_bar_too_short_in_one_voice_is_filled_with_an_invisible_rest() -> None:
    short = Bar((Note((Pitch(20),), Fraction(1, 2)),))
    _, bass = parts_of(replace(tune("A8 |]"), others=(Voice("2", (short,)),)))
    assert bass.bars[0].items[-1] == Rest(Fraction(1, 2), visible=False)


def test_the_first_voice_says_what_is_repeated() -> None:
    other = replace(WHOLE, repeat_start=True, line=BarLine.DOUBLE, ending=(7,))
    parts = parts_of(replace(tune("|: A8 | B8 :|"), others=(Voice("2", (other, other)),)))
    assert {play_order(part) for part in parts} == {(0, 1, 0, 1)}


@given(tunes(), tunes())
@settings(max_examples=15)
def test_any_two_voices_run_side_by_side(one: Tune, other: Tune) -> None:
    parts = parts_of(replace(one, others=(Voice("2", other.bars),)))
    assert len({tuple(bar.duration for bar in part.bars) for part in parts}) == 1
    assert len({play_order(part) for part in parts}) == 1


def test_a_voice_without_bars_is_no_part() -> None:
    assert len(parts_of(replace(JIG, others=(Voice("empty", ()),)))) == 1
