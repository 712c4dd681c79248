"""The queue with real worker processes, whose tasks are of ``fake_worker``."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.errors import InputError
from abcgen.studio import processes, queue
from abcgen.studio.queue import BusyError, Job, JobQueue, WorkerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

SECONDS = 60.0


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "WORKER", "tests.studio.fake_worker")


def run(work: Callable[[JobQueue], Awaitable[Any]], **settings: int) -> Any:
    """Do work with a queue, and return its result."""

    async def main() -> Any:
        async with asyncio.timeout(SECONDS), JobQueue("fake", **settings) as jobs:
            return await work(jobs)

    return asyncio.run(main())


async def events_of(job: Job) -> list[dict[str, Any]]:
    return [event async for event in job.events()]


def slow(bars: int = 1000, count: int = 1) -> dict[str, Any]:
    return {"count": count, "bars": bars}


def test_a_task_gets_its_body_and_returns_its_result() -> None:
    async def work(jobs: JobQueue) -> Any:
        return await jobs.result("me", "echo", {"é": [1, None]})

    assert run(work)["body"] == {"é": [1, None]}


def test_an_error_of_the_user_keeps_its_hint_and_the_worker() -> None:
    async def work(jobs: JobQueue) -> tuple[Any, Any, str]:
        before = await jobs.result("me", "echo", {})
        with pytest.raises(InputError) as caught:
            await jobs.result("me", "impossible", {})
        after = await jobs.result("me", "echo", {})
        return before["pid"], after["pid"], caught.value.hint

    before, after, hint = run(work)
    assert (before, hint) == (after, "ask for less")


def test_clients_take_turns_and_know_their_places() -> None:
    async def work(jobs: JobQueue) -> tuple[list[str], dict[str, Any]]:
        first = jobs.submit("a", "sample", slow())
        while first.told.qsize() < 2:  # queued, start
            await asyncio.sleep(0.01)
        waiting = {name: jobs.submit(name[0], "echo", {}) for name in ("a1", "a2", "a3", "b1")}
        places = {name: (job.place, job) for name, job in waiting.items()}
        jobs.cancel(first)
        done: list[str] = []

        async def follow(name: str, job: Job) -> None:
            await events_of(job)
            done.append(name)

        await asyncio.gather(*(follow(name, job) for name, job in waiting.items()))
        return done, {name: place for name, (place, _) in places.items()}

    done, places = run(work)
    assert done == ["a1", "b1", "a2", "a3"]
    # Told when it was added; then the newcomer took its turn before.
    assert (places["a1"], places["b1"]) == (2, 3)


def test_a_full_queue_says_so() -> None:
    async def work(jobs: JobQueue) -> None:
        jobs.submit("a", "sample", slow())
        await asyncio.sleep(0)
        jobs.submit("a", "echo", {})
        with pytest.raises(BusyError):
            jobs.submit("a", "echo", {})
        jobs.submit("b", "echo", {})
        with pytest.raises(BusyError):
            jobs.submit("c", "echo", {})

    run(work, most_waiting=3, most_of_client=2)


def test_a_job_is_cancelled_while_it_waits_and_while_it_runs() -> None:
    async def work(jobs: JobQueue) -> tuple[list[str], int]:
        running, waiting = (jobs.submit("a", "sample", slow()) for _ in range(2))
        while running.told.qsize() < 2:
            await asyncio.sleep(0.01)
        jobs.cancel(waiting)
        jobs.cancel(running)
        last = [(await events_of(job))[-1]["event"] for job in (running, waiting)]
        await jobs.result("a", "echo", {})
        return last, jobs.restarts

    last, restarts = run(work)
    assert last == ["cancelled", "cancelled"]
    assert restarts == 0


def test_a_worker_that_ignores_cancelling_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "CANCEL_SECONDS", 0.2)

    async def work(jobs: JobQueue) -> int:
        await jobs.result("a", "echo", {})
        job = jobs.submit("a", "sleep", {"seconds": 1000})
        while not jobs.worker_pids:
            await asyncio.sleep(0.01)
        jobs.cancel(job)
        assert (await events_of(job))[-1]["event"] == "cancelled"
        await jobs.result("a", "echo", {})
        return jobs.restarts

    assert run(work) == 1


def test_a_task_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(queue.SECONDS, "sleep", 0.2)

    async def work(jobs: JobQueue) -> int:
        with pytest.raises(InputError):
            await jobs.result("a", "sleep", {"seconds": 1000})
        await jobs.result("a", "echo", {})
        return jobs.restarts

    assert run(work) == 1


def test_a_worker_that_dies_is_started_again_and_no_tune_is_told_twice(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.touch()

    async def work(jobs: JobQueue) -> list[dict[str, Any]]:
        return await events_of(jobs.submit("a", "sample", {"count": 3, "prime": str(trap)}))

    events = run(work)
    tunes = [event["abc"].split("\n")[1] for event in events if event["event"] == "tune"]
    assert tunes == ["T:Tune 0", "T:Tune 1", "T:Tune 2"]
    assert "restarted" in [event["event"] for event in events]
    assert events[-1]["event"] == "done"


def test_a_task_that_always_kills_its_worker_is_given_up() -> None:
    async def work(jobs: JobQueue) -> None:
        with pytest.raises(WorkerError):
            await jobs.result("a", "die", {})
        await jobs.result("a", "echo", {})

    run(work)


def test_a_worker_killed_while_idle_is_replaced() -> None:
    async def work(jobs: JobQueue) -> tuple[int, int]:
        first = (await jobs.result("a", "echo", {}))["pid"]
        os.kill(first, signal.SIGKILL)
        return first, (await jobs.result("a", "echo", {}))["pid"]

    first, second = run(work)
    assert first != second


def test_workers_end_with_the_queue() -> None:
    async def work(jobs: JobQueue) -> int:
        pid: int = (await jobs.result("a", "echo", {}))["pid"]
        return pid

    pid = run(work)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
