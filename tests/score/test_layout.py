"""Parts of a tune, line breaks and endings."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings

from abcgen.notation.playback import play_order
from abcgen.notation.tune import Bar, BarLine, Metre, Note, Pitch, Rest, Tune, Voice
from abcgen.score.layout import (
    LINE_WIDTH,
    bar_width,
    ending_spans,
    line_starts,
    parts_of,
    plan_bars,
)
from abcgen.score.printed_notes import printed_notes
from tests.marked_tunes import DUET
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


def test_the_first_voice_decides_what_is_repeated() -> None:
    other = replace(WHOLE, repeat_start=True, line=BarLine.DOUBLE, ending=(7,))
    parts = parts_of(replace(tune("|: A8 | B8 :|"), others=(Voice("2", (other, other)),)))
    assert {play_order(part) for part in parts} == {(0, 1, 0, 1)}


@given(tunes(), tunes())
@settings(max_examples=15)
def test_any_two_voices_become_parallel_parts(one: Tune, other: Tune) -> None:
    parts = parts_of(replace(one, others=(Voice("2", other.bars),)))
    assert len({tuple(bar.duration for bar in part.bars) for part in parts}) == 1
    assert len({play_order(part) for part in parts}) == 1


def test_a_voice_without_bars_is_no_part() -> None:
    assert len(parts_of(replace(JIG, others=(Voice("empty", ()),)))) == 1


def starts(tune: Tune, line_width: float = LINE_WIDTH) -> list[int]:
    plan = plan_bars(tune)
    widths = [bar_width(*bar) for bar in zip(plan, printed_notes(plan), strict=True)]
    return sorted(line_starts(plan, widths, line_width))


def repeated(bar: str, times: int) -> str:
    return "|".join([bar] * times)


def test_a_jig_has_four_bars_a_line_and_each_part_begins_one() -> None:
    assert starts(JIG) == [0, 5, 10, 14]


def test_a_bar_left_over_joins_the_line_before() -> None:
    assert starts(REEL) == [0, 4, 8, 12]


def test_bars_left_over_are_on_the_last_line_of_a_section() -> None:
    assert starts(tune(repeated("ABcd efga", 6) + "|]")) == [0, 4]


def test_crowded_bars_are_fewer_on_a_line() -> None:
    assert starts(tune(repeated("A/B/c/d/e/f/g/a/ A/B/c/d/e/f/g/a/", 4) + "|]")) == [0, 2]


def test_bars_of_one_note_are_still_four_on_a_line() -> None:
    assert starts(tune(repeated("A6", 16) + "|]", metre=Metre(3, 4))) == [0, 4, 8, 12]


def test_larger_print_has_fewer_bars_a_line() -> None:
    text = repeated("ABcd efga", 8) + "|]"
    assert len(starts(tune(text), LINE_WIDTH / 2)) > len(starts(tune(text)))


def test_a_part_of_two_bars_does_not_break_the_line() -> None:
    assert starts(tune("A8 | A8 || A8 | A8 |]")) == [0]


def test_a_bar_too_wide_for_any_line_has_one_to_itself() -> None:
    assert starts(tune(repeated("A/" * 16, 2) + "|]"), 3.0) == [0, 1]


def test_an_ending_reaches_to_the_next_one_or_to_the_end_of_the_part() -> None:
    assert ending_spans(JIG.bars) == [(8, 8), (9, 9), (17, 17), (18, 18)]
    long = tune("|: A8 |[1 A8 | A8 :|[2 A8 | A8 | A8 || A8 |]")
    assert ending_spans(long.bars) == [(1, 2), (3, 5)]
    followed = tune("|: A8 |[1 A8 :|[2 A8 | A8 | |: A8 :|")
    assert ending_spans(followed.bars) == [(1, 1), (2, 3)]
