"""Tunes for the tests, written in a short hand of their own so that no reader is needed.

A note is letters and figures: ``D4`` is the D above middle C lasting 4/8; ``f#`` the F sharp
an octave up; ``[CEG]2`` a chord; ``z`` and ``x`` rests; ``-`` ties; ``(3 … )`` a tuplet.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from abcgen.notation.key import Key, Mode
from abcgen.notation.tune import (
    LETTERS,
    Bar,
    BarLine,
    Item,
    Metre,
    Note,
    Pitch,
    Rest,
    Tune,
    Tuplet,
)

TOKEN = re.compile(r"\(\d|\)|(\[[^\]]*\]|[A-Ga-gzx][#&]*,*'*)([\d/]*)(-?)")
NORMAL = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 9: 2}


def pitch(text: str, key: Key) -> Pitch:
    """A pitch; a note without sign has its accidental from the key, ``n`` not being needed."""
    letter = text[0]
    step = LETTERS.index(letter.upper()) + 28 + 7 * letter.islower()
    step += 7 * text.count("'") - 7 * text.count(",")
    signs = text.count("#") - text.count("&")
    return Pitch(step, signs or key.signature[letter.upper()])


def items(text: str, key: Key) -> tuple[Item, ...]:
    """The notes, rests and tuplets that a text stands for."""
    found: list[Item] = []
    tuplet: list[Note | Rest] | None = None
    size = 0
    for match in TOKEN.finditer(text):
        head, length, tie = match.groups()
        if head is None:
            if match[0] == ")":
                assert tuplet is not None
                found.append(Tuplet(size, NORMAL[size], tuple(tuplet)))
                tuplet = None
            else:
                size, tuplet = int(match[0][1:]), []
            continue
        single = _single(head, _duration(length), key, tied=bool(tie))
        (found if tuplet is None else tuplet).append(single)
    return tuple(found)


def _duration(text: str) -> Fraction:
    upper, slash, lower = text.partition("/")
    return Fraction(int(upper or 1), int(lower or 2) if slash else 1) / 8


def _single(head: str, duration: Fraction, key: Key, *, tied: bool) -> Note | Rest:
    if head in {"z", "x"}:
        return Rest(duration, visible=head == "z")
    names = re.findall(r"[A-Ga-g][#&]*,*'*", head)
    return Note(tuple(pitch(name, key) for name in names), duration, tied)


LINE = re.compile(r" *(\|:)?(\[[\d,]+ )? *([^|:]*?) *(:\||\|\]|\|\||\|)")


def tune(
    text: str,
    *,
    key: Key | None = None,
    metre: Metre | None = None,
    title: str = "A tune",
    rhythm: str = "",
) -> Tune:
    """A tune from bars such as ``|: DEF GAB | [1 A6 :| [2 d6 |]`` (spaces as you like)."""
    key = key or Key("D")
    bars = []
    for start, ending, body, line in LINE.findall(re.sub(r"\s+", " ", text)):
        numbers = tuple(int(number) for number in ending[1:].split(",") if number)
        bars.append(Bar(items(body, key), BarLine(line), bool(start), numbers))
    return Tune(tuple(bars), key, metre or Metre(4, 4), title, rhythm)


JIG = tune(
    """A | |: BAF FEF | AFA B2A | ABA F2A | BAA B2A |
    BAF FEF | AFA Bdf | afa gec |[1 d3 d2 A :| [2 d3 d2 e ||
    |: f2f fed | faa abb | afd def | b3 b2 a |
    bab agf | gfg bag | fed e2 f |[1 e3 d2 e :| [2 e3 d2 |]""",
    metre=Metre(6, 8),
    title="The Pickup Jig",
    rhythm="jig",
)
REEL = tune(
    """|: D2 (3FED) ADFA | d2 cd BAFB | A2 (3BAF) DFAF | (3GFE) EF E2 z2 |
    D2 (3FED) ADFA | d2 cd BAFB | A2 (3BAF) DFAF | GBAG F D3 :|
    |: d2 fd Adfa | g2 fg eA c2 | B/c/d/B/ AF DFAd | edef gfec |
    d2 fd Adfa | gfed cABc | d3/2B/ A3/2F/ D/F3/2 A3/2d/ | (3edc) (3dcB) A4- :| A8 |]""",
    title="Tuplets in D",
    rhythm="reel",
)
CHORDS = tune(
    """|: [DFA]2 [DG#B]2 [C#EA]4 | [Ac]2- [Ae]2 c#c c& b | F#5 G A2 | x2 [FAd]- [FAd]5 :|
    B5 z3 | B&2 B2 b2 b&2 | B#2 B#2 A&2 A2 |[1,3 z8 :| [2 [DFAd]8 |]""",
    key=Key("A", 0, Mode.MINOR),
    metre=Metre(4, 4, "C"),
    title="Chords & <accidentals>",
    rhythm="air",
)


def changed(
    before: Tune, index: int, *, key: Key | None = None, metre: Metre | None = None
) -> Tune:
    """The tune with another key or metre from a bar on."""
    bars = list(before.bars)
    bars[index] = replace(bars[index], key=key, metre=metre)
    return replace(before, bars=tuple(bars))
