"""A minute of each fuzzer in this folder."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("fuzzer", ["reading", "midi", "checkpoints", "musicxml", "round_trips"])
def test_a_minute_of_nonsense_finds_nothing(fuzzer: str, tmp_path: Path) -> None:
    if fuzzer not in {"musicxml", "round_trips"}:
        pytest.importorskip("atheris", reason="pip install atheris")
    command = [sys.executable, "-m", f"tests.fuzz.{fuzzer}", "--seconds", "60"]
    result = subprocess.run(
        [*command, "--findings", str(tmp_path / "findings")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "number_of_executed_units" in result.stderr, result.stderr[-2000:]
    assert "found " not in result.stdout, result.stdout
