"""The learning rate over a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abcgen.config import TrainConfig


def learning_rate(options: TrainConfig, fraction: float) -> float:
    """Linear warm-up to the peak, then half a cosine (Loshchilov & Hutter, 2017).

    Args:
        options: Peak, share of warm-up, and the share of the peak that is left at the end.
        fraction: Share of the run that is done, 0 to 1.
    """
    if fraction < options.warm_up:
        # The first step already learns something.
        return options.learning_rate * max(0.02, fraction / options.warm_up)
    rest = min(1.0, (fraction - options.warm_up) / max(1e-9, 1 - options.warm_up))
    cosine = (1 + math.cos(math.pi * rest)) / 2
    return options.learning_rate * (options.final_rate + (1 - options.final_rate) * cosine)
