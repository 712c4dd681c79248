"""Where a tune goes is decided by its family's content, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.config import SplitConfig
from abcgen.corpus.families import Split, families_by_intervals, split_tunes
from abcgen.corpus.records import Extract, extract_of
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key
from tests.strategies import tunes as any_tunes

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

CONFIG = SplitConfig(validation=0.2, test=0.2)


@pytest.fixture(scope="module")
def real_extracts(real_tunes: list[Tune]) -> list[Extract]:
    return extracts_of(real_tunes)


def parts_of(split: Split) -> dict[str, str]:
    """The part of every tune, by its fingerprint."""
    parts = {"training": split.training, "validation": split.validation, "test": split.test}
    return {tune.fingerprint: part for part, tunes in parts.items() for tune in tunes}


def extracts_of(tunes: list[Tune]) -> list[Extract]:
    """What training needs of tunes."""
    return [extract_of(tune) for tune in tunes]


def check_that_nothing_moved(tunes: list[Extract], added: list[Extract]) -> int:
    """See that adding tunes leaves every tune in place whose family none of them joins.

    Returns:
        How many tunes that is said of.
    """
    before, after = (parts_of(split_tunes(some, CONFIG)) for some in (tunes, [*tunes, *added]))
    intervals = [tune.intervals for tune in (*tunes, *added)]
    families = families_by_intervals(intervals, CONFIG.similarity)
    joined = set(families[len(tunes) :])
    alone = [tune for tune, family in zip(tunes, families, strict=False) if family not in joined]
    for tune in alone:
        assert before[tune.fingerprint] == after[tune.fingerprint]
    return len(alone)


def test_where_nothing_would_be_left_to_learn_nothing_is_held_out(
    real_extracts: list[Extract],
) -> None:
    for tune in real_extracts[:40]:
        assert split_tunes([tune], CONFIG).training == (tune,)


def test_a_family_is_never_divided(real_tunes: list[Tune]) -> None:
    copies = [transpose(tune, Key("A")) for tune in real_tunes]
    split = split_tunes(extracts_of([*real_tunes, *copies]), CONFIG)
    prints = [
        {tune.fingerprint for tune in part}
        for part in (split.training, split.validation, split.test)
    ]
    assert not prints[0] & prints[1]
    assert not prints[0] & prints[2]
    assert not prints[1] & prints[2]
    assert len(split.training + split.validation + split.test) == 2 * len(real_tunes)


def test_shares_are_about_as_asked_for(real_extracts: list[Extract]) -> None:
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


def test_of_few_families_a_least_number_is_held_out(real_extracts: list[Extract]) -> None:
    for count, held_out in ((20, 3), (12, 2), (5, 0)):
        tunes = real_extracts[:count]
        split = split_tunes(tunes, SplitConfig(validation=0.0, test=0.0, least=3))
        assert split.families >= count - 2
        sizes = [len(part) for part in (split.test, split.validation)]
        assert min(sizes) == min(held_out, split.families // 6)
        assert len(split.training) == count - sum(sizes) > 0


def test_where_the_shares_hold_out_enough_a_least_number_changes_nothing(
    real_extracts: list[Extract],
) -> None:
    without, with_least = (split_tunes(real_extracts, SplitConfig(least=least)) for least in (0, 2))
    assert without.fingerprint == with_least.fingerprint
