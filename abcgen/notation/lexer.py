"""The signs that a line of ABC music is made of.

One table of patterns, tried in order, cuts a line into tokens; nothing is skipped, so what no
pattern knows is an error that can be shown.
Source: the ABC standard 2.1, section 4, and the habits of older files.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(StrEnum):
    """What a token is."""

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


class Token(NamedTuple):
    """A sign of music.

    Attributes:
        kind: What it is.
        text: The sign as written.
        match: The match of its pattern, with its parts as groups.
        line: Line in the file, counted from 1.
    """

    kind: Kind
    text: str
    match: re.Match[str]
    line: int


LENGTH = r"[\d/]*"
NOTE = rf"(?P<accidental>\^\^|\^|__|_|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{LENGTH})"
_NUMBERS = r"\d[\d,.\-]*(?<![,.\-])"
_ENDING = rf"(?:\[?(?P<ending>{_NUMBERS}))?"
_LINE = r"(?P<before>:*)\.?(?P<line>\[\|\]?|\|\]|\|+)(?P<after>(?::+(?!\|))?)"

# The decorations of the standard (section 4.14), and a few that older files write so. Those that
# say an octave (8va) are not here: they change the notes.
_DECORATIONS = (
    r"(?:[<>][()]?|[+0-9]|p{1,4}|f{1,4}|mp|mf|sfz?|fz|rfz|trill[()]?|turnx?|invertedturnx?|roll"
    r"|(?:lower|upper)?mordent|pralltriller|arpeggio|accent|emphasis|(?:inverted)?fermata|tenuto"
    r"|snap|slide|wedge|upbow|downbow|open|thumb|plus|breath|staccato|marcato"
    r"|(?:crescendo|diminuendo)[()]|[Ss]egno|[Cc]oda|D\.?S\.?|D\.?C\.?|dacoda|dacapo|fine"
    r"|(?:short|medium|long)phrase|editorial|courtesy)"
)

# What a sign may begin with, and its pattern. A longer sign stands before the one it begins with.
_PATTERNS = (
    (Kind.IGNORED, " \t", r"[ \t]+"),
    (Kind.NOTE, "^_=ABCDEFGabcdefg", NOTE + r"(?![\^_=]*/)"),
    (Kind.BAR, ":.[|", _LINE + _ENDING),
    (Kind.BAR, ":", r"(?P<before>:)(?P<line>)(?P<after>:+)" + _ENDING),
    (Kind.FIELD, "[", r"\[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]"),
    (Kind.ENDING, "[", rf"\[(?P<ending>{_NUMBERS})"),
    (Kind.CHORD, "[", rf"\[(?P<notes>[^\[\]|:]{{1,200}})\](?P<length>{LENGTH})"),
    (Kind.TUPLET, "(", r"\((?P<actual>\d)(?::(?P<normal>\d*))?(?::(?P<count>\d*))?"),
    (Kind.REST, "zx", rf"(?P<letter>[zx])(?P<length>{LENGTH})"),
    (Kind.BAR_REST, "ZX", r"(?P<letter>[ZX])(?P<length>\d*)"),
    (Kind.BROKEN, "><", r"(?P<marks>>+|<+)"),
    (Kind.TIE, ".-", r"\.?-"),
    (Kind.GRACE, "{", r"\{(?P<notes>[^{}]*)\}"),
    (Kind.QUOTED, '"', r'"(?P<words>[^"]*)"'),  # chord symbols, fingerings, annotations
    (Kind.DECORATION, "!", f"!(?P<name>{_DECORATIONS})!"),
    (Kind.IGNORED, "!", r"!(?![^!|]*[h-wH-W][^!|]*!)"),  # a line break of older programs
    (Kind.DECORATION, "+", rf"\+(?P<name>{_DECORATIONS})\+"),  # ABC 2.0
    (Kind.CHORD, "+", rf"\+(?P<notes>[^+|:]{{1,200}})\+(?P<length>{LENGTH})"),  # ABC 1.6
    (Kind.IGNORED, ".()", r"\.?[()]"),  # slurs
    (Kind.IGNORED, "y", r"y\d*"),  # space
    (Kind.DECORATION, "~.HLMOPSTuv", r"(?P<name>.)"),
    (Kind.IGNORED, "IJKNQRUVWhijklmnopqrstw", r"."),  # letters that each file gives its own sense
    (Kind.IGNORED, "`*$", r"."),  # beam glue; line breaks and justification of older programs
)


def _by_first_character() -> dict[str, list[tuple[Kind, re.Pattern[str]]]]:
    table: dict[str, list[tuple[Kind, re.Pattern[str]]]] = {}
    for kind, starts, pattern in _PATTERNS:
        compiled = re.compile(pattern)
        for character in starts:
            table.setdefault(character, []).append((kind, compiled))
    return table


_TABLE = _by_first_character()


def tokens(text: str, line: int) -> Iterator[Token]:
    """Cut a line of music into signs.

    Args:
        text: The line, without comment and continuation mark.
        line: Its number in the file.

    Yields:
        Every sign that means something to the notes.

    Raises:
        NotationError: at the first sign that is not understood.
    """
    position = 0
    while position < len(text):
        token = _token_at(text, position, line)
        position += len(token.text)
        if token.kind is not Kind.IGNORED:
            yield token


def _token_at(text: str, position: int, line: int) -> Token:
    for kind, pattern in _TABLE.get(text[position], ()):
        match = pattern.match(text, position)
        if match:
            return Token(kind, match.group(), match, line)
    raise NotationError("sign not understood", line=line, text=text[position : position + 12])
