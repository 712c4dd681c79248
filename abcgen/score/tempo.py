"""How fast tunes go."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abcgen.notation.tune import Metre, Tune

DEFAULT_TEMPO = 110.0
_TEMPI = {
    "": {"2/2": 80, "2/4": 90, "3/4": 110, "4/4": 120, "6/8": 90, "9/8": 90, "12/8": 90},
    "air": {"": 80, "2/2": 50, "6/8": 50, "9/8": 50},
    "barndance": {"": 160, "2/2": 80},
    "hop jig": {"": 120},
    "hornpipe": {"": 160, "2/2": 80, "2/4": 76},
    "jig": {"": 112},
    "march": {"": 108, "2/2": 96, "2/4": 92, "6/8": 96},
    "mazurka": {"": 140, "3/8": 200},
    "minuet": {"": 120, "3/8": 160},
    "polka": {"": 124},
    "reel": {"": 196, "2/2": 98, "2/4": 98},
    "schottische": {"": 140, "2/2": 72, "2/4": 72},
    "slide": {"": 132},
    "slip jig": {"": 116},
    "song": {"": 96, "2/2": 60, "6/8": 60},
    "strathspey": {"": 124, "2/2": 64},
    "waltz": {"": 144, "3/8": 180},
}
"""Beats a minute by rhythm and metre; the empty metre stands for all that are not listed.

Usual session and dance tempi, on the moderate side.
"""


def beat_of(metre: Metre) -> Fraction:
    """The duration of the beat that a tempo counts, in whole notes.

    Dotted in compound metres, the lower number of the time signature otherwise; a half in ``C|``
    and a quarter in free metre.
    """
    if metre.is_free:
        return Fraction(1, 4)
    if metre.is_compound:
        return Fraction(3, metre.unit)
    return Fraction(1, 2) if metre.symbol == "C|" else Fraction(1, metre.unit)


def usual_tempo(tune: Tune) -> float:
    """Beats a minute at which a tune of this rhythm and metre is usually played."""
    metre = "2/2" if tune.metre.symbol == "C|" else f"{tune.metre.beats}/{tune.metre.unit}"
    words = tune.rhythm.lower().replace("-", " ").split()
    names = [" ".join(words), "".join(words), *(" ".join(words[-n:]) for n in (2, 1)), ""]
    for name in names:
        tempi = _TEMPI.get(name, {})
        if tempo := tempi.get(metre) or tempi.get(""):
            return float(tempo)
    return DEFAULT_TEMPO
