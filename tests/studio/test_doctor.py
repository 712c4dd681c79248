"""What the tune doctor says of ABC, and on which line."""

from __future__ import annotations

import pytest

from abcgen.studio.doctor import messages_of

HEAD = "X:1\nT:Test\nM:4/4\nL:1/8\nK:D\n"


def said(abc: str) -> list[tuple[int, str]]:
    return [(message["line"], message["kind"]) for message in messages_of(abc)]


def test_a_right_tune_needs_nothing() -> None:
    assert said(HEAD + "|: DEFA dfaf | g2 fe d4 :|\n") == []


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("DEFA dfaf |\nDEF | DEFA dfaf |]\n", [(7, "bar")]),
        ("% a comment\nDEFA dfaf |\nw: do re mi\nDEFA dfaff | DEFA dfaf |]\n", [(9, "bar")]),
        ("DEFA dfaf | DEFA dfaf :|\nDEFA dfaf | DEFA dfaf :|\n|: DEFA dfaf |]\n", [(8, "bar")]),
        ("DEFA dfaf |\nDEFA [dfaf |]\n", [(7, "error")]),
    ],
)
def test_each_problem_is_on_its_line(music: str, expected: list[tuple[int, str]]) -> None:
    assert said(HEAD + music) == expected


def test_lines_count_through_a_book() -> None:
    right = HEAD + "DEFA dfaf |]\n"
    wrong = HEAD + "DEFA dfaf | DEF | DEFA dfaf |]\n"
    assert said(f"{right}\n{wrong}") == [(13, "bar")]


@pytest.mark.parametrize("abc", ["", "\n\n", "no tune", "%%begintext\n"])
def test_where_there_is_no_tune_it_says_so(abc: str) -> None:
    assert [kind for _, kind in said(abc)] == ["error"]


def test_many_problems_are_cut() -> None:
    music = "DEF | " * 1000
    assert len(messages_of(f"{HEAD}{music}|]\n")) <= 100
