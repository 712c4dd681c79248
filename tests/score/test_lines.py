from __future__ import annotations

from abcgen.notation.tune import Metre, Tune
from abcgen.score.layout import LINE_WIDTH, bar_width, ending_spans, line_starts, plan_bars
from abcgen.score.printed_notes import printed_notes
from tests.tunes import JIG, REEL, tune


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


def test_what_is_left_over_of_a_part_stands_on_its_last_line() -> None:
    assert starts(tune(repeated("ABcd efga", 6) + "|]")) == [0, 4]


def test_crowded_bars_go_fewer_to_a_line() -> None:
    assert starts(tune(repeated("A/B/c/d/e/f/g/a/ A/B/c/d/e/f/g/a/", 4) + "|]")) == [0, 2]


def test_bars_of_one_note_still_go_four_to_a_line() -> None:
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
