from __future__ import annotations

import random
from fractions import Fraction

import pytest

from abcgen.errors import InputError
from abcgen.grammar import END
from abcgen.grammar.gap import GapBar, gap_grammar
from abcgen.notation.reader import read_abc

ALPHABET = frozenset("\n'(,-/123456789:=ABCDEFGKMR[]^_abcdefghijlmnoprstwxyz| ")


def drawn(bars: list[GapBar], seed: int) -> str:
    """Return a random text that may fill a gap."""
    grammar, chance, text = gap_grammar(bars, ALPHABET), random.Random(seed), ""
    state = grammar.start
    while (allowed := sorted(grammar.allowed(state, 400 - len(text)))) != [END]:
        character = chance.choice([each for each in allowed if each != END])
        text += character
        state = grammar.advance(state, character)
    return text


@pytest.mark.parametrize("seed", range(40))
def test_each_bar_is_filled_exactly_and_what_is_given_stands_between(seed: int) -> None:
    bars = [
        GapBar(Fraction(3, 8), "|"),
        GapBar(Fraction(1), ":|2"),
        GapBar(Fraction(5, 8), "|[M:6/8]"),
        GapBar(Fraction(3, 4), "::"),
    ]
    text = drawn(bars, seed)
    assert text.endswith("::")
    music = text.removesuffix("::")
    for bar in bars[:-1]:
        first, found, music = music.partition(bar.end)
        assert found
        assert length_of(first) == bar.duration
    assert length_of(music) == bars[-1].duration


def length_of(music: str) -> Fraction:
    """Return the duration of a bar of model text."""
    [bar] = read_abc(f"X:1\nM:none\nL:1/8\nK:C\n{music}|").bars
    return bar.duration


def test_a_gap_may_end_after_its_last_note() -> None:
    text = drawn([GapBar(Fraction(1, 4), "|"), GapBar(Fraction(1, 4), "")], 3)
    assert text[-1] != "|"
    assert text.count("|") == 1


def test_no_tie_leads_over_a_repeat_or_out_of_a_gap() -> None:
    for seed in range(40):
        first, _, second = drawn([GapBar(Fraction(1, 8), ":|"), GapBar(Fraction(1, 8), "|")], seed)[
            :-1
        ].partition(":|")
        assert not first.endswith("-")
        assert not second.endswith("-")


@pytest.mark.parametrize("bar", [GapBar(Fraction(0), "|"), GapBar(Fraction(1, 1000), "|")])
def test_a_bar_that_notes_cannot_fill_is_refused(bar: GapBar) -> None:
    with pytest.raises(InputError):
        gap_grammar([bar], ALPHABET)


def test_what_the_network_cannot_write_is_refused() -> None:
    with pytest.raises(InputError, match="8"):
        gap_grammar([GapBar(Fraction(1), "|[M:6/8]")], ALPHABET - {"8"})
