"""A worker process as the server sees it: started, given tasks one by one, cancelled, killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORKER = "abcgen.studio.worker"
PACKAGE_ROOT = Path(__file__).parents[2]
LONGEST_LINE = 256_000_000  # a sound file in base64
CANCEL_SECONDS = 3.0  # before a worker that does not heed it is killed


def environment() -> dict[str, str]:
    """Return the environment of a process in which this very package is found."""
    paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


class WorkerEndedError(Exception):
    """A worker process ended before it had answered."""


class WorkerProcess:
    """A worker process that is ready for tasks; made by ``start``.

    Args:
        process: The process.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0

    @classmethod
    async def start(cls, kind: str) -> WorkerProcess:
        """Start a worker, and wait until it is ready.

        Args:
            kind: Its tasks, see ``worker.tasks_of``.

        Raises:
            WorkerEndedError: if it ends at once.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", WORKER, kind),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
            limit=LONGEST_LINE,
        )
        worker = cls(process)
        try:
            await worker._read()
        except BaseException:
            await worker.end()
            raise
        return worker

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """False once the process has ended."""
        return self._process.returncode is None

    async def do(self, task: str, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Do a task, and yield what the worker says of it; the last has no ``event``.

        Raises:
            WorkerEndedError: if the process ends.
        """
        self._number += 1
        await self._write({"id": self._number, "task": task, "body": body})
        while True:
            message = await self._read()
            if message.get("id") != self._number:
                continue
            yield message
            if "event" not in message:
                return

    async def cancel(self) -> None:
        """Ask the worker to leave the present task; kill it if it goes on."""
        with suppress(WorkerEndedError):
            await self._write({"cancel": self._number})

    async def end(self) -> None:
        """End the process, and wait until it has ended."""
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """End the process."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _write(self, message: dict[str, Any]) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise WorkerEndedError
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            await stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise WorkerEndedError from error

    async def _read(self) -> dict[str, Any]:
        stdout = self._process.stdout
        line = await stdout.readline() if stdout else b""
        if not line.endswith(b"\n"):
            raise WorkerEndedError
        message: dict[str, Any] = json.loads(line)
        return message
