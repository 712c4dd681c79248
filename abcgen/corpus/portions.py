"""Files cut into portions of whole tunes, so that the largest needs no more memory than a small."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from abcgen.config import LIMITS, ReadingConfig
from abcgen.corpus.readers import Reader, left_out, whole
from abcgen.errors import reason_of
from abcgen.files import printable
from abcgen.notation.reader import LeftOut, Reading, decode_text, split_tunebook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

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
