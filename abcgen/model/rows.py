"""Work on rows that know nothing of one another, shared out among threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.machine import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

ROWS = 16  # that are worth a thread


def by_rows(
    work: Callable[..., Sequence[NDArray[Any]]], *arrays: NDArray[Any]
) -> Sequence[NDArray[Any]]:
    """What some work makes of arrays, a share of their rows in every thread.

    NumPy lets go of the interpreter while it works on arrays, so that threads do work side by side.

    Args:
        work: Makes arrays of arrays, each row of the corresponding rows alone; it may write to
            what it is given.
        arrays: All with as many rows, the first axis.

    Returns:
        What the work makes of them.
    """
    rows = len(arrays[0])
    shares = min(threads(), rows // ROWS) if rows >= 2 * ROWS else 1
    if shares == 1:
        return work(*arrays)
    cuts = [rows * share // shares for share in range(shares + 1)]
    mine, *others = ([array[a:b] for array in arrays] for a, b in pairwise(cuts))
    hands = _hands(os.getpid())
    promised = [hands.submit(work, *other) for other in others]
    made = [work(*mine), *(promise.result() for promise in promised)]
    return [np.concatenate(parts) for parts in zip(*made, strict=True)]


@lru_cache(maxsize=1)
def _hands(_process: int) -> ThreadPoolExecutor:
    """Threads beside this one; a process that was forked off has none of its parent's."""
    return ThreadPoolExecutor(threads() - 1, thread_name_prefix="rows")
