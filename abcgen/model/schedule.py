"""The learning rate over a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abcgen.config import TrainConfig

# Where the cosine ends, as a share of the peak.
FINAL_RATE = 0.01


def learning_rate(options: TrainConfig, fraction: float) -> float:
    """Linear warm-up to the peak, then half a cosine (Loshchilov & Hutter, 2017).

    Args:
        options: Peak and share of warm-up.
        fraction: Share of the run that is done, 0 to 1.
    """
    if fraction < options.warm_up:
        # The first step already learns something.
        return options.learning_rate * max(0.02, fraction / options.warm_up)
    rest = min(1.0, (fraction - options.warm_up) / max(1e-9, 1 - options.warm_up))
    cosine = (1 + math.cos(math.pi * rest)) / 2
    return options.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
