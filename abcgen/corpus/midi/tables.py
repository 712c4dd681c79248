"""What is known of how tunes are notated: counts by metre and by mode, and their weights.

They are in ``tables.json``, which ``benchmarks/transcription/fit.py`` makes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_PER_NAT = 100  # the file's unit


@dataclass(frozen=True)
class MetreTable:
    """What is known of tunes in one metre, all as natural logarithms of probabilities.

    Attributes:
        rhythm: Of a step's class, by place in the bar in sixteenths.
        habit: Likewise, by place and the class of the step before; what is seldom met is as in
            ``rhythm``.
        degree: Of a degree, by place, less what it is anywhere.
        leap: Likewise of a leap's class.
        pickup: Of a pickup in sixteenths, the metre's own share among tunes included.
        last: Of the last note's place.
    """

    rhythm: NDArray[np.float64]
    habit: NDArray[np.float64]
    degree: NDArray[np.float64]
    leap: NDArray[np.float64]
    pickup: NDArray[np.float64]
    last: NDArray[np.float64]

    @classmethod
    def read(cls, data: Any) -> Self:
        """One as it stands in the file, where a habit is named ``"4 1"``, by place and class."""
        arrays = {name: _nats(values) for name, values in data.items() if name != "habit"}
        classes = arrays["rhythm"].shape[1]
        habit = np.repeat(arrays["rhythm"][:, None, :], classes, axis=1)
        for name, row in data["habit"].items():
            place, before = map(int, name.split())
            habit[place, before] = _nats(row)
        return cls(habit=habit, **arrays)


@dataclass(frozen=True)
class Tables:
    """All tables, and the weights of what is read from them.

    Attributes:
        metres: By the metre's name.
        weights: Of what speaks for a metre and a pickup.
        own_weights: Likewise, of each metre for itself.
        degrees: By mode and then by what is counted, logarithms by degree.
        key_weights: Of what speaks for a key.
    """

    metres: Mapping[str, MetreTable]
    weights: NDArray[np.float64]
    own_weights: Mapping[str, NDArray[np.float64]]
    degrees: Mapping[str, Mapping[str, NDArray[np.float64]]]
    key_weights: NDArray[np.float64]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """Those that come with the package."""
    data: Any = json.loads(files("abcgen.corpus.midi").joinpath("tables.json").read_text())
    return Tables(
        {name: MetreTable.read(table) for name, table in data["metres"].items()},
        np.array(data["weights"]),
        {name: np.array(weights) for name, weights in data["own_weights"].items()},
        read_degrees(data["degrees"]),
        np.array(data["key_weights"]),
    )


def read_degrees(data: Any) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The tables of degrees as they stand in the file."""
    return {mode: {name: _nats(row) for name, row in rows.items()} for mode, rows in data.items()}


def _nats(values: Any) -> NDArray[np.float64]:
    return np.array(values) / _PER_NAT
