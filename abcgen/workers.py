"""A pool of worker processes (``WorkerPool``) that returns results in order."""

from __future__ import annotations

import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, TypeVar

from abcgen.system import defer_interrupts, end_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    T = TypeVar("T")
    Item = TypeVar("Item")

CALLS_PER_WORKER = 3  # in progress at the same time, so that few results wait in memory
# Systems without semaphores raise ImportError or NotImplementedError.
_NO_MORE = (OSError, RuntimeError, MemoryError, ImportError, NotImplementedError)


class WorkerPool:
    """A context manager that runs calls in worker processes, started when first needed.

    Where none can be started, calls are made in this process.

    Args:
        processes: Number of workers; with one, every call is made in this process.
        fallback: Make calls in this process if workers die, instead of raising
            ``BrokenProcessPool`` or ``OSError``.
    """

    def __init__(self, processes: int, *, fallback: bool = False) -> None:
        self._processes = processes
        self._fallback = fallback
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if self._executor is None:
            return
        if kind:
            # Nobody waits for the results any more.
            for process in list((getattr(self._executor, "_processes", None) or {}).values()):
                process.kill()
        self._executor.shutdown(cancel_futures=True)

    @property
    def is_started(self) -> bool:
        """True if any call was handed to a worker."""
        return self._executor is not None

    def submit(self, function: Callable[..., T], *arguments: object) -> Callable[[], T]:
        """Start a call in a worker, and return a function that waits for its result.

        Args:
            function: A function that other processes can import, or a ``partial`` of one.
            arguments: Its arguments.
        """
        call_here = partial(function, *arguments)
        if self._processes <= 1:
            return call_here
        try:
            # Interrupting a start would leave a process that waits forever for its instructions.
            with defer_interrupts():
                if self._executor is None:
                    # Forking would copy threads, such as that of a progress bar, with their locks.
                    self._executor = ProcessPoolExecutor(
                        self._processes, get_context("spawn"), _start_worker
                    )
                future = self._executor.submit(function, *arguments)
        except BrokenProcessPool as error:
            return self._fall_back(call_here, error)
        except _NO_MORE as error:
            if "bootstrapping" in str(error):
                # In a worker that runs a program's main module again, because it has no
                # ``if __name__ == "__main__"``: the work is the program's own.
                raise
            # Where no more processes or threads may start, this one does the work.
            self._processes = 1
            return call_here

        def result() -> T:
            try:
                return future.result()
            except (BrokenProcessPool, OSError) as error:
                return self._fall_back(call_here, error)()

        return result

    def in_order(self, calls: Iterable[Callable[[], T]]) -> Iterator[T]:
        """Yield the results of submitted calls in order, submitting only a few calls ahead."""
        waiting: deque[Callable[[], T]] = deque()
        for call in calls:
            waiting.append(call)
            ahead = CALLS_PER_WORKER * self._processes if self._processes > 1 else 0
            while len(waiting) > ahead:
                yield waiting.popleft()()
        while waiting:
            yield waiting.popleft()()

    def map(self, function: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
        """Yield ``function(item)`` for every item, in order."""
        return self.in_order(self.submit(function, item) for item in items)

    def _fall_back(self, call: Callable[[], T], error: Exception) -> Callable[[], T]:
        """Make this and all later calls in this process, or raise the error."""
        if not self._fallback:
            raise error
        self._processes = 1
        return call


def _start_worker() -> None:
    """Ignore Ctrl-C, which the parent process handles, and end when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent and parent.pid:
        end_with(parent.pid)
