"""Baselines against hand calculation."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from abcgen.evaluation.baselines import BEGIN, END, CharacterNgrams, lzma_scores
from abcgen.example import Example

TEXTS = ["abab", "abba", "cab", "aa"]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("past", ["", BEGIN, "ab", "zz", "cabab", BEGIN + "ca"])
def test_probabilities_add_up_to_one(order: int, past: str) -> None:
    ngrams = CharacterNgrams(TEXTS, order, "z")
    assert sum(ngrams.probability(past, character) for character in "abcz" + END) == pytest.approx(
        1
    )


def test_low_orders_agree_with_hand_calculation() -> None:
    # Of aab and its end 4 signs, 3 different ones; 1/3 each where nothing is known.
    ngrams = CharacterNgrams(["aab"], 1)
    assert ngrams.probability("", "a") == pytest.approx((2 + 3 / 3) / (4 + 3))
    # After a: a and b once each.
    pairs = CharacterNgrams(["aab"], 2)
    assert pairs.probability("a", "b") == pytest.approx((1 + 2 * (1 + 1) / 7) / (2 + 2))


def test_bits_include_the_end_of_the_text() -> None:
    ngrams = CharacterNgrams(TEXTS, 3)
    marked, likely = BEGIN + "cab" + END, 1.0
    for place in range(1, len(marked)):
        likely *= ngrams.probability(marked[max(0, place - 2) : place], marked[place])
    assert ngrams.bits("cab") == pytest.approx(-math.log2(likely))


def test_unscored_characters_cost_nothing() -> None:
    ngrams = CharacterNgrams(TEXTS, 5)
    assert ngrams.bits("abba") - ngrams.bits("abba", unscored=1) == pytest.approx(
        -math.log2(ngrams.probability(BEGIN, "a"))
    )


def test_samples_follow_the_probabilities() -> None:
    ngrams = CharacterNgrams(TEXTS, 3)
    drawn = Counter(ngrams.sample(seed, 50) for seed in range(4000))
    for text in ("aa", "cab", "ab"):
        likely = 2 ** -ngrams.bits(text)
        assert drawn[text] / 4000 == pytest.approx(likely, abs=4 * math.sqrt(likely / 4000))


def test_a_sample_is_no_longer_than_allowed() -> None:
    assert len(CharacterNgrams(["ab" * 500], 5).sample(0, 30)) == 30


def test_lzma_compresses_a_known_tune_better_than_an_unknown_one() -> None:
    known = [Example(f"M:4/4\nK:Cmaj\n{n}{'cdefgabc' * n}|\n", 0, 8 * n) for n in range(1, 40)]
    strange = [Example("".join(chr(33 + (7 * n * n + k * k) % 90) for k in range(300)), 0, 300)
               for n in range(39)]  # fmt: skip
    again, new = (
        sum(score.bits for score in lzma_scores(known, tunes)) for tunes in (known, strange)
    )
    assert 0 < again < new / 4


def test_lzma_counts_every_tune_once_without_its_line_of_rhythm() -> None:
    tunes = [Example(f"R:jig\nM:6/8\nK:Cmaj\n{'c' * n}|\n", 6, n) for n in range(1, 31)]
    scores = lzma_scores(tunes, tunes)
    assert sum(score.notes for score in scores) == sum(range(1, 31))
    assert sum(score.characters for score in scores) == sum(len(t.text) - 6 + 1 for t in tunes)
