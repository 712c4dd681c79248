"""Which files are read, and by what: a table by suffix that callers may add to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING

from abcgen.config import MidiConfig
from abcgen.errors import NotationError
from abcgen.notation.reader import (
    LeftOut,
    Reading,
    TuneBlock,
    decode_text,
    read_block,
    split_tunebook,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MIDI_SUFFIXES = (".mid", ".midi", ".kar")
_MIDI = MidiConfig()
NO_TUNE = "no tune in it: no line begins with X:"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads files of one kind.

    Attributes:
        read: From a file's content and its name to its tunes and what is left out of them, with
            lines counted from 1. Of a tunebook it is given some whole tunes at a time. It must be
            a function at the top of a module, or a partial of one, for other processes are told
            it by its name.
        is_tunebook: Whether the file is text whose tunes stand one after another, and may be cut
            between them.
        libraries: The packages whose version may change what it reads.
        cost: How long a byte takes, beside one of ABC; measured, and need not be exact.
    """

    read: Callable[[bytes, str], Iterable[Reading | LeftOut]]
    is_tunebook: bool = False
    libraries: tuple[str, ...] = ()
    cost: float = 1.0

    @property
    def name(self) -> str:
        """Its function's name, and what that was told beforehand."""
        if isinstance(self.read, partial):
            return f"{self.read.func.__qualname__} {self.read.args} {self.read.keywords}"
        return self.read.__qualname__

    @property
    def versions(self) -> str:
        """Its libraries and their versions."""
        return " ".join(f"{name} {_version(name)}" for name in self.libraries)


def read_tunes(data: bytes, name: str) -> Iterator[Reading | LeftOut]:
    """Read the tunes of an ABC tunebook."""
    del name  # every tune has a title of its own
    for block in split_tunebook(decode_text(data)):
        yield _with_nul(block) if "\0" in block.text else read_block(block)


def left_out(block: TuneBlock, line: int, reason: str) -> LeftOut:
    """A tune left out for something else than its notes, named as far as that can be read."""
    clean = TuneBlock(block.line, tuple(line.replace("\0", " ") for line in block.lines))
    result = read_block(clean)
    if isinstance(result, LeftOut):
        return LeftOut(line, result.number, result.title, reason)
    return LeftOut(line, str(result.tune.number), result.tune.title, reason)


def read_midi_file(
    data: bytes, name: str, *, config: MidiConfig = _MIDI
) -> Iterator[Reading | LeftOut]:
    """Read the tune of a MIDI file."""
    from abcgen.corpus.midi import read_midi  # noqa: PLC0415 - most have no MIDI to read

    try:
        yield read_midi(data, title=PurePath(name).stem, config=config)
    except NotationError as error:
        yield whole(error.reason)


def whole(reason: str) -> LeftOut:
    """A whole file that is left out."""
    return LeftOut(0, "", "", reason)


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        ".abc": Reader(read_tunes, is_tunebook=True),
        **dict.fromkeys(MIDI_SUFFIXES, Reader(read_midi_file, cost=2.5)),
    }
)
"""The readers of this package, by suffix in small letters."""


def _with_nul(block: TuneBlock) -> LeftOut:
    place = next(place for place, line in enumerate(block.lines) if "\0" in line)
    reason = "not text: there is a NUL character in this line"
    return left_out(block, block.line + place, reason)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
