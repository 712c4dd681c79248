"""A checkpoint's critic is learnt from its training tunes, and chooses among candidates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from abcgen.config import Request, SampleConfig
from abcgen.critic.config import CANDIDATES
from abcgen.errors import InputError
from abcgen.model.sampling import Sampled
from abcgen.notation.model_text import decode_tune
from abcgen.pipeline import checkpoints
from abcgen.pipeline.choosing import Reason
from abcgen.pipeline.replaying import replay_file
from abcgen.pipeline.sampling import Composer
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

pytestmark = pytest.mark.usefixtures("without_music21")

SHORT = SampleConfig(count=2, max_characters=150, temperature=1.0, batch_size=4)
BRIEF = Request(metre="2/4", bars=4)  # short tunes, most of them valid


class Counting:
    """A critic that prefers tunes of many notes."""

    def score(self, tune: Tune) -> float:
        return len(list(tune.notes))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("checkpoints") / "net")


@pytest.fixture
def with_critic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "read_critic", lambda _folder: Counting())


def composer(checkpoint: Path, config: SampleConfig, request: Request | None = None) -> Composer:
    return Composer(checkpoint, config, 3, request or Request())


@pytest.mark.usefixtures("with_critic")
def test_the_best_of_each_group_is_kept(checkpoint: Path, tmp_path: Path) -> None:
    assert composer(checkpoint, SHORT).candidates == CANDIDATES
    few, wishes = 4, BRIEF
    drawn = composer(checkpoint, SHORT.replace(choose="best", candidates=few), wishes)
    tunes = list(drawn.compose())
    assert len(tunes) == drawn.tally.valid == SHORT.count
    tally = drawn.tally
    assert tally.valid + tally.passed_over + tally.rejected.total() == tally.sampled
    assert tally.passed_over
    # Each is the best of the candidates with consecutive numbers that it is one of.
    for tune in tunes:
        first = tune.sampled.number // few * few
        group = composer(checkpoint, SHORT.replace(candidates=1), wishes)
        rivals = [
            drawn.score(sampled, rival)
            for sampled in group.sample(range(first, first + few))
            if not isinstance(rival := group.candidate(sampled), Reason)
        ]
        assert drawn.score(tune.sampled, tune.tune) == max(rivals)
    # The recipe names the text, so that replaying needs no critic and is the same as ever.
    book = tmp_path / "tunes.abc"
    book.write_text("\n".join(tune.abc for tune in tunes), encoding="utf-8")
    assert "candidates" not in book.read_text(encoding="utf-8")
    assert all(replay.is_same for replay in replay_file(book, checkpoint))


@pytest.mark.usefixtures("with_critic")
def test_a_choice_is_made_in_proportion_to_how_real_tunes_are(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["M:2/4\nK:Cmaj\nCDEF|GABc|]\n", "M:2/4\nK:Cmaj\nCDEF|GAB2|]\n"]
    odds = dict(zip(map(decode_tune, texts), (3.0, 1.0), strict=True))
    monkeypatch.setattr(Counting, "score", lambda _self, tune: math.log(odds[tune]))
    groups = [
        [Sampled(text, True, 2 * n + place) for place, text in enumerate(texts)]
        for n in range(2000)
    ]
    varied, best = (composer(checkpoint, SHORT.replace(choose=how)) for how in ("varied", "best"))
    firsts = [varied.ranked(group)[0] for group in groups]
    share = sum(sampled.text == texts[0] for sampled in firsts) / len(groups)
    assert share == pytest.approx(0.75, abs=0.04)
    again = composer(checkpoint, SHORT)
    assert firsts == [again.ranked(group)[0] for group in groups]
    assert all(best.ranked(group)[0].text == texts[0] for group in groups)


@pytest.mark.usefixtures("with_critic")
def test_how_many_are_drawn_is_a_wish(checkpoint: Path) -> None:
    for number in (2, 3):
        drawn = composer(checkpoint, SHORT.replace(candidates=number), BRIEF)
        list(drawn.compose())
        assert drawn.candidates == number
        assert drawn.tally.sampled % number == 0
    alone = composer(checkpoint, SHORT.replace(candidates=1), BRIEF)
    assert alone.candidates == 1
    list(alone.compose())
    assert not alone.tally.passed_over


@pytest.mark.usefixtures("with_critic")
@pytest.mark.parametrize("change", [{"temperature": 0.0}, {"top_k": 1}], ids=str)
def test_if_nothing_is_left_to_chance_there_is_one_candidate(
    checkpoint: Path, change: dict[str, float]
) -> None:
    assert composer(checkpoint, SHORT.replace(**change)).candidates == 1


@pytest.mark.usefixtures("with_critic")
def test_wishes_are_kept(checkpoint: Path) -> None:
    wishes = Request(metre="6/8", bars=4, parts="AB")
    for tune in composer(checkpoint, SHORT.replace(candidates=2), wishes).compose():
        assert str(tune.tune.metre) == "6/8"


def test_a_checkpoint_without_a_critic_does_without(checkpoint: Path) -> None:
    usual = composer(checkpoint, SHORT)
    assert usual.candidates == 1
    assert not usual.warnings
    asked = composer(checkpoint, SHORT.replace(candidates=4))
    assert asked.candidates == 1
    assert asked.warnings


def test_no_candidates_are_refused() -> None:
    with pytest.raises(InputError):
        SHORT.replace(candidates=0)


@pytest.mark.usefixtures("with_critic")
def test_of_tunes_alike_the_one_is_preferred_that_the_grammar_led_less(checkpoint: Path) -> None:
    drawn = composer(checkpoint, SHORT)
    tune = decode_tune("M:2/4\nK:Cmaj\nCDEF|GABc|]\n")
    free, led = (Sampled("", True, number, removed=3.0 * number) for number in range(2))
    assert drawn.score(free, tune) == Counting().score(tune)
    assert drawn.score(led, tune) == Counting().score(tune) - 3.0


@pytest.mark.usefixtures("with_critic")
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("request_", [Request(), Request(bars=16)])
def test_an_announced_ending_that_the_grammar_kept_counts_against_no_tune(
    tmp_path: Path, request_: Request, *, keep: bool
) -> None:
    network = untrained(tmp_path / "net", form=True)
    drawn = composer(network, SampleConfig(keep_endings=keep), request_)
    text = "M:4/4\nK:Cmaj\nP:0,2:2\n|:cdef gabc'|1c8:|2c8|]\n"
    tune = decode_tune(text)
    led = Sampled(text, ended=True, number=0, removed=3.0)
    assert drawn.score(led, tune) == Counting().score(tune) - (
        0.0 if keep and not request_.bars else 3.0
    )
