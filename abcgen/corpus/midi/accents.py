"""What velocities say about bars: the first beat is struck hardest, other beats alike."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abcgen.corpus.midi.line import Line

_MOST = 5.0  # nats a note
_PER_QUARTER = 1 / 4  # of a bar in sixteenths: a loudness to each quarter
_FLAT_COMPOUND = 6.0  # nats against a compound metre none of whose later beats is marked
_UNLIKELY = 1e-9


def accents(
    line: Line, full: int, beat: int, pickups: NDArray[np.int64], *, is_compound: bool
) -> NDArray[np.float64]:
    """The gain in likelihood from a loudness for every beat of the bar, by pickup.

    Each quarter costs half the logarithm of the number of notes (the Bayesian criterion); a bar
    whose first beat is not its loudest has no such gain.

    Args:
        line: The melody.
        full: A bar in sixteenths.
        beat: A beat likewise.
        pickups: Those thought of.
        is_compound: Whether beats divide by three.
    """
    notes, spread = len(line.onsets), float(((line.velocities - line.velocities.mean()) ** 2).sum())
    if not spread:
        return np.zeros(len(pickups))
    counts, sums, squares = (_grouped(line, full, beat, pickups, power) for power in range(3))
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    left = (squares - means * sums).sum(axis=1)
    gain = np.minimum(_MOST, -np.log(np.maximum(left / spread, _UNLIKELY)))
    later = means[:, 1:-1]
    is_flat = (later > 0).any(axis=1) & (later.max(axis=1, initial=0.0) <= means[:, -1])
    doubt = _FLAT_COMPOUND * (is_flat & is_compound)
    marked = notes / 2 * gain - _PER_QUARTER * full * log(notes) / 2 - doubt
    loudest = means.max(axis=1)
    return np.where(means[:, 0] < loudest, -notes * _gap(means, counts, spread / notes), marked)


def _grouped(
    line: Line, full: int, beat: int, pickups: NDArray[np.int64], power: int
) -> NDArray[np.float64]:
    """Sums of a power of the velocities, for each pickup by beat; the last is for all between."""
    by_place = np.bincount(line.onsets % full, line.velocities**power, full)
    turned = by_place[(np.arange(full) + pickups[:, None]) % full]
    on_beats = turned[:, ::beat]
    between = turned.sum(axis=1) - on_beats.sum(axis=1)
    return np.hstack([on_beats, between[:, None]])


def _gap(
    means: NDArray[np.float64], counts: NDArray[np.float64], variance: float
) -> NDArray[np.float64]:
    """How much louder than the first beat another is, in standard deviations, at most 1."""
    softest = np.where(counts > 0, means, np.inf).min(axis=1)
    first = np.where(counts[:, 0] > 0, means[:, 0], softest)
    gaps: NDArray[np.float64] = (means.max(axis=1) - first) / variance**0.5
    return np.minimum(1.0, gaps)
