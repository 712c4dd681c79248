"""Split a line of ABC music into symbols: notes, rests, bar lines, ties and so on.

One table of patterns is tried in order. Nothing is skipped silently: text that no pattern matches
is an error, and what has no meaning is a symbol too, for the reader to report.
Source: the ABC standard 2.1, section 4, and the habits of older files.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


class SymbolKind(StrEnum):
    """The kinds of symbols in ABC music."""

    IGNORED = "ignored"
    FIELD = "field"
    BAR = "bar"
    ENDING = "ending"
    NAMED_ENDING = "named_ending"
    ENDING_END = "ending_end"
    CHORD = "chord"
    TUPLET = "tuplet"
    NOTE = "note"
    REST = "rest"
    BAR_REST = "bar_rest"
    BROKEN = "broken"
    TIE = "tie"
    DECORATION = "decoration"
    UNKNOWN_DECORATION = "unknown_decoration"
    LETTER = "letter"
    OVERLAY = "overlay"
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
# A number, and after a bracket or directly after a bar line the full stop that belongs to it
# (``|1. D4``). After a space, a bare number counts only if a space follows (``| 1 D4``).
_ENDING_NUMBER = rf"(?P<ending>{_NUMBERS})(?:\.(?=[ \t]))?"
_ENDING = rf"(?:(?:[ \t]*\[|(?!\s)|[ \t]+(?=\d[\d,.\-]*[ \t])){_ENDING_NUMBER})?"
# People type ``;`` and ``}`` for the keys beside them, and ``||]``.
_LINE = r"(?P<before>:*;?)\.?(?P<line>\[\|\]?|\|+[ \t]*\]|\|+|(?<=:)[\]}])(?P<after>(?::+(?!\|))?)"

# The decorations of the standard (section 4.14), and a few of older files.
_DECORATIONS = (
    r"(?:[<>][()]?|[+^0-9]|p{1,4}|f{1,4}|mp|mf|s?fp|sfz?|fz|rfz|trill[()]?|turnx?|invertedturnx?|roll"
    r"|(?:lower|upper)?mordent|pralltriller|arpeggio|accent|emphasis|(?:inverted)?fermata|tenuto"
    r"|snap|slide|wedge|upbow|downbow|open|thumb|plus|breath|staccato|marcato"
    r"|(?:crescendo|diminuendo|8v[ab]|15m[ab])[()]|[Ss]egno|[Cc]oda|D\.?[SC]\.?(?:al(?:fine|coda))?|dacoda|dacapo|fine"
    r"|(?:short|medium|long)phrase|editorial|courtesy|ped(?:-up)?|/{1,4}|trem[1-4])"
)
# Exclamation marks also break lines in older files: what stands between two of them is music if it
# has a note and these signs only. A decoration has none of its spaces and bar lines.
_BETWEEN_BREAKS = (
    r"(?!\d)(?=[^!|]*[A-Ga-gzxZX])"
    r"(?:[\sA-Ga-gzxZXyHLMOPSTuv\d/,'^_=~.\-<>()`*]|\"[^\"]*\"|\{[^{}]*\}|\[[^\[\]]*\])*+!"
)
_DECORATION_OF_WORDS = r"(?=[^!|]*[h-tw][^!|]*[h-tw])[A-Za-z.]{1,15}(?: [A-Za-z.]{1,15}){1,4}"
_UNKNOWN_DECORATION = (
    rf"!(?!{_BETWEEN_BREAKS})(?P<name>[^!|\s\"\[\]{{}}]{{1,30}}|{_DECORATION_OF_WORDS})!"
)

# Each kind of symbol with the characters it may begin with, and its pattern. A longer symbol comes
# before any symbol that is its prefix.
_PATTERNS = (
    (SymbolKind.IGNORED, " \t", r"[ \t]+"),
    (SymbolKind.NOTE, "^_=ABCDEFGabcdefg", NOTE + r"(?![\^_=]*/)"),
    (SymbolKind.BAR, ":;.[|", _LINE + _ENDING),
    (SymbolKind.BAR, ":", r"(?P<before>:)(?P<line>)(?P<after>:+)" + _ENDING),
    (SymbolKind.FIELD, "[", r"\[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]"),
    (SymbolKind.ENDING, "[", rf"\[{_ENDING_NUMBER}"),
    (SymbolKind.CHORD, "[", rf"\[(?P<notes>[^\[\]|:]{{1,200}})\](?P<length>{LENGTH})"),
    (SymbolKind.NAMED_ENDING, "[", r"\[\"(?P<words>[^\"]*)\""),
    (SymbolKind.ENDING_END, "]", r"\](?=[ \t]*(?:[|:]|$))"),
    (SymbolKind.OVERLAY, "(", r"\(&"),
    (SymbolKind.TUPLET, "(", r"\((?P<actual>\d{1,2})(?::(?P<normal>\d*))?(?::(?P<count>\d*))?"),
    (SymbolKind.REST, "zx", rf"(?P<letter>[zx])(?P<length>{LENGTH})"),
    (SymbolKind.BAR_REST, "ZX", r"(?P<letter>[ZX])(?P<length>\d*)"),
    (SymbolKind.BROKEN, "><", r"(?P<marks>>+|<+)"),
    (SymbolKind.TIE, ".-", r"\.?-"),
    (SymbolKind.GRACE, "{", r"\{(?P<notes>[^{}]*)\}"),
    # Chord symbols, fingerings, annotations.
    (SymbolKind.QUOTED, '"', r'"(?P<words>[^"]*)"'),
    (SymbolKind.LETTER, '"', r'"(?=\s*$)'),
    (SymbolKind.DECORATION, "!", f"!(?P<name>{_DECORATIONS})!"),
    # Beams follow the metre.
    (SymbolKind.IGNORED, "!", r"!beam(?:br[12]|on|off|-accel|-rall)!"),
    # A field on a line of its own, in files whose lines end with exclamation marks.
    (SymbolKind.FIELD, "!", r"!\s*(?P<field>[KLMP]):\s*(?P<value>[^!|]*)(?=!)"),
    (SymbolKind.UNKNOWN_DECORATION, "!", _UNKNOWN_DECORATION),
    # A line break of older programs.
    (SymbolKind.IGNORED, "!", "!"),
    # Decorations of ABC 2.0 and chords of ABC 1.6.
    (SymbolKind.DECORATION, "+", rf"\+(?P<name>{_DECORATIONS})\+"),
    (SymbolKind.UNKNOWN_DECORATION, "+", r"\+(?=[^+]*[h-wH-W])(?P<name>[A-Za-z]{3,20})\+"),
    (SymbolKind.CHORD, "+", rf"\+(?P<notes>[^+|:]{{1,200}})\+(?P<length>{LENGTH})"),
    (SymbolKind.SLUR, ".()", r"\.?(?P<sign>[()])"),
    # Space between notes.
    (SymbolKind.IGNORED, "y", r"y\d*"),
    (SymbolKind.DECORATION, "~.HLMOPSTuv", r"(?P<name>.)"),
    # Letters that each file may define for itself.
    (SymbolKind.LETTER, "IJKNQRUVWhijklmnopqrstw", r"."),
    (SymbolKind.OVERLAY, "&", r"&\)?"),
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
                _reason(text, position), line=line, text=text[position : position + 12]
            )


# What is wrong with the text at a place that no pattern matches.
_REASONS = (
    (re.compile(r"[^\s^_=]?[,']*(?:\d+/?)?(?:\^|_)\d?/|[=^_]\d"), "quarter tone"),
    (re.compile('"'), "quotation mark that is never closed"),
    (re.compile(r"\["), "bracket that is never closed"),
    (re.compile(r"\]"), "bracket that closes nothing"),
    (re.compile("[{}]"), "brace without its other half"),
    (re.compile("[0-9/]"), "length without a note"),
    (re.compile("[,']"), "octave mark without a note"),
    (re.compile("[=^_]"), "accidental without a note"),
    (re.compile(r"\\."), "backslash within a line"),
)


def _reason(text: str, position: int) -> str:
    return next(
        (reason for pattern, reason in _REASONS if pattern.match(text, position)),
        "sign not understood",
    )


_CHORD_NOTE = re.compile(NOTE + r"(?P<tie>-?)")
# Marks within a chord's brackets; only words are kept.
_CHORD_MARKS = re.compile(r'"[^"]*"|![^!]*!|\{[^}]*\}|[\s.()~HLMPSTuv]')
_CHORD_WORDS = re.compile(r'"([^"]*)"')


def notes_of_chord(text: str) -> tuple[list[re.Match[str]], list[str]]:
    """Return the notes within a chord's brackets, none if it has other things, and its words."""
    inside = _CHORD_MARKS.sub("", text)
    notes = list(_CHORD_NOTE.finditer(inside))
    if "".join(note[0] for note in notes) != inside:
        notes = []
    return notes, _CHORD_WORDS.findall(text)


_WORD = re.compile("[A-Za-z]+")
_NO_WORD = re.compile(r'"[^"]*"|![^!|]*!|\+[A-Za-z]+\+|\[[A-Za-z]:[^\[\]]*\]|\{[^{}]*\}')


def reads_as_words(text: str, defined: Collection[str] = ()) -> bool:
    """Return whether a line is words in a language rather than music.

    Letters give it away that mean nothing in music and make up words with others.

    Args:
        text: The line.
        defined: Letters to which the file gives a meaning.
    """
    words = _WORD.findall(_NO_WORD.sub(" ", text))
    strange = {word: set(re.findall("[h-tw]", word)).difference(defined) for word in words}
    within = [word for word in words if strange[word]]
    if not any(len(word) > 2 for word in within):
        return False
    alone = len(set().union(*strange.values())) < 2
    if alone and not re.fullmatch(r"[A-Za-z\s.,;:!?'-]+", text):
        return False
    return 2 * sum(map(len, within)) >= sum(map(len, words))
