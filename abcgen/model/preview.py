"""An estimate of how long training will take, from a few steps of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from abcgen.model.compiled import CompiledNetwork

if TYPE_CHECKING:
    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.dataset import Dataset

TIMED_STEPS = 2


def seconds_per_epoch(
    network: NetworkConfig, options: TrainConfig, classes: int, batches: Dataset
) -> float:
    """Estimate the length of an epoch from a few steps on a batch of middling length."""
    compiled = CompiledNetwork(network, classes, options)
    in_order = batches.in_order()
    batch = batches.batch(in_order[len(in_order) // 2])
    compiled.train_step(batch, 0.0)  # the first step compiles
    start = time.monotonic()
    for _ in range(TIMED_STEPS):
        compiled.train_step(batch, 0.0)
    seconds = (time.monotonic() - start) / TIMED_STEPS
    return seconds * batches.characters / max(1, batch.characters)
