"""What abc2midi (Debian package abcmidi), where it is installed, has against a piece of ABC.

A second opinion on ABC: music21 reads it, in a child process with a time limit.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from abcgen.config import LIMITS
from abcgen.errors import InputError
from abcgen.score.performance import Sound, Strike, join_ties, sounding_notes

if TYPE_CHECKING:
    from types import TracebackType

    from abcgen.notation.tune import Tune


SECONDS = 10.0
_COMPLAINT = re.compile(r"^(?:Error|Warning) in line.*", re.MULTILINE)


def abc2midi_path() -> Path | None:
    """Where the program is; None if it is not installed."""
    found = shutil.which("abc2midi")
    return Path(found) if found else None


def complaint(program: Path, abc: str) -> str:
    """The first error or warning over one tune; empty if there is none.

    Args:
        program: Where abc2midi is.
        abc: The tune.
    """
    try:
        result = subprocess.run(  # noqa: S603 - a known program; the tune goes in as a file
            [str(program), "-", "-c"],
            input=abc,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer after {SECONDS:g} seconds"
    if result.returncode:
        return f"ended with {result.returncode}"
    found = _COMPLAINT.search(result.stdout)
    return found[0] if found else ""


WORKER = "abcgen.score.referee_worker"
PACKAGE_ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
"""Importing music21 takes a second or two; on a machine under load much more."""

FIELD = re.compile(r"[A-Za-z+]:")
GRACE = re.compile(r"\{[^}]*\}")
LONG_NUMBER = re.compile(r"\d{4,}")
NOTE_LENGTH = re.compile(r"[A-Ga-gxz\]][,']*(\d+)")
LONGEST = 64 * LIMITS.duration
"""Longest length after a note: the longest note counted in sixty-fourths."""

NOTE_NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


class Referee:
    """Reads ABC with music21, apart from this process and never for long.

    A context manager: the child process starts on entering, so that its start-up overlaps with
    other work, and again after a time-out or a crash.
    """

    def __init__(self, seconds: float = LIMITS.referee_seconds) -> None:
        """Set the time limit; nothing is started yet.

        Args:
            seconds: Time allowed for one tune.
        """
        self._seconds = seconds
        self._child: _Child | None = None

    def __enter__(self) -> Referee:
        self._child = _Child(self._seconds)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def voices_of(self, abc: str) -> list[list[Sound]]:
        """What music21 hears in a tune, as written: repeats not played, ties joined.

        Args:
            abc: One tune in ABC.

        Returns:
            The notes of each voice.

        Raises:
            InputError: if music21 refuses it or takes too long, or it is too long to try.
        """
        _check_lengths(abc)
        answer = self._ask(abc)
        if "error" in answer:
            raise InputError(f"music21 cannot read the tune: {answer['error']}")
        return [
            join_ties(
                Strike(Fraction(onset), Fraction(duration), dict(keys))
                for onset, duration, keys in voice
            )
            for voice in answer["voices"]
        ]

    def agrees(self, tune: Tune, abc: str) -> str:
        """Whether music21 hears in the ABC what the tune says.

        Three things that music21's ABC reader does not know are left out of it: the ties of
        chords, invisible rests, which it is shown as visible ones, and grace notes, which it
        counts among the notes of a tuplet.

        Returns:
            The first disagreement in one line; empty if there is none.
        """
        try:
            heard = self.voices_of(_as_music21_knows_it(abc))
        except InputError as error:
            return error.message
        if len(heard) != len(tune.voices):
            return f"expected {len(tune.voices)} voices, heard {len(heard)}"
        voices = (replace(tune, bars=voice.bars) for voice in tune.voices)
        meant = (sounding_notes(voice, chord_ties=False) for voice in voices)
        return next(filter(None, map(first_difference, meant, heard)), "")

    def _ask(self, abc: str) -> dict[str, Any]:
        if self._child is None:
            self._child = _Child(self._seconds)
        try:
            return self._child.ask(abc, self._seconds)
        except (TimeoutError, ChildProcessError, OSError) as error:
            self._stop()
            raise InputError(f"music21 cannot read the tune: {error}") from error
        except BaseException:
            self._stop()  # an answer to an interrupted question would pass for the next one's
            raise

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


class _Child:
    """The process, and a thread that carries its answers."""

    def __init__(self, seconds: float) -> None:
        paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
            [sys.executable, "-P", "-m", WORKER, str(2 * seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self._stdin = cast("IO[str]", self._process.stdin)
        self._stdout = cast("IO[str]", self._process.stdout)
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready = False

    def ask(self, abc: str, seconds: float) -> dict[str, Any]:
        """Put one question.

        Raises:
            TimeoutError: if no answer comes in time.
            ChildProcessError: if the process has ended.
        """
        if not self._ready:
            self._next_answer(START_SECONDS)
            self._ready = True
        self._stdin.write(json.dumps(abc) + "\n")
        self._stdin.flush()
        return self._next_answer(seconds)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._stdout.close()
        with suppress(BrokenPipeError):  # an unsent question is lost with the process
            self._stdin.close()

    def _read(self) -> None:
        for line in self._stdout:
            self._answers.put(line)
        self._answers.put("")

    def _next_answer(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"no answer after {seconds:g} seconds") from None
        if not line:
            raise ChildProcessError("its process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def first_difference(expected: list[Sound], heard: list[Sound]) -> str:
    """Where two hearings of a tune part, in one line; empty if they do not."""
    for number, (ours, theirs) in enumerate(zip(expected, heard, strict=False), start=1):
        if ours != theirs:
            return f"note {number}: expected {_described(ours)}, heard {_described(theirs)}"
    if len(expected) != len(heard):
        return f"expected {len(expected)} notes, heard {len(heard)}"
    return ""


def _described(sound: Sound) -> str:
    names = "+".join(f"{NOTE_NAMES[key % 12]}{key // 12 - 1}" for key in sound.keys)
    return f"{names} of {sound.duration} at {sound.onset}"


def _as_music21_knows_it(abc: str) -> str:
    """Canonical ABC with ``z`` for ``x`` and without grace notes."""
    lines = abc.splitlines(keepends=True)
    return "".join(line if FIELD.match(line) else _plain(line) for line in lines)


def _plain(music: str) -> str:
    return GRACE.sub("", music).replace("x", "z")


def _check_lengths(abc: str) -> None:
    """Refuse what would only waste the time limit."""
    if len(abc) > 2 * LIMITS.tune_characters:
        raise InputError(f"a tune of {len(abc)} characters is too long for music21")
    body = "\n".join(line for line in abc.splitlines() if not FIELD.match(line))
    too_long = LONG_NUMBER.search(body) or next(
        (match for match in NOTE_LENGTH.finditer(body) if int(match[1]) > LONGEST), None
    )
    if too_long:
        raise InputError(f"a length is too great for music21: {too_long[0][:20]!r}")
