"""From a cold start to a PDF of one tune: ``abcgen sample --count 1`` as a process of its own.

Beside it stand what it cannot do without, loading NumPy and music21, and what it does without,
loading TensorFlow. Run from the project's root:

    python -m benchmarks.sampling_speed.cold_start CHECKPOINT [--times 9] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.sampling_speed.run import processor

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


@dataclass
class Contestant:
    """A command and what its runs took.

    Attributes:
        name: What it is.
        arguments: What Python is told, given the number of the run.
        wall: Seconds that each run took.
        processor: Seconds of processor time of each, child processes included.
    """

    name: str
    arguments: Callable[[int], list[str]]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run it once, as a new process."""
        command = [sys.executable, *self.arguments(len(self.wall))]
        spent, began = _spent_by_children(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own
        self.wall.append(time.perf_counter() - began)
        self.processor.append(_spent_by_children() - spent)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="write cold_start.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contestants = _contestants(options.checkpoint, Path(folder))
        for _ in range(options.times + 1):  # in turn, so that a disturbance hits all alike
            for contestant in contestants:
                contestant.run()
    report = _report(options, contestants)
    print(report)
    if options.write:
        (HERE / "cold_start.md").write_text(report, encoding="utf-8")


def _contestants(checkpoint: Path, folder: Path) -> list[Contestant]:
    def sampling(formats: str) -> Callable[[int], list[str]]:
        fixed = ["-m", "abcgen", "sample", "--checkpoint", str(checkpoint), "--count", "1"]
        return lambda run: [
            *(*fixed, "--to", formats, "--seed", str(run)),
            *("--out", str(folder / f"{formats}-{run}")),
        ]

    return [
        Contestant("a tune as PDF", sampling("pdf")),
        Contestant("a tune as PDF, MIDI and MusicXML", sampling("pdf,midi,musicxml")),
        Contestant("a tune as ABC", sampling("none")),
        *(_loading(name) for name in ("numpy", "music21", "tensorflow") if find_spec(name)),
    ]


def _loading(name: str) -> Contestant:
    return Contestant(f"`import {name}` alone", lambda _: ["-c", f"import {name}"])


def _spent_by_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _report(options: argparse.Namespace, contestants: list[Contestant]) -> str:
    network = json.loads((options.checkpoint / "config.json").read_text(encoding="utf-8"))[
        "network"
    ]
    lines = [
        (
            f"{options.checkpoint.name}: {network['layers']} x {network['units']} "
            f"{network['kind']} network{' with attention' if network['attention'] else ''}, "
            f"{os.cpu_count()} cores of {processor()}, Python {platform.python_version()}, "
            f"load {os.getloadavg()[0]:.1f}. Seconds, median (least to most) of {options.times} "
            "runs in turn after one that is not counted; a seed to each."
        ),
        "",
        "| from a cold start | seconds | processor time |",
        "|---|---|---|",
    ]
    lines += [
        f"| {each.name} | {_spread(each.wall[1:])} | {_spread(each.processor[1:])} |"
        for each in contestants
    ]
    return "\n".join(lines) + "\n"


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


if __name__ == "__main__":
    main()
