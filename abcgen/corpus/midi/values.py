"""Notes as played to note values: onsets on the grid, durations without their gaps.

Times are in whole notes.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.midi.grid import TOLERANCE, is_on_grid, rounded, written_onsets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from abcgen.corpus.midi.performance import Strike

    _Habit = Callable[[float, float], float]

# Notes may be played shorter than written, up to this share of the time to the next.
SHORTENED = 1 / 3
# How long after its first note a rolled chord may be complete.
CHORD_SPREAD = 1 / 48
_REST_GRID = 16
_SAME = 1.5 * TOLERANCE
_NEAR = 1 / 16  # likewise in free playing


class Sound(NamedTuple):
    """A note, chord or silence of exact value.

    Attributes:
        start: When it begins.
        end: When it ends.
        keys: The MIDI key numbers, lowest first; none in silence.
        tied: Whether it sounds on in the next.
        velocity: How hard it is struck.
    """

    start: Fraction
    end: Fraction
    keys: tuple[int, ...]
    tied: bool = False
    velocity: int = 0

    @property
    def duration(self) -> Fraction:
        """How long it lasts, in whole notes."""
        return self.end - self.start


class Quantiser:
    """Puts the notes of all parts on one grid.

    Args:
        strikes: All notes of a file that are to be written.
    """

    def __init__(self, strikes: Iterable[Strike]) -> None:
        notes = sorted(strikes)
        leaders = _leaders(notes)
        onsets = sorted(set(leaders.values()))
        self.exact = is_on_grid(onsets)
        places = dict(zip(onsets, written_onsets(onsets), strict=True))
        self._places = {start: places[leader] for start, leader in leaders.items()}
        self._notes = notes
        self._habit = self._habit_of(notes)

    def onset(self, time: float) -> Fraction:
        """Where an onset is written."""
        return self._places[time]

    def sounds(self, notes: Sequence[Strike]) -> list[Sound]:
        """The notes, each with its value, in the order of their onsets; no silences.

        A note's value reaches to the next onset among them where only a short gap is between.
        """
        onsets = sorted({self.onset(note.start) for note in notes})
        following = dict(pairwise(onsets))
        played_next = self._played(notes)
        sounds = []
        for note in notes:
            start = self.onset(note.start)
            after = following.get(start)
            end = self._end(note, start, after, played_next.get(after) if after else None)
            sounds.append(Sound(start, end, (note.key,), velocity=note.velocity))
        return sorted(sounds)

    def _played(self, notes: Sequence[Strike]) -> dict[Fraction, float]:
        times: dict[Fraction, float] = {}
        for note in notes:
            times.setdefault(self.onset(note.start), note.start)
        return times

    def _end(
        self, note: Strike, start: Fraction, after: Fraction | None, played: float | None
    ) -> Fraction:
        """Where a note's value ends.

        A short gap that the file's habit does not account for is a rest if it begins on the grid.
        """
        end = self._habit(note.start, note.end) if self._habit else note.end
        if after is not None and played is not None:
            near = _SAME if self.exact else _NEAR
            if self._habit and abs(played - end) <= near:
                return after
            gap = played - note.end
            is_rest = self.exact and self._habit is not None and _is_plain(end)
            if -1 / 48 < gap < SHORTENED * (played - note.start) and not is_rest:
                return after
        return self._on_grid(end, start)

    def _on_grid(self, end: float, start: Fraction) -> Fraction:
        if self.exact:
            time = rounded(end)
            return time if time > start else start + Fraction(1, 32)
        time = Fraction(round(end * _REST_GRID), _REST_GRID)
        return time if time > start else start + Fraction(1, _REST_GRID)

    def _habit_of(self, notes: Sequence[Strike]) -> _Habit | None:
        """How this file shortens the notes that are not followed by a rest.

        Returns:
            What gives the end of a note's value: the release itself, or that plus a time or a
            share of the note that is the same all through; None if half of the notes follow no
            such rule.
        """
        pairs = [
            (note, following.start)
            for note, following in pairwise(notes)
            if note.start < following.start
            and abs(following.start - note.end) < SHORTENED * (following.start - note.start)
        ]
        if not pairs:
            return lambda _, end: end
        time = median(start - note.end for note, start in pairs)
        share = median((start - note.start) / (note.end - note.start) for note, start in pairs)
        rules: tuple[_Habit, ...] = (
            lambda _, end: end,
            lambda _, end: end + time,
            lambda start, end: start + (end - start) * share,
        )
        near = _SAME if self.exact else 1 / 32

        def kept(rule: _Habit) -> int:
            return sum(abs(rule(note.start, note.end) - start) <= near for note, start in pairs)

        best = max(rules, key=kept)
        return best if 2 * kept(best) >= len(pairs) else None


def _is_plain(time: float) -> bool:
    return any(abs(round(time * parts) / parts - time) <= TOLERANCE for parts in (32, 24))


def _leaders(notes: Sequence[Strike]) -> dict[float, float]:
    """For every onset the one it belongs to: notes of a rolled chord begin together."""
    leaders: dict[float, float] = {}
    leader: Strike | None = None
    for note in notes:
        if leader is None or not _is_together(leader, note):
            leader = note
        leaders[note.start] = leader.start
    return leaders


def _is_together(leader: Strike, note: Strike) -> bool:
    """Whether two notes are one chord: struck at nearly one time, and sounding on together."""
    if note.start - leader.start <= TOLERANCE / 2:
        return True
    overlap = min(leader.end, note.end) - note.start
    shorter = min(leader.end - leader.start, note.end - note.start)
    return note.start - leader.start < CHORD_SPREAD and overlap > shorter / 2
