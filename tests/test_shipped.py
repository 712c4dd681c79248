"""The network that comes with abcgen, used without any training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from abcgen.cli import app
from abcgen.config import Request, SampleConfig
from abcgen.notation.shape import goes_in_circle, keeps_beat
from abcgen.pipeline.checkpoints import find_checkpoint, read_training_tunes
from abcgen.pipeline.held_out import read_held_out
from abcgen.pipeline.sampling import Composer

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BYTES = 25_000_000


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sampled(arguments: Sequence[str]) -> str:
    few = ["--count", "2", "--candidates", "2"]  # by default eight, of which the critic chooses
    command = ["sample", *few, "--seed", "3", "--to", "none", "--json", *arguments]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    *tunes, _result = map(json.loads, result.stdout.splitlines())
    assert len(tunes) == 2
    return "".join(tune["abc"] for tune in tunes)


def test_tunes_are_composed_without_training_anything() -> None:
    assert sampled([]).count("X:") == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_no_page_holds_a_broken_tune(seed: int) -> None:
    config = SampleConfig()
    with Composer(find_checkpoint(None), config, seed, Request()) as composer:
        made = list(composer.compose())
    assert len(made) == config.count
    assert all(one.sampled.ended_freely for one in made)
    assert not any(goes_in_circle(one.tune) for one in made)
    assert not any(keeps_beat(one.tune) is False for one in made)


def test_its_tunes_have_what_was_requested() -> None:
    wishes = ["--metre", "6/8", "--key", "Em", "--rhythm", "jig", "--parts", "AABB", "--bars", "16"]
    tunes = sampled(wishes)
    assert tunes.count("M:6/8") == tunes.count("K:Em") == tunes.count("R:jig") == 2


def test_it_is_small_and_has_a_model_card() -> None:
    shipped = find_checkpoint(None)
    assert sum(path.stat().st_size for path in shipped.rglob("*")) < MOST_BYTES
    assert (shipped / "MODEL_CARD.md").is_file()
    assert not (shipped / "training").exists()


def test_it_comes_with_held_out_tunes_to_evaluate_it_on() -> None:
    shipped = find_checkpoint(None)
    known, held_out = read_training_tunes(shipped), read_held_out(shipped)
    assert known is not None
    assert len(held_out.test) > 200
    assert known.facts.names


def test_a_network_of_four_voices_comes_with_it_too() -> None:
    composed = sampled(["--voices", "4", "--bars", "4", "--metre", "4/4"])
    assert composed.count('name="Bass"') == 2
    folder = find_checkpoint(Path("chorales"))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000_000
