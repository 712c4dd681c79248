"""Which clef a voice is written in."""

from __future__ import annotations

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


def clef_of(tune: Tune) -> Clef:
    """Treble; for a voice that lies low, whichever of bass and octave treble has it on the staff.

    Args:
        tune: A tune of one voice.
    """
    notes = [note.item for note in timed(tune.bars) if isinstance(note.item, Note)]
    steps = [pitch.step for note in notes for pitch in note.pitches]
    lower = min((BASS, TREBLE_8), key=lambda clef: _beyond(clef, steps))
    return lower if _beyond(TREBLE, steps) > 2 * _beyond(lower, steps) else TREBLE


def _beyond(clef: Clef, steps: list[int]) -> int:
    """How far notes lie above or below a staff, in all."""
    return sum(max(clef.lowest - step, step - clef.highest, 0) for step in steps)
