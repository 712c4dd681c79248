"""From the lines of one tune to a Tune: header fields, voices, lines that go on.

Source: the ABC standard 2.1, sections 3 (fields), 6.1 (continuation of lines) and 7 (voices).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.analysis import mode_of
from abcgen.notation.body import BodyBuilder
from abcgen.notation.draft import Repair
from abcgen.notation.fields import (
    default_unit,
    doubted_key,
    doubted_metre,
    names_tonic_only,
    read_key,
    read_metre,
    read_unit,
)
from abcgen.notation.lexer import Kind, Token, tokens
from abcgen.notation.tune import Tune, Voice

if TYPE_CHECKING:
    from fractions import Fraction

    from abcgen.notation.tune import Bar, Key, Metre

FIELD = re.compile(r"\s*([A-Za-z+]):(.*)")
# Among music, a note glued to a repeat sign (``A::c``) is no field.
_BODY_FIELD = re.compile(r"\s*([A-Za-z+]):(?![:|])(.*)")
_COMMENT = re.compile(r"(?<!\\)%.*")
# Mail programs wrote a space at a line's end as =20 and broke long lines after an equals sign.
_MAIL_SPACE = re.compile(r"=20$")
_MAIL_BREAK = re.compile(r"=$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LOST_REPEAT = re.compile(r"\s*:(?![:|])")
_NAME = re.compile(r'\b(?:name|nm)\s*=\s*(?:"([^"]*)"|(\S+))')
# What a voice may be told that changes its notes.
_MOVED = re.compile(
    r"\b(?:octave|transpose|t|middle|score|sound|shift|instrument)\s*=\s*(?!0\b)\S+|\w[+-]8\b"
)


class _Opening(NamedTuple):
    """What the header says that every voice begins with."""

    key: Key
    metre: Metre
    unit: Fraction


@dataclass(slots=True)
class TuneParser:
    """A tune half read; takes its lines one by one."""

    repairs: list[Repair] = field(default_factory=list)
    _header: dict[str, str] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)  # the line each field stands in
    _voices: dict[str, BodyBuilder | None] = field(default_factory=dict)  # None: only announced
    _names: dict[str, str] = field(default_factory=dict)  # what voices say they are called
    _voice: str = ""
    _opening: _Opening | None = None  # None while the header is read
    _characters: int = 0
    _line: int = 0
    _carried: str = ""  # a bar line at the end of a line that goes on

    def take_line(self, raw: str, number: int) -> None:
        """Take the next line.

        Args:
            raw: The line as it stands in the file.
            number: Its number in the file.

        Raises:
            NotationError: at the first thing in it that is not understood.
        """
        self._line = number
        text = _COMMENT.sub("", raw).rstrip()
        if _MAIL_SPACE.search(text):
            text = _MAIL_SPACE.sub("", text)
            self._repaired("=20, a mail program's space, taken out at the line's end", "=20")
        match = (_BODY_FIELD if self._opening else FIELD).fullmatch(text)
        if match:
            self._take_field(match[1], match[2].strip())
        elif self._opening:
            self._take_music(text)
        elif "|" in text:  # anything else there is words
            raise NotationError("music before the key (K:)", line=number, text=text[:20])

    def tune(self) -> Tune:
        """The whole tune.

        Raises:
            NotationError: if something is missing or was left open.
        """
        if not self._opening:
            raise NotationError("no key (K:)", line=self._line)
        self._end_carried()
        bodies = {name: body for name, body in self._voices.items() if body and body.has_music}
        if not bodies:
            raise NotationError("no music", line=self._line)
        first, *others = (
            Voice(self._name_of(voice), body.finish()) for voice, body in bodies.items()
        )
        for body in bodies.values():
            self.repairs += body.repairs
        key = self._true_key(self._opening.key, first.bars)
        self.repairs = _once_each(self.repairs)
        number = re.match(r"\d{1,9}", self._header.get("X", ""))
        return Tune(
            bars=first.bars,
            key=key,
            metre=self._opening.metre,
            title=words(self._header.get("T", "")),
            rhythm=words(self._header.get("R", "")),
            source=words(self._header.get("S", "") or self._header.get("B", "")),
            number=int(number[0]) if number else 1,
            voice=first.name if others else "",
            others=tuple(others),
        )

    # Fields.

    def _take_field(self, name: str, value: str) -> None:
        if name == "V":
            self._take_voice(value)
        elif name == "m":
            raise NotationError("macro", line=self._line, text=value)
        elif self._opening:
            self._end_carried()
            self._body().change(name, value, self._line)
            self._doubt(name, value)
        else:
            if name not in self._header or name in "KLM":
                self._header[name] = value
                self._places[name] = self._line
            if name == "K":
                self._open()

    def _open(self) -> None:
        """End the header; what is wrong with it is said at once."""
        head, places = self._header, self._places
        key = read_key(head["K"], line=places["K"])
        metre = read_metre(head.get("M", ""), line=places.get("M", 0))
        unit = read_unit(head["L"], line=places["L"]) if "L" in head else default_unit(metre)
        self._doubt("K", head["K"])
        self._doubt("M", head.get("M", ""))
        self._opening = _Opening(key, metre, unit)
        if len(self._voices) == 1:
            self._voice = next(iter(self._voices))

    def _doubt(self, name: str, value: str) -> None:
        doubts = {"K": doubted_key, "M": doubted_metre}
        if name in doubts and (doubt := doubts[name](value)):
            line = self._line if self._opening else self._places[name]
            self.repairs.append(Repair(line, doubt, f"{name}:{value}"))

    def _take_voice(self, value: str) -> None:
        """Announce a voice, or go on with it."""
        name, _, properties = value.partition(" ")
        if moved := _MOVED.search(properties):
            raise NotationError(
                "voice that sounds otherwise than written", line=self._line, text=moved[0]
            )
        if name not in self._voices and len(self._voices) >= LIMITS.voices:
            raise NotationError(f"more than {LIMITS.voices} voices", line=self._line)
        self._end_carried()
        self._voices.setdefault(name, None)
        if called := _NAME.search(properties):
            self._names[name] = words(called[1] or called[2] or "")
        if self._opening:
            self._voice = name

    def _name_of(self, voice: str) -> str:
        """What a voice is called: as it says, or by its sign if that is not just a number."""
        return self._names.get(voice, "" if voice[:1].isdigit() else words(voice))

    def _true_key(self, key: Key, bars: tuple[Bar, ...]) -> Key:
        """The key of a header that names no mode, with the mode that the notes are in."""
        value = self._header["K"].strip()
        if not names_tonic_only(value) or any(bar.key for bar in bars):
            return key
        mode = mode_of(bars, key)
        if mode is not key.mode:
            what = f"K:{value} would be major; the notes are {key.tonic} {mode.name.lower()}"
            self.repairs.append(Repair(self._places["K"], what, f"K:{value}"))
        return replace(key, mode=mode)

    # Music.

    def _body(self) -> BodyBuilder:
        """The voice that is being written."""
        body = self._voices.get(self._voice)
        if body is None:
            if not self._opening or (self._voices and self._voice not in self._voices):
                raise NotationError("music before its voice (V:) is named", line=self._line)
            body = self._voices[self._voice] = BodyBuilder(*self._opening)
        return body

    def _take_music(self, text: str) -> None:
        if _LOST_REPEAT.match(text) and self._body().is_between_bars:
            text = f"|{text.lstrip()}"
            self._repaired("a colon at the line's start joined to the bar line before: |:", ":")
        self._characters += len(text)
        if self._characters > LIMITS.tune_characters:
            limit = f"longer than {LIMITS.tune_characters} characters"
            raise NotationError(limit, line=self._line)
        if _MAIL_BREAK.search(text):
            text = _MAIL_BREAK.sub("\\\\", text)
            self._repaired("=, a mail program's line break, taken for a line that goes on", "=")
        continued = text.endswith("\\")
        text = self._carried + text.rstrip("\\ \t")
        # A bar line may go on with the next line: ``|\`` and ``:`` there make ``|:``.
        self._carried = text[len(text.rstrip(":|")) :] if continued else ""
        for token in tokens(text.removesuffix(self._carried), self._line):
            self._take(token)
        if not continued:
            self._body().end_line()

    def _take(self, token: Token) -> None:
        if token.kind is Kind.FIELD and token.match["field"] == "V":
            self._take_voice(token.match["value"].strip())
        else:
            self._body().take(token)

    def _end_carried(self) -> None:
        """Take a bar line that no line goes on with."""
        carried, self._carried = self._carried, ""
        for token in tokens(carried, self._line):
            self._body().take(token)

    def _repaired(self, what: str, text: str) -> None:
        self.repairs.append(Repair(self._line, what, text))


def _once_each(repairs: list[Repair]) -> list[Repair]:
    """Repairs of one kind as one, at the first line that needed it, with their number."""
    repairs.sort(key=lambda repair: repair.line)
    counts = Counter(repair.what for repair in repairs)
    firsts = {repair.what: repair for repair in reversed(repairs)}
    return [
        replace(firsts[what], what=f"{what}, {number} times") if number > 1 else firsts[what]
        for what, number in counts.items()
    ]


def words(value: str) -> str:
    """A field's text on one line, without control characters."""
    return _CONTROL.sub(" ", value.replace("\\%", "%")).strip()
