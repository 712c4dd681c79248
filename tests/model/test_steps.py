"""Steps that do not wait learn what Keras's own do, on every backend that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abcgen.config import NetworkConfig
from abcgen.model import trainer
from abcgen.model.metrics import METRICS
from abcgen.model.resume import STATE
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from pathlib import Path

    from tests.model.conftest import TinyRun

# Three steps of a network on packed texts, by Keras and by ourselves, and what JAX compiled.
PROGRAM = """
    import json, sys
    import numpy as np
    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.example import Example
    from abcgen.model.compiled import CompiledNetwork
    from abcgen.model.dataset import TextDataset
    from abcgen.model.steps import Steps
    from abcgen.model.vocabulary import Vocabulary
    network = NetworkConfig(**json.loads(sys.argv[1]))
    texts, vocabulary = [Example("ab|" * (n % 90 + 1)) for n in range(300)], Vocabulary("ab|")
    data = TextDataset(texts, vocabulary, 8, attending=True, packed=True)
    found = {}
    for name in ("keras", "ours"):
        compiled = CompiledNetwork(network, vocabulary.size, TrainConfig(packed=True, seed=3))
        if name == "keras":
            compiled._steps = Steps(compiled._model)
        batches = data.shuffled(0, 0)[:3]
        begun = [compiled.begin_step(data.batch(rows), 0.01) for rows in batches]
        results = compiled.read(begun)
        weights = {key: float(np.abs(array).sum()) for key, array in compiled.weights.items()}
        found[name] = {"results": results, "weights": weights, "steps": compiled.steps}
    batches = [data.batch(rows) for rows in data.shuffled(0, 1)]
    found["shapes"] = len({batch.inputs.shape for batch in batches})
    if program := getattr(compiled._steps, "program", None):
        for batch in batches:
            compiled.begin_step(batch, 0.01)
        found["programs"] = program._cache_size()
    print(json.dumps(found))
"""
# With dropout: its random numbers are the same too.
NETWORK = NetworkConfig(layers=2, units=8, embedding=6, dropout=0.2, heads=2, blocks=True, ffn=12)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_steps_learn_what_those_of_keras_do_and_compile_once_a_shape(backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), NETWORK.model_dump_json()],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    ours, keras = found["ours"], found["keras"]
    assert np.allclose(ours["results"], keras["results"], atol=1e-4)
    assert ours["weights"] == pytest.approx(keras["weights"], rel=1e-3)
    assert ours["steps"] == keras["steps"] == 3
    assert found["shapes"] <= 4
    assert found.get("programs", found["shapes"]) == found["shapes"]


def test_results_read_late_are_the_same(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for steps in (1, 5):
        monkeypatch.setattr(trainer, "READ_STEPS", steps)
        monkeypatch.setattr(trainer, "READ_SECONDS", 1e9)
        folder = tmp_path / str(steps)
        with run_eagerly():
            tiny_run.with_config(epochs=2).train(folder)
        lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
        timed = {"seconds", "characters_per_second"}
        figures = [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]
        written.append((figures, (folder / STATE).stat().st_size))
    assert written[0] == written[1]
