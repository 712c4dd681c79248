"""Reads ABC tunebooks.

What is understood is read exactly; a tune with anything in it that is not is left out, with the
line and the reason, and never half-read. Slurs, words and annotations are passed over: they
change no note of the tune.
Source: the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.draft import Repair
from abcgen.notation.parsing import FIELD, TuneParser, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abcgen.notation.tune import Tune

__all__ = [
    "LeftOut",
    "Reading",
    "Repair",
    "TuneBlock",
    "decode_text",
    "read_abc",
    "read_block",
    "read_tunebook",
    "split_tunebook",
]

# str.splitlines() would also break at characters that stand inside words in Latin-1.
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class TuneBlock:
    """The lines of one tune as they stand in a file.

    Attributes:
        line: Number of its first line in the file, counted from 1.
        lines: Its lines, without line ends.
    """

    line: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Reading:
    """A tune that was read.

    Attributes:
        tune: The tune.
        line: Line of the file where it begins.
        repairs: What was put right in reading it.
    """

    tune: Tune
    line: int
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tune that could not be read faithfully.

    Attributes:
        line: Line of the file where reading stopped; 0 if it is the whole file.
        number: The tune's ``X:`` as written.
        title: Its title.
        reason: Why, in a few words.
    """

    line: int
    number: str
    title: str
    reason: str


def decode_text(data: bytes) -> str:
    """The text of a file in UTF-8 or, as older files are, Latin-1.

    Tunebooks are gathered from many hands: whatever is no UTF-8 is read as Latin-1 where it
    stands, and the rest is not spoilt by it.
    """
    return data.decode("utf-8-sig", _LATIN_1)


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


_LATIN_1 = "abcgen-latin-1"
codecs.register_error(_LATIN_1, _as_latin_1)


def split_tunebook(text: str) -> Iterator[TuneBlock]:
    """Cut a tunebook into tunes: each begins at its ``X:`` and ends at the first blank line.

    A paragraph that has a key but no ``X:`` is a tune too; any other is words.
    """
    for begin, lines in _paragraphs(text):
        starts = [place for place, line in enumerate(lines) if line.lstrip().startswith("X:")]
        if not starts and any(line.lstrip().startswith("K:") for line in lines):
            starts = [0]
        for start, end in pairwise([*starts, len(lines)]):
            yield TuneBlock(begin + start, tuple(lines[start:end]))


def _paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines that are not blank, each with the number of its first line."""
    lines: list[str] = []
    for number, line in enumerate([*_LINE_END.split(text), ""], start=1):
        if line.strip():
            lines.append(line)
        elif lines:
            yield number - len(lines), lines
            lines = []


def read_tunebook(text: str) -> Iterator[Tune | LeftOut]:
    """Read every tune of a tunebook.

    Yields:
        Tunes, and in their place those left out.
    """
    for block in split_tunebook(text):
        result = read_block(block)
        yield result.tune if isinstance(result, Reading) else result


def read_block(block: TuneBlock) -> Reading | LeftOut:
    """Read one tune of a tunebook, or say why not."""
    try:
        parser = _parsed(block.lines, block.line)
        return Reading(parser.tune(), block.line, tuple(parser.repairs))
    except NotationError as error:
        number, title = _name(block)
        return LeftOut(error.line or block.line, number, title, _reason(error))


def read_abc(text: str, *, line: int = 1) -> Tune:
    """Read one tune.

    Args:
        text: Its header and body.
        line: Number of its first line in the file it stands in.

    Raises:
        NotationError: if anything in it is not understood.
    """
    return _parsed(_LINE_END.split(text), line).tune()


def _parsed(lines: Iterable[str], line: int) -> TuneParser:
    parser = TuneParser()
    for number, raw in enumerate(lines, start=line):
        parser.take_line(raw, number)
    return parser


def _name(block: TuneBlock) -> tuple[str, str]:
    """A tune's number and title as written, whatever else is wrong with it."""
    found = {"X": "", "T": ""}
    for line in block.lines:
        match = FIELD.match(line)
        if match and not found.get(match[1], "-"):
            found[match[1]] = words(match[2])
    return found["X"], found["T"]


def _reason(error: NotationError) -> str:
    return f"{error.reason}: {error.text!r}" if error.text else error.reason
