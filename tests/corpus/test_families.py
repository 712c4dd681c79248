from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.corpus import families as families_module
from abcgen.corpus.families import (
    containment,
    families_by_intervals,
    families_of,
    fingerprint,
    grams_of,
    intervals_of,
)
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

HALF = 0.5


def by_all_pairs(intervals: list[bytes], similarity: float) -> list[int]:
    """The same families, found by comparing every tune with every other."""
    roots = list(range(len(intervals)))
    grams = [grams_of(own) for own in intervals]
    for first, second in combinations(range(len(intervals)), 2):
        low, high = sorted((roots[first], roots[second]))
        enough = similarity * min(len(grams[first]), len(grams[second]))
        if low < high and len(grams[first] & grams[second]) >= enough:
            roots = [low if root == high else root for root in roots]
    return roots


# Few different steps, so that tunes share much.
phrases = st.lists(st.binary(min_size=4, max_size=12), min_size=1, max_size=6, unique=True)


@st.composite
def related_tunes(draw: st.DrawFn) -> list[bytes]:
    """Intervals of tunes put together from a few phrases."""
    pool = draw(phrases)
    tunes = st.lists(st.sampled_from(pool), min_size=0, max_size=5).map(b"".join)
    return draw(st.lists(tunes, min_size=1, max_size=14))


def test_a_tune_is_known_again_in_any_key_under_any_title(real_tunes: list[Tune]) -> None:
    for tune in real_tunes[:50]:
        moved = replace(transpose(tune, Key("F")), title="Another", number=99)
        assert fingerprint(moved) == fingerprint(tune)
        assert intervals_of(moved) == intervals_of(tune)


def test_another_rhythm_is_another_tune_of_the_same_family() -> None:
    body = "CDEF GABc|cBAG FEDC|EGce dBGF|EDCB, C4|]"
    straight = read_abc(f"X:1\nM:4/4\nL:1/8\nK:C\n{body}")
    dotted = read_abc(f"X:1\nM:4/4\nL:1/8\nK:C\n{body.replace('CD', 'C>D')}")
    assert fingerprint(straight) != fingerprint(dotted)
    assert families_of([straight, dotted], HALF) == [0, 0]


def test_versions_are_one_family_and_strangers_are_not(real_tunes: list[Tune]) -> None:
    tunes = real_tunes[:60]
    copies = [transpose(tune, Key("B", -1)) for tune in tunes]
    families = families_of([*tunes, *copies], HALF)
    assert families[: len(tunes)] == families[len(tunes) :]
    assert len(set(families)) > 0.9 * len(tunes)


def test_many_copies_are_still_one_family(real_tunes: list[Tune]) -> None:
    tune = max(real_tunes, key=lambda one: len(intervals_of(one)))
    variant = replace(tune, bars=tune.bars[:-1])
    assert set(families_of([tune] * 150 + [variant], HALF)) == {0}


@pytest.mark.parametrize("similarity", [0.1, HALF, 0.8, 1.0])
def test_real_families_are_those_of_all_pairs(similarity: float, real_tunes: list[Tune]) -> None:
    """With versions among them: tunes that lost a third, or have another's in its place."""
    own = [intervals_of(tune) for tune in real_tunes[:60]]
    halves = [first[: len(first) // 2] + second[20:] for first, second in pairwise(own)]
    tunes = [*own, *(one[len(one) // 3 :] for one in own), *halves]
    assert families_by_intervals(tunes, similarity) == by_all_pairs(tunes, similarity)


@settings(max_examples=40)
@given(related_tunes(), st.sampled_from([0.2, HALF, 0.9]), st.sampled_from([3, 50, 10_000]))
def test_families_are_those_of_all_pairs(tunes: list[bytes], share: float, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families_module, "PARTITION_BYTES", size)  # several even of few grams
        assert families_by_intervals(tunes, share) == by_all_pairs(tunes, share)


@given(related_tunes(), related_tunes())
def test_adding_tunes_divides_no_family(tunes: list[bytes], more: list[bytes]) -> None:
    before = families_by_intervals(tunes, HALF)
    after = families_by_intervals([*tunes, *more], HALF)
    for first, second in combinations(range(len(tunes)), 2):
        if before[first] == before[second]:
            assert after[first] == after[second]


def test_a_phrase_that_everyone_knows_divides_no_family() -> None:
    """However common a phrase becomes, two tunes that were versions remain so."""
    phrase = bytes(range(1, 17))
    pair = [phrase + bytes([20] * 4), phrase + bytes([30] * 4)]
    others = [phrase[:8] + bytes([40 + number, 7] * 60) for number in range(150)]
    families = families_by_intervals([*pair, *others], HALF)
    assert families[:2] == [0, 0]


def test_containment_is_a_share_of_the_shorter() -> None:
    whole = bytes(range(40))
    grams = grams_of(whole)
    assert containment(grams, grams) == 1
    assert containment(grams_of(whole[:20]), grams) == 1
    assert containment(grams, grams_of(bytes(range(100, 140)))) == 0
    assert containment(grams_of(whole[:24]), grams_of(whole[12:])) == pytest.approx(5 / 17)
