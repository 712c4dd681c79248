"""Tune files: find them, choose their readers, and cut them into chunks.

A chunk holds whole tunes, so that a large tunebook needs no more memory than a small one.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, TextIO

from abcgen.config import LIMITS, MidiConfig
from abcgen.errors import InputError, NotationError, reason_of
from abcgen.files import open_regular
from abcgen.notation.encoding import UTF_8, charset_named, decode_text
from abcgen.notation.reader import LeftOut, Reading, read_block
from abcgen.notation.tunebook import TuneBlock, TunebookSplitter, split_tunebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

# Standard input, as programs are used to name it.
STDIN = Path("-")
STDIN_NAME = "stdin"  # the beginning of the names of files made of it
HINT = "name files or folders of tunes, or fetch some with: abcgen corpus install oneills"
MIDI_SUFFIXES = (".mid", ".midi", ".kar")

CHUNK_BYTES = 64_000  # approximate size of a chunk of a tunebook
# Line ends of Unix, Windows and old Macs, and CR CR LF of some programs. Files are cut before an
# X: and the title directly above it, or in files without at a blank line.
_LINE_END = rb"(?:\r{0,2}\n|\r(?!\r?\n))"
_BLANK_LINE = re.compile(_LINE_END + rb"[ \t]*" + _LINE_END)
_TITLES = rb"(?:[ \t]*T:[^\r\n]{0,500}" + _LINE_END + rb"){0,5}"
_TUNE_START = re.compile(rb"(?:\A|" + _LINE_END + rb")(?P<tune>" + _TITLES + rb"[ \t]*X:)")
_BOUNDARY = re.compile(_BLANK_LINE.pattern + rb"|" + _LINE_END + rb"(?=[ \t]*X:)")
# The beginning of a paragraph of fields that may hold for the tunes after it.
_BOOK_FIELD = re.compile(
    rb"(?:\A|" + _LINE_END + rb"[ \t]*" + _LINE_END + rb")[ \t]*(?:%|[A-WYa-z][ \t]*:)"
)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# How files begin that are no tunebooks, with the suffix they would have.
_SIGNS = (
    (re.compile(rb"\AMThd"), ".mid"),
    (re.compile(rb"\APK\x03\x04"), ".mxl"),
    (re.compile(rb"<score-(?:partwise|timewise)"), ".musicxml"),
)
_HEAD_BYTES = 4096  # enough to recognise the kind of file


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of one kind of file."""

    # Takes the content of a file, or of a chunk of a tunebook, and the file's name; yields the
    # tunes read and skipped, with lines counted from 1. It must be a function at the top of a
    # module, or a partial of one, because worker processes find it by name.
    read: Callable[[bytes, str], Iterable[Reading | LeftOut]]
    # Whether the file is text that can be cut between tunes.
    is_tunebook: bool = False
    # The packages whose versions may affect the result.
    libraries: tuple[str, ...] = ()
    # Approximate time per byte, relative to ABC.
    cost: float = 1.0

    @property
    def name(self) -> str:
        """The function's name, with the arguments bound by ``partial``."""
        if isinstance(self.read, partial):
            return f"{self.read.func.__qualname__} {self.read.args} {self.read.keywords}"
        return self.read.__qualname__

    @property
    def versions(self) -> str:
        """The libraries and their versions."""
        versions = []
        for name in self.libraries:
            try:
                versions.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                versions.append(f"{name} ")
        return " ".join(versions)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole tunes of a file, or all of it."""

    path: Path
    reader: Reader
    data: bytes
    line: int = 1  # number of its first line in the file


def find_files(paths: Sequence[Path], readers: Mapping[str, Reader]) -> list[Path]:
    """Return the tune files among paths, searching folders recursively.

    Hidden files and folders are ignored, and links to folders are not followed. A folder that
    cannot be listed is returned like a file, so that reading reports it with the reason.

    Raises:
        InputError: if a path does not exist or there are no tune files.
    """
    files: dict[Path, None] = {}  # a set in order
    for path in paths:
        if path == STDIN:
            files[path] = None
            continue
        if not os.path.lexists(path):
            raise InputError(f"{path} does not exist", hint=HINT)
        if not path.is_dir():
            files[path] = None
            continue
        below: list[Path] = []
        unlistable: list[OSError] = []
        for parent, folders, file_names in os.walk(path, onerror=unlistable.append):
            # os.walk descends only into what remains in this list.
            folders[:] = [name for name in folders if not name.startswith(".")]
            visible = [Path(parent, name) for name in file_names if not name.startswith(".")]
            below += [file for file in visible if file.suffix.lower() in readers]
        below += [Path(error.filename) for error in unlistable]
        files.update(dict.fromkeys(sorted(below)))
    if not files:
        named = " ".join(map(str, paths))
        raise InputError(f"no tunes in {named}: no .abc, .mid or .musicxml file", hint=HINT)
    return list(files)


def size_of(path: Path) -> int:
    """Return a file's size in bytes, or 0 if it is unknown."""
    if path == STDIN:
        return len(_stdin_data())
    try:
        return path.stat().st_size
    except OSError:
        return 0


def chunks_of(path: Path, reader: Reader) -> Iterator[Chunk | LeftOut]:
    """Yield the chunks of a file, and a report for each part that cannot be read."""
    limit = LIMITS.tunebook_bytes if reader.is_tunebook else LIMITS.file_bytes
    try:
        if path == STDIN:
            data = _stdin_data()
            if len(data) > limit:
                yield whole_file(f"larger than {limit // 1_000_000} MB")
            elif reader.is_tunebook:
                yield from _tunebook_chunks(path, reader, io.BytesIO(data))
            else:
                yield Chunk(path, reader, data)
            return
        if not path.is_file():
            if path.is_dir():
                yield whole_file("a folder that cannot be looked into")
            else:
                yield whole_file("not a file" if path.exists() else "a link that leads nowhere")
            return
        if path.stat().st_size > limit:
            yield whole_file(f"larger than {limit // 1_000_000} MB")
            return
        with open_regular(path) as file:
            if reader.is_tunebook:
                yield from _tunebook_chunks(path, reader, file)
            else:
                yield Chunk(path, reader, file.read(limit))
    except OSError as error:
        yield whole_file(reason_of(error))


def _stdin_data() -> bytes:
    """Return what standard input holds, up to a byte beyond the limit of files."""
    return _data_of(sys.stdin)


@lru_cache(maxsize=1)
def _data_of(stream: TextIO) -> bytes:
    # It can be read only once.
    return stream.buffer.read(LIMITS.tunebook_bytes + 1)


def whole_file(reason: str) -> LeftOut:
    """Return the report that a whole file is skipped."""
    return LeftOut(0, "", "", reason)


def _tunebook_chunks(path: Path, reader: Reader, file: IO[bytes]) -> Iterator[Chunk | LeftOut]:
    """Cut a tunebook at blank lines or, where there are none, at the beginning of a tune."""
    # 1) Check from its first bytes that it is text.
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(_UTF_16):
        file = codecs.EncodedFile(file, "utf-8", "utf-16", "replace")
    elif not head:
        yield whole_file("an empty file")
    # In a file that has tunes, a NUL costs only its own tune (see `read_abc_file`).
    elif b"\0" in head and not _TUNE_START.search(head):
        is_utf_16 = b"X\0:\0" in head or b"\0X\0:" in head
        reason = "UTF-16 without its mark: save it as UTF-8" if is_utf_16 else "not a text file"
        yield whole_file(reason)
        return
    # 2) Read until a tune ends in the buffer, and yield everything up to there.
    buffer, line, tunes = b"", 1, 0
    book = TunebookSplitter()
    charset = charset_named(head)
    while True:
        data = _read(file)
        buffer += data
        cut = _last_boundary(buffer) if data else len(buffer)
        if cut:
            chunk, buffer = buffer[:cut], buffer[cut:]
            # A cheap upper bound on its tunes, each of which has an X: or a K:.
            tunes += max(chunk.count(b"X:"), chunk.count(b"K:"))
            if tunes > LIMITS.tunebook_tunes:
                limit = f"{LIMITS.tunebook_tunes:,}"
                yield LeftOut(line, "", "", f"from here on: more than {limit} tunes")
                return
            yield _with_book_lines(Chunk(path, reader, chunk, line), book, charset)
            line += _line_ends(chunk)
        elif len(buffer) > LIMITS.paragraph_bytes:
            # 3) Skip overlong text to the next tune, so that memory stays bounded.
            size = LIMITS.paragraph_bytes / 1_000_000
            reason = f"over {size:g} MB without a blank line; the next tune is read"
            blocks = split_tunebook(decode_text(buffer[:_HEAD_BYTES]))
            block = next(blocks, None)
            yield leave_out(block, line, reason) if block else LeftOut(line, "", "", reason)
            line_ends, buffer = _skip_to_boundary(file, buffer)
            line += line_ends
        if not data:
            return


def _with_book_lines(chunk: Chunk, book: TunebookSplitter, charset: str) -> Chunk:
    """Return a chunk with the fields before it that the file states for all of its tunes.

    Args:
        chunk: The next chunk of a file.
        book: Has read the chunks before, and is to read this one.
        charset: The character set that the file names.
    """
    before = "".join(f"{line}\n" for line in book.book_lines)
    data = chunk.data
    if charset != UTF_8:
        data = decode_text(data, charset).encode()
    # Most chunks have no such fields.
    if _BOOK_FIELD.search(data):
        for _ in book.blocks(decode_text(data)):
            pass
    if before:
        data = f"{before}\n".encode() + data
    return replace(chunk, data=data, line=chunk.line - (before.count("\n") + 1 if before else 0))


def _read(file: IO[bytes]) -> bytes:
    """Read the next bytes, without dividing a line end."""
    data = file.read(CHUNK_BYTES)
    while data.endswith(b"\r") and (more := file.read(1)):
        data += more
        if more != b"\r":
            break
    return data


def _last_boundary(text: bytes) -> int:
    """Return where the last complete tune ends, or 0 if none does."""
    # Not at the first X:, as any text before it is not a tune.
    starts = [match.start("tune") for match in _TUNE_START.finditer(text)]
    if len(starts) > 1 or (starts and starts[0] and not text[: starts[0]].isspace()):
        return starts[-1]
    # Music after a blank line may belong to the tune before, but a tune has no end in sight.
    if not starts or len(text) > LIMITS.paragraph_bytes:
        blank_lines = [match.end() for match in _BLANK_LINE.finditer(text)]
        return blank_lines[-1] if blank_lines else 0
    return 0


def _skip_to_boundary(file: IO[bytes], buffer: bytes) -> tuple[int, bytes]:
    """Skip text up to a blank line or the beginning of a tune.

    Returns:
        The number of line ends skipped, and the text read beyond the boundary.
    """
    line_ends = 0
    while buffer:
        boundary = _BOUNDARY.search(buffer)
        # The last character may be a line end with which a boundary begins.
        cut = boundary.end() if boundary else max(0, len(buffer) - 1)
        line_ends += _line_ends(buffer[:cut])
        if boundary:
            return line_ends, buffer[cut:]
        data = _read(file)
        buffer = buffer[cut:] + data if data else b""
    return line_ends, b""


def _line_ends(text: bytes) -> int:
    if b"\r" not in text:
        return text.count(b"\n")
    return sum(1 for _ in re.finditer(_LINE_END, text))


def read_abc_file(data: bytes, _name: str) -> Iterator[Reading | LeftOut]:
    """Yield the tunes of an ABC tunebook."""
    for block in split_tunebook(decode_text(data)):
        if "\0" not in block.text:
            yield read_block(block)
            continue
        index = next(index for index, line in enumerate(block.lines) if "\0" in line)
        reason = "not text: there is a NUL character in this line"
        yield leave_out(block, block.line + index, reason)


def leave_out(block: TuneBlock, line: int, reason: str) -> LeftOut:
    """Return the report that a tune is skipped, with its number and title if readable."""
    # A NUL would stop the reader before the title.
    clean = TuneBlock(block.line, tuple(line.replace("\0", " ") for line in block.lines))
    result = read_block(clean)
    if isinstance(result, LeftOut):
        return LeftOut(line, result.number, result.title, reason)
    return LeftOut(line, str(result.tune.number), result.tune.title, reason)


_DEFAULT_MIDI = MidiConfig()


def read_midi_file(
    data: bytes, name: str, *, config: MidiConfig = _DEFAULT_MIDI
) -> Iterator[Reading | LeftOut]:
    """Yield the tune of a MIDI file, with the file's name as its title."""
    from abcgen.midi import read_midi  # noqa: PLC0415 - loads mido, which most corpora never need

    try:
        yield read_midi(data, title=PurePath(name).stem, config=config)
    except NotationError as error:
        yield whole_file(error.reason)


# Readers by suffix in lower case; callers may add to them.
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        ".abc": Reader(read_abc_file, is_tunebook=True),
        **dict.fromkeys(MIDI_SUFFIXES, Reader(read_midi_file, cost=2.5)),
    }
)


def reader_for(path: Path, readers: Mapping[str, Reader]) -> Reader:
    """Return the reader for a file; one with an unknown suffix is read as a tunebook.

    Standard input is recognised by its first bytes.
    """
    suffix = path.suffix.lower()
    if path == STDIN:
        head = _stdin_data()[:_HEAD_BYTES]
        suffix = next((suffix for sign, suffix in _SIGNS if sign.search(head)), "")
    return readers.get(suffix) or readers[".abc"]
