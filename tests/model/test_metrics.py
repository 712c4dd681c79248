"""The figures of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from abcgen.errors import CheckpointError
from abcgen.model.metrics import (
    METRICS,
    Histogram,
    Measurement,
    best,
    epochs_without_better,
    histograms_of,
    read_metrics,
    write_metrics,
)

if TYPE_CHECKING:
    from pathlib import Path


def _measurement(steps: int, bits: float | None) -> Measurement:
    return Measurement(
        epochs=steps / 2,
        steps=steps,
        seconds=1.0,
        training_bits=2.0,
        bits_per_character=bits,
        bits_per_note=bits,
        characters_per_second=100.0,
        learning_rate=1e-3,
    )


def test_measurements_read_back(tmp_path: Path) -> None:
    shapes = {"lstm_1/kernel": Histogram(low=-1.5, high=2.0, counts=(3, 0, 4))}
    full = _measurement(4, 1.5).replace(training_accuracy=0.25, accuracy=0.5, weights=shapes)
    lines = [_measurement(2, None), full]
    write_metrics(lines, tmp_path)
    assert read_metrics(tmp_path) == lines
    assert read_metrics(tmp_path / "none") == []


@pytest.mark.parametrize("line", [b"{", b"{}", b"[]", b'{"steps": 1}', b"\xff"])
def test_a_line_that_is_no_measurement_is_named(tmp_path: Path, line: bytes) -> None:
    write_metrics([_measurement(2, 1.0)], tmp_path)
    with (tmp_path / METRICS).open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(CheckpointError, match="line 2"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 10**400},
        {"steps": 2**53},
        {"steps": 1.5},
        {"steps": -1},
        {"seconds": 1e308},
        {"seconds": 10**400},
        {"epochs": 1e20},
        {"training_bits": 1e300},
        {"bits_per_note": -1},
        {"learning_rate": True},
        {"accuracy": -1},
        {"training_accuracy": "much"},
        {"weights": []},
        {"weights": {"a": {"low": 0.0, "high": 1.0}}},
        {"weights": {"a": {"low": 1.0, "high": 0.0, "counts": [1]}}},
        {"weights": {"a": {"low": 0.0, "high": float("nan"), "counts": [1]}}},
        {"weights": {"a": {"low": 0.0, "high": 1.0, "counts": [-1]}}},
        {"weights": {"a": {"low": 0.0, "high": 1.0, "counts": [1] * 10_000}}},
        {"weights": {str(n): {"low": 0.0, "high": 1.0, "counts": [1]} for n in range(300)}},
    ],
)
def test_a_figure_out_of_all_bounds_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    line = _measurement(2, 1.0).model_dump() | change
    (tmp_path / METRICS).write_text(json.dumps(line))
    with pytest.raises(CheckpointError, match="line 1"):
        read_metrics(tmp_path)


def test_the_best_measurement_has_the_least_held_out_bits() -> None:
    lines = [_measurement(2, 3.0), _measurement(4, 1.0), _measurement(6, 2.0)]
    assert best(lines) is lines[1]
    assert best([_measurement(2, None), _measurement(4, None)]) == _measurement(4, None)
    assert best([]) is None


def test_epochs_are_counted_since_the_best_measurement() -> None:
    lines = [_measurement(2, 3.0), _measurement(4, 1.0), _measurement(6, 2.0)]
    assert [epochs_without_better(lines[:count]) for count in range(4)] == [0, 0, 0, 1]


def test_histograms_are_small_and_count_every_weight() -> None:
    weights = {
        "lstm_1/kernel": np.linspace(-2, 3, 700).reshape(7, 100).astype(np.float32),
        "lstm_1/recurrent_kernel": np.zeros((5, 20), np.float32),
        "lstm_1/bias": np.zeros(20, np.float32),
        "logits/kernel": np.zeros((5, 3), np.float32),
    }
    found = histograms_of(weights)
    assert list(found) == ["lstm_1/kernel", "lstm_1/recurrent_kernel"]
    assert [sum(histogram.counts) for histogram in found.values()] == [700, 100]
    assert found["lstm_1/kernel"].edges[0] == -2
    assert found["lstm_1/kernel"].edges[-1] == pytest.approx(3)
    assert max(found["lstm_1/kernel"].counts) - min(found["lstm_1/kernel"].counts) <= 2
