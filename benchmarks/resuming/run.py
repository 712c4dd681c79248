"""Kill a training run again and again, resume it each time, and compare its curve.

The run is ended by SIGKILL, SIGTERM and Ctrl-C in turn. Lines that the last two add to the curve in
mid-epoch are not compared. Run from the project's root:

    python -m benchmarks.resuming.run --kills 200 --runs 3
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from abcgen.corpus.collections import collection_blocks, collection_named
from abcgen.files import DRAFT
from abcgen.model.metrics import Measurement, read_metrics
from abcgen.model.resume import STATE

HERE = Path(__file__).parent
SHAPE = ("--layers=1", "--units=32", "--embedding=16", "--no-attention", "--batch-size=8")
TUNES = 100
MOMENTS = ("starting", "training", "writing")  # when to kill, in turn
# How to kill, in turn, after each moment has had its own.
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE = 60.0  # seconds that a run may take to save when it is told to end
MAX_SECONDS = 8.0  # from the start of the process or of training to the kill
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


@dataclass
class TrainProcess:
    """A process that starts or resumes the run."""

    corpus: Path
    folder: Path
    log: Path
    epochs: int

    def __post_init__(self) -> None:
        mode = ["--resume"] if (self.folder / STATE).exists() else ["--force", *SHAPE]
        options = ["--out", str(self.folder), "--epochs", str(self.epochs)]
        command = [sys.executable, "-m", "abcgen", "train", str(self.corpus), *mode, *options]
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, "--save-minutes", "0.02", "--device", "cpu"],
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def output(self) -> str:
        """Return the output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait for the process to end."""
        if self.process.wait():
            raise SystemExit(f"training failed: {self.output()[-2000:]}")

    def kill(self, moment: str, how: signal.Signals, generator: random.Random) -> Kill | None:
        """Kill the process at a random time of a moment; return None if it ended before."""
        if moment != "starting":
            # The network's size is printed when training begins.
            while self.process.poll() is None and not re.search(r"[\d,]+ weights", self.output()):
                time.sleep(0.05)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(generator.uniform(0, MAX_SECONDS))
        while moment == "writing" and self.process.poll() is None and not self._draft():
            pass
        if self.process.poll() is not None:
            return None
        self.process.send_signal(how)
        self.process.wait(PATIENCE)
        epochs = [int(number) for number in re.findall(r"(?m)^epoch (\d+):", self.output())]
        return Kill(moment, how.name, max(epochs, default=0), self._draft())

    def _draft(self) -> str:
        for folder in (self.folder, (self.folder / STATE).parent):
            try:
                drafts = [item.name for item in os.scandir(folder) if item.name.endswith(DRAFT)]
            except FileNotFoundError:
                continue
            if drafts:
                return drafts[0].split(".")[1]
        return ""


def main() -> None:
    """Compare runs and write the table; exit with 1 if kills changed the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1, help="that share the kills")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        corpus = root / "corpus.abc"
        blocks = islice(collection_blocks(collection_named("misc")), TUNES)
        corpus.write_text("\n\n".join(found.block.text for found in blocks), encoding="utf-8")
        curves = []
        for folder in (root / "first", root / "second"):
            TrainProcess(corpus, folder, folder.with_suffix(".txt"), options.epochs).wait()
            curves.append(read_metrics(folder))
        kills: list[Kill] = []
        drafts: list[str] = []
        for run in range(options.runs):
            folder = root / f"killed-{run + 1}"
            generator = random.Random(options.seed + run)  # noqa: S311 - guards no secret
            kills += _train_and_kill(
                corpus, folder, options.kills // options.runs, options, generator
            )
            curves.append(read_metrics(folder))
            drafts += [path.name for path in folder.rglob(f"*{DRAFT}")]
    table = _table(curves, kills, drafts, options.seed)
    print(table)
    if options.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")
    worst = max(difference(curves[0], killed) for killed in curves[2:])
    sys.exit(worst > TOLERANCE or bool(drafts))


def _train_and_kill(
    corpus: Path,
    folder: Path,
    count: int,
    options: argparse.Namespace,
    generator: random.Random,
) -> list[Kill]:
    """Train with kills and resume until the end."""
    kills: list[Kill] = []
    log = folder.with_suffix(".txt")
    while len(kills) < count:
        process = TrainProcess(corpus, folder, log, options.epochs)
        how = SIGNALS[len(kills) // len(MOMENTS) % len(SIGNALS)]
        kill = process.kill(MOMENTS[len(kills) % len(MOMENTS)], how, generator)
        if kill is None:
            raise SystemExit("the run ended before all kills: give it more --epochs")
        _check_nothing_lost(kills, process.output())
        kills.append(kill)
        print(f"kill {len(kills)}: {kill}", flush=True)
    process = TrainProcess(corpus, folder, log, options.epochs)
    process.wait()
    _check_nothing_lost(kills, process.output())
    return kills


def _check_nothing_lost(kills: list[Kill], output: str) -> None:
    """Check that no epoch that was reported as done is trained again."""
    done = max((kill.epochs for kill in kills), default=0)
    epochs = [int(number) for number in re.findall(r"(?m)^epoch (\d+):", output)]
    if epochs and min(epochs) <= done:
        raise SystemExit(f"{done} epochs were done, and epoch {min(epochs)} was trained again")


def difference(first: list[Measurement], second: list[Measurement]) -> float:
    """Return the largest difference of two curves in bits per character, training or held out.

    Only the lines of the first are compared; an interrupted run has more.
    """
    steps = {point.steps for point in first}
    second = [point for point in second if point.steps in steps]
    if [point.steps for point in first] != [point.steps for point in second]:
        return float("inf")
    pairs = [
        pair
        for a, b in zip(first, second, strict=True)
        for pair in (
            (a.training_bits, b.training_bits),
            (a.bits_per_character, b.bits_per_character),
        )
    ]
    return max(abs(a - b) for a, b in pairs if a is not None and b is not None)


def _table(curves: list[list[Measurement]], kills: list[Kill], drafts: list[str], seed: int) -> str:
    first, second, *killed = curves
    kill_drafts = [kill.draft for kill in kills if kill.draft]
    kinds = ", ".join(f"{kill_drafts.count(kind)} {kind}" for kind in sorted(set(kill_drafts)))
    rows = {
        "epochs": len(first),
        "held-out bits per character, first and last": f"{first[0].bits_per_character:.3f}, "
        f"{first[-1].bits_per_character:.3f}",
        "kills": ", ".join(
            f"{sum(kill.moment == moment for kill in kills)} {moment}" for moment in MOMENTS
        ),
        "by": ", ".join(
            f"{sum(kill.signal == how.name for kill in kills)} {how.name}" for how in SIGNALS
        ),
        "of these, leaving a half-written file": f"{len(kill_drafts)} ({kinds})",
        "half-written files at the end": len(drafts),
        "largest difference of the curves, killed and undisturbed": (
            f"{max(difference(first, each) for each in killed):.1e}"
        ),
        "the same between the two undisturbed runs": f"{difference(first, second):.1e}",
    }
    lines = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow"))
    return (
        f"Seed {seed}. Python {platform.python_version()}, {versions}; {os.cpu_count()} cores of "
        f"{platform.machine()}.\n\n| | |\n|---|---|\n{lines}"
    )


if __name__ == "__main__":
    main()
