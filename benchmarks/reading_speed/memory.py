"""How long a program runs and how much memory it and its processes take, by Linux's /proc."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

EVERY = 0.1  # seconds
KILOBYTES = 1024


@dataclass(frozen=True)
class Watched:
    """A program that ran.

    Attributes:
        seconds: How long.
        megabytes: Most memory of it and all processes it started together, what they share
            counted once (proportional set size).
    """

    seconds: float
    megabytes: float


def watch(process: subprocess.Popen[bytes]) -> Watched:
    """Wait for a program to end.

    Raises:
        RuntimeError: if it failed.
    """
    began = time.monotonic()
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_kilobytes, _family(process.pid))))
        time.sleep(EVERY)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return Watched(time.monotonic() - began, peak / KILOBYTES)


def _family(parent: int) -> list[int]:
    """A process and all that come from it."""
    found = [parent]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in _read(task).split()]
    return found


def _kilobytes(process: int) -> int:
    for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has just ended
        return ""
