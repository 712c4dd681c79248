"""Features are the same in every key, finite for any tune, and named one by one."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from abcgen.critic.features import measure
from abcgen.critic.ngrams import (
    LANGUAGES,
    MARK,
    NgramCounts,
    Ngrams,
    count_ngrams,
    joined,
)
from abcgen.critic.outline import outline_of
from abcgen.critic.words import FEATURES, GROUPS
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key, Tune
from tests.strategies import tunes
from tests.tunes import JIG, REEL, tune


def tables(*learnt: Tune) -> dict[str, Ngrams]:
    return {
        name: Ngrams(
            NgramCounts.of(
                count_ngrams([joined(texts_of(outline_of(one))) for one in learnt], order), order
            )
        )
        for name, (texts_of, order) in LANGUAGES.items()
    }


NGRAMS = tables(JIG, REEL)


def features(one: Tune) -> dict[str, float]:
    return measure(outline_of(one), NGRAMS)


@given(tunes())
def test_every_tune_has_every_feature(any_tune: Tune) -> None:
    values = features(any_tune)
    assert list(values) == list(FEATURES)
    assert all(math.isfinite(value) for value in values.values())


def test_a_tune_has_the_same_features_in_every_key() -> None:
    for one in (JIG, REEL):
        expected = features(one)
        for letter in "CFG":
            assert features(transpose(one, Key(letter, mode=one.key.mode))) == expected


def test_features_mean_what_they_are_called() -> None:
    values = features(tune("|:DEFG A4|DEFG A4|d2c2 B2A2|G2F2 D4:|"))
    assert values["returns 1"] == 1 / 3
    assert values["heard before"] == 1 / 4
    assert values["sections of 4"] == values["repeated"] == values["ends on tonic"] == 1
    assert values["metre 4/4"] == values["mode maj"] == 1
    assert values["sections end on tonic"] == values["sections begin on tonic"] == 1
    assert values["range"] == 7
    assert values["short bars"] == values["pickups"] == values["chords"] == 0
    assert features(tune("A|:DEFG A4|A4 D3 z:|"))["pickups"] == 1


def test_every_feature_has_a_group_and_words() -> None:
    assert {feature.group for feature in FEATURES.values()} == set(GROUPS)
    sentences = {
        feature.sentence(value, 0.2, 0.5) for feature in FEATURES.values() for value in (0.0, 1.0)
    }
    assert len(sentences) == 2 * len(FEATURES)


TEXTS = st.lists(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=5)


@given(TEXTS, st.text("abcd", max_size=4))
def test_what_may_follow_adds_up_to_one(texts: list[str], context: str) -> None:
    marked = [f"{MARK}{text}{MARK}" for text in texts]
    ngrams = Ngrams(NgramCounts.of(count_ngrams(marked, 4), 4))
    symbols = {*"".join(marked), "?"}  # one of them unknown
    for backwards in (False, True):
        ends = [s + context if backwards else context + s for s in symbols]
        shares = []
        for text in ends:
            pair = f"{text}." if backwards else f".{text}"
            bits = list(ngrams.bits(pair, backwards=backwards))
            shares.append(2 ** -(bits[0] if backwards else bits[-1]))
        assert math.isclose(sum(shares), 1, rel_tol=1e-6) or context == ""


@given(TEXTS)
def test_read_backwards_is_the_reverse(texts: list[str]) -> None:
    ngrams = Ngrams(NgramCounts.of(count_ngrams(texts, 3), 3))
    reverse = Ngrams(NgramCounts.of(count_ngrams([text[::-1] for text in texts], 3), 3))
    for text in texts:
        backwards = [*ngrams.bits(text, backwards=True)]
        assert backwards[::-1] == [*reverse.bits(text[::-1])]
