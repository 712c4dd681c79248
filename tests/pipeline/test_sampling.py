"""What becomes of texts, whatever network they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abcgen.model.sampling import Sampled
from abcgen.notation.instruments import instrument_named
from abcgen.pipeline import sampling
from abcgen.score.referee import Referee

if TYPE_CHECKING:
    from collections.abc import Iterator

RIGHT = "R:reel\nM:4/4\nK:Cdor\n|:CDEF GABc|cBAG FEDC:|\n".replace(" ", "")


@pytest.fixture
def maker() -> Iterator[sampling._Maker]:
    with Referee() as referee:
        yield sampling._Maker("net", 7, 0.8, instrument_named("whistle"), referee)


def test_a_right_text_becomes_a_tune_for_the_instrument(maker: sampling._Maker) -> None:
    tune = maker.judge(Sampled(RIGHT, ended=True, number=0))
    assert tune is not None
    assert tune.title
    assert tune.rhythm == "reel"
    assert tune.key.signature["F"] == 1  # two sharps, one or three: what a D whistle likes
    assert "checkpoint net, seed 7" in tune.source
    assert (maker.drawn, maker.tunes, maker.thrown_away) == (1, [tune], {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (RIGHT[:-2], sampling.UNREADABLE),
        ("M:4/4\nK:Cmaj\nAB@c|\n", sampling.UNREADABLE),
        ("M:none\nK:Cmaj\nABcd|\n", sampling.FREE),
        ("M:4/4\nK:Cmaj\nABcd|ABc|ABcd|ABcd|\n", sampling.BARS),
    ],
)
def test_a_wrong_text_is_counted_with_its_reason(
    maker: sampling._Maker, text: str, reason: str
) -> None:
    assert maker.judge(Sampled(text, ended=True, number=0)) is None
    assert maker.thrown_away == {reason: 1}


def test_a_text_without_an_end_is_no_tune(maker: sampling._Maker) -> None:
    assert maker.judge(Sampled(RIGHT, ended=False, number=0)) is None
    assert maker.thrown_away == {sampling.UNENDED: 1}


def test_the_same_text_twice_is_one_tune(maker: sampling._Maker) -> None:
    for number in range(3):
        maker.judge(Sampled(RIGHT, ended=True, number=number))
    assert len(maker.tunes) == 1
    assert maker.thrown_away == {sampling.SAME: 2}


def test_what_music21_reads_otherwise_is_thrown_away(
    maker: sampling._Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "second_opinion", lambda _tune, _referee: ["music21 disagrees"])
    assert maker.judge(Sampled(RIGHT, ended=True, number=0)) is None
    assert maker.thrown_away == {sampling.DISAGREED: 1}
