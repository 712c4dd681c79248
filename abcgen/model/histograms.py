"""Small histograms of the LSTMs' weights, kept with every measurement to be drawn later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abcgen.model.settings import COUNT, fits

if TYPE_CHECKING:
    from abcgen.model.weights import Weights

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
