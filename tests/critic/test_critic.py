"""A critic learns what sets real tunes apart, says so, and is read from plain JSON only."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from abcgen.critic.learning import LEAST_TUNES, Learnt, learn_critic
from abcgen.critic.words import FEATURES, GROUPS
from abcgen.errors import CheckpointError, InputError
from abcgen.pipeline.checkpoints import CRITIC, read_critic, write_critic
from tests.tunes import tune

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

CELLS = ("DEFG A4", "d2c2 B2A2", "ABAG FGFE", "dcBA GFED", "F2A2 d2f2", "gfed cBAc", "E2G2 B2e2")
COUNT = LEAST_TUNES + 10


def made(seed: int, *, returning: bool) -> list[Tune]:
    """Return tunes whose first bars return after four bars, or not."""
    choose = random.Random(seed)
    tunes = []
    for _ in range(COUNT):
        bars = choose.choices(CELLS, k=8)
        if returning:
            bars[4:6] = bars[:2]
        tunes.append(tune(f"|:{'|'.join(bars)}:|"))
    return tunes


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return learn_critic(made(1, returning=True), range(COUNT), made(2, returning=False))


def test_it_prefers_what_real_tunes_have(learnt: Learnt) -> None:
    critic = learnt.critic
    assert critic.auc > 0.9
    assert max(learnt.alone, key=lambda group: learnt.alone[group]) == "returns"
    assert set(learnt.alone) == set(learnt.without) == set(GROUPS)
    good, bad = (
        [critic.judge(one).probability for one in made(3, returning=returning)]
        for returning in (True, False)
    )
    assert sum(good) / COUNT > 0.8
    assert sum(bad) / COUNT < 0.2


def test_it_says_why(learnt: Learnt) -> None:
    worst = min(made(3, returning=False), key=learnt.critic.score)
    judgement = learnt.critic.judge(worst)
    assert judgement.log_odds == learnt.critic.score(worst) < 0
    assert FEATURES["returns 4"].less in judgement.reasons[0]


def test_it_learns_nothing_where_there_is_nothing_to_learn() -> None:
    same = learn_critic(made(1, returning=True), range(COUNT), made(2, returning=True))
    assert same.critic.auc < 0.65


def test_versions_of_a_tune_do_not_count_as_unseen() -> None:
    # Every real tune is there five times: whoever sees four of them knows the fifth.
    real = [one for one in made(1, returning=False) for _ in range(5)]
    families = [number // 5 for number in range(len(real))]
    assert learn_critic(real, families, made(2, returning=False)).critic.auc < 0.65


def test_too_few_tunes_are_refused() -> None:
    tunes = made(1, returning=True)
    with pytest.raises(InputError):
        learn_critic(tunes[: LEAST_TUNES - 1], range(LEAST_TUNES - 1), tunes)
    with pytest.raises(InputError):
        learn_critic(tunes, range(COUNT), [])


def test_it_is_read_as_it_was_written(learnt: Learnt, tmp_path: Path) -> None:
    assert read_critic(tmp_path) is None
    write_critic(tmp_path, learnt.critic)
    critic = read_critic(tmp_path)
    assert critic
    assert critic.to_json() == learnt.critic.to_json()
    for one in made(3, returning=True)[:5]:
        assert critic.judge(one) == learnt.critic.judge(one)


@pytest.mark.parametrize(
    "change",
    [
        {"bias": "high"},
        {"bias": 1e300},
        {"auc": 2},
        {"weights": {}},
        {"ngrams": {"degrees": {"order": 4, "counts": {}}}},
        {"format_version": None},
        {"command": "rm"},
    ],
    ids=str,
)
def test_a_damaged_file_is_refused(
    learnt: Learnt, tmp_path: Path, change: dict[str, object]
) -> None:
    data = json.loads(learnt.critic.to_json()) | change
    (tmp_path / CRITIC).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CheckpointError):
        read_critic(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "[" * 100_000])
def test_what_is_no_critic_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / CRITIC).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError):
        read_critic(tmp_path)


def test_that_of_another_version_is_not_used(learnt: Learnt, tmp_path: Path) -> None:
    data = json.loads(learnt.critic.to_json()) | {"format_version": 2, "news": 1}
    (tmp_path / CRITIC).write_text(json.dumps(data), encoding="utf-8")
    assert read_critic(tmp_path) is None
