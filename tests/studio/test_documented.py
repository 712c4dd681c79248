"""The examples of docs/studio.md for programs work as they are written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from abcgen.notation.writer import write_abc
from tests.studio.running import SECONDS, running
from tests.tunes import JIG, REEL

PAGE = Path(__file__).parents[2] / "docs" / "studio.md"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq"
    ),
]


def examples() -> list[str]:
    """Return the commands under "For programs"."""
    section = PAGE.read_text(encoding="utf-8").partition("## For programs")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block
    commands = re.split(r"\n(?=curl|jq)", re.sub(r"(?m)^#.*\n", "", block[1]))
    return [command.strip() for command in commands if command.strip()]


def test_every_example_is_answered(tmp_path: Path) -> None:
    commands = examples()
    assert len(commands) >= 15
    with running(tmp_path / "data", cwd=tmp_path) as link:
        for _ in range(5):
            added = httpx.post(f"{link}api/history", json={"abc": write_abc(JIG)}, timeout=SECONDS)
            assert added.status_code == 201
        body = {"abc": write_abc(REEL), "to": "midi"}
        midi = httpx.post(f"{link}api/render", json=body, timeout=SECONDS).content
        (tmp_path / "reel.mid").write_bytes(midi)
        (tmp_path / "mine.abc").write_text(write_abc(REEL), encoding="utf-8")
        for command in commands:
            here = command.replace("localhost:8765/", link).replace(
                "curl ", "curl --fail-with-body "
            )
            done = subprocess.run(
                [shutil.which("bash") or "", "-o", "pipefail", "-c", here],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout[-500:]}{done.stderr[-500:]}"
        assert read_start(tmp_path / "tune.pdf") == b"%PDF"


def read_start(path: Path) -> bytes:
    """Return the first four bytes of a file."""
    return path.read_bytes()[:4]
