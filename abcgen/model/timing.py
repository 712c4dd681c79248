"""How far a training run is, how fast it goes and when it is over."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abcgen.config import TrainConfig

# Speed is that of so many steps, so that slow first ones are soon forgotten.
RECENT_STEPS = 20
# How much faster measuring is than training, until it has been timed: no gradient is computed.
MEASURING_SPEED = 2.5


class Timing:
    """The clock of a run, which ends after a number of epochs or when its time is up.

    Args:
        options: ``minutes`` decides if it is given, else ``epochs``.
        training: Characters of one pass over the training texts.
        held_out: Characters of the held-out texts.
    """

    def __init__(self, options: TrainConfig, training: int, held_out: int) -> None:
        self.epochs = options.epochs if options.minutes is None else None
        self._budget = 60 * (options.minutes or 0)
        self._training, self._held_out = training, held_out
        self._steps: deque[tuple[int, float]] = deque(maxlen=RECENT_STEPS)
        self._first_step = self._measuring = 0.0
        self.start(0.0)

    def start(self, before: float) -> None:
        """Start the clock, ``before`` seconds having been trained already."""
        self._began = time.monotonic() - before

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._began

    def count_step(self, characters: int, seconds: float) -> None:
        """Take note of a step."""
        self._first_step = self._first_step or seconds
        self._steps.append((characters, seconds))

    def count_measuring(self, seconds: float) -> None:
        """Take note of how long measuring the held-out texts took."""
        self._measuring = seconds

    @property
    def characters_per_second(self) -> float:
        """Speed of recent steps; 0 before the first."""
        seconds = sum(taken for _, taken in self._steps)
        return sum(characters for characters, _ in self._steps) / seconds if seconds else 0.0

    def fraction(self, epochs: float) -> float:
        """Share of the run that is done once ``epochs`` passes are made."""
        if self.epochs is not None:
            return min(1.0, epochs / self.epochs)
        return min(1.0, self.seconds / max(1e-9, self._budget - self._reserve))

    def is_over(self, epochs: float) -> bool:
        """Whether all passes are made or the time is up."""
        return self.out_of_time or (self.epochs is not None and epochs >= self.epochs)

    @property
    def out_of_time(self) -> bool:
        """Whether there is no time for another step and for measuring after it."""
        if self.epochs is not None:
            return False
        step = sum(taken for _, taken in self._steps) / max(1, len(self._steps))
        return self.seconds + step + self._reserve >= self._budget

    def seconds_left(self, epochs: float) -> float:
        """Estimate of the time to the end."""
        if self.epochs is None:
            return max(0.0, self._budget - self.seconds)
        speed = self.characters_per_second
        epoch = self._training / speed + self._reserve if speed else 0.0
        return max(0.0, self.epochs - epochs) * epoch

    @property
    def _reserve(self) -> float:
        """Seconds that measuring at the end will take."""
        if self._measuring or not self._first_step:
            return self._measuring
        # The first time, a backend must compile its graph for it, as it did for the first step.
        speed = MEASURING_SPEED * self.characters_per_second
        return self._first_step + self._held_out / speed
