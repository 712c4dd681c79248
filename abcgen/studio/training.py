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
from time import monotonic
from typing import Any, Literal

from pydantic import Field

from abcgen.config import Schema
from abcgen.errors import InputError
from abcgen.pipeline.checkpoints import RUNS
from abcgen.pipeline.formats import all_readers
from abcgen.pipeline.networks import Measured, measured_of
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
        self._files: dict[Path, str] = {}  # with the names they had
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
        suffix = Path(name).suffix.lower()
        if suffix not in all_readers():
            raise InputError(
                f"{name[:80]!r} is no file of tunes", hint="drop .abc, .mid or .musicxml"
            )
        size = sum(path.stat().st_size for path in self._files)
        if len(self._files) >= MOST_FILES or size + len(content) > MOST_BYTES:
            raise InputError(f"more than {MOST_FILES} files, or {MOST_BYTES // 1_000_000} MB")
        stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(name).stem)[:40]
        path = Path(self._folder.name) / f"{len(self._files):03}-{stem}{suffix}"
        path.write_bytes(content)
        self._files[path] = name

    def clear(self) -> None:
        """Forget the files.

        Raises:
            InputError: if they are being learnt.
        """
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
            files=[
                TrainingFile(name=name, bytes=path.stat().st_size)
                for path, name in self._files.items()
            ],
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
        if (RUNS / body.name).exists():
            raise InputError(
                f"there is a network {body.name!r} already", hint="choose another name"
            )
        if liked:
            self.add("liked.abc", liked.encode())
        if not self._files:
            raise InputError("there are no tunes to learn", hint="drop files, or like some tunes")
        self._body, self._phase, self._problem = body, "reading", ""
        self._messages.clear()
        self._begun, self._process = monotonic(), None
        self._run = asyncio.create_task(self._train(body))

    async def _train(self, body: TrainBody) -> None:
        """Run the command, and remember how it ended."""
        arguments = ["--out", str(RUNS / body.name), "--minutes", f"{body.minutes:g}", "--json"]
        network = body.network or "pretrained"
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "abcgen", "train", *map(str, self._files)),
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
            self._kill()
            self._fail("this took too long, and was given up")
        except (OSError, ValueError) as error:
            self._kill()
            self._fail(str(error))

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
        if self._body and not measured_of(folder := RUNS / self._body.name):
            # Nothing was learnt, and the name may be used again.
            shutil.rmtree(folder, ignore_errors=True)
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
                    await self._run
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
