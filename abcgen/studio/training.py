"""Fine-tuning from the browser: ``abcgen train --from`` in a process of its own.

Files are kept in a folder of the server until they are learnt. The run is a checkpoint under
``./checkpoints`` like any other, so that its network can be chosen for composing afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic
from typing import Any, Literal

from pydantic import Field

from abcgen.config import Schema
from abcgen.errors import InputError
from abcgen.pipeline.checkpoints import CHORALES, RUNS, SHIPPED
from abcgen.pipeline.formats import reader_of
from abcgen.pipeline.networks import Measured, has_learnt, measured_of
from abcgen.studio.bodies import UPLOAD_BYTES, TrainBody
from abcgen.studio.processes import environment

MOST_FILES = 200
MOST_BYTES = 8 * UPLOAD_BYTES
MOST_MESSAGES = 12
# Reading, starting Keras and measuring come on top of the minutes asked for.
MORE_SECONDS = 900.0
END_SECONDS = 15.0  # to save what is learnt when the studio is closed
NICENESS = 10  # composing comes first

Phase = Literal["idle", "reading", "training", "stopping", "done", "stopped", "failed"]
RUNNING = {"reading", "training", "stopping"}


class TrainingFile(Schema):
    """A file to learn from."""

    name: str
    bytes: int


class TrainingState(Schema):
    """What is to be learnt, and how far that is."""

    phase: Phase = "idle"
    files: list[TrainingFile] = Field(default_factory=list)
    name: str = Field("", description="Of the network that is trained, or was last.")
    minutes: float = 0.0
    seconds: float = Field(0.0, description="Since it was begun.")
    measured: list[Measured] = Field(default_factory=list, description="The learning curve.")
    messages: list[str] = Field(default_factory=list)
    problem: str = Field("", description="Why it failed.")


class FineTuning:
    """The files to learn from, and one run at a time."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="abcgen-training-")
        self._files: dict[Path, TrainingFile] = {}  # with the names they had
        self._lock = Lock()  # uploads come in threads
        self._process: asyncio.subprocess.Process | None = None
        self._run: asyncio.Task[None] | None = None
        self._phase: Phase = "idle"
        self._body: TrainBody | None = None
        self._begun = self._ended = 0.0
        self._messages: deque[str] = deque(maxlen=MOST_MESSAGES)
        self._problem = ""

    @property
    def is_running(self) -> bool:
        """Whether a network is being trained."""
        return self._phase in RUNNING

    def add(self, name: str, content: bytes) -> None:
        """Keep a file to learn from.

        Raises:
            InputError: if it is no file of tunes, or there are too many.
        """
        reader_of(name)  # raises if there is none
        stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(name).stem)[:40]
        suffix = Path(name).suffix.lower()
        with self._lock:
            self._refuse_more(len(content))
            # Many names have the same stem; the number tells them apart.
            path = Path(self._folder.name) / f"{len(self._files):03}-{stem}{suffix}"
            path.write_bytes(content)
            self._files[path] = TrainingFile(name=name, bytes=len(content))

    def _refuse_more(self, size: int) -> None:
        size += sum(file.bytes for file in self._files.values())
        if len(self._files) >= MOST_FILES or size > MOST_BYTES:
            raise InputError(f"more than {MOST_FILES} files, or {MOST_BYTES // 1_000_000} MB")

    def clear(self) -> None:
        """Forget the files.

        Raises:
            InputError: if they are being learnt.
        """
        with self._lock:
            if self.is_running:
                raise InputError("these files are being learnt", hint="stop that first")
            for path in self._files:
                path.unlink(missing_ok=True)
            self._files.clear()

    def state(self) -> TrainingState:
        """Return how far it is."""
        body = self._body
        measured = measured_of(RUNS / body.name) if body else []
        has_begun = self._phase == "reading" and measured
        end = monotonic() if self.is_running else self._ended
        return TrainingState(
            phase="training" if has_begun else self._phase,
            files=list(self._files.values()),
            name=body.name if body else "",
            minutes=float(body.minutes) if body else 0.0,
            seconds=end - self._begun,
            measured=measured,
            messages=list(self._messages),
            problem=self._problem,
        )

    async def start(self, body: TrainBody, liked: str) -> None:
        """Begin to train.

        Args:
            body: The settings.
            liked: Further tunes to learn, as ABC.

        Raises:
            InputError: if there is nothing to learn, or the name is taken.
        """
        if self.is_running:
            raise InputError("a network is being trained", hint="stop it first, or wait")
        if body.name in {SHIPPED, CHORALES} or (RUNS / body.name).exists():
            raise InputError(
                f"there is a network {body.name!r} already", hint="choose another name"
            )
        with self._lock:
            files = list(self._files)
            if liked:  # for this run only
                content = liked.encode()
                self._refuse_more(len(content))
                files.append(Path(self._folder.name) / "liked.abc")
                files[-1].write_bytes(content)
            if not files:
                raise InputError(
                    "there are no tunes to learn", hint="drop files, or like some tunes"
                )
            self._body, self._phase, self._problem = body, "reading", ""
        self._messages.clear()
        self._begun, self._process = monotonic(), None
        self._run = asyncio.create_task(self._train(body, files))

    async def _train(self, body: TrainBody, files: list[Path]) -> None:
        """Run the command, and remember how it ended."""
        arguments = ["--out", str(RUNS / body.name), "--minutes", f"{body.minutes:g}", "--json"]
        network = body.network or SHIPPED
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "abcgen", "train", *map(str, files)),
                *("--from", network, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment(),
                # Ctrl-C is for the server, which then stops it.
                start_new_session=True,
            )
            with suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)
            if self._phase == "stopping":
                self._interrupt(self._process)
            limit = 60 * float(body.minutes) + MORE_SECONDS
            async with asyncio.timeout(limit):
                output, _ = await asyncio.gather(self._read_output(), self._read_messages())
                code = await self._process.wait()
            self._finish(code, output)
        except TimeoutError:
            await self._give_up("this took too long, and was given up")
        except (OSError, ValueError) as error:
            await self._give_up(str(error))

    async def _give_up(self, problem: str) -> None:
        self._kill()
        if self._process:
            await self._process.wait()
        self._free_name()
        self._fail(problem)

    def _free_name(self) -> None:
        """Have the name be used again if nothing was learnt."""
        if self._body and not has_learnt(folder := RUNS / self._body.name):
            shutil.rmtree(folder, ignore_errors=True)

    async def _read_output(self) -> bytes:
        stdout = self._process.stdout if self._process else None
        return await stdout.read() if stdout else b""

    async def _read_messages(self) -> None:
        stderr = self._process.stderr if self._process else None
        while stderr and (line := await stderr.readline()):
            text = line.decode(errors="replace").strip().replace(f"{self._folder.name}{os.sep}", "")
            self._messages.append(text[:300])

    def _finish(self, code: int, output: bytes) -> None:
        self._ended = monotonic()
        self._free_name()
        result: dict[str, Any] = {}
        with suppress(ValueError):
            result = json.loads(output)
        if self._phase == "stopping":
            self._phase = "stopped"
        elif code == 0:
            self._phase = "done"
        else:
            error = result.get("error") or f"the process ended with {code}"
            hint = result.get("hint")
            self._fail(f"{error} ({hint})" if hint else error)

    def _fail(self, problem: str) -> None:
        self._ended, self._phase, self._problem = monotonic(), "failed", problem

    async def stop(self) -> None:
        """Have it stop as after Ctrl-C: what it has learnt so far is saved."""
        if not self.is_running or self._phase == "stopping":
            return
        self._phase = "stopping"
        if self._process:  # else it is stopped as soon as it is started
            self._interrupt(self._process)

    async def close(self) -> None:
        """Stop it, wait until it has saved, and forget the files."""
        await self.stop()
        if self._run:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await asyncio.wait({self._run})
                    if self._process:  # the task may be cancelled too, and leave it alone
                        await self._process.wait()
        self._kill()
        self._folder.cleanup()

    @staticmethod
    def _interrupt(process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)

    def _kill(self) -> None:
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
