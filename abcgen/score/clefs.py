"""Which clef a voice is written in."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Note, timed

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune


class Clef(NamedTuple):
    """A clef.

    Attributes:
        name: Its class in music21.
        lowest: Diatonic number of the staff's lowest line.
    """

    name: str
    lowest: int

    @property
    def highest(self) -> int:
        """Diatonic number of the staff's highest line."""
        return self.lowest + 8


TREBLE = Clef("TrebleClef", 30)
TREBLE_8 = Clef("Treble8vbClef", 23)
BASS = Clef("BassClef", 18)
LOW_STEP = 26  # A below middle C


def clef_of(tune: Tune) -> Clef:
    """Treble, unless half the notes lie at A below middle C or deeper.

    A fiddle tune on the low strings stays in treble; for what lies deeper the bass clef or the
    octave treble clef is taken, whichever needs fewer ledger lines.

    Args:
        tune: A tune of one voice.
    """
    notes = [note.item for note in timed(tune.bars) if isinstance(note.item, Note)]
    steps = [pitch.step for note in notes for pitch in note.pitches]
    if not steps or median(steps) > LOW_STEP:
        return TREBLE
    return min((BASS, TREBLE_8), key=lambda clef: _beyond(clef, steps))


def _beyond(clef: Clef, steps: list[int]) -> int:
    """How far notes lie above or below a staff, in all."""
    return sum(max(clef.lowest - step, step - clef.highest, 0) for step in steps)
