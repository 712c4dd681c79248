"""The levels of sight-reading: what an exercise of each may have.

The order in which things come in is that of graded sight-reading: of the published parameters of
ABRSM, Trinity and RCM for violin, recorder and piano. These agree on it in general, and differ in
detail. It is no board's own list.
"""

from __future__ import annotations

from dataclasses import dataclass

from abcgen.notation.tune import Metre, Mode


@dataclass(frozen=True, slots=True)
class Level:
    """A level of sight-reading."""

    # What is new, in words.
    description: str
    bars: int
    metres: tuple[Metre, ...]
    modes: tuple[Mode, ...]
    # The lowest and highest degree, counted in steps from the tonic.
    compass: tuple[int, int]
    # Note values as users write them; empty for any.
    rhythms: str
    max_leap: int
    accidentals: bool = False
    ties: bool = False


SIMPLE = (Metre(2, 4), Metre(3, 4), Metre(4, 4))
COMPOUND = (*SIMPLE, Metre(6, 8))
LEVELS = {
    1: Level(
        "five notes from the tonic up, by steps and thirds",
        bars=4,
        metres=SIMPLE,
        modes=(Mode.MAJOR,),
        compass=(0, 4),
        rhythms="half,quarter",
        max_leap=3,
    ),
    2: Level(
        "an octave, fourths, pairs of eighths, dotted halves",
        bars=8,
        metres=SIMPLE,
        modes=(Mode.MAJOR,),
        compass=(0, 7),
        rhythms="whole,dotted-half,half,quarter,eighth",
        max_leap=4,
    ),
    3: Level(
        "minor, 6/8, dotted quarters, fifths",
        bars=8,
        metres=COMPOUND,
        modes=(Mode.MAJOR, Mode.MINOR),
        compass=(-3, 7),
        rhythms="whole,dotted-half,half,dotted-quarter,quarter,eighth",
        max_leap=5,
    ),
    4: Level(
        "accidentals, ties, sixteenths, dotted eighths, sixths",
        bars=12,
        metres=(*COMPOUND, Metre(3, 8)),
        modes=(Mode.MAJOR, Mode.MINOR),
        compass=(-3, 9),
        rhythms="whole,dotted-half,half,dotted-quarter,quarter,dotted-eighth,eighth,sixteenth",
        max_leap=6,
        accidentals=True,
        ties=True,
    ),
    5: Level(
        "two octaves, modes, cut time, 9/8, triplets, octaves",
        bars=16,
        metres=(*COMPOUND, Metre(3, 8), Metre(2, 2), Metre(9, 8)),
        modes=(Mode.MAJOR, Mode.MINOR, Mode.DORIAN, Mode.MIXOLYDIAN),
        compass=(-3, 11),
        rhythms="",
        max_leap=8,
        accidentals=True,
        ties=True,
    ),
}
