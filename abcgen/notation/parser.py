"""Read the lines of one tune (``TuneParser``): its fields, its voices and the words around them.

Source: the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1), sections 3 (fields),
6.1 (continuation of lines), 7 (voices) and 11 (directives).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.analysis import mode_of
from abcgen.notation.body import BodyBuilder
from abcgen.notation.draft import Repair, merge_repairs
from abcgen.notation.encoding import typed_signs, without_tags
from abcgen.notation.fields import (
    default_unit,
    field_repair,
    names_tonic_only,
    read_key,
    read_metre,
    read_unit,
    second_field,
    split_key_line,
)
from abcgen.notation.lexer import SymbolKind, reads_as_words, symbols_in
from abcgen.notation.macros import Macros, user_symbol
from abcgen.notation.percussion import sounding
from abcgen.notation.properties import (
    NO_PROPERTIES,
    midi_properties,
    read_properties,
)
from abcgen.notation.staves import Staff, read_staves
from abcgen.notation.transpose import transpose_bars
from abcgen.notation.tune import Tune, Voice
from abcgen.notation.voices import ended_together, opened_together
from abcgen.notation.words import MAX_TEXTS, TEXT_FIELDS, plain_text, read_tempo, words_of

if TYPE_CHECKING:
    from fractions import Fraction

    from abcgen.notation.lexer import AbcSymbol
    from abcgen.notation.properties import VoiceProperties
    from abcgen.notation.tune import Bar, Key, Metre
    from abcgen.notation.words import Words

# The longest field, its continuations included.
MAX_FIELD = 4_000
HEADER_FIELD = re.compile(r"\s*([A-Za-z+])[ \t]*:(.*)")
# Within the music, a note before a repeat sign (``A::c``) is not a field, nor before `` :``.
_BODY_FIELD = re.compile(r"\s*([A-Za-z+](?=:)|[HI-Wh-w](?=[ \t]+:))[ \t]*:(?![:|])(.*)")
COMMENT = re.compile(r"(?<!\\)%.*")
# Mail programs wrote a space at a line's end as =20 and broke long lines after an equals sign.
_MAIL_SPACE = re.compile(r"=20$")
_MAIL_BREAK = re.compile(r"=$")
_LOST_REPEAT = re.compile(r"\s*:(?![:|])")
# A directive, in either of its two forms.
_DIRECTIVE = re.compile(r"(?:%%|I:)[ \t]*([a-z-]+)[ \t]*(.*)")
# abc2midi's directive, which says how far a voice sounds from its letters.
_TEXT_DIRECTIVES = frozenset({"text", "center", "begintext", "beginps", "beginsvg", "beginml"})
# Fields of music; E: is layout of older programs, r: a remark in the code.
_MUSIC_FIELDS = frozenset("EIKLMPQRUVXmr+")
_ACCIDENTAL_RANGES = frozenset({"not", "octave", "pitch"})
# A field that was typed after a bar line.
_FIELD_AT_END = re.compile(
    r"(?P<music>.*[|\]])[ \t]+(?P<field>[KLMQ]):[ \t]*(?P<value>[A-Z\d][^|]*)"
)
# Symbols without a meaning of their own, and all that the reader looks at before a voice does.
_MEANINGLESS = frozenset({SymbolKind.LETTER, SymbolKind.UNKNOWN_DECORATION})
_READER_SYMBOLS = _MEANINGLESS | {SymbolKind.FIELD, SymbolKind.DECORATION}


class _Opening(NamedTuple):
    """The key, metre, unit note length and properties that every voice begins with."""

    key: Key
    metre: Metre
    unit: Fraction
    properties: VoiceProperties


@dataclass(slots=True)
class TuneParser:
    """Reads the lines of one tune, one at a time."""

    repairs: list[Repair] = field(default_factory=list)
    # Header fields, and the line of each; the book's fields, which hold where the tune has none.
    _header: dict[str, str] = field(default_factory=dict)
    _field_lines: dict[str, int] = field(default_factory=dict)
    _book: list[tuple[str, str]] = field(default_factory=list)
    # Fields of text, in the order written.
    _texts: list[tuple[str, str]] = field(default_factory=list)
    # Words to be sung to the line of music before, one for each verse.
    _lyrics: list[str] = field(default_factory=list)
    # The field that the next line may continue, with its text and line.
    _field: tuple[str, str, int] | None = None
    # The letter of the last field.
    _last_field: str = ""
    # The name of the part that all voices begin with.
    _part: str = ""
    # What the file defines: macros, letters, and how far an accidental reaches.
    _macros: Macros = field(default_factory=Macros)
    _letters: dict[str, tuple[AbcSymbol, ...]] = field(default_factory=dict)
    _accidentals: str = "pitch"
    # What directives in the header say of all voices.
    _common: VoiceProperties = NO_PROPERTIES
    # The staves that it asks for, as written.
    _score: str = ""
    # Voices by their id (None if only announced), their properties, and the id of the current one.
    _voices: dict[str, BodyBuilder | None] = field(default_factory=dict)
    _properties: dict[str, VoiceProperties] = field(default_factory=dict)
    _voice: str = ""
    # None while the header is read.
    _opening: _Opening | None = None
    # Whether the first voice has begun: fields before it are for all voices.
    _started: bool = False
    _characters: Counter[str] = field(default_factory=Counter)  # by voice
    _line: int = 0
    # Whether the line before was blank.
    _after_gap: bool = False
    # A bar line at the end of a continued line, which the next line may complete.
    _carried: str = ""

    def copy(self) -> TuneParser:
        """Return a parser that has read the same lines of a book, before those of a tune."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        own: dict[str, Any] = {
            name: value.copy() for name, value in values if isinstance(value, list | dict | Macros)
        }
        return replace(self, **own)

    @property
    def names_unit(self) -> bool:
        """Whether the tune or its book names a unit note length."""
        bodies = filter(None, self._voices.values())
        return "L" in self._header or any(body.names_unit for body in bodies)

    @property
    def metre_line(self) -> int:
        """The line of its M: field, or of its K: field."""
        return self._field_lines.get("M") or self._field_lines["K"]

    def add_book_line(self, text: str) -> None:
        """Read a field or directive that the file states for all of its tunes.

        Raises:
            NotationError: if it defines something that cannot be read.
        """
        if self._add_directive(text):
            return
        match = HEADER_FIELD.fullmatch(COMMENT.sub("", text).rstrip())
        if match and match[1] in "mU":
            self._add_field(match[1], match[2].strip())
        elif match:
            self._book.append((match[1], match[2].strip()))

    def add_line(self, raw: str, number: int) -> None:
        """Read the next line of the tune, line ``number`` of its file.

        Raises:
            NotationError: at the first symbol or field that cannot be read.
        """
        self._line = number
        if self._add_directive(raw):
            return
        text = without_tags(COMMENT.sub("", raw)).rstrip()
        if not text:
            # A comment alone is no gap.
            self._after_gap |= not raw.strip()
            return
        if self._after_gap and (self._field or self._last_field):
            self._repair("a blank line within the tune ignored", "")
        self._after_gap = False
        if _MAIL_SPACE.search(text):
            text = _MAIL_SPACE.sub("", text)
            self._repair("=20, a mail program's space, taken out at the line's end", "=20")
        match = HEADER_FIELD.fullmatch(text)
        if match and match[1] == "+" and self._field:
            name, value, first_line = self._field
            self._field = name, f"{value} {match[2].strip()}"[:MAX_FIELD], first_line
            return
        self._end_field()
        self._line = number
        match = (_BODY_FIELD if self._opening else HEADER_FIELD).fullmatch(text)
        if match:
            self._field = match[1], match[2].strip()[:MAX_FIELD], number
            return
        self._end_lyrics()
        if self._opening:
            self._add_music(text)
        elif self._last_field == "H":
            # History may go on without a field.
            self._add_field("H", text.strip())
        elif "|" in text and not reads_as_words(text):
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

        voices, key, metre = self._finish_voices(bodies, self._opening)
        first, *others = voices
        self.repairs = merge_repairs(self.repairs)

        number = re.match(r"\d{1,9}", self._header.get("X", ""))
        return Tune(
            bars=first.bars,
            key=key,
            metre=metre,
            title=self._first_text("T"),
            rhythm=plain_text(self._header.get("R", "")),
            source=self._first_text("S"),
            number=int(number[0]) if number else 1,
            voice=first.name if others else "",
            others=tuple(others),
            clef=first.clef,
            program=first.program,
            staves=self._staves_of(bodies) if others else (),
            words=self._words(),
        )

    def _staves_of(self, bodies: dict[str, BodyBuilder]) -> tuple[Staff, ...]:
        """Return the staves of all voices; overlays stand on that of their voice."""
        staves = read_staves(self._score, list(bodies))
        layers: list[tuple[int, ...]] = []
        for body in bodies.values():
            first = layers[-1][-1] + 1 if layers else 0
            layers.append(tuple(range(first, first + body.layers)))
        if len(layers[-1]) == 1 and layers[-1][0] == len(layers) - 1:
            return staves
        staves = staves or tuple(Staff((index,)) for index in range(len(layers)))
        return tuple(
            staff._replace(voices=tuple(chain(*(layers[index] for index in staff.voices))))
            for staff in staves
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
            self._last_field = name
            self._add_field(name, value)

    def _end_lyrics(self) -> None:
        """Set the words (``w:``) before to the notes of their line."""
        lyrics, self._lyrics = self._lyrics, []
        if lyrics and self._started:
            self._end_carried()
            beyond = self._body().add_words(lyrics)
            if beyond:
                self._repair("words beyond the last note of their line left out", lyrics[0])

    def _finish_voices(
        self, bodies: dict[str, BodyBuilder], opening: _Opening
    ) -> tuple[list[Voice], Key, Metre]:
        """Return the voices, overlays included, and the key and metre in which they open."""
        voices: list[Voice] = []
        keys: list[Key] = []
        written = None
        is_named = any(self._properties[name].name for name in bodies if name in self._properties)
        for name, body in bodies.items():
            # Where no voice has a name, they are called by their id if that is not just a number.
            default = "" if is_named or name[:1].isdigit() else name
            named = self._properties[name].name if name in self._properties else None
            title = plain_text(default if named is None else named)
            bars = body.finish()
            written = written or self._infer_mode(opening.key, bars)
            for number, layer in enumerate([bars, *body.finish_overlays(bars)]):
                moved, key = transpose_bars(layer, written, body.semitones)
                own = body.properties
                voice = Voice("" if number else title, moved, body.clef, own.program)
                voices.append(sounding(voice, dict(own.drums), by_key=own.plays_drums))
                keys.append(key)
            self.repairs += body.repairs
        return opened_together(ended_together(voices), keys, opening.metre)

    def _add_field(self, name: str, value: str) -> None:
        if name == "w":
            self._lyrics.append(value)
            return
        self._end_lyrics()
        # A text may have signs that stand for spaces.
        value = plain_text(value) if name == "R" else value
        value, second = second_field(value) if name in "KLMQR" else (value, "")
        value, music = split_key_line(value) if name == "K" else (value, "")
        if name in TEXT_FIELDS:
            if len(self._texts) < MAX_TEXTS:
                self._texts.append((name, plain_text(value)))
        elif name not in _MUSIC_FIELDS or (name == "R" and name in self._header):
            self._repair(f"the field {name}: ignored", f"{name}:{value}"[:40])
        elif name == "Q" and not any(body and body.has_music for body in self._voices.values()):
            self._header.setdefault(name, value)
        elif name == "V":
            self._begin_voice(value)
        elif name == "m":
            self._macros.add(value, self._line)
        elif name == "U":
            letter, symbols = user_symbol(value, self._line)
            self._letters[letter] = symbols
        elif not self._started:
            self._add_header_field(name, value)
        else:
            self._end_carried()
            self._body().change_field(name, value, self._line)
            self._report_field(name, value, self._line)
        if second:
            self._repair("two fields on one line read as two lines", f"{name}:{value} {second}")
            self._add_field(second[0], second[2:].strip())
        if music:
            self._repair("music after the key read as a line of its own", f"K:{value} {music}")
            self._add_symbols(music.rstrip("\\ \t"))
            self._body().end_line()

    def _add_header_field(self, name: str, value: str) -> None:
        """Add a field that holds for every voice: of the header, or between K: and the music."""
        if name == "K" and not self._opening:
            own = {*self._header, *(name for name, _ in self._texts)}
            for book_name, book_value in self._book:
                if book_name not in own:
                    self._add_field(book_name, book_value)
        if self._opening:
            self._report_field(name, value, self._line)
            self._part = plain_text(value) if name == "P" else self._part
            if name not in "KLM":
                return
        if name not in self._header or name in "KLM":
            # The last one comes last.
            self._header.pop(name, None)
            self._header[name] = value
            self._field_lines[name] = self._line
        if name == "K" or self._opening:
            self._open()

    def _open(self) -> None:
        """Read key, metre and unit together: L: depends on M:, which may follow it."""
        header, lines, opening = self._header, self._field_lines, self._opening
        line = self._line
        key = read_key(header["K"], line=lines["K"], current=opening and opening.key)
        own, _ = read_properties(header["K"], line=lines["K"])
        metre = read_metre(header.get("M", ""), line=lines.get("M", line))
        if "L" in header:
            unit = read_unit(header["L"], line=lines.get("L", line))
        else:
            # A metre after the key does not change it.
            unit = opening.unit if opening else default_unit(metre)
        if not opening:
            for name in ("K", "M"):
                self._report_field(name, header.get(name, ""), lines.get(name, line))
            if len(self._voices) == 1:
                self._voice = next(iter(self._voices))
        common = opening.properties if opening else self._common
        self._opening = _Opening(key, metre, unit, own.over(common))

    def _add_directive(self, text: str) -> bool:
        """Read a directive, in either of its forms; return False if the text is none."""
        if properties := midi_properties(text):
            line = self._line
            self._end_field()
            self._line = line
            self._add_midi(properties, text)
            return True
        match = _DIRECTIVE.match(text)
        if not match:
            return False
        name, value = match.groups()
        if name in {"score", "staves"}:
            self._score = value
        elif name in _TEXT_DIRECTIVES and self._line:
            self._repair(f"text for the page (%%{name}) ignored", value[:40])
        elif name == "propagate-accidentals":
            if value.strip() not in _ACCIDENTAL_RANGES:
                raise NotationError(f"{name} not understood", line=self._line, text=value)
            self._accidentals = value.strip()
            for body in filter(None, self._voices.values()):
                body.accidentals = self._accidentals
        return True

    def _add_midi(self, properties: VoiceProperties, text: str) -> None:
        """Let the current voice, or in the header every voice, sound as ``%%MIDI`` says."""
        body = self._voices.get(self._voice)
        program = body.properties.program if body else None
        is_other = (properties.transpose or 0) % 12 or properties.program not in {None, program}
        if not self._opening:
            self._common = properties.over(self._common)
        elif not self._started:
            common = properties.over(self._opening.properties)
            self._opening = self._opening._replace(properties=common)
        elif body and body.has_music and is_other:
            self._repair("a change for MIDI within the tune ignored", text[:40])
        elif body:
            body.change_properties(properties, self._line)
        else:
            known = self._properties.get(self._voice, NO_PROPERTIES)
            self._properties[self._voice] = properties.over(known)

    def _report_field(self, name: str, value: str, line: int) -> None:
        if remark := field_repair(name, value):
            self.repairs.append(Repair(line, remark, f"{name}:{value}"))

    def _begin_voice(self, value: str) -> None:
        """Announce a voice in the header, or switch to it in the body."""
        name, _, properties = value.partition(" ")
        own, _ = read_properties(properties, line=self._line, in_voice=True)
        if name not in self._voices and len(self._voices) >= LIMITS.voices:
            raise NotationError(f"more than {LIMITS.voices} voices", line=self._line)
        self._end_carried()
        body = self._voices.setdefault(name, None)
        self._properties[name] = own.over(self._properties.get(name, NO_PROPERTIES))
        if self._opening:
            self._voice, self._started = name, True
            if body:
                body.change_properties(own, self._line)

    def _body(self) -> BodyBuilder:
        """Return the builder of the current voice."""
        body = self._voices.get(self._voice)
        if body is None:
            if not self._opening or (self._voices and self._voice not in self._voices):
                raise NotationError("music before its voice (V:) is named", line=self._line)
            key, metre, unit, common = self._opening
            properties = self._properties.get(self._voice, NO_PROPERTIES).over(common)
            body = BodyBuilder(key, metre, unit, self._accidentals)
            body.change_properties(properties, self._field_lines["K"])
            body.change_field("P", self._part, self._line)
            self._voices[self._voice], self._started = body, True
        return body

    def _add_music(self, text: str) -> None:
        # 1) Repair what people and other programs did to the line.
        if "|" not in text and reads_as_words(text, self._letters):
            self._repair("words among the music ignored", text[:40])
            return
        plain = typed_signs(text)
        if plain != text:
            self._repair("typographic signs and spaces read as those of ABC", text[:40])
        text = self._macros.apply(plain, self._line)
        if _LOST_REPEAT.match(text) and self._started and self._body().is_between_bars:
            text = f"|{text.lstrip()}"
            self._repair("a colon at the line's start joined to the bar line before: |:", ":")
        self._characters[self._voice] += len(text)
        if self._characters[self._voice] > LIMITS.tune_characters:
            raise NotationError(f"longer than {LIMITS.tune_characters} characters", line=self._line)
        if _MAIL_BREAK.search(text):
            text = _MAIL_BREAK.sub("\\\\", text)
            self._repair("=, a mail program's line break, taken for a line that goes on", "=")

        # 2) The next line may complete a bar line: ``|\`` and then ``:`` make ``|:``.
        field_at_end = _FIELD_AT_END.fullmatch(text)
        text = field_at_end["music"] if field_at_end else text
        continued = text.endswith("\\")
        text = self._carried + text.rstrip("\\ \t")
        self._carried = text[len(text.rstrip(":|")) :] if continued else ""

        # 3) Add the symbols; a field in the line may change the voice.
        self._add_symbols(text.removesuffix(self._carried))
        if not continued and self._started:
            self._body().end_line()
        if field_at_end:
            name, value = field_at_end.group("field", "value")
            self._repair("a field after a bar line read as a line of its own", f"{name}:{value}")
            self._add_field(name, value)

    def _add_symbols(self, text: str) -> None:
        for symbol in symbols_in(text, self._line):
            # Most symbols are notes, and hashing an enum is slow.
            if symbol.kind is not SymbolKind.NOTE and symbol.kind in _READER_SYMBOLS:
                self._add_symbol(symbol)
            else:
                self._body().add(symbol)

    def _add_symbol(self, symbol: AbcSymbol) -> None:
        """Add a symbol whose meaning the file may define, or which has none."""
        name, value = "", ""
        if symbol.kind is SymbolKind.FIELD:
            name, value = symbol.match["field"], symbol.match["value"].strip()
        if name and (name not in "KLMPQ" or second_field(value)[1] or split_key_line(value)[1]):
            if not self._add_directive(f"{name}:{value}"):
                self._add_field(name, value)
        elif symbol.text in self._letters:
            for defined in self._letters[symbol.text]:
                # Not defined by itself.
                meant = defined._replace(line=symbol.line)
                if defined.kind in _MEANINGLESS:
                    self._report_meaningless(meant)
                else:
                    self._body().add(meant)
        elif symbol.kind in _MEANINGLESS:
            self._report_meaningless(symbol)
        else:
            self._body().add(symbol)

    def _report_meaningless(self, symbol: AbcSymbol) -> None:
        if symbol.kind is SymbolKind.LETTER:
            what = f"the sign {symbol.text}, which has no meaning here, ignored"
        else:
            what = f"the unknown decoration {symbol.text} ignored"
        self._repair(what, symbol.text)

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
