"""Signals and lazy imports."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from abcgen.system import LazyModule, defer_interrupts, load_module, sigterm_as_interrupt

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_body_is_completed_before_ctrl_c_takes_effect() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), defer_interrupts():  # noqa: PT012 - the body after the signal counts
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_takes_effect_immediately() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), defer_interrupts():  # noqa: PT012 - the body after the signal counts
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done = True
    assert not done


@pytest.fixture
def _default_sigterm() -> Iterator[None]:
    """SIGTERM as it is in a new process; a command that ran in this one may have taken it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Its thread would end this process when the grace is over.
    wakeup = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_default_sigterm")
def test_sigterm_acts_like_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt(), defer_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_signal_handlers_are_left_alone_outside_the_main_thread() -> None:
    done: list[bool] = []

    def work() -> None:
        with sigterm_as_interrupt(), defer_interrupts():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def printed_by(code: str) -> list[str]:
    """Return the words that a new interpreter prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout.split()


def test_music21_is_loaded_without_what_only_its_own_tests_need() -> None:
    loaded = printed_by(
        "import sys\nfrom abcgen.system import load_module\n"
        "load_module('music21').note.Note('C4')\n"
        "print(*sys.modules, len(sys.meta_path))"
    )
    assert "music21.stream.base" in loaded
    assert not {"requests.sessions", "urllib3", "music21.test.commonTest"} & set(loaded)


def test_postponed_modules_can_be_used() -> None:
    assert printed_by(
        "from abcgen.system import load_module\nmusic21 = load_module('music21')\n"
        "print(music21.converter.requests.Session.__name__, music21.test.note.Test.__name__)"
    ) == ["Session", "Test"]


def test_the_postponing_finder_is_removed_after_the_import() -> None:
    assert printed_by(
        "import sys\nbefore = list(sys.meta_path)\nfrom abcgen.system import load_module\n"
        "load_module('music21')\nprint(sys.meta_path == before)"
    ) == ["True"]


def test_a_missing_module_raises_when_it_is_used() -> None:
    missing = LazyModule("abcgen_has_no_such_module")
    with pytest.raises(ModuleNotFoundError, match="abcgen_has_no_such_module"):
        _ = missing.anything
    with pytest.raises(ModuleNotFoundError):
        load_module("abcgen_has_no_such_module")


STUCK = """
import abcgen.system, signal, sys, time
abcgen.system.GRACE_SECONDS = 0.3
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # these tests may run under nohup
abcgen.system.interrupt_on_termination()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", abcgen.system.termination_signal(), flush=True)
    time.sleep(float(sys.argv[1]))
sys.exit(7)
"""


def ended_by(number: int, after: float) -> tuple[str, int]:
    """Send a signal to a process that then works on for some seconds; its words and exit code."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(after)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    words = process.stdout.read()
    return words, process.wait(timeout=30)


IN_A_LIBRARY = """
import abcgen.system, signal, threading
abcgen.system.GRACE_SECONDS = 0.3
signal.signal(signal.SIGTERM, signal.SIG_DFL)
abcgen.system.interrupt_on_termination()
lock = threading.Lock()
print("ready", flush=True)
import hashlib
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # an hour in C, without the interpreter's lock
"""


def test_the_grace_begins_while_a_library_computes() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_LIBRARY], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)  # until it computes
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(timeout=10) == 128 + signal.SIGTERM
        finally:
            process.kill()


AT_THE_END = """
import atexit, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_DFL)
from abcgen import cli, system
system.GRACE_SECONDS = 0.3
atexit.register(time.sleep, 60)  # as a library may
def work():
    print("ready", flush=True)
    time.sleep(60)
cli._run = work
cli.main()
"""


def test_the_end_of_libraries_takes_no_time_after_the_grace() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", AT_THE_END], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(timeout=10) == 128 + signal.SIGTERM
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_told_to_end_is_interrupted_and_has_some_grace(number: int) -> None:
    assert ended_by(number, 0) == (f"interrupted {number}\n", 7)
    assert ended_by(number, 50) == (f"interrupted {number}\n", 128 + number)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from abcgen.system import interrupt_on_termination\n"
        "interrupt_on_termination(); print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    )
    assert printed_by(code) == ["True"]


def test_termination_waits_for_a_step_and_begins_the_grace() -> None:
    code = (
        "import signal, abcgen.system as s\n"
        "s.interrupt_on_termination()\n"
        "try:\n"
        "    with s.defer_interrupts():\n"
        "        signal.raise_signal(signal.SIGTERM); print('step')\n"
        "except KeyboardInterrupt:\n"
        "    print(s.termination_signal())"
    )
    assert printed_by(code) == ["step", "15"]
