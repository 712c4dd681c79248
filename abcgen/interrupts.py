"""Ctrl-C, and a polite request to end, between two steps rather than within one."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

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
