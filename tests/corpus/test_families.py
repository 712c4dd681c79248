from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abcgen.config import SplitConfig
from abcgen.corpus.families import families_of, fingerprint, intervals_of
from abcgen.corpus.splits import split_tunes
from abcgen.notation.key import Key
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

CONFIG = SplitConfig(validation=0.2, test=0.2)


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
    assert families_of([straight, dotted], 0.5) == [0, 0]


def test_versions_are_one_family_and_strangers_are_not(real_tunes: list[Tune]) -> None:
    tunes = real_tunes[:60]
    copies = [transpose(tune, Key("Bb"[0], -1)) for tune in tunes]
    families = families_of([*tunes, *copies], 0.5)
    assert families[: len(tunes)] == families[len(tunes) :]
    assert len(set(families)) > 0.9 * len(tunes)


def test_many_copies_are_still_one_family(real_tunes: list[Tune]) -> None:
    tune = max(real_tunes, key=lambda one: len(intervals_of(one)))
    variant = replace(tune, bars=tune.bars[:-1])
    assert set(families_of([tune] * 150 + [variant], 0.5)) == {0}


def test_where_nothing_would_be_left_to_learn_nothing_is_held_out(real_tunes: list[Tune]) -> None:
    for tune in real_tunes[:40]:
        assert split_tunes([tune], CONFIG).training == (tune,)


def test_a_family_is_never_divided(real_tunes: list[Tune]) -> None:
    copies = [transpose(tune, Key("A")) for tune in real_tunes]
    split = split_tunes([*real_tunes, *copies], CONFIG)
    parts = [split.training, split.validation, split.test]
    prints = [{fingerprint(tune) for tune in part} for part in parts]
    assert not prints[0] & prints[1]
    assert not prints[0] & prints[2]
    assert not prints[1] & prints[2]
    assert sum(map(len, parts)) == 2 * len(real_tunes)


def test_shares_are_about_as_asked_for(real_tunes: list[Tune]) -> None:
    split = split_tunes(real_tunes, CONFIG)
    for part in (split.validation, split.test):
        assert 0.1 < len(part) / len(real_tunes) < 0.3


def test_where_a_tune_goes_does_not_depend_on_the_others(real_tunes: list[Tune]) -> None:
    """Unless they join its family: here none of those added is related."""
    families = families_of(real_tunes, CONFIG.similarity)
    alone = [tune for place, tune in enumerate(real_tunes) if families.count(families[place]) == 1]
    half = alone[::2]
    few, all_of_them = split_tunes(half, CONFIG), split_tunes(alone, CONFIG)
    assert set(map(fingerprint, few.test)) <= set(map(fingerprint, all_of_them.test))
    assert set(map(fingerprint, few.training)) <= set(map(fingerprint, all_of_them.training))


def test_order_does_not_matter(real_tunes: list[Tune]) -> None:
    forward, backward = split_tunes(real_tunes, CONFIG), split_tunes(real_tunes[::-1], CONFIG)
    assert forward.fingerprint == backward.fingerprint
    assert split_tunes(real_tunes[1:], CONFIG).fingerprint != forward.fingerprint
