from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abcgen import workers as workers_module
from abcgen.workers import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator


def process_and_number(number: int) -> tuple[int, int]:
    return os.getpid(), number


def _die() -> None:
    os._exit(1)


def test_results_come_in_order_from_other_processes() -> None:
    with WorkerPool(2) as pool:
        results = list(pool.map(process_and_number, range(20)))
    assert [number for _, number in results] == list(range(20))
    assert os.getpid() not in {process for process, _ in results}


def test_one_process_is_this_one() -> None:
    with WorkerPool(1) as pool:
        assert list(pool.map(process_and_number, [1])) == [(os.getpid(), 1)]
        assert not pool.is_started


def test_only_a_few_calls_are_drawn_before_their_results_are_needed() -> None:
    drawn = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    with WorkerPool(2) as pool:
        assert next(iter(pool.map(process_and_number, numbers())))[1] == 0
        assert len(drawn) < 10


@pytest.mark.parametrize("fallback", [True, False])
def test_workers_that_die_are_replaced_by_this_process_or_reported(
    fallback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_start_worker", _die)
    with WorkerPool(2, fallback=fallback) as pool:
        results = pool.map(process_and_number, range(10))
        if fallback:
            assert list(results) == [(os.getpid(), number) for number in range(10)]
        else:
            with pytest.raises(BrokenProcessPool):
                list(results)


def _sleep_for_long(_number: int) -> None:
    print(os.getpid(), flush=True)  # noqa: T201 - for the test, in another process
    time.sleep(60)


PARENT = """
from abcgen.system import interrupt_on_termination
from abcgen.workers import WorkerPool
from tests.test_workers import _sleep_for_long
if __name__ == "__main__":
    interrupt_on_termination()
    with WorkerPool(2) as pool:
        list(pool.map(_sleep_for_long, range(2)))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(number: int, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}  # noqa: PTH109 - the root of the tests
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout
        workers = [int(process.stdout.readline()) for _ in range(2)]
        process.send_signal(number)
        process.wait(timeout=5)
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.05)


@pytest.mark.parametrize("error", [BlockingIOError(11, "again"), RuntimeError("no thread")])
def test_where_no_process_can_start_this_one_works(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(ProcessPoolExecutor, "submit", refuse)
    with WorkerPool(2) as pool:
        assert list(pool.map(process_and_number, range(3))) == [
            (os.getpid(), number) for number in range(3)
        ]


def test_a_program_without_a_guard_is_run_once(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from abcgen.workers import WorkerPool\n"
        "with WorkerPool(2, fallback=True) as pool:\n"
        "    print(list(pool.map(abs, [-1, -2])))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["[1, 2]", ""]
