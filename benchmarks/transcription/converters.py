"""Converters of MIDI files to ABC: abcgen and others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import MidiConfig
from abcgen.errors import NotationError
from abcgen.midi import read_midi
from abcgen.notation.writer import write_abc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Converted(NamedTuple):
    """The ABC of every file, empty where there is none, and the seconds taken in all."""

    texts: list[str]
    seconds: float


def abcgen(files: Sequence[bytes]) -> Converted:
    """Convert by abcgen, on one core."""
    return _timed(_abcgen, files)


def _abcgen(data: bytes) -> str:
    try:
        return write_abc(read_midi(data, config=MidiConfig()).tune)
    except NotationError:
        return ""


def midi2abc(files: Sequence[bytes]) -> Converted:
    """Convert by the abcmidi package, without options."""
    return _timed(_midi2abc, files)


def midi2abc_guessing(files: Sequence[bytes]) -> Converted:
    """Convert by the abcmidi package, guessing pickup and key."""
    return _timed(lambda data: _midi2abc(data, "-ga", "-gk"), files)


def _midi2abc(data: bytes, *options: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "tune.mid"
        source.write_bytes(data)
        command = ["midi2abc", str(source), *options]
        result = subprocess.run(  # noqa: S603 - our own arguments
            command, check=False, capture_output=True, encoding="utf-8", errors="replace"
        )
    # Its line ends are continued, and it numbers a lone voice.
    return re.sub(r"(?m)\\\s*$|^V:1\s*\n|^%.*\n", "", result.stdout)


def lytk(files: Sequence[bytes]) -> Converted:
    """Convert by the PyPI package lytk, on one core; the variable LYTK names its program."""
    program = os.environ.get("LYTK", "lytk")
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "midi", Path(name) / "abc"
        source.mkdir()
        for number, data in enumerate(files):
            (source / f"{number}.mid").write_bytes(data)
        began = time.perf_counter()
        command = [program, "convert", str(source), "-o", str(target), "-f", "abc", "-j", "1"]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - our own arguments
        seconds = time.perf_counter() - began
        paths = [target / f"{number}.abc" for number in range(len(files))]
        texts = [path.read_text(encoding="utf-8") if path.exists() else "" for path in paths]
    return Converted(texts, seconds)


def _timed(convert: Callable[[bytes], str], files: Sequence[bytes]) -> Converted:
    began = time.perf_counter()
    texts = [convert(data) for data in files]
    return Converted(texts, time.perf_counter() - began)


def available() -> dict[str, Callable[[Sequence[bytes]], Converted]]:
    """Return all converters that are installed, by name."""
    known = {
        "abcgen": abcgen,
        "midi2abc": midi2abc,
        "midi2abc -ga -gk": midi2abc_guessing,
        "lytk": lytk,
    }
    programs = {"lytk": os.environ.get("LYTK", "lytk"), "abcgen": "python3"}
    return {
        name: convert
        for name, convert in known.items()
        if shutil.which(programs.get(name, name.split()[0]))
    }
