"""A worker process: it reads tasks from standard input and answers on standard output, as JSON.

::

    → {"id": 1, "task": "sample", "body": {…}}      → {"cancel": 1}
    ← {"ready": true}
    ← {"id": 1, "event": {…}}                       ← {"id": 1, "result": {…}}
    ← {"id": 1, "error": "…", "hint": "…"}          ← {"id": 1, "cancelled": true}

It does one task after another. An error that is not the user's ends it, with a traceback.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from abcgen.errors import AbcgenError
from abcgen.system import collect_garbage_rarely, limit_blas_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    Task = Callable[[dict[str, Any], "Connection"], dict[str, Any]]


class CancelledError(Exception):
    """Nobody waits for the result of a task any more."""


class Connection:
    """What a task may do beside returning its result: tell of events, and see that it is cancelled.

    Args:
        number: The number of the task.
        worker: Its worker.
    """

    def __init__(self, number: int, worker: Worker) -> None:
        self._number, self._worker = number, worker

    def tell(self, event: str, **facts: Any) -> None:
        """Send an event."""
        self._worker.write({"id": self._number, "event": {"event": event, **facts}})

    def check(self) -> None:
        """Raise ``CancelledError`` if the task is cancelled."""
        if self._number in self._worker.cancelled:
            raise CancelledError


class Tasks:
    """Tasks by name, as methods ``do_NAME``."""

    def warm_up(self) -> None:
        """Load what the first task would have to wait for."""

    def do(self, task: str, body: dict[str, Any], connection: Connection) -> dict[str, Any]:
        """Do a task, and return its result.

        Raises:
            AbcgenError: if what is asked for is impossible.
        """
        method: Task = getattr(self, f"do_{task}")
        return method(body, connection)


class Worker:
    """Does tasks as they come.

    Args:
        tasks: The tasks it can do.
        answers: The descriptor that answers are written to.
    """

    def __init__(self, tasks: Tasks, answers: int) -> None:
        self._tasks, self._answers = tasks, answers
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.cancelled: set[int] = set()

    def write(self, message: dict[str, Any]) -> None:
        """Write one line."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]

    def read(self) -> None:
        """Read lines to the end of standard input, which is the end of the server."""
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if "cancel" in message:
                self.cancelled.add(message["cancel"])
            else:
                self._waiting.put(message)
        os._exit(0)

    def work(self) -> None:
        """Do tasks until the process is ended."""
        threading.Thread(target=self.read, daemon=True).start()
        self._tasks.warm_up()
        self.write({"ready": True})
        while True:
            message = self._waiting.get()
            number = message["id"]
            connection = Connection(number, self)
            try:
                connection.check()
                result = self._tasks.do(message["task"], message["body"], connection)
                self.write({"id": number, "result": result})
            except CancelledError:
                self.write({"id": number, "cancelled": True})
            except AbcgenError as error:
                self.write({"id": number, "error": error.message, "hint": error.hint})
            self.cancelled.discard(number)


def tasks_of(kind: str) -> Tasks:
    """Return the tasks of a kind, ``networks`` or ``tunes``; loads only what they need."""
    if kind == "networks":
        from abcgen.studio.network_tasks import NetworkTasks  # noqa: PLC0415

        return NetworkTasks()
    from abcgen.studio.tune_tasks import TuneTasks  # noqa: PLC0415

    return TuneTasks()


def main() -> None:
    """Work at the tasks of the kind that is named on the command line."""
    # Ctrl-C is for the server, which then closes standard input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_blas_threads()
    collect_garbage_rarely()
    # Nothing that a library prints may come among the answers.
    answers = os.dup(1)
    os.dup2(2, 1)
    Worker(tasks_of(sys.argv[1]), answers).work()


if __name__ == "__main__":
    main()
