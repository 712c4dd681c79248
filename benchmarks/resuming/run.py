"""Kill a training run again and again, resume it each time, and compare its curve.

The run is ended by SIGKILL, SIGTERM and Ctrl-C in turn. A run that comes to its end is compared,
and another begins, until there were as many kills as wanted. Lines that the last two signals add to
the curve in mid-epoch are not compared. Run from the project's root:

    python -m benchmarks.resuming.run --kills 200
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from abcgen import files
from abcgen.files import DRAFT
from abcgen.model.backend import backend_name
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.metrics import Measurement, best, read_metrics
from abcgen.model.resume import STATE
from benchmarks.commands import FORK, load_backend, short_tunes, start_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

HERE = Path(__file__).parent
SHAPE = ("--layers=1", "--units=16", "--embedding=8", "--no-attention", "--batch-size=4")
TUNES = 20
MOMENTS = ("starting", "training", "writing")  # when to kill, in turn
# How to kill, in turn, after each moment has had its own.
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# Files to be killed in, in turn: of a run that begins, and of one that has a state.
FIRST_FILES = ("bounds", "held-out", "tunes", "vocabulary", "config", "state", "weights", "metrics")
FILES = ("state", "metrics", "state", "weights")
PLACES = ("begun", "written", "named")  # where in the writing of a file
PATIENCE = 600.0  # seconds that a run may take to save when it is told to end, on a busy machine
# From the start of the process or of training to the kill, at most.
MAX_SECONDS = {"starting": 8.0, "training": 4.0}


@dataclass(frozen=True)
class Kill:
    """One kill."""

    # One of MOMENTS
    moment: str
    # One of SIGNALS
    signal: str
    # Epochs that the run had reported as done
    epochs: int
    # The file that was being written and one of PLACES, or a file left half-written; or neither
    draft: str
    # Seconds from the signal to the end of the process
    seconds: float


class Order(NamedTuple):
    """An order to a process to kill itself while it writes a file."""

    signal: signal.Signals
    # The file's name without suffix, and which time it is written
    file: str
    number: int
    # One of PLACES
    place: str

    def __str__(self) -> str:
        return f"{self.file} {self.place}"


class TrainProcess:
    """A process that starts or resumes the run."""

    def __init__(
        self, corpus: Path, folder: Path, options: argparse.Namespace, order: Order | None = None
    ) -> None:
        self.folder, self.log, self.order = folder, folder.with_suffix(".txt"), order
        mode = ["--resume"] if (folder / STATE).exists() else ["--force", *SHAPE]
        named = ["--out", str(folder), "--epochs", str(options.epochs), "--no-critic"]
        command = ["train", str(corpus), *mode, *named]
        command += ["--save-minutes", "0.005", "--device", "cpu"]
        self.log.unlink(missing_ok=True)
        self.killed_at: Any = FORK.Value("d", 0.0)
        self.process = start_command(command, self.log, prepare=self._prepare, graph=options.graph)

    def output(self) -> str:
        """Return the output so far."""
        with suppress(FileNotFoundError):
            return self.log.read_text(encoding="utf-8", errors="replace")
        return ""

    def wait(self) -> None:
        """Wait for the process to end."""
        self.process.join()
        if self.process.exitcode:
            raise SystemExit(f"training failed: {self.output()[-2000:]}")

    def kill(self, moment: str, how: signal.Signals, delay: float) -> Kill | None:
        """Kill the process after some seconds of a moment; return None if it ended before."""
        if self.order:
            while self.process.is_alive() and not self.killed_at.value:
                self.process.join(0.05)
        else:
            # The network's size is printed when training begins.
            while moment == "training" and not re.search(r"[\d,]+ weights", self.output()):
                self.process.join(0.05)
            self.process.join(delay)
            if self.process.is_alive() and self.process.pid is not None:
                self.killed_at.value = time.monotonic()
                os.kill(self.process.pid, how)
        if not self.killed_at.value:
            return None
        self.process.join(PATIENCE)
        seconds = time.monotonic() - self.killed_at.value
        if self.process.is_alive():
            raise SystemExit(f"a run did not end within {PATIENCE:.0f} s of {how.name}")
        epochs = [int(number) for number in re.findall(r"(?m)^epoch (\d+):", self.output())]
        draft = str(self.order or self._draft())
        return Kill(moment, how.name, max(epochs, default=0), draft, seconds)

    def _draft(self) -> str:
        drafts = [path.name for path in self.folder.rglob(f".*{DRAFT}")]
        return drafts[0].split(".")[1] if drafts else ""

    def _prepare(self) -> None:
        if self.order:
            files.open_atomically = self._killing(self.order)

    def _killing(self, order: Order) -> Any:
        """Return a way to open files that kills this process as ordered."""
        write, times = files.open_atomically, count(1)

        def kill(place: str) -> None:
            if place == order.place and not self.killed_at.value:
                self.killed_at.value = time.monotonic()
                os.kill(os.getpid(), order.signal)

        @contextmanager
        def written(path: Path) -> Iterator[IO[bytes]]:
            is_meant = path.stem == order.file and next(times) == order.number
            with write(path) as file:
                if is_meant:
                    kill("begun")
                yield file
                if is_meant:
                    kill("written")
            if is_meant:
                kill("named")

        return written


def main() -> None:
    """Compare runs and write the table; exit with 1 if kills changed the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--graph", action="store_true", help="compile the steps, as train does")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    load_backend()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        corpus = root / "corpus.abc"
        corpus.write_text(short_tunes(TUNES), encoding="utf-8")
        generator = random.Random(options.seed)  # noqa: S311 - guards no secret
        kills: list[Kill] = []
        results = [_train(corpus, root / f"whole-{number}", options) for number in (1, 2)]
        print(f"undisturbed: {results[1].difference(results[0]):.1e}", flush=True)
        for number in count(1):
            if len(kills) >= options.kills:
                break
            folder = root / f"killed-{number}"
            before = len(kills)
            _kill(corpus, folder, options, kills, generator)
            results.append(_train(corpus, folder, options, kills[before:]))
            print(f"run {number}: {results[-1].difference(results[0]):.1e}", flush=True)
    table = _table(results, kills, options.seed)
    print(table)
    if options.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")
    worst = max(killed.difference(results[0]) for killed in results[2:])
    sys.exit(worst > 0 or any(result.drafts for result in results))


class Result(NamedTuple):
    """What a run left in the end."""

    curve: list[Measurement]
    # Weights, optimizer and random state at the end, and the weights kept
    state: Mapping[str, NDArray[Any]]
    kept: Mapping[str, NDArray[Any]]
    # Half-written files
    drafts: list[str]

    def difference(self, whole: Result) -> float:
        """Return the largest difference of the curves in bits per character, or of the state.

        Only the lines of the whole run are compared; an interrupted one has more, and may have kept
        the weights of one of these.
        """
        steps = {point.steps for point in whole.curve}
        curve = [point for point in self.curve if point.steps in steps]
        if [point.steps for point in curve] != [point.steps for point in whole.curve]:
            return float("inf")
        pairs = [
            pair
            for one, other in zip(whole.curve, curve, strict=True)
            for pair in (
                (one.training_bits, other.training_bits),
                (one.bits_per_character, other.bits_per_character),
            )
        ]
        bits = [abs(one - other) for one, other in pairs if one is not None and other is not None]
        # Keras has a generator that no layer draws from, with a seed that differs between runs.
        drawn = [name for name, array in whole.state.items() if not _is_unused(name, array)]
        arrays = [(self.state[name], whole.state[name]) for name in drawn]
        if _best_steps(self.curve) == _best_steps(whole.curve):
            arrays += [(self.kept[name], array) for name, array in whole.kept.items()]
        return max(
            *bits, *(float(np.abs(one - other.astype(float)).max()) for one, other in arrays)
        )


def _is_unused(name: str, array: NDArray[Any]) -> bool:
    return name.startswith("random/") and array.shape == (2,) and not array[1]


def _best_steps(curve: list[Measurement]) -> int:
    kept = best(curve)
    return kept.steps if kept else 0


def _train(
    corpus: Path, folder: Path, options: argparse.Namespace, kills: Sequence[Kill] = ()
) -> Result:
    """Train to the end, after some kills if there were any."""
    process = TrainProcess(corpus, folder, options)
    process.wait()
    _check_nothing_lost(kills, process.output())
    drafts = [path.name for path in folder.rglob(f"*{DRAFT}")]
    state = load_file(folder / STATE)
    return Result(read_metrics(folder), state, load_checkpoint(folder).weights, drafts)


def _kill(
    corpus: Path,
    folder: Path,
    options: argparse.Namespace,
    kills: list[Kill],
    generator: random.Random,
) -> None:
    """Train, and kill and resume until the run ends or there were enough kills."""
    before = len(kills)
    while len(kills) < options.kills:
        moment = MOMENTS[len(kills) % len(MOMENTS)]
        turn = len(kills) // len(MOMENTS)
        how = SIGNALS[turn % len(SIGNALS)]
        order = None
        if moment == "writing":
            has_state = (folder / STATE).exists()
            file = generator.choice(FILES if has_state else FIRST_FILES)
            number = generator.randint(1, 4) if has_state and file == "state" else 1
            order = Order(how, file, number, generator.choice(PLACES))
        process = TrainProcess(corpus, folder, options, order)
        kill = process.kill(moment, how, generator.uniform(0, MAX_SECONDS.get(moment, 0)))
        _check_nothing_lost(kills[before:], process.output())
        if kill is None:
            process.wait()
            return
        kills.append(kill)
        print(f"kill {len(kills)}: {kill}", flush=True)


def _check_nothing_lost(kills: Sequence[Kill], output: str) -> None:
    """Check that no epoch that was reported as done is trained again."""
    done = max((kill.epochs for kill in kills), default=0)
    epochs = [int(number) for number in re.findall(r"(?m)^epoch (\d+):", output)]
    if epochs and min(epochs) <= done:
        raise SystemExit(f"{done} epochs were done, and epoch {min(epochs)} was trained again")


def _table(results: list[Result], kills: list[Kill], seed: int) -> str:
    whole, again, *killed = results
    drafts = [kill.draft for kill in kills if kill.draft]
    kinds = ", ".join(f"{drafts.count(kind)} {kind}" for kind in sorted(set(drafts)))
    caught = [kill.seconds for kill in kills if kill.signal != signal.SIGKILL.name]
    rows = {
        "runs killed, of epochs each": f"{len(killed)}, {len(whole.curve)}",
        "held-out bits per character, first and last": f"{whole.curve[0].bits_per_character:.3f}, "
        f"{whole.curve[-1].bits_per_character:.3f}",
        "kills": ", ".join(
            f"{sum(kill.moment == moment for kill in kills)} {moment}" for moment in MOMENTS
        ),
        "by": ", ".join(
            f"{sum(kill.signal == how.name for kill in kills)} {how.name}" for how in SIGNALS
        ),
        "of these, in or at a file": f"{len(drafts)} ({kinds})",
        "half-written files at the end": sum(len(result.drafts) for result in killed),
        "seconds from SIGTERM or Ctrl-C to the end, at most": f"{max(caught, default=0.0):.1f}",
        "largest difference of curves, weights or state, killed and undisturbed": (
            f"{max(each.difference(whole) for each in killed):.1e}"
        ),
        "the same between the two undisturbed runs": f"{again.difference(whole):.1e}",
    }
    lines = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", backend_name()))
    return (
        f"Seed {seed}. Python {platform.python_version()}, {versions}; {os.cpu_count()} cores of "
        f"{platform.machine()}.\n\n| | |\n|---|---|\n{lines}"
    )


if __name__ == "__main__":
    main()
