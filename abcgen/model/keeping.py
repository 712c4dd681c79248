"""What a run leaves in its folder, in an order that a kill at any moment cannot spoil.

The state of training comes first and tells of what was measured at that moment. The best weights
and the lines of figures follow from it: whoever goes on writes them if they are not there yet.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from abcgen.model.checkpoint import WEIGHTS, write_weights
from abcgen.model.metrics import best, write_metrics
from abcgen.model.state import Moment, save_state

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.model.learner import Learner
    from abcgen.model.metrics import Measurement
    from abcgen.model.state import Position
    from abcgen.model.weights import Weights


class Keeper:
    """Writes the files of one run.

    Args:
        learner: The network.
        folder: Where they are kept.

    Attributes:
        measurements: All that is written down.
        saved_at: When the state was saved last, by the monotonic clock.
    """

    def __init__(self, learner: Learner, folder: Path) -> None:
        self._learner, self._folder = learner, folder
        self.measurements: list[Measurement] = []
        self.saved_at = time.monotonic()
        # What the saved state tells of, and the other files perhaps do not yet.
        self._unrecorded: Measurement | None = None

    def stand_at(self, moment: Moment, measurements: list[Measurement]) -> None:
        """Go on from what is in the folder."""
        self.measurements = measurements
        recorded = measurements[-1].steps if measurements else -1
        if moment.measurement and moment.measurement.steps > recorded:
            self._unrecorded = moment.measurement

    def last(self) -> Measurement | None:
        """The last that was measured."""
        return self._unrecorded or (self.measurements[-1] if self.measurements else None)

    def save(self, position: Position) -> None:
        """Save the state of training.

        Raises:
            OutputError: if it cannot be written.
        """
        save_state(self._learner.model, Moment(position, self._unrecorded), self._folder)
        self.saved_at = time.monotonic()

    def keep(self, measurement: Measurement, position: Position) -> None:
        """Save the state with what was measured of it, then write that down.

        Raises:
            OutputError: if it cannot be written.
        """
        if measurement not in self.measurements:
            self._unrecorded = measurement
        self.save(position)
        self.record()

    def record(self) -> None:
        """Write down what the state tells of; the learner must be in that state.

        Raises:
            OutputError: if it cannot be written.
        """
        if self._unrecorded is None:
            return
        lines = [*self.measurements, self._unrecorded]
        if best(lines) is self._unrecorded:
            write_weights(self._learner.weights, self._folder)
        write_metrics(lines, self._folder)
        self.measurements, self._unrecorded = lines, None

    def keep_some(self, weights: Weights) -> None:
        """Write weights to sample from if there are none.

        Raises:
            OutputError: if they cannot be written.
        """
        if weights and not (self._folder / WEIGHTS).exists():
            write_weights(weights, self._folder)
