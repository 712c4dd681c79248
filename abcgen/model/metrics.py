"""Small histograms of the LSTMs' weights, kept with every measurement to be drawn later.

``metrics.jsonl``: one line for every time the held-out texts were measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from abcgen.files import damaged, read_bounded, unreadable, write_atomically
from abcgen.model.settings import AMOUNT, COUNT, SECONDS, fits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from abcgen.model.checkpoint import Weights


BINS = 32
MOST = 256  # histograms in one measurement
SIGNED = (float, -(2.0**53), 2.0**53)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the numbers of an array are distributed.

    Attributes:
        low: Least number.
        high: Greatest number.
        counts: How many there are in each of equally wide bins between them.
    """

    low: float
    high: float
    counts: tuple[int, ...]

    @property
    def edges(self) -> tuple[float, ...]:
        """Where the bins begin and end."""
        width = (self.high - self.low) / len(self.counts)
        return tuple(self.low + number * width for number in range(len(self.counts) + 1))


def histograms_of(weights: Weights) -> dict[str, Histogram]:
    """Those of all LSTM kernels."""
    return {
        name: _histogram(array)
        for name, array in weights.items()
        if name.startswith(("lstm", "encoder")) and name.endswith("kernel")
    }


def histogram_from_json(data: object) -> Histogram:
    """Read what ``dataclasses.asdict`` made of a histogram, trusting nothing.

    Raises:
        ValueError: if it is anything else.
    """
    if not isinstance(data, dict) or set(data) != {"low", "high", "counts"}:
        raise ValueError("histogram")
    low, high, counts = data["low"], data["high"], data["counts"]
    right = fits(low, SIGNED) and fits(high, SIGNED) and low <= high
    if not right or not isinstance(counts, list) or not 1 <= len(counts) <= MOST:
        raise ValueError("histogram")
    if not all(fits(count, COUNT) for count in counts):
        raise ValueError("histogram")
    return Histogram(low, high, tuple(counts))


def _histogram(array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Histogram:
    low, high = float(array.min()), float(array.max())
    counts, _ = np.histogram(array, BINS, (low, high if high > low else low + 1e-6))
    return Histogram(round(low, 5), round(high, 5), tuple(map(int, counts)))


METRICS = "metrics.jsonl"
MAX_BYTES = 64_000_000
# The other figures may be any amount.
RANGES = {"steps": COUNT, "seconds": SECONDS}
MAY_BE_MISSING = {
    "training_bits",
    "bits_per_character",
    "bits_per_note",
    "training_accuracy",
    "accuracy",
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line.

    Attributes:
        epochs: Passes over the training texts, with a fraction.
        steps: Optimiser steps.
        seconds: Training time.
        training_bits: Training loss in bits per character over the current pass; None before it.
        bits_per_character: Held-out bits per scored character, or None.
        bits_per_note: Held-out bits per note, or None.
        characters_per_second: Training speed over the current pass.
        learning_rate: At that moment.
        training_accuracy: Share of characters thought the likeliest over the current pass.
        accuracy: Held-out share of scored characters likewise, or None.
        weights: How the LSTMs' weights were distributed.
    """

    epochs: float
    steps: int
    seconds: float
    training_bits: float | None
    bits_per_character: float | None
    bits_per_note: float | None
    characters_per_second: float
    learning_rate: float
    training_accuracy: float | None = None
    accuracy: float | None = None
    weights: Mapping[str, Histogram] = field(default_factory=dict)


def write_metrics(measurements: list[Measurement], folder: Path) -> None:
    """Write all lines.

    Raises:
        OutputError: if the file cannot be written.
    """
    lines = [json.dumps(asdict(measurement)) + "\n" for measurement in measurements]
    write_atomically(folder / METRICS, "".join(lines).encode())


def read_metrics(folder: Path) -> list[Measurement]:
    """Read the lines of a checkpoint, which may be a stranger's; none if there is no file.

    Raises:
        CheckpointError: if the file cannot be read; naming the line that is none.
    """
    path = folder / METRICS
    try:
        if not path.exists():
            return []
    except OSError as error:
        raise unreadable(path, error) from error
    lines = BytesIO(read_bounded(path, MAX_BYTES))
    return [_measurement(path, number, line) for number, line in enumerate(lines, 1)]


def passes_without_better(measurements: list[Measurement]) -> float:
    """Passes over the texts since the measurement whose weights are kept."""
    kept = best(measurements)
    return measurements[-1].epochs - kept.epochs if kept else 0.0


def best(measurements: list[Measurement]) -> Measurement | None:
    """The measurement whose weights are kept: least held-out bits, or the last without any."""
    held_out = [
        (item.bits_per_character, -number)
        for number, item in enumerate(measurements)
        if item.bits_per_character is not None
    ]
    if held_out:
        return measurements[-min(held_out)[1]]
    return measurements[-1] if measurements else None


def _measurement(path: Path, number: int, line: bytes) -> Measurement:
    try:
        return measurement_from_json(json.loads(line))
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(path, f"line {number} is not a measurement") from error


def measurement_from_json(data: object) -> Measurement:
    """Read what ``dataclasses.asdict`` made of a measurement, trusting nothing.

    Raises:
        ValueError: if it is anything else.
        TypeError: likewise.
    """
    if not isinstance(data, dict):
        raise TypeError("measurement")
    figures = {name: value for name, value in data.items() if name != "weights"}
    for name, value in figures.items():
        _check(name, value)
    return Measurement(**figures, weights=_histograms(data.get("weights", {})))


def _histograms(data: object) -> dict[str, Histogram]:
    if not isinstance(data, dict) or len(data) > MOST:
        raise ValueError("weights")
    return {str(name)[:80]: histogram_from_json(value) for name, value in data.items()}


def _check(name: str, value: object) -> None:
    if value is None and name in MAY_BE_MISSING:
        return
    if not fits(value, RANGES.get(name, AMOUNT)):
        raise ValueError(name)
