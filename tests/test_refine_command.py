"""``abcgen refine`` refuses what cannot be before anything is read or written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from abcgen.cli import main
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command and returns its exit code."""

    def run_it(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["abcgen", "refine", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0)

    return run_it


@pytest.mark.parametrize("option", ["--rounds=0", "--candidates=1", "--beta=0", "--minutes=-1"])
def test_impossible_settings(option: str, run: Run, tmp_path: Path) -> None:
    network = untrained(tmp_path / "net")
    assert run(network, tmp_path, "--out", tmp_path / "out", option) == 1
    assert not (tmp_path / "out").exists()


def test_to_resume_a_run_it_must_be_named(run: Run, tmp_path: Path) -> None:
    assert run(untrained(tmp_path / "net"), tmp_path, "--resume") == 2


def test_the_network_itself_is_only_read(run: Run, tmp_path: Path) -> None:
    network = untrained(tmp_path / "net")
    before = {path: path.read_bytes() for path in network.iterdir()}
    for more in ([], ["--force"]):
        assert run(network, tmp_path, "--out", network, *more) == 1
    assert before == {path: path.read_bytes() for path in network.iterdir()}


def test_another_checkpoint_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    network, other = untrained(tmp_path / "net"), untrained(tmp_path / "other")
    assert run(network, tmp_path, "--out", other) == 1


def test_a_missing_network_is_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none", tmp_path) == 1
    assert "none" in capsys.readouterr().err
