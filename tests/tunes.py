"""Tunes for the tests."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Bar, Metre, Note, Pitch, Tune

if TYPE_CHECKING:
    from abcgen.notation.tune import Key


def tune(
    text: str,
    *,
    key: str = "D",
    metre: Metre | None = None,
    title: str = "A tune",
    rhythm: str = "",
) -> Tune:
    """Read a tune from bars of ABC in eighths, such as ``|: DEF GAB | [1 A6 :| [2 d6 |]``."""
    head = f"X:1\nT:{title}\nR:{rhythm}\nM:{metre or Metre(4, 4)}\nL:1/8\nK:{key}\n"
    return read_abc(head + text)


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
    """|: D2 (3FED ADFA | d2 cd BAFB | A2 (3BAF DFAF | (3GFE EF E2 z2 |
    D2 (3FED ADFA | d2 cd BAFB | A2 (3BAF DFAF | GBAG F D3 :|
    |: d2 fd Adfa | g2 fg eA c2 | B/c/d/B/ AF DFAd | edef gfec |
    d2 fd Adfa | gfed cABc | d3/2B/ A3/2F/ D/F3/2 A3/2d/ | (3edc (3dcB A4- :| A8 |]""",
    title="Tuplets in D",
    rhythm="reel",
)
CHORDS = tune(
    """|: [DFA]2 [D^GB]2 [^CEA]4 | [Ac]2- [Ae]2 ^c=c _c b | ^F5 G A2 | x2 [FAd]- [FAd]5 :|
    |: B5 z3 | _B2 =B2 b2 _b2 | ^B2 ^B2 _A2 =A2 |[1,3 z8 :| [2 [DFAd]8 |]""",
    key="Am",
    metre=Metre(4, 4, "C"),
    title="Chords & <accidentals>",
    rhythm="air",
)

TOO_LOW = replace(
    JIG, bars=(Bar((Note((Pitch(-35),), Fraction(1)),)),), title="Too low"
)  # for MIDI; ABC has no such note


def changed(
    before: Tune, index: int, *, key: Key | None = None, metre: Metre | None = None
) -> Tune:
    """Change the key or metre of a tune from a bar on."""
    bars = list(before.bars)
    bars[index] = replace(bars[index], key=key, metre=metre)
    return replace(before, bars=tuple(bars))
