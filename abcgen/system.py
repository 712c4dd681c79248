"""The machine and this process: cores, threads, garbage collection, signals, lazy imports."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from importlib.util import LazyLoader
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# More would not pay: every process loads the libraries again.
MAX_PROCESSES = 8
# New objects between two garbage collections; Python's own default is 700.
GARBAGE_THRESHOLD = 50_000
# Sent by a system that shuts down, and by a terminal that closes; Windows has no SIGHUP.
TERMINATIONS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
SIGNALS = (signal.SIGINT, *TERMINATIONS)
# How long a process that is told to end may take to save its work. Docker waits ten seconds; the
# rest is for the end itself, which takes its time on a busy machine.
GRACE_SECONDS = 7.0
PR_SET_PDEATHSIG = 1  # of Linux
PARENT_SECONDS = 0.5  # between two looks whether the parent is there
# Modules that music21 imports only to download scores and to test itself: a third of its loading
# time.
POSTPONED = re.compile(r"requests|music21\.test\.test_\w+")


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """Return the number of threads for work on arrays; ``OMP_NUM_THREADS`` can lower it."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(limit), cores()) if limit.isdecimal() and int(limit) else cores()


def default_processes() -> int:
    """Return the default number of worker processes."""
    return min(MAX_PROCESSES, cores())


def limit_blas_threads() -> None:
    """Make NumPy compute each matrix product in one thread; call it before NumPy is loaded.

    The products of sampling are too small to be shared, and OpenBLAS's waiting threads would keep
    the other cores busy.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def collect_garbage_rarely() -> None:
    """Make Python search for unreachable cycles after many new objects instead of 700.

    Most objects of abcgen stay in use: modules, tunes, states of a grammar. Searching them took an
    eighth of the time that training takes to start.
    """
    gc.set_threshold(GARBAGE_THRESHOLD)


class _Termination:
    """The first signal that ended this process, and the thread that sees that it does.

    The thread learns of a signal from Python's wakeup socket, at once: handlers run only when the
    main thread is back from a library, which takes seconds while it computes.
    """

    def __init__(self) -> None:
        self.number = 0

    def watch(self) -> None:
        """Start the thread; a signal handler could not do that safely."""
        # Where no thread or socket may be made, there is no limit to the grace.
        with suppress(RuntimeError, OSError):
            receiver, sender = socket.socketpair()
            sender.setblocking(False)
            threading.Thread(target=self._end, args=(receiver,), daemon=True).start()
            signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)

    def _end(self, received: socket.socket) -> None:
        while (number := received.recv(1)[0]) not in TERMINATIONS:
            pass
        time.sleep(GRACE_SECONDS)
        os._exit(128 + number)


_termination = _Termination()


def _terminate(number: int, _frame: Any) -> None:
    _termination.number = _termination.number or number
    raise KeyboardInterrupt


def interrupt_on_termination() -> None:
    """Treat SIGTERM and SIGHUP like Ctrl-C, and end this process within ten seconds.

    A signal that is ignored, as SIGHUP under nohup, stays ignored.
    """
    if not _in_main_thread():
        return
    taken = [number for number in TERMINATIONS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _terminate)
    if taken:
        _termination.watch()


def termination_signal() -> int:
    """Return the number of the signal that ended this process, or 0."""
    return _termination.number


def end_at_once(code: int) -> NoReturn:
    """End this process without what libraries do at its end, which can outlast the grace."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def end_with(parent: int, *, at_once: bool = True) -> None:
    """End this process when its parent ends.

    Args:
        parent: The parent's process number.
        at_once: Have the kernel do it on Linux, even while a library holds the interpreter. It ends
            with the thread that started it too.
    """
    if at_once and sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(RuntimeError):
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM too, which a system sends when it shuts down."""
    is_default = _in_main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if is_default:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if is_default:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Delay a KeyboardInterrupt until the end of the body; a second one is raised immediately.

    It affects only signals with Python's own handler, and does nothing outside the main thread,
    which is the only one to receive signals.
    """
    interrupted = False

    def handle(number: int, _frame: Any) -> None:
        nonlocal interrupted
        if before[number] is _terminate:
            _termination.number = _termination.number or number
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True

    ours = (signal.default_int_handler, _terminate)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    deferred = [number for number in SIGNALS if _in_main_thread() and before[number] in ours]
    for number in deferred:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in deferred:
            signal.signal(number, before[number])
    if interrupted:
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class LazyModule:
    """A module that is imported when an attribute is first read.

    It spares ``abcgen --help`` the time to load music21.

    Args:
        name: The module's full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(load_module(self._name), attribute)


def load_module(name: str) -> ModuleType:
    """Import a module by its full name; its own imports of ``POSTPONED`` modules become lazy."""
    if name in sys.modules:
        return sys.modules[name]
    finder = _PostponingFinder()
    sys.meta_path.insert(0, finder)
    try:
        return import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _PostponingFinder(MetaPathFinder):
    """Finds the modules in ``POSTPONED``, and loads them when an attribute is first read."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # Other modules are left to Python's own finders.
        if not POSTPONED.fullmatch(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec
