"""A run out of memory goes on in smaller batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from abcgen.model.checkpoint import load_description
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.events import EpochEnd, OutOfMemory
from abcgen.model.resume import restore_state
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from abcgen.model.dataset import Batch
    from abcgen.model.events import Event
    from tests.model.conftest import TinyRun


class OutOfMemoryError(RuntimeError):
    """As PyTorch's is named."""


ERRORS = [OutOfMemoryError("CUDA out of memory"), RuntimeError("RESOURCE_EXHAUSTED: of JAX")]


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """Batches of each size would be compiled anew."""
    with run_eagerly():
        yield


def _fill_memory(
    monkeypatch: pytest.MonkeyPatch, rows: int, error: Exception, after: int = 0
) -> None:
    """Have batches of more than so many rows raise an error after some steps."""
    begin_step, taken = CompiledNetwork.begin_step, iter(range(1000))

    def begin(network: CompiledNetwork, batch: Batch, rate: float) -> Any:
        if len(batch.inputs) > rows and next(taken) >= after:
            raise error
        return begin_step(network, batch, rate)

    monkeypatch.setattr(CompiledNetwork, "begin_step", begin)


@pytest.mark.parametrize("error", ERRORS)
def test_a_run_out_of_memory_halves_its_batches_until_they_fit(
    error: Exception, tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill_memory(monkeypatch, 5, error)
    events: list[Event] = []
    run = tiny_run.with_config(batch_size=16, epochs=2)
    result = run.train(tmp_path, on_event=events.append)
    assert [e.batch_size for e in events if isinstance(e, OutOfMemory)] == [8, 4]
    assert [event.epoch for event in events if isinstance(event, EpochEnd)] == [1, 2]
    assert result.epochs == 2
    # The run can be resumed in the batches that fit.
    assert load_description(tmp_path).training.batch_size == 4
    assert run.with_config(batch_size=4, epochs=3).train(tmp_path, resume=True).epochs == 3


def test_what_was_learnt_before_the_memory_was_full_is_kept(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run.with_config(batch_size=10, epochs=1)
    steps = run.train(tmp_path).epochs * 2
    _fill_memory(monkeypatch, 5, ERRORS[0])
    longer = run.with_config(epochs=2)
    assert longer.train(tmp_path, resume=True).epochs == 2
    network = CompiledNetwork(run.network, run.data.vocabulary.size, run.config)
    state = restore_state(network.model, tmp_path)
    assert network.steps == steps + 4
    assert state.progress.epoch == 2


def test_batches_of_one_that_do_not_fit_are_an_error(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill_memory(monkeypatch, 0, ERRORS[0])
    with pytest.raises(OutOfMemoryError):
        tiny_run.with_config(batch_size=2).train(tmp_path)


def test_other_errors_are_not_taken_for_a_full_memory(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill_memory(monkeypatch, 0, ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        tiny_run.train(tmp_path)
