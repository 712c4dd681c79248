"""Muon's update in few calls on PyTorch is that of Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import numpy as np
import pytest

PROGRAM = """
    import json
    import numpy as np, torch
    import keras
    from abcgen.config import TrainConfig
    from abcgen.model.compiled import _optimizer
    from abcgen.model.distribution import Devices
    from abcgen.model.muon_torch import apply_muon
    config = TrainConfig(weight_decay=0.3, clip_norm=0.7)
    shapes = {"a/kernel": (6, 40), "b/kernel": (40, 6), "c/kernel": (33, 40), "embedding": (9, 4),
              "logits/kernel": (8, 5), "bias": (40,), "table": (3, 2)}
    learnt = []
    for ours in (False, True):
        random = np.random.default_rng(0)
        variables = [
            keras.Variable(random.normal(size=shape).astype("float32"), name=name.replace("/", "_"))
            for name, shape in shapes.items()
        ]
        muon = _optimizer(keras, config, Devices())
        muon.build(variables)
        for _ in range(4):
            gradients = [
                torch.tensor(random.normal(size=shape).astype("float32"))
                for shape in shapes.values()
            ]
            muon.learning_rate = 0.05
            with torch.no_grad():
                if ours:
                    apply_muon(muon, gradients, variables, 0.05)
                else:
                    muon.apply(gradients, variables)
        everything = [*variables, *muon.variables]
        learnt.append([keras.ops.convert_to_numpy(one).ravel().tolist() for one in everything])
    print(json.dumps(learnt))
"""


def test_all_variables_together_are_updated_as_one_after_the_other() -> None:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    keras, ours = json.loads(result.stdout.splitlines()[-1])
    assert len(ours) == len(keras) > 14
    for expected, found in zip(keras, ours, strict=True):
        assert np.allclose(found, expected, atol=1e-4)
