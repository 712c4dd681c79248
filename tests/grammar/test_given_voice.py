"""The grammar of several voices of which the first is given."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from abcgen.errors import InputError
from abcgen.grammar import Rules
from abcgen.grammar.given_voice import GivenBar, given_voice_grammar
from abcgen.notation.model_text import decode_tune
from abcgen.notation.tune import Mode
from tests.grammar.test_grammar import ALPHABET
from tests.grammar.test_voices import CHOIR, in_range, is_valid, walk

ANYTHING = ((-200, 400), *CHOIR[1:])
RULES = Rules(
    ALPHABET | {"&", "0"}, voices=ANYTHING, ranges={Mode.MAJOR: (ANYTHING[0],)}, modes=(Mode.MAJOR,)
)
HEAD = "M:4/4\nK:Cmaj\n"
WHOLE = Fraction(1)
TUNES = {
    "plain": [GivenBar(f"{HEAD}c4d4", WHOLE, "|"), GivenBar("e8", WHOLE, "|]\n")],
    "repeats, endings, a pickup": [
        GivenBar(f"{HEAD}|:G2", Fraction(1, 4), "|"),
        GivenBar("c2d2e2f2", WHOLE, "|1"),
        GivenBar("c6", Fraction(3, 4), ":|2"),
        GivenBar("c6", Fraction(3, 4), "|]\n"),
    ],
    "tied, with chords and triplets": [
        GivenBar(f"{HEAD}[ce]4(3cde-e2", WHOLE, "|"),
        GivenBar("e3/c/z2c4", WHOLE, "|\n"),
    ],
    "another key": [
        GivenBar(f"{HEAD}c8", WHOLE, "|[K:Gmaj]"),
        GivenBar("f8", WHOLE, "|\n"),
    ],
}


@pytest.mark.parametrize("name", TUNES)
@pytest.mark.parametrize("seed", range(4))
def test_the_first_voice_is_kept_and_the_others_fill_its_bars(name: str, seed: int) -> None:
    bars = TUNES[name]
    text = walk(given_voice_grammar(bars, RULES), random.Random(f"{name} {seed}"), 100_000)
    rest = text
    for bar in bars:
        assert rest.startswith(bar.text + "&")
        rest = rest[rest.index("&") :]
        rest = rest[rest.index(bar.end) + len(bar.end) :]
    tune = decode_tune(text)
    assert len(tune.voices) == 4
    assert is_valid(tune), text


def test_the_other_voices_are_in_their_ranges() -> None:
    for seed in range(4):
        text = walk(given_voice_grammar(TUNES["plain"], RULES), random.Random(seed), 100_000)
        assert in_range(decode_tune(text))


@pytest.mark.parametrize(
    "bar",
    [
        GivenBar(f"{HEAD}c8", Fraction(0), "|\n"),
        GivenBar(f"{HEAD}c8", Fraction(1, 7), "|\n"),
        GivenBar(f"{HEAD}c8$", WHOLE, "|\n"),
    ],
)
def test_bars_that_cannot_be_written_or_filled_are_refused(bar: GivenBar) -> None:
    with pytest.raises(InputError):
        given_voice_grammar([bar], RULES)
