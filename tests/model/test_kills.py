"""What a run leaves when it is killed, when the disk is full, and when it begins with something."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING

import numpy as np
import pytest

from abcgen import files
from abcgen.errors import AbcgenError, CheckpointError, OutputError
from abcgen.files import DRAFT
from abcgen.model import resume as state
from abcgen.model.checkpoint import WEIGHTS, load_checkpoint
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.events import BaseMeasured, Event, Started, Step
from abcgen.model.metrics import read_metrics
from abcgen.model.resume import STATE, Progress
from abcgen.model.trainer import Trainer
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from abcgen.model.dataset import Bits
    from tests.model.conftest import TinyRun

# The files of a run of two epochs, in the order in which they are written.
WRITES = ("config", "vocabulary", "state 0", "state 1", "weights 1", "metrics 1", "state 2")


class KilledError(BaseException):
    """Simulates a signal that cannot be caught."""


@pytest.fixture(scope="module", autouse=True)
def _eagerly() -> Iterator[None]:
    with run_eagerly():
        yield


@pytest.fixture(scope="module")
def short(tiny_run: TinyRun) -> TinyRun:
    return tiny_run.with_config(epochs=2)


@pytest.fixture(scope="module")
def whole(short: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    short.train(folder)
    return folder


def _train_failing(
    tiny_run: TinyRun, folder: Path, patch: pytest.MonkeyPatch, at: str, error: BaseException
) -> None:
    """Train, and let the writing of that file fail half-way."""
    write, names = files.open_atomically, iter(WRITES)

    @contextmanager
    def written(path: Path) -> Iterator[IO[bytes]]:
        if next(names, None) == at:
            (path.parent / f".{path.name}.half{DRAFT}").write_bytes(b"half")
            raise error
        with write(path) as file:
            yield file

    with patch.context() as now:
        now.setattr(files, "open_atomically", written)
        tiny_run.train(folder)


@pytest.mark.parametrize("at", WRITES[3:])
def test_a_run_killed_in_any_write_resumes_to_the_same_weights(
    at: str, short: TinyRun, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KilledError):
        _train_failing(short, tmp_path, monkeypatch, at, KilledError())
    assert list(tmp_path.rglob(f"*{DRAFT}"))
    short.train(tmp_path, resume=True)
    once, again = read_metrics(whole), read_metrics(tmp_path)
    assert [line.steps for line in again] == [line.steps for line in once]
    for one, other in zip(once, again, strict=True):
        assert other.training_bits == pytest.approx(one.training_bits, abs=1e-6)
        assert other.bits_per_character == pytest.approx(one.bits_per_character, abs=1e-6)
    first, second = load_checkpoint(whole).weights, load_checkpoint(tmp_path).weights
    assert all(np.allclose(first[name], second[name], atol=1e-6) for name in first)
    assert not list(tmp_path.rglob(f"*{DRAFT}"))


@pytest.mark.parametrize("after_start", [False, True])
def test_an_interrupt_between_two_epochs_loses_no_line(
    after_start: bool,
    short: TinyRun,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start_epoch = Trainer._start_epoch

    def interrupted(trainer: Trainer, progress: Progress) -> None:
        if after_start or progress.epoch != 1:
            start_epoch(trainer, progress)
        if progress.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as now:
        now.setattr(Trainer, "_start_epoch", interrupted)
        assert short.train(tmp_path).interrupted
    assert len(read_metrics(tmp_path)) == 1
    short.train(tmp_path, resume=True)
    once, again = read_metrics(whole), read_metrics(tmp_path)
    assert [line.steps for line in again] == [line.steps for line in once]
    for one, other in zip(once, again, strict=True):
        assert other.bits_per_character == pytest.approx(one.bits_per_character, abs=1e-6)


def test_a_full_disk_is_one_line_and_loses_nothing_saved(
    short: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OutputError("cannot write it: no space left on device")
    with pytest.raises(OutputError) as caught:
        _train_failing(short, tmp_path, monkeypatch, "state 2", full)
    assert "\n" not in str(caught.value)
    assert f"--resume --out {tmp_path}" in caught.value.hint
    assert load_checkpoint(tmp_path).weights
    assert short.train(tmp_path, resume=True).epochs == 2


def test_a_run_may_be_saved_after_every_step(short: TinyRun, tmp_path: Path) -> None:
    often = short.with_config(save_minutes=0.0)
    events: list[Event] = []

    def kill(event: Event) -> None:
        events.append(event)
        if sum(isinstance(one, Step) for one in events) == 3:
            raise KilledError

    with pytest.raises(KilledError):
        often.train(tmp_path, on_event=kill)
    events.clear()
    with pytest.raises(KilledError):
        often.train(tmp_path, on_event=kill, resume=True)
    assert isinstance(events[0], Started)
    assert events[0].epochs == pytest.approx(2 / 3)


def test_the_network_to_fine_tune_is_measured_first_and_kept_if_nothing_is_better(
    short: TinyRun, whole: Path, tmp_path: Path
) -> None:
    weights = load_checkpoint(whole).weights
    worse = short.with_config(learning_rate=5.0, epochs=1)
    events: list[Event] = []
    result = worse.train(tmp_path, weights=weights, measure_first=True, on_event=events.append)
    lines = read_metrics(tmp_path)
    assert [line.epochs for line in lines] == [0, 1]
    assert lines[0].training_bits is None
    assert lines[0].bits_per_note == pytest.approx(
        min(line.bits_per_note or 99 for line in read_metrics(whole)), abs=1e-4
    )
    assert result.bits_before == result.bits_per_note == lines[0].bits_per_note
    assert BaseMeasured(result.bits_before) in events
    kept = load_checkpoint(tmp_path).weights
    assert all(np.array_equal(kept[name], weights[name]) for name in weights)


def test_the_network_to_fine_tune_is_measured_first_after_an_interruption_too(
    short: TinyRun, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = load_checkpoint(whole).weights
    begun = short.with_config(learning_rate=5.0)
    with monkeypatch.context() as now:

        def interrupt(_network: CompiledNetwork, _dataset: object) -> Bits:
            raise KeyboardInterrupt

        now.setattr(CompiledNetwork, "measure", interrupt)
        assert begun.train(tmp_path, weights=weights, measure_first=True).interrupted
    result = begun.train(tmp_path, resume=True, measure_first=True)
    assert result.bits_before == result.bits_per_note
    kept = load_checkpoint(tmp_path).weights
    assert all(np.array_equal(kept[name], weights[name]) for name in weights)


def test_numbers_that_are_not_finite_are_not_saved(
    short: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short.train(tmp_path)
    saved = (tmp_path / STATE).read_bytes()
    monkeypatch.setattr(state, "to_numpy", lambda _variable: np.array([np.inf]))
    model = SimpleNamespace(
        trainable_variables=[SimpleNamespace(path="a/b")],
        non_trainable_variables=[],
        optimizer=SimpleNamespace(variables=[]),
    )
    state.save_state(model, state.TrainingState(state.Progress(), None), tmp_path)
    assert (tmp_path / STATE).read_bytes() == saved


def test_resuming_with_other_held_out_tunes_is_refused(short: TinyRun, tmp_path: Path) -> None:
    divided = short.with_data(about={"split": {"fingerprint": "a"}})
    divided.train(tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    other = divided.with_data(about={"split": {"fingerprint": "b"}})
    with pytest.raises(CheckpointError) as caught:
        other.train(tmp_path, resume=True)
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint
    assert files == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_state_outside_the_checkpoint_is_neither_read_nor_written(
    short: TinyRun, tmp_path: Path
) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run.mkdir()
    (run / STATE).parent.symlink_to(elsewhere)
    with pytest.raises(AbcgenError) as caught:
        short.train(run)
    assert str((run / STATE).parent) in caught.value.message
    assert not list(elsewhere.iterdir())
    assert not (run / WEIGHTS).exists()
