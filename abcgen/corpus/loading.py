"""Files cut into portions of whole tunes, so that the largest needs no more memory than a small.

Which files are read, and by what: a table by suffix that callers may add to.

From files and folders to tunes, and a report of what was left out and why.
"""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from abcgen.config import LIMITS, MidiConfig, ReadingConfig
from abcgen.errors import InputError, NotationError, reason_of
from abcgen.files import printable
from abcgen.notation.reader import (
    LeftOut,
    Reading,
    TuneBlock,
    decode_text,
    read_block,
    split_tunebook,
)
from abcgen.notation.tune import Tune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


_PORTION = ReadingConfig().portion_bytes
_LINE_END = rb"(?:\r\n|\r(?!\n)|\n)"
_BLANK_LINE = re.compile(_LINE_END + rb"[ \t]*" + _LINE_END)
_BOUNDARY = re.compile(_BLANK_LINE.pattern + rb"|" + _LINE_END + rb"(?=[ \t]*X:)")
_TUNE_START = re.compile(rb"(?:\A|" + _LINE_END + rb")(?=[ \t]*X:)")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD = 4096  # bytes that show what kind of file it is


@dataclass(frozen=True, slots=True)
class Portion:
    """Some whole tunes of a file, or all of it.

    Attributes:
        path: The file.
        reader: What reads it.
        data: The content.
        line: Number of its first line in the file, counted from 1.
    """

    path: Path
    reader: Reader
    data: bytes
    line: int = 1

    def read(self) -> Iterable[Reading | LeftOut]:
        """Its tunes and what is left out of them, with lines counted from its own first."""
        return self.reader.read(self.data, printable(self.path.name))


def portions_of(path: Path, reader: Reader) -> Iterator[Portion | LeftOut]:
    """Cut a file into portions; what cannot be read of it is left out with the reason."""
    try:
        if not path.is_file():
            yield whole(_no_file(path))
            return
        limit = LIMITS.tunebook_bytes if reader.is_tunebook else LIMITS.file_bytes
        if path.stat().st_size > limit:
            yield whole(f"larger than {limit // 1_000_000} MB")
            return
        with path.open("rb") as file:
            if reader.is_tunebook:
                yield from _tunebook(path, reader, file)
            else:
                yield Portion(path, reader, file.read(limit))
    except OSError as error:
        yield whole(reason_of(error))


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "a folder that cannot be looked into"
    return "not a file" if path.exists() else "a link that leads nowhere"


def _tunebook(path: Path, reader: Reader, file: IO[bytes]) -> Iterator[Portion | LeftOut]:
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(_UTF_16):
        file = codecs.EncodedFile(file, "utf-8", "utf-16", "replace")
    elif not head:
        yield whole("an empty file")
    elif b"\0" in head and not _TUNE_START.search(head):
        is_wide = b"X\0:\0" in head or b"\0X\0:" in head
        yield whole("UTF-16 without its mark: save it as UTF-8" if is_wide else "not a text file")
        return
    line, tunes = 1, 0
    for piece in _pieces(file):
        if isinstance(piece, _Skipped):
            yield piece.left_out(line)
            line += piece.line_ends
            continue
        tunes += max(piece.count(b"X:"), piece.count(b"K:"))
        if tunes > LIMITS.tunebook_tunes:
            yield LeftOut(line, "", "", f"from here on: more than {LIMITS.tunebook_tunes:,} tunes")
            return
        yield Portion(path, reader, piece, line)
        line += _line_ends(piece)


@dataclass(frozen=True, slots=True)
class _Skipped:
    """Text without an end.

    Attributes:
        head: How it begins.
        line_ends: How many lines end in it.
    """

    head: bytes
    line_ends: int

    def left_out(self, line: int) -> LeftOut:
        """What to say of it, where it begins at a line of the file."""
        size = LIMITS.paragraph_bytes / 1_000_000
        reason = f"over {size:g} MB without a blank line; passed over to the next tune"
        for block in split_tunebook(decode_text(self.head)):
            return left_out(block, line, reason)
        return LeftOut(line, "", "", reason)


def _pieces(file: IO[bytes]) -> Iterator[bytes | _Skipped]:
    """Cut a tunebook at blank lines, or where there are none at the beginning of a tune."""
    held = b""
    while fresh := _read(file):
        held += fresh
        cut = _last_cut(held)
        if cut:
            yield held[:cut]
            held = held[cut:]
        elif len(held) > LIMITS.paragraph_bytes:
            head = held[:_HEAD]
            line_ends, held = _skip(file, held)
            yield _Skipped(head, line_ends)
    if held:
        yield held


def _read(file: IO[bytes]) -> bytes:
    """The next bytes, never ending between the two halves of a line's end."""
    data = file.read(_PORTION)
    return data + file.read(1) if data.endswith(b"\r") else data


def _last_cut(text: bytes) -> int:
    """Where the last tune in a text begins, if another ends there; else 0.

    At an ``X:`` only if one stands before it: words before the first belong to no tune.
    """
    blanks = [match.end() for match in _BLANK_LINE.finditer(text)]
    return (blanks or [match.end() for match in _TUNE_START.finditer(text)][1:] or [0])[-1]


def _skip(file: IO[bytes], held: bytes) -> tuple[int, bytes]:
    """Pass over text up to a blank line or the beginning of a tune.

    Returns:
        How many lines ended there, and what was read beyond it.
    """
    line_ends = 0
    while held:
        found = _BOUNDARY.search(held)
        cut = found.end() if found else max(0, len(held) - 1)
        line_ends += _line_ends(held[:cut])
        if found:
            return line_ends, held[cut:]
        fresh = _read(file)
        held = held[cut:] + fresh if fresh else b""
    return line_ends, b""


def _line_ends(text: bytes) -> int:
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


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
    from abcgen.midi import read_midi  # noqa: PLC0415 - most have no MIDI to read

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


HINT = "name files or folders of tunes, or fetch some with: abcgen corpus install oneills"


@dataclass(frozen=True, slots=True)
class Loss:
    """A tune, or a whole file, that was left out.

    Attributes:
        path: The file.
        cause: Where in it and why.
    """

    path: Path
    cause: LeftOut

    def __str__(self) -> str:
        place = f"{self.path}:{self.cause.line}" if self.cause.line else str(self.path)
        number = f"X:{self.cause.number}" if self.cause.number else ""
        title = repr(self.cause.title) if self.cause.title else ""
        tune = " ".join(filter(None, [number, title]))
        return ": ".join(filter(None, [place, tune, self.cause.reason]))


@dataclass(frozen=True, slots=True)
class FileReading:
    """What one file held.

    Attributes:
        path: The file.
        tunes: Its tunes, in order.
        losses: What was left out of them.
    """

    path: Path
    tunes: tuple[Tune, ...]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was found in files and folders."""

    files: tuple[FileReading, ...]

    @property
    def tunes(self) -> tuple[Tune, ...]:
        """All tunes, in the order of files and places."""
        return tuple(tune for file in self.files for tune in file.tunes)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """All that was left out."""
        return tuple(loss for file in self.files for loss in file.losses)


def find_files(paths: Sequence[Path], readers: Mapping[str, Reader] = READERS) -> list[Path]:
    """The tune files that paths name; folders are searched through.

    Hidden files and folders are passed over, and links to folders not followed. A folder that
    cannot be looked into is among the files, to be left out with the reason.

    Raises:
        InputError: if a path does not exist or nothing is found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise InputError(f"{path} does not exist", hint=HINT)
        found.update(dict.fromkeys(_below(path, readers) if path.is_dir() else [path]))
    if not found:
        names = " ".join(map(str, paths))
        raise InputError(f"no tunes in {names}: no .abc or .mid file", hint=HINT)
    return list(found)


def _below(folder: Path, readers: Mapping[str, Reader]) -> list[Path]:
    found: list[Path] = []
    closed: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(place, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if path.suffix.lower() in readers]
    return sorted([*found, *(Path(error.filename) for error in closed)])


def load_corpus(
    paths: Sequence[Path],
    *,
    readers: Mapping[str, Reader] = READERS,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Corpus:
    """Read every tune in files and folders.

    Args:
        paths: Files and folders.
        readers: What reads files, by suffix.
        on_progress: Called after each tune with the bytes read so far and in all.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
    """
    files = find_files(paths, readers)
    total, done = sum(map(size_of, files)), 0
    readings: list[FileReading] = []
    for path in files:
        results: list[Tune | LeftOut] = []
        for result, length in _read_file(path, readers):
            results.append(result)
            done += length
            on_progress(min(done, total), total)
        tunes = tuple(result for result in results if isinstance(result, Tune))
        losses = tuple(Loss(path, result) for result in results if isinstance(result, LeftOut))
        readings.append(FileReading(path, tunes, losses))
    on_progress(total, total)
    corpus = Corpus(tuple(readings))
    if not corpus.tunes:
        raise nothing_read(corpus.losses)
    return corpus


def size_of(path: Path) -> int:
    """A file's size in bytes; 0 if that cannot be known."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def nothing_read(losses: Sequence[Loss]) -> InputError:
    """What to say where not a single tune could be read."""
    more = f" (and {len(losses) - 1} more left out)" if len(losses) > 1 else ""
    return InputError(f"no tune could be read: {losses[0]}{more}")


def reader_for(path: Path, readers: Mapping[str, Reader]) -> Reader:
    """What reads a file; one of unknown kind that was named is taken for a tunebook."""
    return readers.get(path.suffix.lower()) or readers[".abc"]


def _read_file(path: Path, readers: Mapping[str, Reader]) -> Iterator[tuple[Tune | LeftOut, int]]:
    """What a file holds, and with it how many bytes are done: each portion's at its end."""
    found = False
    for portion in portions_of(path, reader_for(path, readers)):
        if isinstance(portion, LeftOut):
            found = True
            yield portion, 0
            continue
        results = [_moved(result, portion.line) for result in portion.read()]
        found |= bool(results)
        for place, result in enumerate(results, start=1):
            yield result, len(portion.data) if place == len(results) else 0
    if not found:
        yield whole(NO_TUNE), 0


def _moved(result: Reading | LeftOut, line: int) -> Tune | LeftOut:
    """What was read, with a line that counts from the beginning of the file."""
    if isinstance(result, Reading):
        return result.tune
    return replace(result, line=result.line + line - 1) if result.line else result
