"""Check our ABC with other programs: music21 (``Referee``), and abc2midi if it is installed.

music21 takes minutes over some short texts and cannot be interrupted, so it reads in a child
process with a time limit. abc2midi is part of Debian's package abcmidi.
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
from abcgen.notation.percussion import drums_of, is_percussion, written_bars
from abcgen.notation.tune import Rest, clef_octaves
from abcgen.notation.walk import Sound, WrittenChord, join_ties, sounding_notes

if TYPE_CHECKING:
    from abcgen.notation.tune import Bar, Note, Tune, Voice

WORKER = "abcgen.score.referee_worker"
PACKAGE_ROOT = Path(__file__).parents[2]
# Seconds. Importing music21 takes one or two; on a machine under load much more.
START_SECONDS = 60.0
ABC2MIDI_SECONDS = 10.0

FIELD = re.compile(r"[A-Za-z+]:")
# The fields on which notes depend.
MUSIC_FIELD = re.compile("[XTMLKV]:")
# What stands around notes and changes none: words, tempi, grace notes and slurs.
CLEF = re.compile(r" clef=\S+")
NO_NOTE = re.compile(r'"[^"]*"|\[[KQ]:[^\]]*\]|\{[^}]*\}|\((?!\d)|\)')
LONG_NUMBER = re.compile(r"\d{4,}")
NOTE_LENGTH = re.compile(r"[A-Ga-gxz\]][,']*(\d+)")
# The greatest number after a note: the longest note counted in sixty-fourths.
LONGEST = 64 * LIMITS.duration
NOTE_NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
WARNING = re.compile(r"^(?:Error|Warning) in line.*", re.MULTILINE)


class Referee:
    """Reads ABC with music21 in a child process, with a time limit.

    A context manager: the child process starts on entering, so that its start-up overlaps with
    other work. After a time-out or a crash it is started again.
    """

    def __init__(self, seconds: float = LIMITS.referee_seconds) -> None:
        """Set the time limit for one tune; nothing is started yet."""
        self._seconds = seconds
        self._child: _Child | None = None

    def __enter__(self) -> Referee:
        self._child = _Child(self._seconds)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop()

    def disagreement(self, tune: Tune, abc: str) -> str:
        """Return the first difference between a tune and what music21 reads in its ABC.

        What music21's ABC reader does not support is not compared: the ties of chords, invisible
        rests, which it is given as visible ones, grace notes, which it would count among the notes
        of a tuplet, words and slurs, in which it sees notes, and octave clefs, whose notes it is
        given as if in plain ones.

        Returns:
            The difference in one line; empty if there is none.
        """
        lines = abc.splitlines(keepends=True)
        readable = "".join(
            CLEF.sub("", line) if FIELD.match(line) else NO_NOTE.sub("", line).replace("x", "z")
            for line in lines
            if MUSIC_FIELD.match(line) or not FIELD.match(line)
        )
        try:
            read = self.read_voices(readable)
        except InputError as error:
            return error.message
        if len(read) != len(tune.voices):
            return f"expected {len(tune.voices)} voices, heard {len(read)}"
        drums = drums_of(tune.voices)
        for voice, sounds in zip(tune.voices, read, strict=True):
            bars = written_bars(voice.bars, drums) if is_percussion(voice) else _as_lettered(voice)
            expected = sounding_notes(replace(tune, bars=bars), chord_ties=False)
            if difference := first_difference(expected, sounds):
                return difference
        return ""

    def read_voices(self, abc: str) -> list[list[Sound]]:
        """Return the notes of each voice in one tune, as written: repeats not played, ties joined.

        Raises:
            InputError: if music21 refuses the ABC or takes too long, or it is too long to try.
        """
        # 1) Refuse what would only waste the time limit.
        if len(abc) > 2 * LIMITS.tune_characters:
            raise InputError(f"a tune of {len(abc)} characters is too long for music21")
        body = "\n".join(line for line in abc.splitlines() if not FIELD.match(line))
        too_long = LONG_NUMBER.search(body) or next(
            (match for match in NOTE_LENGTH.finditer(body) if int(match[1]) > LONGEST), None
        )
        if too_long:
            raise InputError(f"a length is too great for music21: {too_long[0][:20]!r}")

        # 2) Ask the child process, started again if it was stopped.
        try:
            self._child = self._child or _Child(self._seconds)
            answer = self._child.ask(abc, self._seconds)
        except (TimeoutError, ChildProcessError, OSError) as error:
            self._stop()
            raise InputError(f"music21 cannot read the tune: {error}") from error
        except BaseException:
            # The answer to an interrupted question must not be read as that to the next.
            self._stop()
            raise

        # 3) Join the ties of its notes.
        if "error" in answer:
            raise InputError(f"music21 cannot read the tune: {answer['error']}")
        return [
            join_ties(
                WrittenChord(Fraction(onset), Fraction(duration), dict(ties))
                for onset, duration, ties in voice
            )
            for voice in answer["voices"]
        ]

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


def _as_lettered(voice: Voice) -> tuple[Bar, ...]:
    """Return the bars of a voice with the pitches that its letters have without octave clefs."""
    octaves = clef_octaves(voice.clef)

    def lettered(note: Note | Rest) -> Note | Rest:
        nonlocal octaves
        if note.marks and note.marks.clef:
            octaves = clef_octaves(note.marks.clef)
        if isinstance(note, Rest) or not octaves:
            return note
        pitches = tuple(pitch._replace(step=pitch.step - 7 * octaves) for pitch in note.pitches)
        return replace(note, pitches=pitches)

    return tuple(bar.with_notes(lettered) for bar in voice.bars)


class _Child:
    """The child process, and a thread that reads its answers, so that waiting can time out."""

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
        """Send one tune and return the answer.

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
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._stdout.close()
        # A question not yet sent is lost with the process.
        with suppress(BrokenPipeError):
            self._stdin.close()

    def _read(self) -> None:
        for line in self._stdout:
            self._answers.put(line)
        # An empty line for the end of the process.
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


def first_difference(ours: list[Sound], theirs: list[Sound]) -> str:
    """Return the first difference between two readings of a voice in one line; empty if none."""
    for number, (our_sound, their_sound) in enumerate(zip(ours, theirs, strict=False), start=1):
        if our_sound != their_sound:
            return f"note {number}: expected {_describe(our_sound)}, heard {_describe(their_sound)}"
    if len(ours) != len(theirs):
        return f"expected {len(ours)} notes, heard {len(theirs)}"
    return ""


def _describe(sound: Sound) -> str:
    names = "+".join(f"{NOTE_NAMES[key % 12]}{key // 12 - 1}" for key in sound.keys)
    return f"{names} of {sound.duration} at {sound.onset}"


def abc2midi_path() -> Path | None:
    """Return the path of abc2midi; None if it is not installed."""
    path = shutil.which("abc2midi")
    return Path(path) if path else None


def abc2midi_warning(program: Path, abc: str) -> str:
    """Return abc2midi's first error or warning about one tune; empty if there is none."""
    try:
        result = subprocess.run(  # noqa: S603 - a known program; the tune goes in as a file
            [str(program), "-", "-c"],
            input=abc,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=ABC2MIDI_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer after {ABC2MIDI_SECONDS:g} seconds"
    if result.returncode:
        return f"ended with {result.returncode}"
    match = WARNING.search(result.stdout)
    return match[0] if match else ""
