"""Kills a training run again and again, goes on each time, and compares its curve.

Run from the project's root:

    python -m benchmarks.resuming.run --kills 20
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
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
# What a life of the run is ended by, in turn: as it starts, as it learns, as it writes.
MOMENTS = ("starting", "learning", "writing")
STARTING, LEARNING = 8.0, 8.0  # at most so many seconds into it
ALLOWED = 1e-3  # bits per character


@dataclass(frozen=True)
class Death:
    """One kill.

    Attributes:
        moment: When it was meant to come.
        epochs: Passes that the run had reported done.
        draft: What lay half-written in the folder.
    """

    moment: str
    epochs: int
    draft: str


@dataclass
class Life:
    """A process that trains, from its start to its death or its end."""

    corpus: Path
    folder: Path
    said: Path
    epochs: int

    def __post_init__(self) -> None:
        again = ["--resume"] if (self.folder / STATE).exists() else ["--force", *SHAPE]
        options = ["--out", str(self.folder), "--epochs", str(self.epochs)]
        command = [sys.executable, "-m", "abcgen", "train", str(self.corpus), *again, *options]
        with self.said.open("wb") as file:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, "--save-minutes", "0.02", "--device", "cpu"],
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        """What it has said so far."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    def to_the_end(self) -> None:
        """Let it end by itself."""
        if self.process.wait():
            raise SystemExit(f"training failed: {self.text()[-2000:]}")

    def die(self, moment: str, chance: random.Random) -> Death | None:
        """Kill it at such a moment; None if it ended before."""
        if moment == "starting":
            self._wait(chance.uniform(0, STARTING))
        else:
            while self.process.poll() is None and "weights learn" not in self.text():
                time.sleep(0.05)
            self._wait(chance.uniform(0, LEARNING))
        while moment == "writing" and self.process.poll() is None and not self._draft():
            pass
        self.process.kill()
        if self.process.wait() == 0:
            return None
        passes = [int(number) for number in re.findall(r"(?m)^epoch (\d+):", self.text())]
        return Death(moment, max(passes, default=0), self._draft())

    def _wait(self, seconds: float) -> None:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _draft(self) -> str:
        for place in (self.folder, (self.folder / STATE).parent):
            try:
                found = [item.name for item in os.scandir(place) if item.name.endswith(DRAFT)]
            except FileNotFoundError:
                continue
            if found:
                return found[0].split(".")[1]
        return ""


def main() -> None:
    """Compare runs and write the table; exit with 1 if a kill changed anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        corpus = _corpus(root / "corpus.abc")
        curves = [_undisturbed(corpus, root / name, options.epochs) for name in ("one", "two")]
        deaths = _killed(corpus, root / "killed", options)
        curves.append(read_metrics(root / "killed"))
        left = [path.name for path in (root / "killed").rglob(f"*{DRAFT}")]
    table = _table(curves, deaths, left, options.seed)
    print(table)
    if options.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")
    sys.exit(difference(curves[0], curves[2]) > ALLOWED or bool(left))


def _corpus(path: Path) -> Path:
    blocks = islice(collection_blocks(collection_named("misc")), TUNES)
    path.write_text("\n\n".join(found.block.text for found in blocks), encoding="utf-8")
    return path


def _undisturbed(corpus: Path, folder: Path, epochs: int) -> list[Measurement]:
    Life(corpus, folder, folder.with_suffix(".txt"), epochs).to_the_end()
    return read_metrics(folder)


def _killed(corpus: Path, folder: Path, options: argparse.Namespace) -> list[Death]:
    chance = random.Random(options.seed)  # noqa: S311 - guards no secret
    deaths: list[Death] = []
    said = folder.with_suffix(".txt")
    while len(deaths) < options.kills:
        life = Life(corpus, folder, said, options.epochs)
        death = life.die(MOMENTS[len(deaths) % len(MOMENTS)], chance)
        if death is None:
            raise SystemExit("the run ended before all kills: give it more --epochs")
        _check_nothing_lost(deaths, life.text())
        deaths.append(death)
        print(f"kill {len(deaths)}: {death}", flush=True)
    last = Life(corpus, folder, said, options.epochs)
    last.to_the_end()
    _check_nothing_lost(deaths, last.text())
    return deaths


def _check_nothing_lost(deaths: list[Death], said: str) -> None:
    """A pass that was reported done is never made again."""
    again = re.search(r"going on after ([\d.]+) epochs", said)
    done = max((death.epochs for death in deaths), default=0)
    if again and float(again[1]) < done:
        raise SystemExit(f"{done} passes were done, and it went on after {again[1]}")


def difference(first: list[Measurement], second: list[Measurement]) -> float:
    """Greatest difference of two curves in bits per character, training or held out."""
    if [item.steps for item in first] != [item.steps for item in second]:
        return float("inf")
    pairs = [
        (one, other)
        for before, after in zip(first, second, strict=True)
        for one, other in (
            (before.training_bits, after.training_bits),
            (before.bits_per_character, after.bits_per_character),
        )
    ]
    return max(abs(one - other) for one, other in pairs if one is not None and other is not None)


def _table(curves: list[list[Measurement]], deaths: list[Death], left: list[str], seed: int) -> str:
    one, two, killed = curves
    caught = [death.draft for death in deaths if death.draft]
    kinds = ", ".join(f"{caught.count(kind)} {kind}" for kind in sorted(set(caught)))
    rows = {
        "passes": len(one),
        "held-out bits per character, first and last": f"{one[0].bits_per_character:.3f}, "
        f"{one[-1].bits_per_character:.3f}",
        "kills": ", ".join(
            f"{sum(death.moment == moment for death in deaths)} {moment}" for moment in MOMENTS
        ),
        "of them with a half-written file left behind": f"{len(caught)} ({kinds})",
        "half-written files at the end": len(left),
        "greatest difference of the curves, killed and not": f"{difference(one, killed):.1e}",
        "the same between two runs that nobody killed": f"{difference(one, two):.1e}",
    }
    lines = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow"))
    return (
        f"Seed {seed}. Python {platform.python_version()}, {versions}; {os.cpu_count()} cores of "
        f"{platform.machine()}.\n\n| | |\n|---|---|\n{lines}"
    )


if __name__ == "__main__":
    main()
