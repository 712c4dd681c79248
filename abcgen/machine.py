"""What this computer has, and how many processes to give work to."""

from __future__ import annotations

import gc
import os
import sys

MOST_PROCESSES = 8  # each loads its libraries anew
NEW_OBJECTS = 50_000  # between two searches for cycles


def cores() -> int:
    """Processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """Threads for work on arrays; ``OMP_NUM_THREADS`` sets fewer."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(told), cores()) if told.isdecimal() and int(told) else cores()


def keep_products_whole() -> None:
    """Have NumPy, which must not be loaded yet, leave every product to the thread that asks for it.

    The products of sampling are small: OpenBLAS gains nothing by sharing them, and its threads keep
    the other cores busy with waiting.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def search_seldom_for_cycles() -> None:
    """Have Python look for what is no more in use after many new objects, not after 700.

    Most of what is made here stays: modules, tunes, places in a grammar. Looking through it took
    an eighth of the time that training takes to begin.
    """
    gc.set_threshold(NEW_OBJECTS)


def workers() -> int:
    """Processes for work that each does on its own."""
    return min(MOST_PROCESSES, cores())
