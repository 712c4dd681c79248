"""Cut a tunebook's text into tunes, each with the fields that the book states for all of them.

A tune begins at its ``X:``, or at a paragraph that has a ``K:``. It ends where the next one begins:
people leave blank lines within tunes, and the music after these belongs to the tune before.
Source: the ABC standard 2.1, sections 2.2 (structure of a file) and 2.2.2 (file header).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.lexer import reads_as_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# str.splitlines() would also break at characters that occur within words in Latin-1. Some programs
# write CR CR LF.
LINE_END = re.compile(r"\r{0,2}\n|\r")
FIELD = re.compile(r"\s*([A-Za-z+])[ \t]*:(?![:|])(.*)")
# Text for the page only.
TEXT_BLOCK = re.compile(r"%%[ \t]*begin(text|ps|svg|ml)\b")
MAX_TEXT_BLOCK = 2_000
# The fields and directives that a file may state for all of its tunes. Those of the second kind
# add to the ones before; the others replace them.
_BOOK_FIELDS = frozenset("ABCDFGILMmNOQRrSUZ%")
_ADDED_FIELDS = frozenset("ImU%")
MAX_BOOK_LINES = 200
# A paragraph without ``X:`` that begins with one of these goes on with the tune before.
_CONTINUING_FIELDS = frozenset("KLPVIwW")
_TAGGED_START = re.compile(r"(?:<[^<>]{1,200}>\s*)+X:")
# Four notes at least without a bar line, and what tells them from words such as ``a bad face``.
_NOTES = re.compile(r"(?:[\s()\[\]<>.~-]*[\^_=]{0,2}[A-Ga-gxz][,']*[\d/]*){4,}[\s)\]-]*")
_NO_WORD = re.compile(r"[\d^_=,/<>\[]")
_WORD = re.compile(r"[A-Ga-g]{2}")
_NO_MUSIC = re.compile(r'"[^"]*"|![^!|]*!|\[[A-Za-z]:[^\[\]]*\]|\{[^{}]*\}')


@dataclass(frozen=True, slots=True)
class TuneBlock:
    """The lines of one tune in a file, without line ends."""

    # Number of its first line in the file, counted from 1.
    line: int
    lines: tuple[str, ...]
    # Fields and directives of the file that hold for it.
    book_lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def split_tunebook(text: str) -> Iterator[TuneBlock]:
    """Split a tunebook into tunes; other text is skipped."""
    return TunebookSplitter().blocks(text)


@dataclass(slots=True)
class _Paragraph:
    """Lines without a blank one between them."""

    line: int
    lines: list[str]

    @property
    def end(self) -> int:
        """Number of the line after its last."""
        return self.line + len(self.lines)

    @property
    def has_key(self) -> bool:
        """Whether one of its lines is a ``K:`` field."""
        return any(_is_field(line, "K") for line in self.lines)

    @property
    def first_field(self) -> str:
        """The letter of the field it begins with, ``%`` for a comment, else empty."""
        return _field_letter(self.lines[0])

    @property
    def is_fields(self) -> bool:
        """Whether it has fields, comments and directives only."""
        letter = ""
        for line in self.lines:
            # Lines after H: are history too.
            letter = _field_letter(line) or (letter if letter == "H" else "")
            if not letter:
                return False
        return True

    @property
    def is_music(self) -> bool:
        """Whether most of it is music, with bar lines."""
        others = [line for line in self.lines if not _field_letter(line)]
        music = [line for line in others if _is_music(line)]
        return bool(music) and 2 * len(music) >= len(others)


@dataclass(slots=True)
class TunebookSplitter:
    """Cuts the text of a tunebook, or successive parts of it, into tunes."""

    # The file's fields for all tunes from here on, by letter.
    book: dict[str, list[str]] = field(default_factory=dict)
    _tune: _Paragraph | None = None
    _tune_has_key: bool = False
    # Paragraphs since the tune that may still turn out to belong to it.
    _pending: list[_Paragraph] = field(default_factory=list)
    _book_lines: tuple[str, ...] = ()

    @property
    def book_lines(self) -> tuple[str, ...]:
        """The fields and directives that hold for the next tune."""
        return tuple(line for lines in self.book.values() for line in lines)

    def blocks(self, text: str) -> Iterator[TuneBlock]:
        """Yield the tunes of a text, the last one included."""
        for paragraph in _paragraphs(LINE_END.split(text)):
            starts = _starts(paragraph.lines)
            if not starts or starts[0]:
                lead = paragraph.lines[: starts[0]] if starts else paragraph.lines
                yield from self._add(_Paragraph(paragraph.line, lead))
            for start, end in pairwise([*starts, len(paragraph.lines)]):
                yield from self._end_tune()
                self._begin(_Paragraph(paragraph.line + start, paragraph.lines[start:end]))
        yield from self._end_tune()

    def _begin(self, paragraph: _Paragraph) -> None:
        self._tune, self._tune_has_key = paragraph, paragraph.has_key
        self._book_lines = self.book_lines

    def _end_tune(self) -> Iterator[TuneBlock]:
        """Yield the tune that is open, if any; fields after it are the book's."""
        if self._tune:
            yield TuneBlock(self._tune.line, tuple(self._tune.lines), self._book_lines)
        pending, self._pending, self._tune = self._pending, [], None
        for paragraph in pending:
            if paragraph.is_fields:
                self._add_to_book(paragraph.lines)

    def _add(self, paragraph: _Paragraph) -> Iterator[TuneBlock]:
        """Add a paragraph, or the part of one before its first ``X:``."""
        tune, first = self._tune, paragraph.first_field
        if tune is None:
            if paragraph.has_key:
                self._begin(paragraph)
            elif paragraph.is_fields:
                self._add_to_book(paragraph.lines)
        elif not self._tune_has_key:
            # A header with blank lines in it.
            self._pending.append(paragraph)
            if first:
                self._continue_tune()
        elif paragraph.has_key and not (_starts(tune.lines) and first in _CONTINUING_FIELDS):
            yield from self._end_tune()
            self._begin(paragraph)
        else:
            self._pending.append(paragraph)
            if first in {"w", "W"} or paragraph.is_music:
                self._continue_tune()

    def _continue_tune(self) -> None:
        """Add the pending paragraphs to the tune, but for words without music or fields."""
        tune = self._tune
        if tune is None:
            return
        for paragraph in self._pending:
            if paragraph.first_field or paragraph.is_music:
                tune.lines += [""] * (paragraph.line - tune.end) + paragraph.lines
                self._tune_has_key |= paragraph.has_key
        self._pending = []

    def _add_to_book(self, lines: Sequence[str]) -> None:
        found: dict[str, list[str]] = {}
        letter = ""
        for line in lines:
            letter = _field_letter(line) or letter
            is_comment = letter == "%" and not line.lstrip().startswith("%%")
            if letter in _BOOK_FIELDS and not is_comment:
                found.setdefault(letter, []).append(line)
        for name, values in found.items():
            before = self.book.get(name, []) if name in _ADDED_FIELDS else []
            self.book[name] = (before + values)[:MAX_BOOK_LINES]


def text_block_end(lines: Sequence[str], index: int) -> int:
    """Return the index of the last line of the text block that begins at a line.

    A block that never ends, or has the beginning of another in it, is its first line only.
    """
    match = TEXT_BLOCK.match(lines[index])
    if match:
        end = re.compile(rf"%%[ \t]*end{match[1]}\b")
        for last in range(index + 1, min(len(lines), index + MAX_TEXT_BLOCK)):
            if end.match(lines[last]):
                return last
            if TEXT_BLOCK.match(lines[last]):
                break
    return index


def _paragraphs(lines: Sequence[str]) -> Iterator[_Paragraph]:
    start, block_end = 0, -1
    for index, line in enumerate([*lines, ""]):
        if index <= block_end:
            continue
        if line.startswith("%%"):
            block_end = text_block_end(lines, index)
        elif not line.strip():
            if start < index:
                yield _Paragraph(start + 1, list(lines[start:index]))
            start = index + 1


def _starts(lines: Sequence[str]) -> list[int]:
    """Return the indices at which tunes begin: at ``X:``, or a title directly above it."""
    starts: list[int] = []
    block_end = -1
    for index, line in enumerate(lines):
        if index > block_end and line.startswith("%%"):
            block_end = text_block_end(lines, index)
        if index <= block_end or not _begins_tune(line):
            continue
        start, first = index, starts[-1] if starts else 0
        while start > first and _is_field(lines[start - 1], "T"):
            start -= 1
        # Without a key before it, the title is that of the number before.
        if starts and not any(_is_field(line, "K") for line in lines[first:start]):
            start = index
        starts.append(start)
    return starts


def _begins_tune(line: str) -> bool:
    text = line.lstrip()
    return text.startswith("X:") or (text.startswith("<") and bool(_TAGGED_START.match(text)))


def _is_field(line: str, letter: str) -> bool:
    return line.lstrip().startswith(letter) and _field_letter(line) == letter


def _field_letter(line: str) -> str:
    """Return the letter of a field, ``%`` for a comment or directive, else nothing."""
    if line.lstrip().startswith("%"):
        return "%"
    match = FIELD.match(line)
    return match[1] if match else ""


def _is_music(line: str) -> bool:
    """Return whether a line is music and not words, with a bar line or without."""
    notes = _NO_MUSIC.sub("", line)
    if "|" in notes:
        return bool(re.search("[A-Ga-gzxZ]", notes)) and not reads_as_words(notes)
    return bool(_NOTES.fullmatch(notes) and (_NO_WORD.search(notes) or not _WORD.search(notes)))
