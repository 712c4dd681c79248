"""The staves that voices are printed on, and what joins them (``%%score``).

Source: the ABC standard 2.1, section 11.1.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGN = re.compile(r"[()\[\]{}]|[^\s()\[\]{}|*]+")


class Staff(NamedTuple):
    """A staff with one voice or several."""

    # By their index in the tune, the upper one first.
    voices: tuple[int, ...]
    # Neighbours with the same number are joined by a brace, or by a bracket; 0 is none.
    brace: int = 0
    bracket: int = 0


def read_staves(text: str, names: Sequence[str]) -> tuple[Staff, ...]:
    """Return the staves that a ``%%score`` directive asks for.

    Voices that it does not name follow on staves of their own.

    Args:
        text: The directive's text.
        names: The ids of the tune's voices.

    Returns:
        The staves from the top; nothing if each voice has its own, in order, and none are joined.
    """
    left = {name: index for index, name in reversed(list(enumerate(names)))}
    staves: list[Staff] = []
    shared: list[int] | None = None
    brace = bracket = groups = 0
    for sign in _SIGN.findall(text):
        if sign == "{":
            brace = groups = groups + 1
        elif sign == "[":
            bracket = groups = groups + 1
        elif sign == "}":
            brace = 0
        elif sign == "]":
            bracket = 0
        elif sign == "(":
            staves += [Staff(tuple(shared), brace, bracket)] if shared else []
            shared = []
        elif sign == ")":
            staves += [Staff(tuple(shared), brace, bracket)] if shared else []
            shared = None
        elif sign in left:
            index = left.pop(sign)
            if shared is None:
                staves.append(Staff((index,), brace, bracket))
            else:
                shared.append(index)
    staves += [Staff(tuple(shared), brace, bracket)] if shared else []
    staves += [Staff((index,)) for index in sorted(left.values())]
    is_plain = staves == [Staff((index,)) for index in range(len(names))]
    return () if is_plain else tuple(staves)


def staves_text(staves: Sequence[Staff]) -> str:
    """Return the text of a ``%%score`` directive for voices that are numbered from 1."""
    texts = []
    for bracket, bracketed in groupby(staves, key=lambda staff: staff.bracket):
        inner = []
        for brace, braced in groupby(bracketed, key=lambda staff: staff.brace):
            names = " ".join(map(_voices_text, braced))
            inner.append(f"{{{names}}}" if brace else names)
        texts.append(f"[{' '.join(inner)}]" if bracket else " ".join(inner))
    return " ".join(texts)


def _voices_text(staff: Staff) -> str:
    names = " ".join(str(index + 1) for index in staff.voices)
    return f"({names})" if len(staff.voices) > 1 else names
