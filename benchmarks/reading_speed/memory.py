"""Measure the time and memory of a program and its processes, by Linux's /proc."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Usage:
    """Time and memory of a program."""

    seconds: float
    # Peak of the proportional set size, which counts shared memory once, of all processes together
    megabytes: float


def measure_usage(process: subprocess.Popen[bytes]) -> Usage:
    """Wait for a program to end.

    Raises:
        RuntimeError: if it failed.
    """
    start = time.monotonic()
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_kilobytes, _descendants(process.pid))))
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return Usage(time.monotonic() - start, peak / 1024)


def _descendants(parent: int) -> list[int]:
    """Return a process and all its descendants."""
    processes = [parent]
    for process in processes:  # grows while it is read
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            processes += [int(child) for child in _read(task).split()]
    return processes


def _kilobytes(process: int) -> int:
    for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has just ended
        return ""
