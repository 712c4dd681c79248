from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["sampling", "checkpoint", "vocabulary", "inference", "scoring", "training"]
)
def test_importing_loads_no_framework(module: str) -> None:
    code = (
        f"import sys; import abcgen.model.{module}; "
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_keras_loads_nothing_that_training_does_not_use_and_it_can_still_be_loaded() -> None:
    code = (
        "import sys; from abcgen.model.backend import load_keras; "
        "keras = load_keras(); "
        "print(sorted({'sklearn', 'matplotlib', 'jax'} & set(sys.modules))); "
        "import sklearn.base, matplotlib; print(keras.__name__, sklearn.__name__)"
    )
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.split("\n")[:2] == ["[]", "keras sklearn"]
