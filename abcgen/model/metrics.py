"""Figures of a training run: ``metrics.jsonl`` has one line per measurement of the held-out texts.

Each has small histograms of the LSTM weights, from which plots are drawn later.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, model_validator

from abcgen.config import Amount, Count, Schema, Seconds
from abcgen.errors import InputError
from abcgen.files import damaged, read_bounded, unreadable, write_atomically

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from abcgen.model.checkpoint import Weights


METRICS = "metrics.jsonl"
MAX_BYTES = 64_000_000
BINS = 32
MAX_HISTOGRAMS = 256  # of one measurement, and bins of a histogram

Signed = Annotated[float, Field(ge=-(2.0**53), le=2.0**53)]


class Histogram(Schema):
    """The distribution of an array's numbers in equally wide bins from ``low`` to ``high``."""

    low: Signed
    high: Signed
    # Not strict, because JSON has lists for tuples; the numbers are.
    counts: tuple[Count, ...] = Field(strict=False, min_length=1, max_length=MAX_HISTOGRAMS)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low > self.high:
            raise InputError("a histogram ends below its beginning")
        return self

    @classmethod
    def of(cls, array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Histogram:
        """Count the numbers of an array."""
        low, high = float(array.min()), float(array.max())
        counts, _ = np.histogram(array, BINS, (low, high if high > low else low + 1e-6))
        return cls(low=round(low, 5), high=round(high, 5), counts=tuple(map(int, counts)))

    @property
    def edges(self) -> tuple[float, ...]:
        """The borders of the bins, one more than there are bins."""
        width = (self.high - self.low) / len(self.counts)
        return tuple(self.low + number * width for number in range(len(self.counts) + 1))


def histograms_of(weights: Weights) -> dict[str, Histogram]:
    """Return a histogram of each LSTM kernel by its name."""
    return {
        name: Histogram.of(array)
        for name, array in weights.items()
        if name.startswith(("lstm", "encoder")) and name.endswith("kernel")
    }


class Measurement(Schema):
    """A line of figures."""

    # Epochs so far, with a fraction; optimizer steps; seconds of training.
    epochs: Amount
    steps: Count
    seconds: Seconds
    # Training loss in bits per character over the current epoch; None before its first step.
    training_bits: Amount | None
    # Held-out bits per scored character and per note; None without held-out texts.
    bits_per_character: Amount | None
    bits_per_note: Amount | None
    # Training speed over the current epoch.
    characters_per_second: Amount
    learning_rate: Amount
    # Share of characters whose most likely prediction was right, in training and held-out texts.
    training_accuracy: Amount | None = None
    accuracy: Amount | None = None
    # Histograms of the LSTM weights by name.
    weights: dict[Annotated[str, Field(max_length=80)], Histogram] = Field(
        default_factory=dict, max_length=MAX_HISTOGRAMS
    )


def write_metrics(measurements: list[Measurement], folder: Path) -> None:
    """Write all lines.

    Raises:
        OutputError: if the file cannot be written.
    """
    lines = [measurement.to_json() + "\n" for measurement in measurements]
    write_atomically(folder / METRICS, "".join(lines).encode())


def read_metrics(folder: Path) -> list[Measurement]:
    """Read the lines of a checkpoint that may be a stranger's; none if there is no file.

    Raises:
        CheckpointError: if the file cannot be read; naming the line that is no measurement.
    """
    path = folder / METRICS
    try:
        if not path.exists():
            return []
    except OSError as error:
        raise unreadable(path, error) from error
    measurements = []
    for number, line in enumerate(BytesIO(read_bounded(path, MAX_BYTES)), 1):
        try:
            measurements.append(Measurement.from_json(line))
        except InputError as error:
            raise damaged(path, f"line {number} is not a measurement") from error
    return measurements


def best(measurements: list[Measurement]) -> Measurement | None:
    """Return the measurement whose weights are kept: least held-out bits, or the last if none."""
    held_out = [
        (measurement.bits_per_character, -number)  # of equally good ones the latest
        for number, measurement in enumerate(measurements)
        if measurement.bits_per_character is not None
    ]
    if held_out:
        return measurements[-min(held_out)[1]]
    return measurements[-1] if measurements else None


def epochs_without_better(measurements: list[Measurement]) -> float:
    """Return the epochs since the measurement whose weights are kept."""
    kept = best(measurements)
    return measurements[-1].epochs - kept.epochs if kept else 0.0
