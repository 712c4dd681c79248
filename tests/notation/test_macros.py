from __future__ import annotations

import pytest

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.macros import Macros, user_symbol
from abcgen.notation.reader import read_abc

HEAD = "X:1\nT:Test\nM:4/4\nL:1/8\n"


def applied(text: str, *definitions: str) -> str:
    macros = Macros()
    for definition in definitions:
        macros.add(definition, 1)
    return macros.apply(text, 1)


@pytest.mark.parametrize(
    ("text", "definitions", "expected"),
    [
        ("~G3 A ~G2", ["~G3 = G{A}G{F}G"], "G{A}G{F}G A ~G2"),
        ("~c3 ~A3 ~d'3", ["~n3 = n{o}n{m}n"], "c{d}c{B}c A{B}A{G}A d'{e'}d'{c'}d'"),
        ("~C,3", ["~n3 = n{o}n{m}n"], "C,{D,}C,{B,,}C,"),
        ("~^F2", ["~n2 = no"], "^FG"),
        ('"~G3"~G3 !~G3!', ["~G3 = GGG"], '"~G3"GGG !~G3!'),
        ("~G32 ~G3/2", ["~G3 = GGG"], "~G32 ~G3/2"),
        ("~B2", ["~n2 = !turn!n m"], "!turn!B A"),
        ("xG", ["xG = yG", "yG = zG"], "zG"),
    ],
)
def test_macros_are_applied(text: str, definitions: list[str], expected: str) -> None:
    assert applied(text, *definitions) == expected


@pytest.mark.parametrize("definition", ["", "x", "x =", "= x", "x" * 40 + "=y"])
def test_what_defines_nothing_is_an_error(definition: str) -> None:
    with pytest.raises(NotationError):
        applied("x", definition)


def test_macros_cannot_grow_without_end() -> None:
    body = "~G " * (LIMITS.tune_characters // 10)
    with pytest.raises(NotationError):
        applied(body, *["~G = ~G ~G ~G"] * 20)


@pytest.mark.parametrize("value", ["T", "T=", "c = !trill!", "T = !trill", 'T = "open'])
def test_a_user_symbol_that_is_not_understood_is_an_error(value: str) -> None:
    with pytest.raises(NotationError):
        user_symbol(value, 1)


@pytest.mark.parametrize(
    ("definition", "decorations"),
    [
        ("U: T = !upbow!", ("upbow",)),
        ("U:T=+upbow+", ("upbow",)),
        ("U: T = upbow", ("upbow",)),
        ("U: T = !nil!", None),
        ("U: T = !wobble!", None),
        ("U: n = !fermata!", ("trill",)),
    ],
)
def test_a_letter_means_what_the_file_says(
    definition: str, decorations: tuple[str, ...] | None
) -> None:
    (note, *_) = read_abc(f"{HEAD}{definition}\nK:C\nTC8|\n").notes
    assert (note.marks and note.marks.decorations) == decorations
