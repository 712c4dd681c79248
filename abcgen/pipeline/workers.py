"""Tunes made ready side by side, in as many processes as asked for."""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.errors import InputError
from abcgen.pipeline.formats import FORMATS, Look

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from abcgen.notation.tune import Tune

WORTHWHILE = 12
"""As many tunes repay the second or two that a process takes to load its libraries."""

AT_ONCE = 4


class Made(NamedTuple):
    """What came of one tune in one format.

    Attributes:
        result: Its file or its part of the book; None if it could not be made.
        error: Why not; empty if it could.
    """

    result: Any
    error: str = ""


class Workers:
    """A context manager: makes tunes ready, in this process or in several.

    Args:
        processes: How many processes may work.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def make(self, tunes: Sequence[Tune], name: str, look: Look) -> Iterator[Made]:
        """Make tunes ready in one format.

        Args:
            tunes: The tunes.
            name: A name from ``FORMATS``.
            look: How to print and play them.

        Yields:
            What came of each tune, in order.
        """
        make = partial(_made, name=name, look=look)
        if self._processes > 1 and FORMATS[name].engraves and len(tunes) >= WORTHWHILE:
            return self._started_pool().map(make, tunes, chunksize=AT_ONCE)
        return map(make, tunes)

    def _started_pool(self) -> ProcessPoolExecutor:
        """The processes, started afresh: a fork would copy threads and half-loaded libraries."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes, mp_context=get_context("spawn"), initializer=_ignore_interrupts
            )
        return self._pool


def _ignore_interrupts() -> None:
    """An interrupt is for the parent to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _made(tune: Tune, *, name: str, look: Look) -> Made:
    try:
        return Made(FORMATS[name].make(tune, look))
    except InputError as error:
        return Made(None, str(error))
