"""Split a line of ABC music into symbols: notes, rests, bar lines, ties and so on.

One table of patterns is tried in order. Nothing is skipped silently: text that no pattern matches
is an error. Source: the ABC standard 2.1, section 4, and the habits of older files.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError

if TYPE_CHECKING:
    from collections.abc import Iterator


class SymbolKind(StrEnum):
    """The kinds of symbols in ABC music."""

    IGNORED = "ignored"
    FIELD = "field"
    BAR = "bar"
    ENDING = "ending"
    CHORD = "chord"
    TUPLET = "tuplet"
    NOTE = "note"
    REST = "rest"
    BAR_REST = "bar_rest"
    BROKEN = "broken"
    TIE = "tie"
    DECORATION = "decoration"
    QUOTED = "quoted"
    GRACE = "grace"
    SLUR = "slur"


class AbcSymbol(NamedTuple):
    """A symbol as written; the groups of ``match`` are its parts."""

    kind: SymbolKind
    text: str
    match: re.Match[str]
    # Line in the file, counted from 1.
    line: int


LENGTH = r"[\d/]*"
NOTE = rf"(?P<accidental>\^\^|\^|__|_|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{LENGTH})"
_NUMBERS = r"\d[\d,.\-]*(?<![,.\-])"
_ENDING = rf"(?:\[?(?P<ending>{_NUMBERS}))?"
_LINE = r"(?P<before>:*)\.?(?P<line>\[\|\]?|\|\]|\|+)(?P<after>(?::+(?!\|))?)"

# The decorations of the standard (section 4.14), and a few of older files. Those that shift the
# octave (8va) are missing on purpose: they change the notes.
_DECORATIONS = (
    r"(?:[<>][()]?|[+0-9]|p{1,4}|f{1,4}|mp|mf|sfz?|fz|rfz|trill[()]?|turnx?|invertedturnx?|roll"
    r"|(?:lower|upper)?mordent|pralltriller|arpeggio|accent|emphasis|(?:inverted)?fermata|tenuto"
    r"|snap|slide|wedge|upbow|downbow|open|thumb|plus|breath|staccato|marcato"
    r"|(?:crescendo|diminuendo)[()]|[Ss]egno|[Cc]oda|D\.?[SC]\.?(?:al(?:fine|coda))?|dacoda|dacapo|fine"
    r"|(?:short|medium|long)phrase|editorial|courtesy)"
)

# Each kind of symbol with the characters it may begin with, and its pattern. A longer symbol comes
# before any symbol that is its prefix.
_PATTERNS = (
    (SymbolKind.IGNORED, " \t", r"[ \t]+"),
    (SymbolKind.NOTE, "^_=ABCDEFGabcdefg", NOTE + r"(?![\^_=]*/)"),
    (SymbolKind.BAR, ":.[|", _LINE + _ENDING),
    (SymbolKind.BAR, ":", r"(?P<before>:)(?P<line>)(?P<after>:+)" + _ENDING),
    (SymbolKind.FIELD, "[", r"\[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]"),
    (SymbolKind.ENDING, "[", rf"\[(?P<ending>{_NUMBERS})"),
    (SymbolKind.CHORD, "[", rf"\[(?P<notes>[^\[\]|:]{{1,200}})\](?P<length>{LENGTH})"),
    (SymbolKind.TUPLET, "(", r"\((?P<actual>\d)(?::(?P<normal>\d*))?(?::(?P<count>\d*))?"),
    (SymbolKind.REST, "zx", rf"(?P<letter>[zx])(?P<length>{LENGTH})"),
    (SymbolKind.BAR_REST, "ZX", r"(?P<letter>[ZX])(?P<length>\d*)"),
    (SymbolKind.BROKEN, "><", r"(?P<marks>>+|<+)"),
    (SymbolKind.TIE, ".-", r"\.?-"),
    (SymbolKind.GRACE, "{", r"\{(?P<notes>[^{}]*)\}"),
    # Chord symbols, fingerings, annotations.
    (SymbolKind.QUOTED, '"', r'"(?P<words>[^"]*)"'),
    (SymbolKind.DECORATION, "!", f"!(?P<name>{_DECORATIONS})!"),
    # A line break of older programs.
    (SymbolKind.IGNORED, "!", r"!(?![^!|]*[h-wH-W][^!|]*!)"),
    # Decorations of ABC 2.0 and chords of ABC 1.6.
    (SymbolKind.DECORATION, "+", rf"\+(?P<name>{_DECORATIONS})\+"),
    (SymbolKind.CHORD, "+", rf"\+(?P<notes>[^+|:]{{1,200}})\+(?P<length>{LENGTH})"),
    (SymbolKind.SLUR, ".()", r"\.?(?P<sign>[()])"),
    # Space between notes.
    (SymbolKind.IGNORED, "y", r"y\d*"),
    (SymbolKind.DECORATION, "~.HLMOPSTuv", r"(?P<name>.)"),
    # Letters that each file may define for itself.
    (SymbolKind.IGNORED, "IJKNQRUVWhijklmnopqrstw", r"."),
    # Beam glue; line breaks and justification of older programs.
    (SymbolKind.IGNORED, "`*$", r"."),
)


# The patterns by the first characters of their symbols.
_PATTERNS_AT: dict[str, list[tuple[SymbolKind, re.Pattern[str]]]] = {}
for _kind, _starts, _pattern in _PATTERNS:
    for _character in _starts:
        _PATTERNS_AT.setdefault(_character, []).append((_kind, re.compile(_pattern)))


def symbols_in(text: str, line: int) -> Iterator[AbcSymbol]:
    """Yield the symbols of a line of music, without those that are ignored.

    Args:
        text: The line, without comment and continuation mark.
        line: Its number in the file.

    Raises:
        NotationError: at the first character that begins no known symbol.
    """
    position = 0
    while position < len(text):
        for kind, pattern in _PATTERNS_AT.get(text[position], ()):
            if match := pattern.match(text, position):
                position = match.end()
                if kind is not SymbolKind.IGNORED:
                    yield AbcSymbol(kind, match[0], match, line)
                break
        else:
            raise NotationError(
                "sign not understood", line=line, text=text[position : position + 12]
            )
