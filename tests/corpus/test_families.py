"""Families are those of all pairs, and decide alone where a tune goes in a split."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.config import SplitConfig
from abcgen.corpus import families as families_module
from abcgen.corpus.families import (
    HeldOutTunes,
    Split,
    containment,
    families_by_intervals,
    families_of,
    fingerprint,
    grams_of,
    intervals_of,
    split_tunes,
)
from abcgen.corpus.records import Extract, extract_of
from abcgen.errors import InputError
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key
from tests.strategies import tunes as any_tunes

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


def test_a_fingerprint_is_the_same_in_any_key_under_any_title(real_tunes: list[Tune]) -> None:
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


def test_versions_are_one_family_and_other_tunes_are_not(real_tunes: list[Tune]) -> None:
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


def test_a_very_common_phrase_divides_no_family() -> None:
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


CONFIG = SplitConfig(validation=0.2, test=0.2)


@pytest.fixture(scope="module")
def real_extracts(real_tunes: list[Tune]) -> list[Extract]:
    return extracts_of(real_tunes)


def parts_of(split: Split) -> dict[str, str]:
    """Return the part of every tune by its fingerprint."""
    learnt = split.training + split.wrong
    parts = {"training": learnt, "validation": split.validation, "test": split.test}
    return {tune.fingerprint: part for part, tunes in parts.items() for tune in tunes}


def extracts_of(tunes: list[Tune]) -> list[Extract]:
    """Return the extracts of tunes."""
    return [extract_of(tune) for tune in tunes]


def check_that_nothing_moved(tunes: list[Extract], added: list[Extract]) -> int:
    """Check that added tunes move no tune of a family that none of them joins.

    Returns:
        Number of tunes checked.
    """
    before, after = (parts_of(split_tunes(some, CONFIG)) for some in (tunes, [*tunes, *added]))
    intervals = [tune.intervals for tune in (*tunes, *added)]
    families = families_by_intervals(intervals, CONFIG.similarity)
    joined = set(families[len(tunes) :])
    alone = [tune for tune, family in zip(tunes, families, strict=False) if family not in joined]
    for tune in alone:
        assert before[tune.fingerprint] == after[tune.fingerprint]
    return len(alone)


def test_nothing_is_held_out_if_nothing_would_be_left_for_training(
    real_extracts: list[Extract],
) -> None:
    for tune in real_extracts[:40]:
        assert split_tunes([tune], CONFIG).training == (tune,)


def test_tunes_held_out_from_another_corpus_are_divided_again(
    real_extracts: list[Extract],
) -> None:
    config = SplitConfig(validation=0.25, test=0.25)
    first = split_tunes(real_extracts, config)
    again = split_tunes([*first.validation, *first.test], config)
    assert again.training
    assert again.validation
    assert again.test


def test_a_family_is_never_divided(real_tunes: list[Tune]) -> None:
    copies = [transpose(tune, Key("A")) for tune in real_tunes]
    split = split_tunes(extracts_of([*real_tunes, *copies]), CONFIG)
    prints = [
        {tune.fingerprint for tune in part}
        for part in (split.training + split.wrong, split.validation, split.test)
    ]
    assert not prints[0] & prints[1]
    assert not prints[0] & prints[2]
    assert not prints[1] & prints[2]
    held_out = split.validation + split.test
    assert len(split.training + split.wrong + held_out) == 2 * len(real_tunes)


def test_parts_have_about_the_requested_shares(real_extracts: list[Extract]) -> None:
    split = split_tunes(real_extracts, CONFIG)
    for part in (split.validation, split.test):
        assert 0.1 < len(part) / len(real_extracts) < 0.3


def test_adding_tunes_moves_none_but_by_joining_its_family(real_tunes: list[Tune]) -> None:
    half = len(real_tunes) // 2
    versions = [transpose(tune, Key("E")) for tune in real_tunes[:10]]
    added = extracts_of([*real_tunes[half:], *versions])
    assert check_that_nothing_moved(extracts_of(real_tunes[:half]), added) > half // 2


@settings(max_examples=8)
@given(st.data())
def test_adding_any_tunes_moves_none_but_by_joining_its_family(
    real_tunes: list[Tune], data: st.DataObject
) -> None:
    """Tunes with one another's bars, and random ones: some join families, some do not."""
    steady = extracts_of(real_tunes[:30])
    mixed = data.draw(st.lists(st.sampled_from(real_tunes[:60]).map(_shortened), max_size=8))
    strange = data.draw(st.lists(any_tunes(), max_size=2))
    check_that_nothing_moved(steady, extracts_of([*mixed, *strange]))


def _shortened(tune: Tune) -> Tune:
    return replace(tune, bars=tune.bars[: max(1, 2 * len(tune.bars) // 3)])


def test_order_does_not_matter(real_extracts: list[Extract]) -> None:
    forward, backward = (split_tunes(some, CONFIG) for some in (real_extracts, real_extracts[::-1]))
    assert forward.fingerprint == backward.fingerprint
    assert split_tunes(real_extracts[1:], CONFIG).fingerprint != forward.fingerprint


def test_a_least_number_of_few_families_is_held_out(real_extracts: list[Extract]) -> None:
    for count, held_out in ((20, 3), (12, 2), (5, 0)):
        tunes = real_extracts[:count]
        split = split_tunes(tunes, SplitConfig(validation=0.0, test=0.0, least=3))
        assert split.families >= count - 2
        sizes = [len(part) for part in (split.test, split.validation)]
        assert min(sizes) == min(held_out, split.families // 6)
        assert len(split.training + split.wrong) == count - sum(sizes) > 0


def test_a_least_number_changes_nothing_if_the_shares_hold_out_enough(
    real_extracts: list[Extract],
) -> None:
    without, with_least = (split_tunes(real_extracts, SplitConfig(least=least)) for least in (0, 2))
    assert without.fingerprint == with_least.fingerprint


def test_wrong_tunes_are_held_out_but_not_learnt(real_extracts: list[Extract]) -> None:
    without, with_them = (
        split_tunes(real_extracts, CONFIG.replace(wrong_bars=wrong)) for wrong in (False, True)
    )
    assert any(tune.is_wrong for tune in without.wrong)
    assert not any(tune.is_wrong for tune in without.training)
    assert any(tune.is_wrong for tune in without.validation + without.test)
    assert (without.validation, without.test) == (with_them.validation, with_them.test)
    assert sorted(tune.title for tune in without.training + without.wrong) == sorted(
        tune.title for tune in with_them.training
    )
    assert without.fingerprint != with_them.fingerprint


def test_wrong_tunes_are_learnt_if_most_are_wrong(real_extracts: list[Extract]) -> None:
    wrong = [tune for tune in real_extracts if tune.is_wrong]
    right = [tune for tune in real_extracts if not tune.is_wrong]
    some = SplitConfig(validation=0.0, test=0.0)
    for count, left_out in ((len(wrong), len(wrong)), (len(wrong) - 1, 0)):
        split = split_tunes([*wrong, *right[:count]], some)
        assert len(split.wrong) == left_out
        assert len(split.training) == len(wrong) + count - left_out


BARS = {
    "CDEF GABc|cBAG FEDC|": False,
    "C2|CDEF GABc|cBAG FEDC|": False,  # a pickup
    "CDEF GABc d|cBAG FEDC|": True,
    "CDEF GABc|cBA|cBAG FEDC|": True,
    "|:CDEF GABc|cBAG FEDC:|": False,
    "CDEF GABc|:cBAG FEDC|": True,
    "|:CDEF GABc|1cBAG FEDC:|2c8|": False,
    "|:CDEF GABc|1cBAG FEDC:|c8|": True,
}


@pytest.mark.parametrize("bars", BARS)
def test_an_extract_knows_whether_its_tune_is_wrong(bars: str) -> None:
    assert extract_of(read_abc(f"X:1\nT:A\nM:4/4\nL:1/8\nK:G\n{bars}")).is_wrong == BARS[bars]


def test_given_tunes_are_held_out_and_no_version_of_them_is_learnt(
    real_tunes: list[Tune],
) -> None:
    """Whether they are among the tunes or not, in whatever order, and whatever is added."""
    first = split_tunes(extracts_of(real_tunes[:160]), CONFIG)
    given_tunes = HeldOutTunes(first.validation, first.test)
    versions = [
        replace(transpose(tune, Key("E")), bars=tune.bars[: max(8, len(tune.bars) - 2)])
        for tune in real_tunes[:160]
    ]
    of_held_out = {tune.title for tune in first.validation + first.test}
    kept = SplitConfig(validation=0.5, test=0.5, wrong_bars=True)
    for more in ([], versions, real_tunes[160:], [*real_tunes, *versions]):
        tunes = extracts_of([*real_tunes[:160], *more])
        split = split_tunes(tunes, kept, given_tunes)
        assert (split.validation, split.test) == given_tunes
        families = families_by_intervals(
            [tune.intervals for tune in (*split.training, *split.validation, *split.test)], HALF
        )
        learnt = set(families[: len(split.training)])
        assert not learnt & set(families[len(split.training) :])
        copies = {tune.fingerprint for tune in first.validation + first.test}
        told = sum(tune.fingerprint in copies for tune in tunes)
        assert len(split.training + split.relatives) + told == len(tunes)
        assert bool(split.relatives) == (more in (versions, [*real_tunes, *versions]))
        backwards = split_tunes(tunes[::-1], kept, given_tunes)
        assert backwards.fingerprint == split.fingerprint
    assert not of_held_out.isdisjoint(tune.title for tune in split.relatives)
    # None of them is among the tunes.
    apart = split_tunes(extracts_of(real_tunes[160:]), kept, given_tunes)
    assert (apart.validation, apart.test) == given_tunes
    with pytest.raises(InputError):
        split_tunes(first.test, kept, given_tunes)
