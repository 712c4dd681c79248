"""Swing: pairs of eighths played long and short, written even.

Times are in whole notes.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from abcgen.corpus.midi.performance import Strike

_BEAT = 1 / 4
# Where in its beat the second of a swung pair begins, and how far from the usual place.
_EARLIEST, _LATEST, _LOOSE = 0.56, 0.70, 0.05
_SHARE = 0.85  # of the notes off the beat must be swung
_LEAST = 8  # such notes
_EVEN = 0.8  # a piece of which so much lies on even eighths is not swung
_ON_BEAT = 0.06


class Swing(NamedTuple):
    """How a piece is swung.

    Attributes:
        place: Where in its beat the second of a pair begins, 0.5 being even.
        origin: A beat.
    """

    place: float
    origin: float

    def straight(self, time: float) -> float:
        """A time as it would be without swing."""
        beats, part = divmod((time - self.origin) / _BEAT, 1)
        if part <= self.place:
            even = part / self.place / 2
        else:
            even = 0.5 + (part - self.place) / (1 - self.place) / 2
        return self.origin + (beats + even) * _BEAT


def find_swing(onsets: Sequence[float]) -> Swing | None:
    """The swing of a piece whose quarters are beats, or None if it is played even."""
    start = onsets[0]
    found = [_swing(onsets, start + shift * _BEAT) for shift in (0, 1 / 3, 0.4)]
    return next(filter(None, found), None)


def _swing(onsets: Sequence[float], origin: float) -> Swing | None:
    parts = [(onset - origin) / _BEAT % 1 for onset in onsets]
    halves = [2 * (onset - onsets[0]) / _BEAT % 1 for onset in onsets]
    even = sum(min(half, 1 - half) <= 2 * _LOOSE for half in halves)
    if even > _EVEN * len(onsets):
        return None
    off = [part for part in parts if _ON_BEAT < part < 1 - _ON_BEAT]
    if len(off) < max(_LEAST, len(parts) / 5):
        return None
    place = median(off)
    swung = sum(abs(part - place) <= _LOOSE for part in off)
    if not _EARLIEST <= place <= _LATEST or swung < _SHARE * len(off):
        return None
    return Swing(place, origin)


def straightened(notes: Iterable[Strike], swing: Swing) -> list[Strike]:
    """The notes as they would be played without swing."""
    return [
        note._replace(start=swing.straight(note.start), end=swing.straight(note.end))
        for note in notes
    ]
