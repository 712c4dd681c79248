"""A worker with tasks for tests: ``python -m tests.studio.fake_worker KIND``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.errors import InputError
from abcgen.studio.worker import Tasks, Worker

if TYPE_CHECKING:
    from abcgen.studio.worker import Connection


class FakeTasks(Tasks):
    def do_echo(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        return {"body": body, "pid": os.getpid()}

    def do_sample(self, body: dict[str, Any], connection: Connection) -> dict[str, Any]:
        """Tell of tunes; die after the first, if a file named as the key says so, and remove it."""
        connection.tell("start", seed=body.get("seed"), network="fake", candidates=1, warnings=[])
        for number in range(body["count"]):
            for _ in range(body.get("bars", 0)):
                connection.check()
                time.sleep(0.02)
            connection.tell("tune", abc=f"X:1\nT:Tune {number}\nM:4/4\nK:D\nDEFG |]\n", number=0)
            trap = Path(body.get("prime") or "/nowhere")
            if trap.is_file():
                trap.unlink()
                os._exit(1)
        return {"made": body["count"]}

    def do_impossible(self, _body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        raise InputError("impossible", hint="ask for less")

    def do_die(self, _body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        os._exit(1)

    def do_sleep(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        time.sleep(body["seconds"])
        return {}


def main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)
    Worker(FakeTasks(), answers).work()


if __name__ == "__main__" and len(sys.argv) > 1:
    main()
