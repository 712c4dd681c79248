from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["sampling", "checkpoint", "vocabulary", "inference", "scoring", "training"]
)
def test_importing_loads_no_framework(module: str) -> None:
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; import abcgen.model.{module}; "
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
