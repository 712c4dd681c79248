"""What this computer has, and how many processes to give work to.

Ctrl-C, and a polite request to end, between two steps rather than within one.

Modules that take a second to load, loaded when first used.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from importlib.util import LazyLoader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


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


SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asked_to_end() -> Iterator[None]:
    """Have the system's request to end, as when it shuts down, answered as Ctrl-C is."""
    is_free = _in_main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if is_free:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if is_free:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have what would raise KeyboardInterrupt wait until the body is done; a second does not.

    Only where these signals are answered by Python's own KeyboardInterrupt, and only in the main
    thread, which alone gets signals.
    """
    asked = False

    def ask(_number: int, _frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    ours = [number for number in SIGNALS if _interrupts(number)]
    for number in ours:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt


def _interrupts(number: signal.Signals) -> bool:
    return _in_main_thread() and signal.getsignal(number) is signal.default_int_handler


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


POSTPONED = re.compile(r"requests|music21\.test\.test_\w+")
"""What music21 imports only to fetch scores and to test itself: a third of its time to load."""


class LazyModule:
    """Stands for a module until something in it is asked for.

    So ``abcgen --help`` does not wait for music21.

    Args:
        name: The module's full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(load_module(self._name), attribute)


def load_module(name: str) -> ModuleType:
    """Import a module; what it imports and hardly uses waits until it is used.

    Args:
        name: The module's full name.
    """
    if name in sys.modules:
        return sys.modules[name]
    finder = _Postponing()
    sys.meta_path.insert(0, finder)
    try:
        return import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _Postponing(MetaPathFinder):
    """Finds the modules called ``POSTPONED``, to be loaded when something in them is used."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = (
            PathFinder.find_spec(fullname, path, target) if POSTPONED.fullmatch(fullname) else None
        )
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec
