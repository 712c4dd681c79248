"""Every optimiser learns, compiled as in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from abcgen.config import Optimizer
from abcgen.model.dataset import Batches
from abcgen.model.trainer import Learner

if TYPE_CHECKING:
    from abcgen.model.training import Task


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_every_optimizer_learns(optimizer: str, task: Task) -> None:
    rate = {"sgd": 1.0, "lion": 0.003}.get(optimizer, 0.03)
    options = task.options.replace(optimizer=optimizer, learning_rate=rate)
    learner = Learner(task.network, task.vocabulary.size, options)
    batch = Batches(task.training, task.vocabulary, 20).batch(np.arange(20))
    losses = [learner.learn(batch, rate).loss for _ in range(6)]
    assert losses[-1] < losses[0]
