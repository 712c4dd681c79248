from __future__ import annotations

import pytest

from abcgen.notation.tune import FREE_METRE, Metre
from abcgen.score.layout import plan_bars
from abcgen.score.printed_notes import printed_notes
from abcgen.score.symbols import beam_groups, beams_of
from tests.tunes import tune


def sizes(text: str, metre: Metre, bar: int = 0) -> list[int]:
    planned = plan_bars(tune(text + " |]", metre=metre))
    return [len(group) for group in beam_groups(printed_notes(planned)[bar], metre)]


@pytest.mark.parametrize(
    ("text", "metre", "expected"),
    [
        ("ABcd efga", Metre(4, 4), [4, 4]),
        ("ABc def", Metre(6, 8), [3, 3]),
        ("ABc def gab", Metre(9, 8), [3, 3, 3]),
        ("AB cd ef", Metre(3, 4), [2, 2, 2]),
        ("ABc", Metre(3, 8), [3]),
        ("A2 B2 cd ef", Metre(4, 4), [4]),
        ("A3/2B/ A3/2B/ cdef", Metre(4, 4), [2, 2, 4]),
        ("A/B/c/d/ e/f/g/a/", Metre(2, 4), [4, 4]),
        ("(3ABc de fgab", Metre(4, 4), [3, 2, 4]),
        ("A(3B/c/d/e fga", Metre(6, 8), [5, 3]),
        ("ABz def", Metre(6, 8), [2, 3]),
        ("ABcde", FREE_METRE, [2, 2]),
    ],
)
def test_notes_are_beamed_as_the_metre_asks(text: str, metre: Metre, expected: list[int]) -> None:
    assert sizes(text, metre) == expected


def test_a_beam_never_breaks_within_a_tuplet() -> None:
    assert sizes("(3DDEF/G/ | A8", Metre(4, 4)) == [5]
    assert sizes("A(3BcdA Bcde", Metre(4, 4)) == [5, 4]


def test_a_beam_crosses_the_edge_of_a_tuplet_only_with_all_of_it() -> None:
    assert sizes("(3zBc de fgab", Metre(4, 4)) == [2, 2, 4]
    assert sizes("(3z/B/c/d/e/", Metre(3, 8)) == [2, 2]
    assert sizes("d/e/(3B/c/z/", Metre(3, 8)) == [2, 2]
    assert sizes("A(3z/c/d/e fga", Metre(6, 8)) == [2, 3]
    assert sizes("A(3B/c/d/e fga", Metre(6, 8)) == [5, 3]


def test_a_pickup_is_beamed_as_the_end_of_a_bar() -> None:
    assert sizes("ABc | d8", Metre(4, 4)) == [3]
    assert sizes("ABcde | d8", Metre(4, 4)) == [4]


def test_the_second_half_of_a_divided_bar_is_beamed_as_that() -> None:
    assert sizes("|: A8 | A2 B4 :| cd | e8", Metre(4, 4), bar=2) == [2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A3/2B/", [["start"], ["stop", "partial-left"]]),
        ("A/B3/2", [["start", "partial-right"], ["stop"]]),
        ("AB/c/", [["start"], ["continue", "start"], ["stop", "stop"]]),
        ("A/Bc/", [["start", "partial-right"], ["continue"], ["stop", "partial-left"]]),
    ],
)
def test_short_notes_have_inner_beams(text: str, expected: list[list[str]]) -> None:
    metre = Metre(1, 4)
    (pieces,) = printed_notes(plan_bars(tune(text + "|]", metre=metre)))
    assert beams_of(pieces, metre) == expected


def test_a_short_note_within_a_beam_leans_on_the_dotted_note() -> None:
    metre = Metre(6, 8)
    (pieces,) = printed_notes(plan_bars(tune("A3/2B/c d3 |]", metre=metre)))
    assert beams_of(pieces, metre)[1] == ["continue", "partial-left"]
