"""Every optimiser learns, compiled as in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from abcgen.config import Optimizer
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import TextDataset

if TYPE_CHECKING:
    from tests.model.conftest import TinyRun


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_every_optimizer_learns(optimizer: str, tiny_run: TinyRun) -> None:
    rate = {"sgd": 1.0, "lion": 0.003}.get(optimizer, 0.03)
    options = tiny_run.config.replace(optimizer=optimizer, learning_rate=rate)
    compiled = CompiledNetwork(tiny_run.network, tiny_run.data.vocabulary.size, options)
    batch = TextDataset(tiny_run.data.training, tiny_run.data.vocabulary, 20).batch(np.arange(20))
    losses = [compiled.train_step(batch, rate).loss for _ in range(6)]
    assert losses[-1] < losses[0]
