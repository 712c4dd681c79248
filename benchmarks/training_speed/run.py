"""How fast training steps are, beside PyTorch's nn.LSTM of the same layers.

Run from the project's root, on a machine that does nothing else:

    pip install torch
    python -m benchmarks.training_speed.run [--rounds 5] [--only plain,attention] [--cores 1]

Every round is a process of ours and a process of PyTorch's, one after the other; each takes a few
steps of every shape, and the best round counts. With --start FOLDER, also the time from the start
of `abcgen train FOLDER` to its first step, the tunes being in the cache.
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
SIDES = ("ours", "torch")
STARTS = 5  # that are timed
# Rows by width; "tunes" is a mixture of widths as whole tunes have them, see worker.py.
SHAPES = ("24x256", "64x256", "128x128", "tunes")


class Speed(NamedTuple):
    """Characters, padding not counted, by the clock and by the processor time of all threads."""

    a_second: float
    a_processor_second: float


Speeds = dict[tuple[str, str, str], Speed]


def main() -> None:
    """Measure and write the table."""
    arguments = _arguments()
    best: Speeds = {}
    for number in range(arguments.rounds):
        for network in arguments.only.split(","):
            for side in SIDES:
                _count(best, side, network, _measured(side, network, arguments))
        print(f"round {number + 1} of {arguments.rounds}", flush=True)
    start = _start_up(arguments.start) if arguments.start else []
    text = _table(best, arguments, start)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")
        print(f"wrote {TABLE}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of each shape in a round")
    parser.add_argument("--only", default=",".join(NETWORKS), help="networks, by commas")
    parser.add_argument("--shapes", default=",".join(SHAPES), help="shapes, by commas")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--start", type=Path, help="tunes to time the start of training with")
    parser.add_argument("--write", action="store_true", help="write table.md")
    return parser.parse_args()


def _measured(side: str, network: str, arguments: argparse.Namespace) -> dict[str, Speed]:
    """Speeds by shape of one process, bound to so many cores."""
    cores = set(sorted(os.sched_getaffinity(0))[: arguments.cores])
    command = [sys.executable, "-m", "benchmarks.training_speed.worker", side, network]
    result = subprocess.run(  # noqa: S603 - our own program
        [*command, arguments.shapes, str(arguments.steps)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    found = json.loads(result.stdout.splitlines()[-1])
    return {shape: Speed(*speed) for shape, speed in found.items()}


def _count(best: Speeds, side: str, network: str, found: dict[str, Speed]) -> None:
    for shape, speed in found.items():
        before = best.get((side, network, shape), Speed(0.0, 0.0))
        best[side, network, shape] = Speed(*map(max, before, speed))


def _start_up(folder: Path) -> list[float]:
    """Seconds from the command to the end of its first step, the tunes having been read before."""
    seconds = []
    for _ in range(1 + STARTS):
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "benchmarks.training_speed.first_step"]
            began = time.monotonic()
            subprocess.run(  # noqa: S603 - our own program
                [*command, str(folder), f"{place}/run"], check=True, capture_output=True
            )
            seconds.append(time.monotonic() - began)
    return seconds[1:]


def _table(best: Speeds, arguments: argparse.Namespace, start: list[float]) -> str:
    lines = ["# Characters a second in training", "", _circumstances(arguments), ""]
    lines += ["| network | batch | abcgen | PyTorch | ratio | ratio by processor time |"]
    lines += ["|---|---|---|---|---|---|"]
    shapes = arguments.shapes.split(",")
    for network in arguments.only.split(","):
        for shape in shapes:
            ours, theirs = (best[side, network, shape] for side in SIDES)
            lines.append(_row(network, shape, ours, theirs))
        peaks = (
            Speed(*map(max, zip(*(best[side, network, shape] for shape in shapes), strict=True)))
            for side in SIDES
        )
        lines.append(_row(network, "best of each", *peaks))
    if start:
        lines += ["", _told(start)]
    return "\n".join([*lines, ""])


def _told(start: list[float]) -> str:
    seconds = ", ".join(f"{one:.1f}" for one in sorted(start))
    return f"From `abcgen train` to the end of its first step, tunes cached: {seconds} s."


def _row(network: str, shape: str, ours: Speed, theirs: Speed) -> str:
    ratios = [f"{a / b:.2f}" for a, b in zip(ours, theirs, strict=True)]
    cells = [network, shape, f"{ours.a_second:,.0f}", f"{theirs.a_second:,.0f}", *ratios]
    return f"| {' | '.join(cells)} |"


def _circumstances(arguments: argparse.Namespace) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "torch"))
    return (
        f"{arguments.cores} cores of {platform.machine()}, Python {platform.python_version()}, "
        f"{versions}; best of {arguments.rounds} rounds; load {os.getloadavg()[0]:.1f} at the end."
    )


if __name__ == "__main__":
    main()
