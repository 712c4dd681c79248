"""Clefs: those that a source names, and those that suit the notes (``clef_of``)."""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.notation.tune import Note, clef_octaves
from abcgen.notation.walk import walk_tune
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

music21 = LazyModule("music21")


class Clef(NamedTuple):
    """A clef."""

    # ``G``, ``F`` or ``C``, or ``percussion``, which shows letters like the treble clef.
    sign: str
    # The line that it stands on, from below.
    line: int
    # Octaves that it sounds above the treble, bass or alto clef of its sign.
    octave: int = 0

    @property
    def lowest(self) -> int:
        """The diatonic number of the staff's lowest line; the highest is 8 above."""
        return CLEF_STEPS.get(self.sign, 32) - 2 * (self.line - 1) + 7 * self.octave


# Diatonic numbers of the notes on the lines that clefs mark.
CLEF_STEPS = {"G": 32, "F": 24, "C": 28}
TREBLE, TREBLE_8, BASS = Clef("G", 2), Clef("G", 2, -1), Clef("F", 4)
CLEFS = {
    "treble": TREBLE,
    "bass": BASS,
    "alto": Clef("C", 3),
    "tenor": Clef("C", 4),
    "soprano": Clef("C", 1),
    "mezzosoprano": Clef("C", 2),
    "baritone": Clef("F", 3),
    "subbass": Clef("F", 5),
    "perc": Clef("percussion", 2),
}
LOW_STEP = 26  # A below middle C


def clef_named(name: str) -> Clef | None:
    """Return the clef that ABC calls ``treble``, ``bass3`` or ``treble-8``, or None."""
    match = re.match(r"([a-z]+)([1-5]?)", name)
    clef = CLEFS.get(match[1]) if match else None
    if not match or not clef:
        return None
    octave = max(-1, min(1, clef_octaves(name)))
    return clef._replace(line=int(match[2] or clef.line), octave=octave)


def clef_of(part: Tune) -> Clef:
    """Return the clef of a part: its own, if its source names one.

    Otherwise it is the treble clef, unless half its notes are A below middle C or lower. A fiddle
    tune on the low strings keeps the treble clef; lower parts get the bass clef or the
    octave treble clef, whichever needs fewer ledger lines.
    """
    if own := clef_named(part.clef):
        return own
    steps = [
        pitch.step
        for timed in walk_tune(part)
        if isinstance(timed.note, Note)
        for pitch in timed.note.pitches
    ]
    if not steps or median(steps) > LOW_STEP:
        return TREBLE

    def outside(clef: Clef) -> int:
        """Return how far all notes together lie above or below the staff."""
        return sum(max(clef.lowest - step, step - (clef.lowest + 8), 0) for step in steps)

    return min((BASS, TREBLE_8), key=outside)


def clef_element(clef: Clef) -> Any:
    """Return a clef as music21's."""
    if clef.sign == "percussion":
        return music21.clef.PercussionClef()
    return music21.clef.clefFromString(f"{clef.sign}{clef.line}", clef.octave)
