"""Voices are kept from parallel fifths and octaves, as far as notes leave a choice."""

from __future__ import annotations

import random

import pytest

from abcgen.evaluation.part_writing import parallels
from abcgen.grammar import END, Grammar
from abcgen.grammar.parallels import WithoutParallels
from abcgen.notation.model_text import decode_tune
from tests.grammar.test_voices import RULES, is_valid

LIMIT = 2000
HEADER = "M:4/4\nK:Cmaj\n"


def drawn(constraint: Grammar | WithoutParallels, seed: int) -> str:
    """Return a random text of quarters, as short as may be."""
    chance, text, state = random.Random(seed), "", constraint.start
    while True:
        allowed = constraint.allowed(state, LIMIT - len(text))
        if len(text) < len(HEADER):
            character = HEADER[len(text)]
        else:
            choices = [
                [one for one in sorted(allowed) if one in kind]
                for kind in ("2", "&", "|\n", "ABCDEFGabcdefg", ",'")
            ]
            character = chance.choice(next((own for own in choices if own), sorted(allowed)))
        if character == END:
            return text
        state = constraint.advance(state, character)
        text += character


def test_random_voices_have_hardly_any_parallels() -> None:
    grammar = Grammar(RULES)
    constraint = WithoutParallels(grammar, 4, form_line=False)
    found = {True: 0, False: 0}
    for seed in range(3):
        for avoided, machine in ((True, constraint), (False, grammar)):
            text = drawn(machine, seed)
            tune = decode_tune(text)
            assert is_valid(tune)
            assert grammar.accepts(text)
            found[avoided] += parallels(tune)
    assert found[False] > 20
    assert found[True] <= 0.2 * found[False]


def allowed_after(text: str, voices: int = 2) -> frozenset[str]:
    rules = RULES.__class__(RULES.alphabet, voices=((40, 90),) * voices)
    constraint = WithoutParallels(Grammar(rules), voices, form_line=False)
    state = constraint.start
    for character in HEADER + text:
        state = constraint.advance(state, character)
    return constraint.allowed(state, 10_000)


@pytest.mark.parametrize(
    ("text", "letter", "is_allowed"),
    [
        ("G2A2&C2", "D", False),  # a fifth moves up
        ("G2A2&C2", "E", True),
        ("G2A2&C2", "B", True),
        ("G2G2&C2", "D", True),  # the voice above stays
        ("c2d2&C2", "D", False),  # octaves
        ("G2F2&C2", "D", True),  # the other way
        ("G2^F2&C2", "D", True),
        ("G8&C8|A8&", "D", False),  # over a bar line
        ("G8&C8|A8&", "^", True),
        ("G8&C8|A8&^", "D", True),
    ],
)
def test_a_note_that_makes_a_parallel_is_not_written(
    text: str, letter: str, is_allowed: bool
) -> None:
    assert (letter in allowed_after(text)) == is_allowed


def test_an_octave_mark_that_makes_a_parallel_is_not_written() -> None:
    assert "," not in allowed_after("g2f2&G,2F")
    assert "," in allowed_after("g2f2&G,2E")
