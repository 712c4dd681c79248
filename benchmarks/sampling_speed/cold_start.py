"""Measure a cold start: ``abcgen sample --count 1`` as a new process, up to the PDF of one tune.

For comparison: importing NumPy and music21, which it needs, and TensorFlow, which it does not.
Run from the project's root:

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

from benchmarks.machine import processor

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


@dataclass
class Contestant:
    """A command that is timed."""

    name: str
    # Python's arguments, from the number of the run
    arguments: Callable[[int], list[str]]
    # Seconds of each run
    wall: list[float] = field(default_factory=list)
    # Seconds of processor time of each run, child processes included
    cpu: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run the command once in a new process."""
        command = [sys.executable, *self.arguments(len(self.wall))]
        cpu, start = _children_cpu_seconds(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own
        self.wall.append(time.perf_counter() - start)
        self.cpu.append(_children_cpu_seconds() - cpu)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="write cold_start.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contestants = _contestants(options.checkpoint, Path(folder))
        # Alternating, so that a disturbance affects all.
        for _ in range(options.times + 1):
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
        *(
            Contestant(f"`import {name}` alone", lambda _, name=name: ["-c", f"import {name}"])  # type: ignore[misc]
            for name in ("numpy", "music21", "tensorflow")
            if find_spec(name)
        ),
    ]


def _children_cpu_seconds() -> float:
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
            f"load {os.getloadavg()[0]:.1f}. Seconds, median (range) of {options.times} "
            "alternating runs with different seeds, after a first that is not counted."
        ),
        "",
        "| cold start | seconds | CPU seconds |",
        "|---|---|---|",
    ]
    lines += [
        f"| {each.name} | {_median_and_range(each.wall[1:])} | {_median_and_range(each.cpu[1:])} |"
        for each in contestants
    ]
    return "\n".join(lines) + "\n"


def _median_and_range(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


if __name__ == "__main__":
    main()
