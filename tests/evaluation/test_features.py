"""The form and the features of tunes."""

from __future__ import annotations

import pytest

from abcgen.evaluation.features import features_of
from abcgen.notation.analysis import is_two_eights, section_letters, sections_of
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key, Metre, Tune
from tests.tunes import CHORDS, JIG, REEL, tune

BAR = "DEFG ABcd"


def test_a_pickup_and_the_short_bar_it_completes_are_one_bar() -> None:
    text = "A2|" + f"{BAR}|" * 7 + "d6:|A2|" + f"{BAR}|" * 7 + "d6:|"
    assert [section.bars for section in sections_of(tune(text))] == [8, 8]


def test_two_repeated_parts_of_eight_bars_are_recognised() -> None:
    part = f"|:{BAR}|" + f"{BAR}|" * 6
    assert is_two_eights(sections_of(tune(part + "D8:|" + part + "D8:|")))
    assert not is_two_eights(sections_of(tune(part + "D8||" + part + "D8:|")))
    assert not is_two_eights(sections_of(tune(part + "D8:|")))


def test_second_endings_add_no_bars_and_are_compared_with_the_first() -> None:
    part = f"|:{BAR}|" + f"{BAR}|" * 6
    differ = sections_of(tune(f"{part}[1 d8:|[2 D8||"))
    same = sections_of(tune(f"{part}[1 d8:|[2 d8||"))
    assert [section.bars for section in (*differ, *same)] == [8, 8]
    assert [section.differing_ending for section in (*differ, *same)] == [True, False]
    assert all(section.has_endings and section.repeated for section in (*differ, *same))


@pytest.mark.parametrize(("last", "closes"), [("d8", True), ("D,8", True), ("A8", False)])
def test_a_section_closes_on_the_tonic_in_any_octave(last: str, closes: bool) -> None:
    assert sections_of(tune(f"{BAR}|{last}|]"))[-1].on_tonic is closes


def test_the_tonic_is_that_of_the_key_in_force() -> None:
    sections = sections_of(tune(f"{BAR}|D8||[K:G]{BAR}|G8|]"))
    assert [section.on_tonic for section in sections] == [True, True]


def test_parts_have_letters() -> None:
    text = f"|:{BAR}|D8:|{BAR}|D8||{BAR}|D8|]"
    assert section_letters(sections_of(tune(text))) == "AABC"


@pytest.mark.parametrize("one", [JIG, REEL, CHORDS])
def test_features_are_the_same_in_every_key(one: Tune) -> None:
    assert features_of(one) == features_of(transpose(one, Key("F")))


def test_features_agree_with_hand_counts() -> None:
    features = features_of(tune("C2E2 G4|C2E2 G4|C8|]", key="C"))
    assert features.counts["pitch_class"] == {"0": 3, "4": 2, "7": 2}
    assert features.counts["interval"] == {"4": 2, "3": 2, "-7": 2}
    assert features.counts["duration"] == {"1/4": 4, "1/2": 2, "1": 1}
    assert features.quantities["bars"] == 3
    assert features.quantities["pitch_range"] == 7
    assert features.quantities["recurring_bars"] == pytest.approx(1 / 3)
    assert features.quantities["pitch_class_entropy"] == pytest.approx(1.5567, abs=1e-3)
    assert features.quantities["scale_consistency"] == 1
    # Two bars alike; then three onsets less two, of sixteen sixteenths.
    assert features.quantities["groove_consistency"] == pytest.approx(1 - 2 / 2 / 16)


def test_tunes_in_free_metre_or_without_notes_have_features() -> None:
    assert features_of(tune("DEF GAB|A4|]", metre=Metre(0, 1))).quantities["bars"] == 2
    silent = features_of(tune("z8|z8|]"))
    assert silent.quantities["pitch_range"] == 0
    assert not silent.sections[0].on_tonic


def test_real_tunes_have_features(real_tunes: list[Tune]) -> None:
    for one in real_tunes[::4]:
        features = features_of(one)
        assert features.sections
        assert features.quantities["bars"] > 0
        for name in ("scale_consistency", "groove_consistency", "recurring_bars", "steps"):
            assert 0 <= features.quantities[name] <= 1
