"""Staves that voices share, and what joins them."""

from __future__ import annotations

import pytest

from abcgen.notation.reader import read_abc
from abcgen.notation.staves import Staff, read_staves, staves_text
from abcgen.notation.writer import write_abc

VOICES = "".join(f"V:{name}\nCDEF|\n" for name in ("A", "B", "C", "D"))


@pytest.mark.parametrize(
    ("text", "staves", "canonical"),
    [
        ("{(A B) C} D", [(0, 1), (2,), (3,)], "{(1 2) 3} 4"),
        ("[(A B) | (C D)]", [(0, 1), (2, 3)], "[(1 2) (3 4)]"),
        ("[A {B C}] D", [(0,), (1,), (2,), (3,)], "[1 {2 3}] 4"),
        ("D A", [(3,), (0,), (1,), (2,)], "4 1 2 3"),
        ("(A B", [(0, 1), (2,), (3,)], "(1 2) 3 4"),
        ("(A X) A ()", [(0,), (1,), (2,), (3,)], ""),
        ("A B C D", [], ""),
    ],
)
def test_staves_are_read_and_written(
    text: str, staves: list[tuple[int, ...]], canonical: str
) -> None:
    tune = read_abc(f"X:1\nT:x\n%%score {text}\nK:C\n{VOICES}")
    assert [staff.voices for staff in tune.staves] == (staves if canonical else [])
    written = write_abc(tune)
    assert (f"%%score {canonical}" in written.splitlines()) == bool(canonical)
    assert read_abc(written).staves == tune.staves


def test_a_voice_that_is_named_twice_is_on_one_staff() -> None:
    assert read_staves("(1 2) 1 2", ["1", "2"]) == (Staff((0, 1)),)
    assert staves_text([Staff((0, 1))]) == "(1 2)"
