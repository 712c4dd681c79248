"""Beat tracking: where the beats of a performance are that keeps no grid of its file's ticks.

Tempo is the lag at which the pattern of onsets is most like itself, weighed by how usual it is;
beats are then the sequence of times that have onsets and keep the tempo best, found by dynamic
programming. Source: D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music
Research 36 (2007).

Swing: pairs of eighths played long and short, written even.

Times are in whole notes.
"""

from __future__ import annotations

from bisect import bisect_right
from cmath import exp as turned
from math import exp, log, log2, pi
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from abcgen.midi.performance import Strike


FRAME = 0.02  # seconds
_USUAL, _WIDTH = 0.5, 0.9  # seconds to the beat, and how many octaves about it are usual
_FASTEST, _SLOWEST = 0.25, 1.2  # seconds to the beat
_TIGHTNESS = 60.0
_BLUR = 0.03  # seconds by which onsets may be off a beat
_GRIDS = (8, 12, 16)  # to the whole note
_ALIGNED = 0.35  # how strongly the onsets of a file on a grid agree, 0 to 1
_LEAST = 16  # notes
_LONGEST = 1800.0  # seconds
_QUARTER = 1 / 4


def keeps_grid(onsets: Sequence[float]) -> bool:
    """Whether onsets, in whole notes, agree with the file's own beats at all.

    The mean direction of onsets around a circle that is a grid step long: 1 if all are at one
    phase, near 0 if they are anywhere.
    """
    if len(onsets) < _LEAST:
        return True

    def strength(parts: int) -> float:
        return abs(sum(turned(2j * pi * parts * onset) for onset in onsets)) / len(onsets)

    return max(map(strength, _GRIDS)) >= _ALIGNED


def on_beats(
    notes: Sequence[Strike], tempos: Mapping[float, int], usual: int
) -> list[Strike] | None:
    """Notes with their times counted in beats that were found by listening.

    Args:
        notes: The notes, times in whole notes by the file.
        tempos: Microseconds to the quarter, by the times from which they hold.
        usual: Likewise where none is told.

    Returns:
        The notes, a beat being a quarter, or None if no beat can be found.
    """
    clock = _Clock(tempos, usual)
    onsets = sorted({clock.seconds(note.start) for note in notes})
    if len(onsets) < _LEAST or onsets[-1] - onsets[0] > _LONGEST:
        return None
    beats = track(onsets)
    if len(beats) < 4:
        return None

    def counted(time: float) -> float:
        second = clock.seconds(time)
        place = min(max(bisect_right(beats, second) - 1, 0), len(beats) - 2)
        share = (second - beats[place]) / (beats[place + 1] - beats[place])
        return (place + 1 + share) * _QUARTER

    moved = [note._replace(start=counted(note.start), end=counted(note.end)) for note in notes]
    shift = min(0.0, *(note.start for note in moved))
    return [note._replace(start=note.start - shift, end=note.end - shift) for note in moved]


class _Clock:
    """Tells seconds by the file's tempos."""

    def __init__(self, tempos: Mapping[float, int], usual: int) -> None:
        self._changes = [(0.0, 0.0, usual)]
        for time, tempo in sorted(tempos.items()):
            before, second, old = self._changes[-1]
            self._changes.append((time, second + (time - before) * 4 * old / 1e6, tempo))

    def seconds(self, time: float) -> float:
        place = bisect_right(self._changes, (time, float("inf"), 0)) - 1
        before, second, tempo = self._changes[max(place, 0)]
        return second + (time - before) * 4 * tempo / 1e6


def track(onsets: Sequence[float]) -> list[float]:
    """Beats of a performance.

    Args:
        onsets: Rising, in seconds.

    Returns:
        The beats' times in seconds, from the first onset or before it to the last or after it.
    """
    begin = onsets[0]
    strength = _strength([onset - begin for onset in onsets])
    period = _period(strength)
    beats = [begin + frame * FRAME for frame in _beats(strength, period)]
    step = period * FRAME
    while beats and beats[0] > onsets[0] + FRAME:
        beats.insert(0, beats[0] - step)
    while beats and beats[-1] < onsets[-1] + FRAME:
        beats.append(beats[-1] + step)
    return beats


def _strength(onsets: Sequence[float]) -> list[float]:
    """How much of an onset there is in every frame."""
    strength = [0.0] * (int(onsets[-1] / FRAME) + 8)
    reach = int(3 * _BLUR / FRAME)
    for onset in onsets:
        centre = round(onset / FRAME)
        for frame in range(max(0, centre - reach), min(len(strength), centre + reach + 1)):
            strength[frame] += exp(-(((frame * FRAME - onset) / _BLUR) ** 2) / 2)
    return strength


def _period(strength: Sequence[float]) -> float:
    """Frames to the beat."""
    active = [frame for frame, value in enumerate(strength) if value > 0.05]

    def alike(lag: int) -> float:
        return sum(strength[frame] * strength[frame - lag] for frame in active if frame >= lag)

    def score(lag: int) -> float:
        usual = exp(-((log2(lag * FRAME / _USUAL) / _WIDTH) ** 2) / 2)
        return usual * (alike(lag) + 0.5 * alike(2 * lag))

    return float(max(range(int(_FASTEST / FRAME), int(_SLOWEST / FRAME) + 1), key=score))


def _beats(strength: Sequence[float], period: float) -> list[int]:
    nearest, furthest = round(period / 2), round(2 * period)
    penalties = {
        lag: -_TIGHTNESS * log(lag / period) ** 2 for lag in range(max(1, nearest), furthest + 1)
    }
    score, before = list(strength), [-1] * len(strength)
    for frame in range(len(strength)):
        best, source = 0.0, -1
        for lag, penalty in penalties.items():
            if lag > frame:
                break
            value = score[frame - lag] + penalty
            if value > best:
                best, source = value, frame - lag
        score[frame] += best
        before[frame] = source
    tail = range(max(0, len(score) - furthest), len(score))
    frame = max(tail, key=lambda place: score[place])
    path = []
    while frame >= 0:
        path.append(frame)
        frame = before[frame]
    return path[::-1]


_BEAT = 1 / 4
# Where in its beat the second of a swung pair begins, and how far from the usual place.
_EARLIEST, _LATEST, _LOOSE = 0.56, 0.70, 0.05
_SHARE = 0.85  # of the notes off the beat must be swung
_LEAST_SWING = 8  # such notes
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
    if len(off) < max(_LEAST_SWING, len(parts) / 5):
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
