"""What this computer has, and how many processes to give work to."""

from __future__ import annotations

import os
import sys

MOST_PROCESSES = 8  # each loads its libraries anew


def cores() -> int:
    """Processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers() -> int:
    """Processes for work that each does on its own."""
    return min(MOST_PROCESSES, cores())
