"""Compare the speed of training steps with PyTorch's nn.LSTM of the same layers.

Run from the project's root, on a machine that does nothing else:

    pip install torch
    python -m benchmarks.training_speed.run [--rounds 5] [--only plain,attention] [--cores 1]

Every round runs abcgen and PyTorch in a new process each, one after the other. Each takes a few
steps of every batch shape, and the best round counts. With --start FOLDER, also measure the time
from the start of `abcgen train FOLDER` to the end of its first step, with the tunes in the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TABLE = HERE / "table.md"
NETWORKS = ("plain", "attention", "bidirectional")
PROGRAMS = ("abcgen", "torch")
STARTS = 5
# Rows by width; "tunes" is a mixture of widths like that of whole tunes, see worker.py.
SHAPES = ("24x256", "64x256", "128x128", "tunes")


class Speed(NamedTuple):
    """Characters per second, padding not counted."""

    wall: float
    cpu: float  # per second of processor time of all threads


Speeds = dict[tuple[str, str, str], Speed]


def main() -> None:
    """Measure and write the table."""
    arguments = _arguments()
    best: Speeds = {}
    for number in range(arguments.rounds):
        for network in arguments.only.split(","):
            for program in PROGRAMS:
                for shape, speed in _speeds(program, network, arguments).items():
                    key = program, network, shape
                    best[key] = Speed(*map(max, best.get(key, Speed(0.0, 0.0)), speed))
        print(f"round {number + 1} of {arguments.rounds}", flush=True)
    starts = _first_step_seconds(arguments.start) if arguments.start else []
    text = _table(best, arguments, starts)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")
        print(f"wrote {TABLE}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="steps of each shape in a round")
    parser.add_argument("--only", default=",".join(NETWORKS), help="networks, separated by commas")
    parser.add_argument(
        "--shapes", default=",".join(SHAPES), help="batch shapes, separated by commas"
    )
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--start", type=Path, help="tunes to measure the first step with")
    parser.add_argument("--write", action="store_true", help="write table.md")
    return parser.parse_args()


def _speeds(program: str, network: str, arguments: argparse.Namespace) -> dict[str, Speed]:
    """Return the speeds by shape of one process, which is pinned to some cores."""
    cores = set(sorted(os.sched_getaffinity(0))[: arguments.cores])
    command = [sys.executable, "-m", "benchmarks.training_speed.worker", program, network]
    result = subprocess.run(  # noqa: S603 - our own program
        [*command, arguments.shapes, str(arguments.steps)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    speeds = json.loads(result.stdout.splitlines()[-1])
    return {shape: Speed(*speed) for shape, speed in speeds.items()}


def _first_step_seconds(tunes: Path) -> list[float]:
    """Return the seconds from the command to the end of its first step."""
    seconds = []
    for _ in range(1 + STARTS):  # the first reads the tunes into the cache
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.training_speed.first_step"]
            start = time.monotonic()
            subprocess.run(  # noqa: S603 - our own program
                [*command, str(tunes), f"{folder}/run"], check=True, capture_output=True
            )
            seconds.append(time.monotonic() - start)
    return seconds[1:]


def _table(best: Speeds, arguments: argparse.Namespace, starts: list[float]) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "torch"))
    machine = (
        f"{arguments.cores} cores of {platform.machine()}, Python {platform.python_version()}, "
        f"{versions}; best of {arguments.rounds} rounds; load {os.getloadavg()[0]:.1f} at the end."
    )
    lines = ["# Characters per second in training", "", machine, ""]
    lines += ["| network | batch | abcgen | PyTorch | ratio | ratio of CPU time |"]
    lines += ["|---|---|---|---|---|---|"]
    shapes = arguments.shapes.split(",")
    for network in arguments.only.split(","):
        for shape in shapes:
            ours, theirs = (best[program, network, shape] for program in PROGRAMS)
            lines.append(_row(network, shape, ours, theirs))
        peaks = (
            Speed(*map(max, zip(*(best[program, network, shape] for shape in shapes), strict=True)))
            for program in PROGRAMS
        )
        lines.append(_row(network, "best of each", *peaks))
    if starts:
        times = ", ".join(f"{seconds:.1f}" for seconds in sorted(starts))
        first = f"From `abcgen train` to the end of its first step, tunes cached: {times} s."
        lines += ["", first]
    return "\n".join([*lines, ""])


def _row(network: str, shape: str, ours: Speed, theirs: Speed) -> str:
    ratios = [f"{a / b:.2f}" for a, b in zip(ours, theirs, strict=True)]
    cells = [network, shape, f"{ours.wall:,.0f}", f"{theirs.wall:,.0f}", *ratios]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
