from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from abcgen.config import SampleConfig, TrainConfig
from abcgen.errors import CheckpointError, InputError, OutputError
from abcgen.example import Example
from abcgen.model import trainer as run
from abcgen.model import trainer as timing
from abcgen.model.checkpoint import WEIGHTS, load_checkpoint
from abcgen.model.dataset import Bits
from abcgen.model.events import EpochEnd, Event, Interrupted, Started, Step, Watch
from abcgen.model.metrics import METRICS, read_metrics
from abcgen.model.resume import STATE
from abcgen.model.sampling import sample
from abcgen.model.scoring import measure
from abcgen.model.trainer import Learner, Learnt, learning_rate
from abcgen.model.training import train
from abcgen.model.vocabulary import Vocabulary
from abcgen.pipeline.checkpoints import step_network
from tests.model.eagerly import eagerly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from abcgen.model.checkpoint import Weights
    from abcgen.model.dataset import Batch
    from abcgen.model.training import Task


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
    with eagerly():
        yield


@pytest.fixture(scope="module")
def finished(task: Task, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Watcher]:
    folder, watcher = tmp_path_factory.mktemp("finished"), Watcher()
    train(task, folder, Watch(watcher, lambda checkpoint: checkpoint.vocabulary.characters))
    return folder, watcher


def _same(one: Weights, other: Weights) -> bool:
    return all(np.allclose(one[name], other[name], atol=1e-6, rtol=0) for name in one)


def test_training_teaches(finished: tuple[Path, Watcher], task: Task) -> None:
    lines = read_metrics(finished[0])
    assert len(lines) == 3
    bits = [line.bits_per_character or 99 for line in lines]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < np.log2(task.vocabulary.size) - 0.3


def test_the_events_tell_the_story(finished: tuple[Path, Watcher], task: Task) -> None:
    watcher = finished[1]
    assert isinstance(watcher.events[0], Started)
    assert watcher.events[0].tunes == 20
    assert watcher.events[0].characters == sum(len(item.text) + 1 for item in task.training)
    assert [event.epoch for event in watcher.events if isinstance(event, EpochEnd)] == [1, 2, 3]
    steps = [event for event in watcher.events if isinstance(event, Step)]
    assert [step.epoch for step in steps] == [1] * 3 + [2] * 3 + [3] * 3
    assert [step.fraction for step in steps] == pytest.approx([n / 9 for n in range(1, 10)])
    assert steps[-1].seconds_left == pytest.approx(0, abs=0.01)
    assert all(step.characters_per_second > 0 for step in steps)


def test_the_caller_may_draw_a_text_after_every_epoch(finished: tuple[Path, Watcher]) -> None:
    ends = [event for event in finished[1].events if isinstance(event, EpochEnd)]
    assert all("abcd" in end.sampled for end in ends)


def test_the_checkpoint_says_what_was_done(finished: tuple[Path, Watcher], task: Task) -> None:
    checkpoint = load_checkpoint(finished[0])
    assert checkpoint.network == task.network
    assert checkpoint.training == task.options
    assert checkpoint.vocabulary == task.vocabulary
    assert checkpoint.about == {"split": "abc"}


def test_the_weights_kept_are_those_measured_best(
    finished: tuple[Path, Watcher], task: Task
) -> None:
    network = step_network(load_checkpoint(finished[0]))
    bits = measure(network, task.vocabulary, task.validation)
    best = min(line.bits_per_character or 99 for line in read_metrics(finished[0]))
    assert bits.per_character == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("step", [3, 5])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(
    step: int, finished: tuple[Path, Watcher], task: Task, tmp_path: Path
) -> None:
    watcher = Watcher(interrupt_at=step)
    result = train(task, tmp_path, Watch(watcher))
    assert result.interrupted
    assert result.epochs == pytest.approx(step / 3)
    assert isinstance(watcher.events[-1], Interrupted)
    assert load_checkpoint(tmp_path).weights
    result = train(task, tmp_path, resume=True)
    assert not result.interrupted
    assert _same(load_checkpoint(tmp_path).weights, load_checkpoint(finished[0]).weights)
    whole, parts = read_metrics(finished[0]), read_metrics(tmp_path)
    assert parts[-1].training_bits == pytest.approx(whole[-1].training_bits, abs=1e-6)
    assert parts[-1].bits_per_character == pytest.approx(whole[-1].bits_per_character, abs=1e-6)


def test_a_finished_run_can_be_made_longer(
    finished: tuple[Path, Watcher], task: Task, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    longer = replace(task, options=task.options.replace(epochs=4))
    result = train(longer, tmp_path, resume=True)
    assert result.epochs == 4
    assert [line.epochs for line in read_metrics(tmp_path)] == [1, 2, 3, 4]
    assert load_checkpoint(tmp_path).training.epochs == 4


def test_going_on_needs_the_same_run(finished: tuple[Path, Watcher], task: Task) -> None:
    others = [
        replace(task, training=task.training[1:]),
        replace(task, options=task.options.replace(seed=8)),
        replace(task, options=task.options.replace(batch_size=5)),
        replace(task, network=task.network.replace(units=10)),
        replace(task, vocabulary=Vocabulary(task.vocabulary.characters + "~")),
    ]
    for other in others:
        with pytest.raises(CheckpointError, match="begin a new run"):
            train(other, finished[0], resume=True)


def test_going_on_with_nothing_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        train(task, tmp_path, resume=True)


def test_a_damaged_state_is_named(
    finished: tuple[Path, Watcher], task: Task, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    content = (tmp_path / STATE).read_bytes()
    for damaged in (b"", content[:-1], content.replace(b"epoch", b"epock")):
        (tmp_path / STATE).write_bytes(damaged)
        with pytest.raises(CheckpointError, match="state"):
            train(task, tmp_path, resume=True)


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
def test_a_state_that_cannot_be_is_refused(
    change: dict[str, object], finished: tuple[Path, Watcher], task: Task, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    arrays = load_file(tmp_path / STATE)
    with safe_open(tmp_path / STATE, framework="numpy") as file:
        position = json.loads(file.metadata()["position"])
    save_file(arrays, tmp_path / STATE, {"position": json.dumps(position | change)})
    with pytest.raises(CheckpointError, match="state"):
        train(task, tmp_path, resume=True)


def test_a_spoilt_line_of_metrics_ends_going_on(
    finished: tuple[Path, Watcher], task: Task, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    line = json.loads((tmp_path / METRICS).read_text().splitlines()[0])
    (tmp_path / METRICS).write_text(json.dumps(line | {"steps": 10**400}))
    with pytest.raises(CheckpointError, match=METRICS):
        train(task, tmp_path, resume=True)


@pytest.mark.parametrize("name", [WEIGHTS, METRICS, STATE])
def test_a_folder_in_the_way_of_a_file_is_named(name: str, task: Task, tmp_path: Path) -> None:
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(OutputError, match=name):
        train(task, tmp_path)


def test_a_file_in_the_way_of_a_folder_is_named(task: Task, tmp_path: Path) -> None:
    (tmp_path / "training").touch()
    with pytest.raises(OutputError, match="training"):
        train(task, tmp_path)


def test_the_seed_determines_the_weights_whatever_was_in_the_folder(
    finished: tuple[Path, Watcher], task: Task, tmp_path: Path
) -> None:
    train(replace(task, options=task.options.replace(epochs=1, seed=8)), tmp_path)
    assert not _same(load_checkpoint(tmp_path).weights, load_checkpoint(finished[0]).weights)
    train(task, tmp_path)
    assert len(read_metrics(tmp_path)) == 3
    assert _same(load_checkpoint(tmp_path).weights, load_checkpoint(finished[0]).weights)


def test_training_stops_when_its_time_is_up(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(step=0.25)  # every look at the clock takes a quarter of a second
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    for module in (run, timing):
        monkeypatch.setattr(module, "time", clock)
    watcher = Watcher()
    options = task.options.replace(minutes=1, epochs=1)
    result = train(replace(task, options=options), tmp_path, Watch(watcher))
    assert 45 < result.seconds < 75
    assert result.epochs > 1
    fractions = [event.fraction for event in watcher.events if isinstance(event, Step)]
    assert fractions[-1] > 0.8
    assert not result.interrupted


def test_without_held_out_texts_the_latest_weights_are_kept(task: Task, tmp_path: Path) -> None:
    alone, watcher = replace(task, validation=[]), Watcher(interrupt_at=4)
    assert train(alone, tmp_path, Watch(watcher)).interrupted
    result = train(
        alone, tmp_path, Watch(watcher, lambda found: str(len(found.weights))), resume=True
    )
    assert result.bits_per_character is result.bits_per_note is None
    assert [line.bits_per_note for line in read_metrics(tmp_path)] == [None] * 4
    ends = [event for event in watcher.events if isinstance(event, EpochEnd)]
    assert [(end.bits_per_character, end.best) for end in ends] == [(None, True)] * 3
    kept, latest = load_checkpoint(tmp_path).weights, load_file(tmp_path / STATE)
    assert np.array_equal(kept["logits/bias"], latest["weights/logits/bias"])


def test_without_held_out_texts_time_may_decide(task: Task, tmp_path: Path) -> None:
    options = task.options.replace(minutes=2 / 60)
    result = train(replace(task, validation=[], options=options), tmp_path)
    assert not result.interrupted
    assert result.bits_per_character is None


def test_a_run_that_diverges_says_so(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "learn", lambda *_: Learnt(float("nan"), 0.0))
    with pytest.raises(InputError, match="learning rate"):
        train(task, tmp_path)
    assert not (tmp_path / WEIGHTS).exists()


def test_a_run_that_diverges_later_keeps_its_last_good_weights(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, steps = Learner.learn, iter([1, 1, 0])

    def learn_twice(learner: Learner, batch: Batch, rate: float) -> Learnt:
        learnt = learn(learner, batch, rate)
        return learnt if next(steps) else Learnt(float("nan"), 0.0)

    monkeypatch.setattr(Learner, "learn", learn_twice)
    with pytest.raises(InputError, match="last good weights are in"):
        train(task, tmp_path)
    assert measure(step_network(load_checkpoint(tmp_path)), task.vocabulary, task.validation)


def test_patience_ends_a_run_that_gets_no_better(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bits = iter([9.0, 8.0, 8.5, 8.4, 7.0])
    monkeypatch.setattr(Learner, "measure", lambda *_: Bits(next(bits), 5, 2))
    options = task.options.replace(epochs=9, patience=2)
    assert train(replace(task, options=options), tmp_path).epochs == 4
    assert not (
        set(read_metrics(tmp_path)[0].weights) ^ {"lstm_1/kernel", "lstm_1/recurrent_kernel"}
    )


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_window_network_is_trained_gone_on_with_and_sampled_from(
    bidirectional: bool, task: Task, tmp_path: Path
) -> None:
    network = task.network.replace(
        kind="window", bidirectional=bidirectional, sequence_length=8, embedding=0
    )
    windowed = replace(
        task, network=network, options=task.options.replace(stride=9, learning_rate=0.01)
    )
    assert train(windowed, tmp_path, Watch(Watcher(interrupt_at=2))).interrupted
    result = train(windowed, tmp_path, resume=True)
    assert result.epochs == 3
    assert result.bits_per_note is not None
    sampled = sample(
        step_network(load_checkpoint(tmp_path)),
        task.vocabulary,
        [(0, "")],
        SampleConfig(max_characters=12),
        1,
    )
    assert len(next(iter(sampled)).text) <= 12


def test_a_sequence_longer_than_any_tune_is_refused(task: Task, tmp_path: Path) -> None:
    network = task.network.replace(kind="window", sequence_length=500)
    with pytest.raises(InputError, match="500 is longer than any tune"):
        train(replace(task, network=network), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"training": []},
        {"training": [Example("€")]},
        {"validation": [Example("€")]},
    ],
)
def test_what_cannot_be_trained_is_refused(
    change: dict[str, object], task: Task, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        train(replace(task, **change), tmp_path)  # type: ignore[arg-type]
    assert not (tmp_path / WEIGHTS).exists()


def test_the_learning_rate_climbs_and_then_falls() -> None:
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
from abcgen.model.events import Watch
from abcgen.model.training import Task, train
from abcgen.model.vocabulary import Vocabulary

task = Task([Example("abc|" * 9)] * 64, [Example("abc|")], Vocabulary("abc|"),
            NetworkConfig(units=8, attention=False), TrainConfig(epochs=100_000, batch_size=7))
result = train(task, Path(sys.argv[1]), Watch(lambda event: print(event, flush=True)))
print("interrupted", result.interrupted)
"""


def test_ctrl_c_leaves_a_whole_checkpoint_and_a_quiet_terminal(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
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
