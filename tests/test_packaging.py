"""What is published: dependencies and their licences, and wheels that come out the same twice."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_the_licence_of_every_dependency_is_listed(requirement: str) -> None:
    name = re.split(r"[\s<>=;\[]", requirement)[0].lower()
    page = (CHECKOUT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"(?m)^\| ([\w-]+) \| (.+) \|$", page))
    assert rows[name] not in {"", "not stated"}


@pytest.mark.slow
def test_two_builds_give_the_same_wheel(tmp_path: Path) -> None:
    if find_spec("hatchling") is None:
        pytest.skip("pip install hatchling")
    sums = []
    for number in (1, 2):
        # From copies at different places, made at different times.
        copy = tmp_path / f"copy-{number}"
        left_out = shutil.ignore_patterns(".*", "__pycache__", "output", "corpora", "tests")
        shutil.copytree(CHECKOUT, copy, ignore=left_out, copy_function=shutil.copyfile)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "hatchling",
                "build",
                "-t",
                "wheel",
                "-d",
                str(tmp_path / "out"),
            ],
            cwd=copy,
            check=True,
            capture_output=True,
        )
        (wheel,) = (tmp_path / "out").glob("*.whl")
        sums.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
        wheel.unlink()
    assert sums[0] == sums[1]
