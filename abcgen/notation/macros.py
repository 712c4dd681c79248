"""Signs that a file defines for itself: macros (``m:``) and letters (``U:``).

Source: the ABC standard 2.1, sections 4.16 (redefinable symbols) and 9 (macros).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.lexer import symbols_in

if TYPE_CHECKING:
    from abcgen.notation.lexer import AbcSymbol

MAX_MACROS = 100
_MACRO = re.compile(r"(?P<target>[^=]{1,30}?)\s*=\s*(?P<text>.{1,200})")
_USER_SYMBOL = re.compile(
    r"(?P<letter>[H-Wh-w~])\s*=\s*(?P<text>\"[^\"]{1,80}\"|![^!]{1,40}!|\+[^+]{1,40}\+|[\w().<>-]{1,40})"
)
_NOTE = r"(?P<note>[\^_=]{0,2}[A-Ga-g][,']*)"
# What macros leave alone: quoted texts, decorations by name, fields in the line.
_LEFT_ALONE = r'"[^"]*"|![^!|\s]*!|\[[A-Za-z]:[^\[\]]*\]'
# Letters that stand for notes at a distance from ``n``, and what they do not stand for.
_RELATIVE = re.compile(rf"{_LEFT_ALONE}|(?P<letter>[h-z])")
_LETTERS = "CDEFGABcdefgab"
_NOTHING = frozenset({"nil", "none"})


class _Macro(NamedTuple):
    pattern: re.Pattern[str]
    text: str


class Macros:
    """The macros of a tune, applied to its lines of music in the order defined."""

    def __init__(self) -> None:
        self._macros: list[_Macro] = []

    def copy(self) -> Macros:
        """Return the same macros, for others to be added."""
        macros = Macros()
        macros._macros = self._macros.copy()
        return macros

    def add(self, value: str, line: int) -> None:
        """Add the macro that an ``m:`` field defines.

        Raises:
            NotationError: if it defines none.
        """
        match = _MACRO.fullmatch(value.strip())
        if not match or len(self._macros) >= MAX_MACROS:
            raise NotationError("macro not understood", line=line, text=value[:40])
        before, note, after = match["target"].partition("n")
        target = re.escape(before) + (_NOTE if note else "") + re.escape(after)
        pattern = re.compile(rf"{_LEFT_ALONE}|(?P<target>{target}(?![\d/,']))")
        self._macros.append(_Macro(pattern, match["text"]))

    def apply(self, text: str, line: int) -> str:
        """Return a line of music with the macros applied.

        Raises:
            NotationError: if that makes it too long.
        """
        for macro in self._macros:
            text = _apply(macro, text, line)
        return text


def _apply(macro: _Macro, text: str, line: int) -> str:
    length = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal length
        applied = _applied(macro, match)
        length += len(applied)
        if length > LIMITS.tune_characters:
            raise NotationError("macro makes a line too long", line=line)
        return applied

    return macro.pattern.sub(replacement, text)


def _applied(macro: _Macro, match: re.Match[str]) -> str:
    if match["target"] is None:
        return match[0]
    note = match.groupdict().get("note")
    if note is None:
        return macro.text

    def moved(relative: re.Match[str]) -> str:
        letter = relative["letter"]
        return relative[0] if letter is None else _moved(note, ord(letter) - ord("n"))

    return _RELATIVE.sub(moved, macro.text)


def _moved(note: str, steps: int) -> str:
    """Return a note moved by steps, without its accidental if it moves."""
    if not steps:
        return note
    name = note.lstrip("^_=")
    octave = name.count("'") - name.count(",")
    place = _LETTERS.index(name[0]) + 7 * octave + steps
    # C to b need no octave mark.
    octave, within = divmod(place, 7)
    if octave > 0:
        return _LETTERS[7 + within] + "'" * (octave - 1)
    return _LETTERS[within] + "," * -octave


def user_symbol(value: str, line: int) -> tuple[str, tuple[AbcSymbol, ...]]:
    """Return the letter that a ``U:`` field defines, and the symbols that it means.

    Raises:
        NotationError: if it defines none.
    """
    match = _USER_SYMBOL.fullmatch(value.strip())
    if not match:
        raise NotationError("user-defined sign not understood", line=line, text=value[:40])
    text = match["text"]
    if text.strip("!+") in _NOTHING:
        return match["letter"], ()
    if text[0] not in '"!+':
        text = f"!{text}!"
    return match["letter"], tuple(symbols_in(text, line))
