"""A queue of jobs for worker processes, in which clients take turns.

One client's many jobs do not keep another's waiting: the next job is that of the client who has
waited longest since the last turn. A job tells of its place in the queue, of what its worker says
and of its end. A worker that dies is started again, and its job is tried a second time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from abcgen.errors import AbcgenError, InputError
from abcgen.studio.processes import CANCEL_SECONDS, WorkerEndedError, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MOST_WAITING, MOST_OF_CLIENT = 32, 12
ATTEMPTS = 2
START_ATTEMPTS = 3
# Seconds that a task may take.
SECONDS = {
    "sample": 240.0,
    "rewrite": 120.0,
    "harmonise": 120.0,
    "render": 90.0,
    "read": 30.0,
    "check": 15.0,
    "networks": 30.0,
}
DEFAULT_SECONDS = 60.0
RETRY_SECONDS = 5  # what a client is told to wait when the queue is full
FINAL = {"done", "error", "cancelled"}


class BusyError(AbcgenError):
    """Too many jobs are waiting."""


class WorkerError(AbcgenError):
    """A job failed, and not by the user's mistake."""


@dataclass(eq=False, slots=True)
class Job:
    """Work that a client waits for."""

    client: str
    task: str
    body: dict[str, Any]
    # What is told of it, each with the name of an ``event``; the last is in ``FINAL``.
    told: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    is_over: bool = False
    is_cancelled: bool = False
    place: int = 0  # in the queue, as last told
    tunes: int = 0  # told, which a second attempt does not repeat

    def tell(self, event: dict[str, Any]) -> None:
        """Tell of an event, unless it is over."""
        if self.is_over:
            return
        self.is_over = event["event"] in FINAL
        self.told.put_nowait(event)

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield all that is told, to the end."""
        while True:
            event = await self.told.get()
            yield event
            if event["event"] in FINAL:
                return


class JobQueue:
    """Jobs for workers of one kind; an asynchronous context manager.

    Args:
        kind: The workers' tasks, see ``worker.tasks_of``.
        processes: Number of workers.
        most_waiting: Jobs that may wait.
        most_of_client: Those of one client.
    """

    def __init__(
        self,
        kind: str,
        processes: int = 1,
        most_waiting: int = MOST_WAITING,
        most_of_client: int = MOST_OF_CLIENT,
    ) -> None:
        self._kind, self._processes = kind, processes
        self._most_waiting, self._most_of_client = most_waiting, most_of_client
        # Waiting jobs of each client; the client whose turn it is first.
        self._waiting: dict[str, deque[Job]] = {}
        self._running: dict[Job, WorkerProcess] = {}
        self._changed = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self.ready = 0  # workers
        self.restarts = 0

    async def __aenter__(self) -> JobQueue:
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._processes)]
        return self

    async def __aexit__(self, *_error: object) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._fail_waiting("the studio was closed")

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return sum(map(len, self._waiting.values()))

    @property
    def worker_pids(self) -> list[int]:
        """The process numbers of the workers that have a job."""
        return [process.pid for process in self._running.values()]

    def submit(self, client: str, task: str, body: dict[str, Any]) -> Job:
        """Add a job at its place.

        Raises:
            BusyError: if too many are waiting.
        """
        own = len(self._waiting.get(client, ()))
        if own >= self._most_of_client or self.waiting >= self._most_waiting:
            raise BusyError(f"busy: {self.waiting} are waiting", hint="try again in a moment")
        job = Job(client, task, body)
        self._waiting.setdefault(client, deque()).append(job)
        self._tell_places()
        self._changed.set()
        return job

    async def result(self, client: str, task: str, body: dict[str, Any]) -> dict[str, Any]:
        """Do a job, and return its result.

        Raises:
            BusyError: if too many are waiting.
            InputError: if what was asked for is impossible.
            WorkerError: if it failed for another reason.
        """
        job = self.submit(client, task, body)
        try:
            async for event in job.events():
                if event["event"] == "done":
                    result: dict[str, Any] = event["result"]
                    return result
                if event["event"] == "error":
                    kind = WorkerError if event.get("fault") else InputError
                    raise kind(event["message"], hint=event.get("hint", ""))
            raise WorkerError("cancelled")
        finally:
            self.cancel(job)

    def cancel(self, job: Job) -> None:
        """Take a job out of the queue, or have its worker leave it."""
        if job.is_over:
            return
        job.is_cancelled = True
        process = self._running.get(job)
        if process:
            asyncio.create_task(self._leave(job, process))  # noqa: RUF006 - ends by itself
            return
        waiting = self._waiting.get(job.client)
        if waiting and job in waiting:
            waiting.remove(job)
            if not waiting:
                del self._waiting[job.client]
            job.tell({"event": "cancelled"})
            self._tell_places()

    async def _leave(self, job: Job, process: WorkerProcess) -> None:
        await process.cancel()
        await asyncio.sleep(CANCEL_SECONDS)
        if self._running.get(job) is process:
            process.kill()

    def in_turn(self) -> Iterator[Job]:
        """Yield the waiting jobs in the order of their turns."""
        queues = [list(jobs) for jobs in self._waiting.values()]
        for turn in range(max(map(len, queues), default=0)):
            yield from (jobs[turn] for jobs in queues if turn < len(jobs))

    def _tell_places(self) -> None:
        total = len(self._running) + self.waiting
        for place, job in enumerate(self.in_turn(), start=len(self._running) + 1):
            if job.place != place:
                job.place = place
                job.tell({"event": "queued", "position": place, "of": total})

    async def _next(self) -> Job:
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        client, jobs = next(iter(self._waiting.items()))
        job = jobs.popleft()
        # The next turn is another client's.
        del self._waiting[client]
        if jobs:
            self._waiting[client] = jobs
        return job

    async def _work(self) -> None:
        """Keep a worker process running, and give it jobs."""
        process: WorkerProcess | None = None
        failures = 0
        try:
            while True:
                if process is None or not process.is_alive:
                    process = None
                    try:
                        process = await WorkerProcess.start(self._kind)
                    except WorkerEndedError:
                        failures += 1
                        if failures >= START_ATTEMPTS:
                            self._fail_waiting("a worker process cannot be started")
                        await asyncio.sleep(min(failures, RETRY_SECONDS))
                        continue
                    failures = 0
                    self.ready += 1
                job = await self._next()
                process = await self._attempt(job, process)
        finally:
            if process:
                await process.end()

    async def _attempt(self, job: Job, process: WorkerProcess) -> WorkerProcess | None:
        """Do a job, on a new process if the first dies; return the process if it lives."""
        for attempt in range(ATTEMPTS):
            self._running[job] = process
            self._tell_places()
            try:
                async with asyncio.timeout(SECONDS.get(job.task, DEFAULT_SECONDS)):
                    await self._do(job, process)
                    return process
            except TimeoutError:
                await self._end(process)
                job.tell({"event": "error", "message": "this took too long, and was given up"})
                return None
            except WorkerEndedError:
                await self._end(process)
                if job.is_cancelled:
                    job.tell({"event": "cancelled"})
                    return None
                if attempt + 1 < ATTEMPTS:
                    job.tell({"event": "restarted"})
                    with suppress(WorkerEndedError):
                        process = await WorkerProcess.start(self._kind)
                        self.ready += 1
            finally:
                del self._running[job]
        message = "the worker process ended, perhaps for want of memory"
        job.tell({"event": "error", "message": message, "fault": True})
        return None

    async def _end(self, process: WorkerProcess) -> None:
        await process.end()
        self.ready -= 1
        self.restarts += 1

    @staticmethod
    async def _do(job: Job, process: WorkerProcess) -> None:
        """Pass on what a worker says of a job, but no tune that was told before."""
        tunes = 0
        async for message in process.do(job.task, job.body):
            if "event" in message:
                event = message["event"]
                if event["event"] == "tune":
                    tunes += 1
                    if tunes <= job.tunes:
                        continue
                    job.tunes = tunes
                job.tell(event)
            elif "error" in message:
                hint = message.get("hint", "")
                job.tell({"event": "error", "message": message["error"], "hint": hint})
            elif "cancelled" in message:
                job.tell({"event": "cancelled"})
            else:
                job.tell({"event": "done", "result": message["result"]})

    def _fail_waiting(self, message: str) -> None:
        for job in list(self.in_turn()):
            job.tell({"event": "error", "message": message, "fault": True})
        self._waiting.clear()
