"""Read ABC: a file's text to tunes (``read_tunebook``), or a single tune (``read_abc``).

A tune is either read exactly or refused, with the line and the reason. What people wrote around the
notes is kept.
Source: the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1), sections 3
(fields), 6.1 (continuation of lines) and 7 (voices).
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.analysis import mode_of
from abcgen.notation.body import BodyBuilder
from abcgen.notation.draft import Repair
from abcgen.notation.fields import (
    default_unit,
    field_repair,
    names_tonic_only,
    read_key,
    read_metre,
    read_unit,
)
from abcgen.notation.lexer import SymbolKind, symbols_in
from abcgen.notation.staves import read_staves
from abcgen.notation.tune import Tune, Voice
from abcgen.notation.words import MAX_TEXTS, TEXT_FIELDS, plain_text, read_tempo, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from abcgen.notation.tune import Bar, Key, Metre
    from abcgen.notation.words import Words

# The longest field, its continuations included.
MAX_FIELD = 4_000
# str.splitlines() would also break at characters that occur within words in Latin-1.
_LINE_END = re.compile(r"\r\n|\r|\n")
_FIELD = re.compile(r"\s*([A-Za-z+]):(.*)")
# Within the music, a note before a repeat sign (``A::c``) is not a field.
_BODY_FIELD = re.compile(r"\s*([A-Za-z+]):(?![:|])(.*)")
_SCORE = re.compile(r"(?:%%|I:)(?:score|staves)\s(.*)")
_COMMENT = re.compile(r"(?<!\\)%.*")
# Mail programs wrote a space at a line's end as =20 and broke long lines after an equals sign.
_MAIL_SPACE = re.compile(r"=20$")
_MAIL_BREAK = re.compile(r"=$")
_LOST_REPEAT = re.compile(r"\s*:(?![:|])")
_VOICE_NAME = re.compile(r'\b(?:name|nm)\s*=\s*(?:"([^"]*)"|(\S+))')
# Properties of a voice that change its notes.
_TRANSPOSED = re.compile(
    r"\b(?:octave|transpose|t|middle|score|sound|shift|instrument)\s*=\s*(?!0\b)\S+|\w[+-]8\b"
)


@dataclass(frozen=True, slots=True)
class TuneBlock:
    """The lines of one tune in a file, without line ends."""

    # Number of its first line in the file, counted from 1.
    line: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Reading:
    """A tune that was read."""

    tune: Tune
    # Line of the file where it begins.
    line: int
    # Corrections made in reading it.
    repairs: tuple[Repair, ...] = ()
    # What the file leaves open and its notes decide, such as ``metre 6/8: the file names none``.
    inferences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tune that could not be read faithfully."""

    # Line of the file where reading stopped; 0 if it is the whole file.
    line: int
    # The tune's ``X:`` and ``T:`` as written.
    number: str
    title: str
    reason: str


def decode_text(data: bytes) -> str:
    """Decode a file in UTF-8, Latin-1 (as older files are) or a mixture of both.

    Tunebooks are compiled from many sources, so only the bytes that are not UTF-8 are read as
    Latin-1.
    """
    return data.decode("utf-8-sig", "abcgen-latin-1")


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("abcgen-latin-1", _as_latin_1)


def split_tunebook(text: str) -> Iterator[TuneBlock]:
    """Split a tunebook into tunes: each begins at its ``X:`` and ends at the first blank line.

    A paragraph that has a key but no ``X:`` is a tune too; any other is text to be skipped.
    """
    paragraph: list[str] = []
    for number, text_line in enumerate([*_LINE_END.split(text), ""], start=1):
        if text_line.strip():
            paragraph.append(text_line)
            continue
        starts = [i for i, line in enumerate(paragraph) if line.lstrip().startswith("X:")]
        if not starts and any(line.lstrip().startswith("K:") for line in paragraph):
            starts = [0]
        for start, end in pairwise([*starts, len(paragraph)]):
            yield TuneBlock(number - len(paragraph) + start, tuple(paragraph[start:end]))
        paragraph = []


def read_tunebook(text: str) -> Iterator[Tune | LeftOut]:
    """Read every tune of a tunebook; yield a ``LeftOut`` for each that is refused."""
    for block in split_tunebook(text):
        result = read_block(block)
        yield result.tune if isinstance(result, Reading) else result


def read_block(block: TuneBlock) -> Reading | LeftOut:
    """Read one tune of a tunebook, or return why it cannot be read."""
    try:
        parser = _parse(block.lines, block.line)
        return Reading(parser.finish(), block.line, tuple(parser.repairs))
    except NotationError as error:
        # The number and title as written, whatever else is wrong.
        names = {"X": "", "T": ""}
        for line in block.lines:
            match = _FIELD.match(line)
            if match and names.get(match[1]) == "":
                names[match[1]] = plain_text(match[2])
        reason = f"{error.reason}: {error.text!r}" if error.text else error.reason
        return LeftOut(error.line or block.line, names["X"], names["T"], reason)


def read_abc(text: str, *, line: int = 1) -> Tune:
    """Read one tune, header and body, whose first line has the given number in its file.

    Raises:
        NotationError: if anything in it cannot be read.
    """
    return _parse(_LINE_END.split(text), line).finish()


def _parse(lines: Iterable[str], first_number: int) -> TuneParser:
    parser = TuneParser()
    for number, line in enumerate(lines, start=first_number):
        parser.add_line(line, number)
    return parser


class _Opening(NamedTuple):
    """The key, metre and unit note length that every voice begins with."""

    key: Key
    metre: Metre
    unit: Fraction


@dataclass(slots=True)
class TuneParser:
    """Reads the lines of one tune, one at a time."""

    repairs: list[Repair] = field(default_factory=list)
    # Header fields, and the line of each.
    _header: dict[str, str] = field(default_factory=dict)
    _field_lines: dict[str, int] = field(default_factory=dict)
    # Fields of text, in the order written.
    _texts: list[tuple[str, str]] = field(default_factory=list)
    # Words to be sung to the line of music before, one for each verse.
    _lyrics: list[str] = field(default_factory=list)
    # The field that the next line may continue, with its text and line.
    _field: tuple[str, str, int] | None = None
    # Voices by their id (None if only announced), their names, and the id of the current one.
    _voices: dict[str, BodyBuilder | None] = field(default_factory=dict)
    _voice_names: dict[str, str] = field(default_factory=dict)
    _voice: str = ""
    # None while the header is read.
    _opening: _Opening | None = None
    # The staves that it asks for, as written.
    _score: str = ""
    _characters: int = 0
    _line: int = 0
    # A bar line at the end of a continued line, which the next line may complete.
    _carried: str = ""

    def add_line(self, raw: str, number: int) -> None:
        """Read the next line of the tune, line ``number`` of its file.

        Raises:
            NotationError: at the first symbol or field that cannot be read.
        """
        self._line = number
        if match := _SCORE.match(raw):
            self._score = match[1]
        text = _COMMENT.sub("", raw).rstrip()
        if _MAIL_SPACE.search(text):
            text = _MAIL_SPACE.sub("", text)
            self._repair("=20, a mail program's space, taken out at the line's end", "=20")
        match = _FIELD.fullmatch(text)
        if match and match[1] == "+" and self._field:
            name, value, first_line = self._field
            self._field = name, f"{value} {match[2].strip()}"[:MAX_FIELD], first_line
            return
        self._end_field()
        self._line = number
        match = (_BODY_FIELD if self._opening else _FIELD).fullmatch(text)
        if match:
            self._field = match[1], match[2].strip(), number
            return
        self._end_lyrics()
        if self._opening:
            self._add_music(text)
        elif "|" in text:
            raise NotationError("music before the key (K:)", line=number, text=text[:20])
        # Any other text in the header is skipped.

    def finish(self) -> Tune:
        """Return the tune after its last line.

        Raises:
            NotationError: if something is missing or incomplete.
        """
        self._end_field()
        self._end_lyrics()
        if not self._opening:
            raise NotationError("no key (K:)", line=self._line)
        self._end_carried()
        bodies = {name: body for name, body in self._voices.items() if body and body.has_music}
        if not bodies:
            raise NotationError("no music", line=self._line)

        # Voices are called by their name, or their id if that is not just a number.
        voices = []
        for name, body in bodies.items():
            default = "" if name[:1].isdigit() else plain_text(name)
            voices.append(Voice(self._voice_names.get(name, default), body.finish()))
            self.repairs += body.repairs
        first, *others = voices
        key = self._infer_mode(self._opening.key, first.bars)
        self.repairs = _merge_repairs(self.repairs)

        number = re.match(r"\d{1,9}", self._header.get("X", ""))
        return Tune(
            bars=first.bars,
            key=key,
            metre=self._opening.metre,
            title=self._first_text("T"),
            rhythm=plain_text(self._header.get("R", "")),
            source=self._first_text("S"),
            number=int(number[0]) if number else 1,
            voice=first.name if others else "",
            others=tuple(others),
            staves=read_staves(self._score, list(bodies)) if others else (),
            words=self._words(),
        )

    def _words(self) -> Words:
        """Return the tune's words; its first title and source have fields of their own."""
        texts = list(self._texts)
        for name in "TS":
            if first := self._first_text(name):
                texts.remove((name, first))
        tempo = None
        if "Q" in self._header and self._opening:
            tempo = read_tempo(self._header["Q"], self._opening.unit)
        return words_of(texts, tempo, plain_text(self._header.get("P", "")))

    def _first_text(self, name: str) -> str:
        return next((text for field, text in self._texts if field == name and text), "")

    def _end_field(self) -> None:
        """Read the field before, now that no line continues it."""
        if self._field:
            name, value, self._line = self._field
            self._field = None
            self._add_field(name, value)

    def _end_lyrics(self) -> None:
        """Set the words (``w:``) before to the notes of their line."""
        lyrics, self._lyrics = self._lyrics, []
        if lyrics and self._opening:
            self._end_carried()
            beyond = self._body().add_words(lyrics)
            if beyond:
                self._repair("words beyond the last note of their line left out", lyrics[0])

    def _add_field(self, name: str, value: str) -> None:
        if name == "w":
            self._lyrics.append(value)
            return
        self._end_lyrics()
        if name in TEXT_FIELDS:
            if len(self._texts) < MAX_TEXTS:
                self._texts.append((name, plain_text(value)))
        elif name == "Q" and not any(body and body.has_music for body in self._voices.values()):
            self._header.setdefault(name, value)
        elif name == "V":
            self._begin_voice(value)
        elif name == "m":
            raise NotationError("macro", line=self._line, text=value)
        elif self._opening:
            self._end_carried()
            self._body().change_field(name, value, self._line)
            self._report_field(name, value, self._line)
        else:
            if name not in self._header or name in "KLM":
                self._header[name] = value
                self._field_lines[name] = self._line
            if name == "K":
                self._end_header()

    def _end_header(self) -> None:
        """Read key, metre and unit together: L: depends on M:, which may follow it."""
        header, lines = self._header, self._field_lines
        key = read_key(header["K"], line=lines["K"])
        metre = read_metre(header.get("M", ""), line=lines.get("M", 0))
        unit = read_unit(header["L"], line=lines["L"]) if "L" in header else default_unit(metre)
        for name in ("K", "M"):
            self._report_field(name, header.get(name, ""), lines.get(name, 0))
        self._opening = _Opening(key, metre, unit)
        if len(self._voices) == 1:
            self._voice = next(iter(self._voices))

    def _report_field(self, name: str, value: str, line: int) -> None:
        if remark := field_repair(name, value):
            self.repairs.append(Repair(line, remark, f"{name}:{value}"))

    def _begin_voice(self, value: str) -> None:
        """Announce a voice in the header, or switch to it in the body."""
        name, _, properties = value.partition(" ")
        if match := _TRANSPOSED.search(properties):
            raise NotationError(
                "voice that sounds otherwise than written", line=self._line, text=match[0]
            )
        if name not in self._voices and len(self._voices) >= LIMITS.voices:
            raise NotationError(f"more than {LIMITS.voices} voices", line=self._line)
        self._end_carried()
        self._voices.setdefault(name, None)
        if match := _VOICE_NAME.search(properties):
            self._voice_names[name] = plain_text(match[1] or match[2] or "")
        if self._opening:
            self._voice = name

    def _body(self) -> BodyBuilder:
        """Return the builder of the current voice."""
        body = self._voices.get(self._voice)
        if body is None:
            if not self._opening or (self._voices and self._voice not in self._voices):
                raise NotationError("music before its voice (V:) is named", line=self._line)
            body = self._voices[self._voice] = BodyBuilder(*self._opening)
        return body

    def _add_music(self, text: str) -> None:
        # 1) Repair what older programs did to the line.
        if _LOST_REPEAT.match(text) and self._body().is_between_bars:
            text = f"|{text.lstrip()}"
            self._repair("a colon at the line's start joined to the bar line before: |:", ":")
        self._characters += len(text)
        if self._characters > LIMITS.tune_characters:
            limit = f"longer than {LIMITS.tune_characters} characters"
            raise NotationError(limit, line=self._line)
        if _MAIL_BREAK.search(text):
            text = _MAIL_BREAK.sub("\\\\", text)
            self._repair("=, a mail program's line break, taken for a line that goes on", "=")

        # 2) The next line may complete a bar line: ``|\`` and then ``:`` make ``|:``.
        continued = text.endswith("\\")
        text = self._carried + text.rstrip("\\ \t")
        self._carried = text[len(text.rstrip(":|")) :] if continued else ""

        # 3) Add the symbols; a field in the line may change the voice.
        for symbol in symbols_in(text.removesuffix(self._carried), self._line):
            if symbol.kind is SymbolKind.FIELD and symbol.match["field"] == "V":
                self._begin_voice(symbol.match["value"].strip())
            else:
                self._body().add(symbol)
        if not continued:
            self._body().end_line()

    def _end_carried(self) -> None:
        """Add the bar line at the end of a continued line that nothing continues."""
        carried, self._carried = self._carried, ""
        for symbol in symbols_in(carried, self._line):
            self._body().add(symbol)

    def _infer_mode(self, key: Key, bars: tuple[Bar, ...]) -> Key:
        """Return the key with the mode of the notes, if the header names only a tonic."""
        value = self._header["K"].strip()
        if not names_tonic_only(value) or any(bar.key for bar in bars):
            return key
        mode = mode_of(bars, key)
        if mode is not key.mode:
            what = f"K:{value} would be major; the notes are {key.tonic} {mode.name.lower()}"
            self.repairs.append(Repair(self._field_lines["K"], what, f"K:{value}"))
        return replace(key, mode=mode)

    def _repair(self, what: str, text: str) -> None:
        self.repairs.append(Repair(self._line, what, text))


def _merge_repairs(repairs: list[Repair]) -> list[Repair]:
    """Merge equal repairs into one with their number, at the first line that needed it."""
    repairs.sort(key=lambda repair: repair.line)
    counts = Counter(repair.what for repair in repairs)
    firsts = {repair.what: repair for repair in reversed(repairs)}
    return [
        replace(firsts[what], what=f"{what}, {number} times") if number > 1 else firsts[what]
        for what, number in counts.items()
    ]
