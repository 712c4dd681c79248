"""What a critic finds unusual is said with its place in the tune."""

from __future__ import annotations

from abcgen.critic.outline import outline_of
from abcgen.critic.places import place_of
from tests.critic.plain import plain_critic
from tests.critic.test_features import NGRAMS, tables
from tests.tunes import tune

TUNE = tune("|:D8|E8|F8|G8|D8|E8|F8|A2^g2_b2^c2:|")


def test_passages_that_return_are_named_by_their_bars() -> None:
    outline = outline_of(TUNE)
    assert place_of("returns 4", outline, NGRAMS) == "bars 5 to 7 repeat bars 1 to 3"
    assert place_of("heard before", outline, NGRAMS) == "bars 5 to 7 repeat bars 1 to 3"
    assert place_of("returns 1", outline, NGRAMS) == ""
    assert place_of("most often", outline, NGRAMS) == "bars 1 and 5 are the same"
    plain = tables(tune("|:D8|E8|F8|G8|D8|E8|F8|G8:|"))
    assert place_of("degrees of a bar", outline, plain) == "bar 8"
    assert place_of("range", outline, NGRAMS) == ""


def test_reasons_have_words_and_places() -> None:
    weights = {"returns 4": -20.0, "quarters": -40.0, "heard before": 20.0}
    judgement = plain_critic(**weights).judge(TUNE)
    assert len(judgement.reasons) == 2
    assert judgement.reasons[0].endswith("(bars 5 to 7 repeat bars 1 to 3)")


def test_pickups_are_no_bars_that_return() -> None:
    outline = outline_of(tune("A2|:D8|E8|F8|D6:|:A2|D8|E8|F8|D6:|"))
    assert list(outline.counted) == [2, 3, 4, 5, 7, 8, 9, 10]
    assert place_of("returns 4", outline, NGRAMS) == "bars 7 to 10 repeat bars 2 to 5"
