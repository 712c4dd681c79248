from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from abcgen.config import SampleConfig, TrainConfig
from abcgen.errors import CheckpointError, InputError, OutputError
from abcgen.example import Example
from abcgen.model import trainer
from abcgen.model.checkpoint import WEIGHTS, load_checkpoint
from abcgen.model.compiled import CompiledNetwork, StepResult
from abcgen.model.dataset import Bits
from abcgen.model.events import EpochEnd, Event, Interrupted, Started, Step
from abcgen.model.metrics import METRICS, read_metrics
from abcgen.model.resume import STATE
from abcgen.model.sampling import sample
from abcgen.model.scoring import measure
from abcgen.model.trainer import learning_rate
from abcgen.model.vocabulary import Vocabulary
from abcgen.pipeline.checkpoints import step_network
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from abcgen.model.checkpoint import Weights
    from abcgen.model.dataset import Batch
    from tests.model.conftest import TinyRun


class Watcher:
    """Collects events, and interrupts at the nth step."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.events: list[Event] = []
        self._interrupt_at = interrupt_at

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if len(self.of(Step)) == self._interrupt_at and isinstance(event, Step):
            raise KeyboardInterrupt

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="module", autouse=True)
def _eagerly() -> Iterator[None]:
    with run_eagerly():
        yield


@pytest.fixture(scope="module")
def finished(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Watcher]:
    folder, watcher = tmp_path_factory.mktemp("finished"), Watcher()
    tiny_run.train(
        folder, on_event=watcher, sample_preview=lambda checkpoint: checkpoint.vocabulary.characters
    )
    return folder, watcher


def _same(one: Weights, other: Weights) -> bool:
    return all(np.allclose(one[name], other[name], atol=1e-6, rtol=0) for name in one)


def test_held_out_bits_fall_with_every_epoch(
    finished: tuple[Path, Watcher], tiny_run: TinyRun
) -> None:
    lines = read_metrics(finished[0])
    assert len(lines) == 3
    bits = [line.bits_per_character or 99 for line in lines]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < np.log2(tiny_run.data.vocabulary.size) - 0.3


def test_events_report_start_steps_and_epochs_in_order(
    finished: tuple[Path, Watcher], tiny_run: TinyRun
) -> None:
    watcher = finished[1]
    assert isinstance(watcher.events[0], Started)
    assert watcher.events[0].tunes == 20
    assert watcher.events[0].characters == sum(
        len(item.text) + 1 for item in tiny_run.data.training
    )
    assert [event.epoch for event in watcher.events if isinstance(event, EpochEnd)] == [1, 2, 3]
    steps = [event for event in watcher.events if isinstance(event, Step)]
    assert [step.epoch for step in steps] == [1] * 3 + [2] * 3 + [3] * 3
    assert [step.fraction for step in steps] == pytest.approx([n / 9 for n in range(1, 10)])
    assert steps[-1].seconds_left == pytest.approx(0, abs=0.01)
    assert all(step.characters_per_second > 0 for step in steps)


def test_a_preview_is_sampled_after_every_epoch(finished: tuple[Path, Watcher]) -> None:
    ends = [event for event in finished[1].events if isinstance(event, EpochEnd)]
    assert all("abcd" in end.sampled for end in ends)


def test_the_checkpoint_records_settings_and_vocabulary(
    finished: tuple[Path, Watcher], tiny_run: TinyRun
) -> None:
    checkpoint = load_checkpoint(finished[0])
    assert checkpoint.network == tiny_run.network
    assert checkpoint.training == tiny_run.config
    assert checkpoint.vocabulary == tiny_run.data.vocabulary
    assert checkpoint.about == {"split": "abc"}


def test_the_weights_kept_are_the_best_on_held_out_texts(
    finished: tuple[Path, Watcher], tiny_run: TinyRun
) -> None:
    network = step_network(load_checkpoint(finished[0]))
    bits = measure(network, tiny_run.data.vocabulary, tiny_run.data.validation)
    best = min(line.bits_per_character or 99 for line in read_metrics(finished[0]))
    assert bits.per_character == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("step", [3, 5])
def test_an_interrupted_run_resumes_to_the_same_weights(
    step: int, finished: tuple[Path, Watcher], tiny_run: TinyRun, tmp_path: Path
) -> None:
    watcher = Watcher(interrupt_at=step)
    result = tiny_run.train(tmp_path, on_event=watcher)
    assert result.interrupted
    assert result.epochs == pytest.approx(step / 3)
    assert isinstance(watcher.events[-1], Interrupted)
    assert load_checkpoint(tmp_path).weights
    result = tiny_run.train(tmp_path, resume=True)
    assert not result.interrupted
    assert _same(load_checkpoint(tmp_path).weights, load_checkpoint(finished[0]).weights)
    whole, parts = read_metrics(finished[0]), read_metrics(tmp_path)
    assert parts[-1].training_bits == pytest.approx(whole[-1].training_bits, abs=1e-6)
    assert parts[-1].bits_per_character == pytest.approx(whole[-1].bits_per_character, abs=1e-6)


def test_a_finished_run_can_be_made_longer(
    finished: tuple[Path, Watcher], tiny_run: TinyRun, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    longer = tiny_run.with_config(epochs=4)
    result = longer.train(tmp_path, resume=True)
    assert result.epochs == 4
    assert [line.epochs for line in read_metrics(tmp_path)] == [1, 2, 3, 4]
    assert load_checkpoint(tmp_path).training.epochs == 4


def test_resuming_with_other_data_or_settings_is_refused(
    finished: tuple[Path, Watcher], tiny_run: TinyRun
) -> None:
    others = [
        tiny_run.with_data(training=tiny_run.data.training[1:]),
        tiny_run.with_config(seed=8),
        tiny_run.with_config(batch_size=5),
        tiny_run.with_network(units=10),
        tiny_run.with_data(vocabulary=Vocabulary(tiny_run.data.vocabulary.characters + "~")),
    ]
    for other in others:
        with pytest.raises(CheckpointError) as caught:
            other.train(finished[0], resume=True)
        assert str(finished[0]) in caught.value.message
        assert caught.value.hint


def test_resuming_without_a_run_is_refused(tiny_run: TinyRun, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        tiny_run.train(tmp_path, resume=True)


def test_a_damaged_state_is_named(
    finished: tuple[Path, Watcher], tiny_run: TinyRun, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    content = (tmp_path / STATE).read_bytes()
    for damaged in (b"", content[:-1], content.replace(b"epoch", b"epock")):
        (tmp_path / STATE).write_bytes(damaged)
        with pytest.raises(CheckpointError, match=STATE):
            tiny_run.train(tmp_path, resume=True)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 10**400},
        {"epoch": 10**20},
        {"epoch": 10},  # in fewer steps
        {"first_step": 10**9},  # in the future
        {"first_step": 5},  # an epoch has 3 batches
        {"first_step": 10**400},
        {"seconds": 1e308},
        {"seconds": 10**400},
        {"nats": 1e300},
        {"characters": 2**53},
    ],
)
def test_an_impossible_state_is_refused(
    change: dict[str, object], finished: tuple[Path, Watcher], tiny_run: TinyRun, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    arrays = load_file(tmp_path / STATE)
    with safe_open(tmp_path / STATE, framework="numpy") as file:
        position = json.loads(file.metadata()["position"])
    save_file(arrays, tmp_path / STATE, {"position": json.dumps(position | change)})
    with pytest.raises(CheckpointError, match=STATE):
        tiny_run.train(tmp_path, resume=True)


def test_a_damaged_line_of_metrics_is_named_when_resuming(
    finished: tuple[Path, Watcher], tiny_run: TinyRun, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    line = json.loads((tmp_path / METRICS).read_text().splitlines()[0])
    (tmp_path / METRICS).write_text(json.dumps(line | {"steps": 10**400}))
    with pytest.raises(CheckpointError, match=METRICS):
        tiny_run.train(tmp_path, resume=True)


@pytest.mark.parametrize("name", [WEIGHTS, METRICS, STATE])
def test_a_folder_in_the_way_of_a_file_is_named(
    name: str, tiny_run: TinyRun, tmp_path: Path
) -> None:
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(OutputError, match=name):
        tiny_run.train(tmp_path)


def test_a_file_in_the_way_of_a_folder_is_named(tiny_run: TinyRun, tmp_path: Path) -> None:
    (tmp_path / "training").touch()
    with pytest.raises(OutputError, match="training"):
        tiny_run.train(tmp_path)


def test_the_seed_determines_the_weights_whatever_was_in_the_folder(
    finished: tuple[Path, Watcher], tiny_run: TinyRun, tmp_path: Path
) -> None:
    tiny_run.with_config(epochs=1, seed=8).train(tmp_path)
    assert not _same(load_checkpoint(tmp_path).weights, load_checkpoint(finished[0]).weights)
    tiny_run.train(tmp_path)
    assert len(read_metrics(tmp_path)) == 3
    assert _same(load_checkpoint(tmp_path).weights, load_checkpoint(finished[0]).weights)


@pytest.fixture
def _slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock takes a second."""
    ticks = count()
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))


@pytest.mark.usefixtures("_slow_clock")
def test_training_stops_when_its_time_is_up(tiny_run: TinyRun, tmp_path: Path) -> None:
    watcher = Watcher()
    result = tiny_run.with_config(minutes=1, epochs=1).train(tmp_path, on_event=watcher)
    assert 45 < result.seconds < 75
    assert result.epochs > 1
    fractions = [event.fraction for event in watcher.events if isinstance(event, Step)]
    assert fractions[-1] > 0.8
    assert not result.interrupted


def test_without_held_out_texts_the_latest_weights_are_kept(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    alone, watcher = tiny_run.with_data(validation=[]), Watcher(interrupt_at=4)
    assert alone.train(tmp_path, on_event=watcher).interrupted
    result = alone.train(
        tmp_path,
        resume=True,
        on_event=watcher,
        sample_preview=lambda checkpoint: str(len(checkpoint.weights)),
    )
    assert result.bits_per_character is result.bits_per_note is None
    assert [line.bits_per_note for line in read_metrics(tmp_path)] == [None] * 4
    ends = [event for event in watcher.events if isinstance(event, EpochEnd)]
    assert [(end.bits_per_character, end.best) for end in ends] == [(None, True)] * 3
    kept, latest = load_checkpoint(tmp_path).weights, load_file(tmp_path / STATE)
    assert np.array_equal(kept["logits/bias"], latest["weights/logits/bias"])


@pytest.mark.usefixtures("_slow_clock")
def test_a_time_budget_works_without_held_out_texts(tiny_run: TinyRun, tmp_path: Path) -> None:
    alone = tiny_run.with_data(validation=[]).with_config(minutes=0.5)
    result = alone.train(tmp_path)
    assert not result.interrupted
    assert result.bits_per_character is None


def test_a_run_that_diverges_hints_at_the_learning_rate(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CompiledNetwork, "begin_step", lambda *_: StepResult(float("nan"), 0.0))
    with pytest.raises(InputError) as caught:
        tiny_run.train(tmp_path)
    assert "learning rate" in caught.value.hint
    assert not (tmp_path / WEIGHTS).exists()


def test_a_run_that_diverges_later_keeps_its_last_good_weights(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_step, steps = CompiledNetwork.begin_step, iter([1, 1, 0])

    def begin_two(network: CompiledNetwork, batch: Batch, rate: float) -> Any:
        result = begin_step(network, batch, rate)
        return result if next(steps) else StepResult(float("nan"), 0.0)

    monkeypatch.setattr(CompiledNetwork, "begin_step", begin_two)
    with pytest.raises(InputError, match=WEIGHTS):
        tiny_run.train(tmp_path)
    assert measure(
        step_network(load_checkpoint(tmp_path)), tiny_run.data.vocabulary, tiny_run.data.validation
    )


def test_patience_ends_a_run_that_gets_no_better(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bits = iter([9.0, 8.0, 8.5, 8.4, 7.0])
    monkeypatch.setattr(CompiledNetwork, "measure", lambda *_: Bits(next(bits), 5, 2))
    assert tiny_run.with_config(epochs=9, patience=2).train(tmp_path).epochs == 4
    assert not (
        set(read_metrics(tmp_path)[0].weights) ^ {"lstm_1/kernel", "lstm_1/recurrent_kernel"}
    )


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_window_network_is_trained_resumed_and_sampled(
    bidirectional: bool, tiny_run: TinyRun, tmp_path: Path
) -> None:
    windowed = tiny_run.with_network(
        kind="window", bidirectional=bidirectional, sequence_length=8, embedding=0
    ).with_config(stride=9, learning_rate=0.01)
    assert windowed.train(tmp_path, on_event=Watcher(interrupt_at=2)).interrupted
    result = windowed.train(tmp_path, resume=True)
    assert result.epochs == 3
    assert result.bits_per_note is not None
    sampled = sample(
        step_network(load_checkpoint(tmp_path)),
        tiny_run.data.vocabulary,
        [(0, "")],
        SampleConfig(max_characters=12),
        1,
    )
    assert len(next(iter(sampled)).text) <= 12


def test_a_sequence_longer_than_any_tune_is_refused(tiny_run: TinyRun, tmp_path: Path) -> None:
    windowed = tiny_run.with_network(kind="window", sequence_length=500)
    with pytest.raises(InputError, match="500"):
        windowed.train(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"training": []},
        {"training": [Example("€")]},
        {"validation": [Example("€")]},
    ],
)
def test_what_cannot_be_trained_is_refused(
    change: dict[str, object], tiny_run: TinyRun, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        tiny_run.with_data(**change).train(tmp_path)
    assert not (tmp_path / WEIGHTS).exists()


def test_the_learning_rate_warms_up_and_then_falls() -> None:
    options = TrainConfig(learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate(options, step / 100) for step in range(101)]
    assert rates[0] > 0
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_the_last_learning_rate_is_a_share_of_the_peak() -> None:
    options = TrainConfig(learning_rate=0.5, final_rate=0.2)
    assert learning_rate(options, 1.0) == pytest.approx(0.1)
    assert learning_rate(TrainConfig(), 1.0) == pytest.approx(0.01 * TrainConfig().learning_rate)


SCRIPT = """
import sys
from pathlib import Path
from abcgen.config import NetworkConfig, TrainConfig
from abcgen.example import Example
from abcgen.model.dataset import Bits
from abcgen.model.training import TrainData, train
from abcgen.model.vocabulary import Vocabulary

data = TrainData([Example("abc|" * 9)] * 64, [Example("abc|")], Vocabulary("abc|"))
network, config = NetworkConfig(units=8, attention=False), TrainConfig(epochs=100_000, batch_size=7)
result = train(data, network, config, Path(sys.argv[1]),
               on_event=lambda event: print(event, flush=True))
print("interrupted", result.interrupted)
"""


def test_ctrl_c_leaves_a_whole_checkpoint_and_a_quiet_terminal(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "EpochEnd" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert "interrupted True" in output
    assert errors == ""
    assert load_checkpoint(tmp_path).weights
    assert json.loads((tmp_path / "config.json").read_text())["network"]["units"] == 8
