from __future__ import annotations

import os
from pathlib import Path

import pytest

from abcgen.errors import CheckpointError
from abcgen.model.resume import STATE
from abcgen.pipeline import checkpoints
from abcgen.pipeline.checkpoints import find_checkpoint, new_run, newest_run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without runs and without a shipped checkpoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "SHIPPED_FOLDERS", (tmp_path / "shipped",))
    monkeypatch.setattr("abcgen.pipeline.checkpoints.CHORALES_FOLDERS", ())
    return tmp_path


def trained(folder: Path, when: int = 0) -> Path:
    folder.mkdir(parents=True)
    weights = folder / "weights.safetensors"
    weights.touch()
    os.utime(weights, (when, when))
    return folder


def test_without_a_shipped_network_the_newest_run_is_taken(here: Path) -> None:
    trained(here / "checkpoints" / "run-1", when=100)
    trained(here / "checkpoints" / "run-2", when=300)
    trained(here / "checkpoints" / "run-3", when=200)
    assert find_checkpoint(None).name == "run-2"
    assert find_checkpoint(None) == find_checkpoint(Path("run-2"))
    shipped = trained(here / "shipped", when=50)
    assert find_checkpoint(None) == find_checkpoint(Path("pretrained")) == shipped


def test_a_shipped_network_in_a_checkout_is_no_run(here: Path) -> None:
    trained(here / "checkpoints" / "pretrained")
    assert newest_run() is None


def test_a_run_without_weights_is_skipped(here: Path) -> None:
    (here / "checkpoints" / "run-1").mkdir(parents=True)
    assert newest_run() is None
    assert new_run().name == "run-2"


def test_the_run_to_resume_is_the_last_that_was_trained(here: Path) -> None:
    # It may have been killed before its first measurement, and so before it had weights.
    finished, killed = (here / "checkpoints" / name for name in ("run-1", "run-2"))
    trained(finished, when=300)
    for folder, when in ((finished, 200), (killed, 400)):
        state = folder / STATE
        state.parent.mkdir(parents=True)
        state.touch()
        os.utime(state, (when, when))
    assert newest_run(STATE) == killed.relative_to(here)
    assert newest_run() == finished.relative_to(here)


def test_a_named_checkpoint_is_used_or_refused(here: Path) -> None:
    trained(here / "checkpoints" / "run-1")
    mine = trained(here / "mine")
    assert find_checkpoint(mine) == mine
    for name in (here / "yours", Path("run-2"), Path(), Path(".."), Path("nowhere/run-1")):
        with pytest.raises(CheckpointError):
            find_checkpoint(name)
    # A folder comes before a run of the same name.
    trained(here / "checkpoints" / "mine")
    assert find_checkpoint(Path("mine")) == Path("mine")


def test_without_any_checkpoint_the_hint_is_to_train() -> None:
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(None)
    assert "abcgen train" in caught.value.hint
