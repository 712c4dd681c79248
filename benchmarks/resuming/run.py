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
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen import cli
from abcgen.corpus.collections import collection_blocks, collection_named
from abcgen.files import DRAFT
from abcgen.model.backend import backend_name, quietly
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.metrics import Measurement, read_metrics
from abcgen.model.resume import STATE
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HERE = Path(__file__).parent
SHAPE = ("--layers=1", "--units=32", "--embedding=16", "--no-attention", "--batch-size=4")
TUNES = 40
LONGEST = 300  # characters of a tune
MOMENTS = ("starting", "training", "writing")  # when to kill, in turn
# How to kill, in turn, after each moment has had its own.
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE = 600.0  # seconds that a run may take to save when it is told to end, on a busy machine
# From the start of the process or of training to the kill, at most.
MAX_SECONDS = {"starting": 8.0, "training": 8.0, "writing": 2.0}
PAUSE = 0.001  # seconds between two looks for a half-written file
TOLERANCE = 1e-3  # bits per character


@dataclass(frozen=True)
class Kill:
    """One kill."""

    # One of MOMENTS
    moment: str
    # One of SIGNALS
    signal: str
    # Epochs that the run had reported as done
    epochs: int
    # The kind of file that was half-written; empty if none was
    draft: str
    # Seconds from the signal to the end of the process
    seconds: float


@dataclass
class TrainProcess:
    """A process that starts or resumes the run.

    It is a copy of this one, so that TensorFlow is loaded only once: half of the time that a life
    of some seconds would take.
    """

    corpus: Path
    folder: Path
    log: Path
    epochs: int

    def __post_init__(self) -> None:
        mode = ["--resume"] if (self.folder / STATE).exists() else ["--force", *SHAPE]
        options = ["--out", str(self.folder), "--epochs", str(self.epochs), "--no-critic"]
        command = ["abcgen", "train", str(self.corpus), *mode, *options]
        command += ["--save-minutes", "0.005", "--device", "cpu"]
        self.log.unlink(missing_ok=True)
        self.process = get_context("fork").Process(target=_run, args=(command, self.log))
        self.process.start()

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

    def kill(self, moment: str, how: signal.Signals, generator: random.Random) -> Kill | None:
        """Kill the process at a random time of a moment; return None if it ended before."""
        delay = generator.uniform(0, MAX_SECONDS[moment])
        if moment != "starting":
            # The network's size is printed when training begins.
            while self.process.is_alive() and not re.search(r"[\d,]+ weights", self.output()):
                time.sleep(0.05)
        self.process.join(delay)
        while moment == "writing" and self.process.is_alive() and not self._draft():
            time.sleep(PAUSE)
        if not self.process.is_alive() or self.process.pid is None:
            return None
        start = time.monotonic()
        os.kill(self.process.pid, how)
        self.process.join(PATIENCE)
        if self.process.is_alive():
            raise SystemExit(f"a run did not end within {PATIENCE:.0f} s of {how.name}")
        epochs = [int(number) for number in re.findall(r"(?m)^epoch (\d+):", self.output())]
        seconds = time.monotonic() - start
        return Kill(moment, how.name, max(epochs, default=0), self._draft(), seconds)

    def _draft(self) -> str:
        for folder in (self.folder, (self.folder / STATE).parent):
            try:
                drafts = [item.name for item in os.scandir(folder) if item.name.endswith(DRAFT)]
            except FileNotFoundError:
                continue
            if drafts:
                return drafts[0].split(".")[1]
        return ""


def _run(command: list[str], log: Path, *, graph: bool) -> None:
    """Run abcgen in this process, with its output in a file."""
    # A shell starts what runs in the background with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with log.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = command
    with nullcontext() if graph else run_eagerly():
        cli.main()


def main() -> None:
    """Compare runs and write the table; exit with 1 if kills changed the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    # Only Keras's backend, which starts nothing before it is used; Keras is set up by abcgen.
    with quietly():
        import_module(backend_name())
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        corpus = root / "corpus.abc"
        blocks = islice(collection_blocks(collection_named("misc")), TUNES)
        corpus.write_text("\n\n".join(found.block.text for found in blocks), encoding="utf-8")
        generator = random.Random(options.seed)  # noqa: S311 - guards no secret
        kills: list[Kill] = []
        results = [_train(corpus, root / f"whole-{number}", options.epochs) for number in (1, 2)]
        for number in count(1):
            if len(kills) >= options.kills:
                break
            folder = root / f"killed-{number}"
            before = len(kills)
            _kill(corpus, folder, options, kills, generator)
            results.append(_train(corpus, folder, options.epochs, kills[before:]))
            print(f"run {number}: {results[-1].difference(results[0]):.1e}", flush=True)
    table = _table(results, kills, options.seed)
    print(table)
    if options.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")
    worst = max(killed.difference(results[0]) for killed in results[2:])
    sys.exit(worst > TOLERANCE or any(result.drafts for result in results))


class Result(NamedTuple):
    """What a run left in the end."""

    curve: list[Measurement]
    weights: dict[str, NDArray[np.float32]]
    # Half-written files
    drafts: list[str]

    def difference(self, whole: Result) -> float:
        """Return the largest difference of the curves in bits per character, or of the weights.

        Only the lines of the whole run are compared; an interrupted one has more.
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
        weights = [
            np.abs(self.weights[name] - array).max() for name, array in whole.weights.items()
        ]
        return max(*bits, *map(float, weights))


def _train(corpus: Path, folder: Path, epochs: int, kills: Sequence[Kill] = ()) -> Result:
    """Train to the end, after some kills if there were any."""
    process = TrainProcess(corpus, folder, folder.with_suffix(".txt"), epochs)
    process.wait()
    _check_nothing_lost(kills, process.output())
    drafts = [path.name for path in folder.rglob(f"*{DRAFT}")]
    return Result(read_metrics(folder), dict(load_checkpoint(folder).weights), drafts)


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
        process = TrainProcess(corpus, folder, folder.with_suffix(".txt"), options.epochs)
        how = SIGNALS[len(kills) // len(MOMENTS) % len(SIGNALS)]
        kill = process.kill(MOMENTS[len(kills) % len(MOMENTS)], how, generator)
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
        "of these, leaving a half-written file": f"{len(drafts)} ({kinds})",
        "half-written files at the end": sum(len(result.drafts) for result in killed),
        "seconds from SIGTERM or Ctrl-C to the end, at most": f"{max(caught, default=0.0):.1f}",
        "largest difference of curves or weights, killed and undisturbed": (
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
