"""Reads ABC tunebooks.

What is understood is read exactly; a tune with anything in it that is not is left out, with the
line and the reason, and never half-read. Grace notes, decorations, chord symbols and words are
passed over: they change no note of the tune.
Source: the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.body import BodyBuilder
from abcgen.notation.fields import default_unit, read_key, read_metre, read_unit
from abcgen.notation.lexer import tokens
from abcgen.notation.tune import Tune

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD = re.compile(r"\s*([A-Za-z+]):(.*)")
# Among music, a note glued to a repeat sign (``A::c``) is no field.
_BODY_FIELD = re.compile(r"\s*([A-Za-z+]):(?![:|])(.*)")
_COMMENT = re.compile(r"(?<!\\)%.*")
# Mail programs wrote a space at a line's end as =20 and broke long lines after an equals sign.
_MAIL_SPACE = re.compile(r"=20$")
_MAIL_BREAK = re.compile(r"=$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
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
class Repair:
    """Something that a tune's text says wrongly and its bars or notes put right.

    Attributes:
        line: Line of the file.
        what: What was done and why, in words for whoever typed the tune.
        text: The text that it was done to.
    """

    line: int
    what: str
    text: str = ""


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
    """The text of a file in UTF-8 or, as older files are, Latin-1."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


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
        return Reading(read_abc(block.text, line=block.line), block.line)
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
    reading = _Reading()
    for number, raw in enumerate(_LINE_END.split(text), start=line):
        reading.take_line(raw, number)
    return reading.tune()


def _name(block: TuneBlock) -> tuple[str, str]:
    """A tune's number and title as written, whatever else is wrong with it."""
    found = {"X": "", "T": ""}
    for line in block.lines:
        match = _FIELD.match(line)
        if match and not found.get(match[1], "-"):
            found[match[1]] = _CONTROL.sub(" ", match[2]).strip()
    return found["X"], found["T"]


def _reason(error: NotationError) -> str:
    return f"{error.reason}: {error.text!r}" if error.text else error.reason


@dataclass(slots=True)
class _Reading:
    """A tune half read."""

    header: dict[str, str] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)  # the line each field stands in
    body: BodyBuilder | None = None
    voices: set[str] = field(default_factory=set)
    characters: int = 0
    line: int = 0
    carried: str = ""  # a bar line at the end of a line that goes on

    def take_line(self, raw: str, number: int) -> None:
        self.line = number
        text = _MAIL_SPACE.sub("", _COMMENT.sub("", raw).rstrip())
        match = (_FIELD if self.body is None else _BODY_FIELD).fullmatch(text)
        if match:
            self._take_field(match[1], match[2].strip(), number)
        elif self.body is not None:
            self._take_music(self.body, text, number)
        elif "|" in text:  # anything else there is words
            raise NotationError("music before the key (K:)", line=number, text=text[:20])

    def _take_field(self, name: str, value: str, number: int) -> None:
        if name == "V":
            self.voices.add(value.split(maxsplit=1)[0] if value else "")
            if len(self.voices) > 1:
                raise NotationError("several voices", line=number)
        elif name == "m":
            raise NotationError("macro", line=number, text=value)
        elif self.body is not None:
            self.body.change(name, value, number)
        else:
            if name not in self.header or name in "KLM":
                self.header[name] = value
                self.places[name] = number
            if name == "K":
                self.body = self._open_body()

    def _open_body(self) -> BodyBuilder:
        key = read_key(self.header["K"], line=self.places["K"])
        metre = read_metre(self.header.get("M", ""), line=self.places.get("M", 0))
        unit = default_unit(metre)
        if "L" in self.header:
            unit = read_unit(self.header["L"], line=self.places["L"])
        return BodyBuilder(key, metre, unit)

    def _take_music(self, body: BodyBuilder, text: str, number: int) -> None:
        self.characters += len(text)
        if self.characters > LIMITS.tune_characters:
            limit = f"longer than {LIMITS.tune_characters} characters"
            raise NotationError(limit, line=number)
        text = _MAIL_BREAK.sub("\\\\", text)
        continued = text.endswith("\\")
        text = self.carried + text.rstrip("\\ \t")
        # A bar line may go on with the next line: ``|\`` and ``:`` there make ``|:``.
        self.carried = text[len(text.rstrip(":|")) :] if continued else ""
        for token in tokens(text.removesuffix(self.carried), number):
            body.take(token)
        if not continued:
            body.end_line()

    def tune(self) -> Tune:
        if self.body is None:
            raise NotationError("no key (K:)", line=self.line)
        for token in tokens(self.carried, self.line):
            self.body.take(token)
        number = re.match(r"\d{1,9}", self.header.get("X", ""))
        return Tune(
            bars=self.body.finish(),
            key=read_key(self.header["K"]),
            metre=read_metre(self.header.get("M", "")),
            title=_words(self.header.get("T", "")),
            rhythm=_words(self.header.get("R", "")),
            source=_words(self.header.get("S", "") or self.header.get("B", "")),
            number=int(number[0]) if number else 1,
        )


def _words(value: str) -> str:
    return _CONTROL.sub(" ", value.replace("\\%", "%")).strip()
