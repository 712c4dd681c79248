"""Model text: the view of a tune that the network learns from.

An ``R:`` line where the rhythm is known, ``M:`` and ``K:``, and the body on one line without
spaces: tonic moved to C, mode kept, unit length 1/8. It is never written as .abc.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError
from abcgen.example import Example
from abcgen.notation.fields import read_metre
from abcgen.notation.reader import read_abc
from abcgen.notation.rhythm import rhythm_named
from abcgen.notation.transpose import pitches_of, transpose
from abcgen.notation.tune import Bar, BarLine, Item, Key, Marks, Tune, Tuplet
from abcgen.notation.writer import MusicWriter, opening

if TYPE_CHECKING:
    from abcgen.notation.tune import Metre

UNIT = Fraction(1, 8)
_PARTS = re.compile(r"(?P<head>(?:R:[a-z ]+\n)?M:[^\n]+\n)(?P<rest>K:C[a-z]{3}\n[^\n]+\n)")
_HEAD = re.compile(r"(?:R:(?P<rhythm>[a-z ]+)\n)?M:(?P<metre>[^\n]+)\nK:C(?P<mode>[a-z]{3})\n")


class Head(NamedTuple):
    """What the head of a model text says.

    Attributes:
        rhythm: The rhythm; empty if it is not known.
        metre: The metre.
        mode: Short name of the mode.
    """

    rhythm: str
    metre: Metre
    mode: str


def encode_tune(tune: Tune, *, chord_symbols: bool = False) -> Example:
    """The model text of a tune: of its first voice.

    Args:
        tune: The tune.
        chord_symbols: Whether the chords above its notes are kept.
    """
    tune = _plain(transpose(tune, Key("C")), chord_symbols=chord_symbols)
    rhythm = rhythm_named(tune.rhythm)
    given = f"R:{rhythm}\n" if rhythm else ""
    head = f"M:{tune.metre}\nK:{_key_name(tune.key)}\n"
    return Example(f"{given}{head}{_body(tune)}\n", len(given), len(pitches_of(tune)))


def decode_tune(text: str) -> Tune:
    """The tune, in C, that a model text stands for.

    Raises:
        NotationError: if it is no model text, or cannot be read as music.
    """
    parts = _PARTS.fullmatch(text)
    if not parts:
        raise NotationError("no model text", text=text[:40])
    return read_abc(f"{parts['head']}L:{UNIT}\n{parts['rest']}")


def head_of(text: str) -> Head:
    """What the head of a model text says.

    Raises:
        NotationError: if it is none.
    """
    found = _HEAD.match(text)
    if not found:
        raise NotationError("no model text", text=text[:40])
    return Head(found["rhythm"] or "", read_metre(found["metre"]), found["mode"])


def _plain(tune: Tune, *, chord_symbols: bool) -> Tune:
    """Without what model text has no sign for: C for 4/4, accidentals in the signature, marks."""
    bars = tuple(
        replace(
            bar,
            items=tuple(_without_marks(item, chord_symbols=chord_symbols) for item in bar.items),
            key=bar.key and replace(bar.key, extra=()),
            metre=bar.metre and replace(bar.metre, symbol=""),
        )
        for bar in tune.bars
    )
    key, metre = replace(tune.key, extra=()), replace(tune.metre, symbol="")
    return replace(tune, key=key, metre=metre, bars=bars, others=())


def _without_marks(item: Item, *, chord_symbols: bool) -> Item:
    if isinstance(item, Tuplet):
        notes = (_without_marks(note, chord_symbols=chord_symbols) for note in item.items)
        return replace(item, items=tuple(notes))  # type: ignore[arg-type]
    if item.marks is None:
        return item
    symbol = item.marks.chord_symbol if chord_symbols else None
    return replace(item, marks=Marks(symbol) if symbol else None)


def _body(tune: Tune) -> str:
    music = MusicWriter(tune.key, tune.metre, UNIT)
    text = ""
    before: BarLine | None = None
    for bar in tune.bars:
        # A rest is a rest, whether its source prints it or not.
        notes = "".join(music.items(bar)).replace("x", "z")
        text = f"{_glue(text, before, bar)}{_changes(bar)}{notes}{bar.line}"
        before = bar.line
    return text


def _glue(text: str, before: BarLine | None, bar: Bar) -> str:
    """Put the signs of a bar's left to the bar line before it: ``:|`` and ``|:`` make ``::``."""
    signs = opening(bar, before)
    if signs.startswith("|:") and before in {BarLine.SINGLE, BarLine.DOUBLE}:
        return text + signs[1:]
    if signs.startswith("|:") and before is BarLine.REPEAT:
        return text.removesuffix("|") + signs[1:]
    return text + signs


def _changes(bar: Bar) -> str:
    metre = f"[M:{bar.metre}]" if bar.metre else ""
    key = f"[K:{_key_name(bar.key)}]" if bar.key else ""
    return metre + key


def _key_name(key: Key) -> str:
    return key.tonic + key.mode.abbreviation
