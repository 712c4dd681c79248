"""Networks have names, the best comparable one plays, and a bad choice is warned of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from abcgen.config import Request, SampleConfig
from abcgen.errors import CheckpointError
from abcgen.evaluation.baselines import NGRAMS
from abcgen.pipeline import checkpoints
from abcgen.pipeline.checkpoints import checkpoint_hash
from abcgen.pipeline.networks import (
    FEW_TUNES,
    MUCH_WORSE,
    all_networks,
    choose_network,
    facts_of,
    name_of,
    network_with_hash,
)
from abcgen.pipeline.replaying import replay_file
from abcgen.pipeline.sampling import Composer
from abcgen.score.referee import Referee
from tests.pipeline.checkpoints import untrained

RUNS = Path("checkpoints")
TUNES, OTHERS = ["M:4/4\nK:Cmaj\nC8|D8|\n"], ["M:4/4\nK:Cmaj\nE8|D8|\n"]


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without runs, and a network that comes along."""
    monkeypatch.chdir(tmp_path)
    folder = network(tmp_path / "shipped", 2.0)
    monkeypatch.setattr(checkpoints, "SHIPPED_FOLDERS", (folder,))
    monkeypatch.setattr("abcgen.pipeline.checkpoints.CHORALES_FOLDERS", ())
    return folder


def network(
    folder: Path,
    bits: float | None = None,
    tunes: list[str] = TUNES,
    learnt: int = 1000,
    ngram_bits: float = 9.0,
    base: str = "",
) -> Path:
    """Write a network with held-out bits a note, measured on some tunes."""
    untrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["about"] = {"split": {"training_tunes": learnt}}
    config["about"] |= {"from": {"checkpoint": base, "hash": "0"}} if base else {}
    (folder / "config.json").write_text(json.dumps(config))
    held_out = {
        "format_version": 1,
        "test": tunes,
        "validation": tunes,
        "ngrams": [],
        "baselines": {NGRAMS: [[2 * ngram_bits, 10, 2]]},
    }
    if bits is not None:
        (folder / "held-out.json").write_text(json.dumps(held_out))
        measurements = [
            {
                "epochs": float(number),
                "steps": number,
                "seconds": 1.0,
                "training_bits": 1.0,
                "bits_per_character": value / 2,
                "bits_per_note": value,
                "characters_per_second": 1.0,
                "learning_rate": 0.1,
            }
            for number, value in enumerate([bits + 1, bits, bits + 0.5], start=1)
        ]
        lines = "".join(json.dumps(one) + "\n" for one in measurements)
        (folder / "metrics.jsonl").write_text(lines)
    return folder


def test_networks_have_names_and_figures(shipped: Path) -> None:
    network(RUNS / "run-2", 2.5, OTHERS, learnt=30, base="pretrained")
    network(RUNS / "run-10")
    network(RUNS / "10")
    network(RUNS / "réel-٣")
    (RUNS / "run-3").mkdir()
    found = {one.name: one for one in all_networks()}
    assert [*found] == ["pretrained", "10", "run-2", "run-10", "réel-٣"]
    assert [one.bits for one in found.values()] == [2.0, None, 2.5, None, None]
    assert (found["run-2"].tunes, found["run-2"].base) == (30, "pretrained")
    assert found["pretrained"].size == (shipped / "weights.safetensors").stat().st_size
    assert found["pretrained"].created == facts_of(shipped).created
    assert name_of(Path("somewhere/run-1")) == "somewhere/run-1"


def test_the_best_measured_on_the_same_tunes_plays(shipped: Path) -> None:
    assert choose_network(None).folder == shipped
    network(RUNS / "worse", 2.1)
    network(RUNS / "other", 1.0, OTHERS)
    network(RUNS / "unmeasured")
    assert choose_network(None).folder == shipped
    # The same music with another header is the same.
    network(RUNS / "better", 1.9, ["M:4/4\nP:0,2\nK:Cmaj\nC8|D8|\n"])
    choice = choose_network(None)
    assert (choice.folder, choice.warnings) == (RUNS / "better", ())
    assert "1.90" in choice.description
    assert choose_network(Path("other")).folder == RUNS / "other"


def test_a_damaged_network_is_listed_and_never_plays(shipped: Path) -> None:
    for name, file in [
        ("one", "config.json"),
        ("two", "held-out.json"),
        ("three", "metrics.jsonl"),
    ]:
        (network(RUNS / name, 1.0) / file).write_text("{")
    assert choose_network(None).folder == shipped
    assert all(one.problem for one in all_networks() if one.name != "pretrained")
    # If the one that comes along does not tell how good it is, it plays.
    (shipped / "metrics.jsonl").unlink()
    network(RUNS / "four", 1.0)
    assert choose_network(None).folder == shipped


@pytest.mark.parametrize(
    ("facts", "warned"),
    [
        ({"bits": 2.0 + MUCH_WORSE - 0.01}, False),
        ({"bits": 2.0 + MUCH_WORSE + 0.01}, True),
        ({"bits": 5.0, "tunes": OTHERS}, False),
        ({"bits": 5.0, "tunes": OTHERS, "ngram_bits": 4.9}, True),
        ({"bits": 2.0, "learnt": FEW_TUNES - 1}, True),
        ({"learnt": 3}, True),
        ({"bits": 2.0, "learnt": 3, "base": "pretrained"}, False),
        ({"learnt": FEW_TUNES}, False),
    ],
)
def test_a_bad_choice_is_warned_of(facts: dict[str, float], warned: bool) -> None:
    network(RUNS / "run-1", **facts)  # type: ignore[arg-type]
    assert bool(choose_network(Path("run-1")).warnings) is warned


def test_a_tune_is_replayed_by_the_network_that_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Referee, "disagreement", lambda *_: "")
    monkeypatch.setattr(Referee, "__enter__", lambda self: self)
    mine = untrained(tmp_path / "elsewhere", more="#")
    with Composer(mine, SampleConfig(count=1, max_characters=400), 7, Request(bars=2)) as composer:
        abc = next(composer.compose()).abc
    book = tmp_path / "book.abc"
    book.write_text(abc, encoding="utf-8")
    with pytest.raises(CheckpointError):
        next(replay_file(book))
    # It may have another name here.
    (RUNS / "damaged").mkdir(parents=True)
    (RUNS / "damaged" / "weights.safetensors").touch()
    shutil.copytree(mine, RUNS / "run-7")
    assert network_with_hash(checkpoint_hash(mine), "run-7") == RUNS / "run-7"
    [replayed] = replay_file(book)
    assert replayed.is_same
