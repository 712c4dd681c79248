"""Find the beats of a performance that follows no grid of ticks, and undo swing.

Beat tracking: the tempo is the lag at which the pattern of onsets is most like itself, weighted by
how usual that tempo is. Beats are then the sequence of times that have onsets and keep the tempo
best, found by dynamic programming.
Source: D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36
(2007).
"""

from __future__ import annotations

from bisect import bisect_right
from cmath import exp as complex_exp
from math import exp, log, log2, pi
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from abcgen.midi.performance import PlayedNote


# Beats are quarters, in whole notes.
BEAT = 1 / 4
# Fewer onsets say nothing of beats; a longer performance, in seconds, would take too long.
MIN_ONSETS = 16
MAX_SECONDS = 1800.0

# Onsets keep the file's grid if this share of them agrees, 0 to 1, on one of these grids, in parts
# of a whole note.
COARSE_GRIDS = (8, 12, 16)
MIN_AGREEMENT = 0.35

# In seconds: the length of a frame, and by how much onsets may be off a beat.
FRAME = 0.02
ONSET_DEVIATION = 0.03
# In seconds to the beat: the usual tempo, its deviation in octaves, and the bounds.
USUAL_PERIOD, PERIOD_DEVIATION = 0.5, 0.9
MIN_PERIOD, MAX_PERIOD = 0.25, 1.2
# What leaving the tempo costs: alpha in Ellis.
TIGHTNESS = 60.0

# A piece is swung if this many notes lie off the beat, at most this far from their median, which
# lies between these places in the beat; a smaller share may lie elsewhere.
MIN_OFF_BEAT = 8
SWING_DEVIATION = 0.05
MIN_SWING, MAX_SWING = 0.56, 0.70
SWUNG_SHARE = 0.85
# Notes so near to a beat are on it.
ON_BEAT = 0.06
# It is played even if more than this share lies on even eighths.
EVEN_SHARE = 0.8


def keeps_grid(onsets: Sequence[float]) -> bool:
    """Return whether onsets, in whole notes, agree with the file's own beats at all."""
    if len(onsets) < MIN_ONSETS:
        return True

    def agreement(parts: int) -> float:
        # The mean direction of onsets around a circle that is a grid step long: its length is 1
        # if all have one phase, and near 0 if they are anywhere.
        return abs(sum(complex_exp(2j * pi * parts * onset) for onset in onsets)) / len(onsets)

    return max(map(agreement, COARSE_GRIDS)) >= MIN_AGREEMENT


def count_in_beats(
    notes: Sequence[PlayedNote], tempos: Mapping[float, int], default_tempo: int
) -> list[PlayedNote] | None:
    """Return notes with their times counted in tracked beats, each a quarter; None without beats.

    Args:
        notes: The notes, times in whole notes by the file.
        tempos: Microseconds to the quarter, by the times from which they hold.
        default_tempo: The tempo before the first of them.
    """
    # 1) The tempo map: times in whole notes, in seconds, and the tempo from there on.
    tempo_map = [(0.0, 0.0, default_tempo)]
    for time, tempo in sorted(tempos.items()):
        start, second, before = tempo_map[-1]
        tempo_map.append((time, second + (time - start) * 4 * before / 1e6, tempo))

    def seconds(time: float) -> float:
        index = bisect_right(tempo_map, (time, float("inf"), 0)) - 1
        start, second, tempo = tempo_map[max(index, 0)]
        return second + (time - start) * 4 * tempo / 1e6

    # 2) The beats, in seconds.
    onsets = sorted({seconds(note.onset) for note in notes})
    if len(onsets) < MIN_ONSETS or onsets[-1] - onsets[0] > MAX_SECONDS:
        return None
    beats = track_beats(onsets)
    if len(beats) < 4:
        return None

    # 3) The notes between them; none before the first beat of the count.
    def count(time: float) -> float:
        second = seconds(time)
        index = min(max(bisect_right(beats, second) - 1, 0), len(beats) - 2)
        part = (second - beats[index]) / (beats[index + 1] - beats[index])
        return (index + 1 + part) * BEAT

    counted = [note._replace(onset=count(note.onset), offset=count(note.offset)) for note in notes]
    shift = min(0.0, *(note.onset for note in counted))
    return [note._replace(onset=note.onset - shift, offset=note.offset - shift) for note in counted]


def track_beats(onsets: Sequence[float]) -> list[float]:
    """Return the times of beats, from the first onset or before it to the last or after it.

    Args:
        onsets: Ascending, in seconds, as the beats are.
    """
    begin = onsets[0]
    strength = _onset_strength([onset - begin for onset in onsets])
    period = _beat_period(strength)

    # 1) The best score of beats that end at each frame, after Ellis's equation 4:
    #    score(t) = strength(t) + max over lags of score(t - lag) - tightness * log(lag / period)^2
    min_lag, max_lag = round(period / 2), round(2 * period)
    penalties = {
        lag: -TIGHTNESS * log(lag / period) ** 2 for lag in range(max(1, min_lag), max_lag + 1)
    }
    score, previous = list(strength), [-1] * len(strength)
    for frame in range(len(strength)):
        best, source = 0.0, -1
        for lag, penalty in penalties.items():
            if lag > frame:
                break
            value = score[frame - lag] + penalty
            if value > best:
                best, source = value, frame - lag
        score[frame] += best
        previous[frame] = source

    # 2) Back from the best frame near the end.
    frame = max(range(max(0, len(score) - max_lag), len(score)), key=lambda frame: score[frame])
    frames = []
    while frame >= 0:
        frames.append(frame)
        frame = previous[frame]
    beats = [begin + frame * FRAME for frame in frames[::-1]]

    # 3) On to the first and last onset.
    step = period * FRAME
    while beats and beats[0] > onsets[0] + FRAME:
        beats.insert(0, beats[0] - step)
    while beats and beats[-1] < onsets[-1] + FRAME:
        beats.append(beats[-1] + step)
    return beats


def _onset_strength(onsets: Sequence[float]) -> list[float]:
    """Return the sum of a Gaussian at every onset, frame by frame."""
    strength = [0.0] * (int(onsets[-1] / FRAME) + 8)
    reach = int(3 * ONSET_DEVIATION / FRAME)
    for onset in onsets:
        centre = round(onset / FRAME)
        for frame in range(max(0, centre - reach), min(len(strength), centre + reach + 1)):
            strength[frame] += exp(-(((frame * FRAME - onset) / ONSET_DEVIATION) ** 2) / 2)
    return strength


def _beat_period(strength: Sequence[float]) -> float:
    """Return the frames to the beat."""
    active = [frame for frame, value in enumerate(strength) if value > 0.05]

    def autocorrelation(lag: int) -> float:
        return sum(strength[frame] * strength[frame - lag] for frame in active if frame >= lag)

    def score(lag: int) -> float:
        # A log-normal prior on the tempo; two beats should be alike too.
        usual = exp(-((log2(lag * FRAME / USUAL_PERIOD) / PERIOD_DEVIATION) ** 2) / 2)
        return usual * (autocorrelation(lag) + 0.5 * autocorrelation(2 * lag))

    return float(max(range(int(MIN_PERIOD / FRAME), int(MAX_PERIOD / FRAME) + 1), key=score))


class Swing(NamedTuple):
    """Pairs of eighths played long and short."""

    # Where in its beat the second of a pair begins, 0.5 being even.
    place: float
    # The time of a beat, in whole notes.
    origin: float

    def straighten(self, notes: Iterable[PlayedNote]) -> list[PlayedNote]:
        """Return notes as they would be played without swing."""
        return [
            note._replace(onset=self._even(note.onset), offset=self._even(note.offset))
            for note in notes
        ]

    def _even(self, time: float) -> float:
        beats, part = divmod((time - self.origin) / BEAT, 1)
        if part <= self.place:
            even = part / self.place / 2
        else:
            even = 0.5 + (part - self.place) / (1 - self.place) / 2
        return self.origin + (beats + even) * BEAT


def find_swing(onsets: Sequence[float]) -> Swing | None:
    """Return the swing of a piece whose beats are quarters, or None if it is played even.

    Args:
        onsets: Ascending, in whole notes.
    """
    halves = [2 * (onset - onsets[0]) / BEAT % 1 for onset in onsets]
    even = sum(min(half, 1 - half) <= 2 * SWING_DEVIATION for half in halves)
    if even > EVEN_SHARE * len(onsets):
        return None
    # The first note may be on the beat, or the short one of a swung pair.
    for shift in (0, 1 / 3, 0.4):
        origin = onsets[0] + shift * BEAT
        parts = [(onset - origin) / BEAT % 1 for onset in onsets]
        off_beat = [part for part in parts if ON_BEAT < part < 1 - ON_BEAT]
        if len(off_beat) < max(MIN_OFF_BEAT, len(parts) / 5):
            continue
        place = median(off_beat)
        swung = sum(abs(part - place) <= SWING_DEVIATION for part in off_beat)
        if MIN_SWING <= place <= MAX_SWING and swung >= SWUNG_SHARE * len(off_beat):
            return Swing(place, origin)
    return None
