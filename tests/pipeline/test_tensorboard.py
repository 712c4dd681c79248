"""What TensorBoard is given to show."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.errors import InputError
from abcgen.model.events import EpochEnd, Event
from abcgen.pipeline.tensorboard import log_to

if TYPE_CHECKING:
    from pathlib import Path

FIRST = EpochEnd(1, 2.5, 1.5, 3.0, 20_000.0, 60.0, "", best=True, training_accuracy=0.4)


def test_figures_of_every_epoch_are_logged_and_events_passed_on(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events: list[Event] = []
    with log_to(tmp_path / "logs", events.append) as log:
        log(FIRST)
        log(replace(FIRST, epoch=2, bits_per_note=2.75, training_accuracy=0.5))
    assert len(events) == 2
    figures = accumulators.EventAccumulator(str(tmp_path / "logs"))
    figures.Reload()
    tensors = {name: figures.Tensors(name) for name in figures.Tags()["tensors"]}
    assert [point.step for point in tensors["bits_per_note"]] == [1, 2]
    assert [point.tensor_proto.float_val[0] for point in tensors["bits_per_note"]] == [3.0, 2.75]
    assert "accuracy" not in tensors  # needs held-out texts
    assert len(tensors["training_accuracy"]) == 2


def test_without_the_package_the_hint_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with (
        pytest.raises(InputError, match="tensorboard") as caught,
        log_to(tmp_path / "logs", lambda _event: None),
    ):
        pass
    assert "pip install" in caught.value.hint
    assert not (tmp_path / "logs").exists()


def test_without_a_folder_nothing_is_logged(tmp_path: Path) -> None:
    events: list[Event] = []
    with log_to(None, events.append) as log:
        log(FIRST)
    assert events == [FIRST]
    assert not list(tmp_path.iterdir())
