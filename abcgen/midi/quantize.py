"""Onsets as played to onsets as written: a joint binary and ternary grid.

Where nearly all onsets lie on the file's own grid they are only rounded. Otherwise the most likely
sequence of grid points is sought by dynamic programming (Viterbi): a point costs its distance
from the onset in Gaussian terms, and the step to it what such a note value costs, which the
passage itself teaches in a second round. A point within a triplet belongs to its beat, so that
binary and ternary are chosen beat by beat and not note by note.
Source: the model is that of C. Raphael, "A hybrid graphical model for rhythmic parsing",
Artificial Intelligence 137 (2002), with note values learnt from the file.

Times are in whole notes.

Notes as played to note values: onsets on the grid, durations without their gaps.

Times are in whole notes.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from math import ceil, log
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from abcgen.midi.performance import Strike

    _Habit = Callable[[float, float], float]


# A quarter in eight and in six; then, for a file that keeps a grid, what else it may hold.
PLAIN = (32, 24)
FINE = (64, 48, 20, 40, 28, 56, 36, 80)
# Programs round to a tick or two; with 96 ticks to the quarter one is 1/384.
TOLERANCE = 1 / 380
# Shares of onsets on the plain grid alone, or on it and on both. Played freely, an onset is on the
# plain one by chance once in seven times, on either every second time.
_KEPT, _KEPT_PLAIN, _KEPT_FINE = 0.9, 0.5, 0.95
_FIRST_SPREAD, _LEAST, _MOST = 0.012, 0.003, 0.02
_ROUNDS = 3
_REACH = 0.045  # no onset is moved further
# The search counts in 96ths of a whole note: sixteenths are 6, thirds of a quarter 8.
UNIT = 96
_SIXTEENTH, _EIGHTH = 6, 12
_TRIPLETS = (24, 12, 48)
# What leaving the usual costs, in nats: an odd thirty-second, an odd sixteenth, a triplet by its
# length, and being within one without having begun at its start or going on past its end.
_ODD_FINE, _ODD_SIXTEENTH = 4.0, 0.7
_TRIPLET_COST = {24: 2.5, 12: 4.5, 48: 6.0}
_CUT_TRIPLET = 3.0
_BACKWARD = 40.0
# How often note values are met, in a tune of average length.
_PRIOR = {12: 30, 24: 15, 6: 12, 36: 5, 18: 5, 48: 5, 72: 2, 8: 4, 16: 2}
_UNKNOWN = 0.05
_STATES = 16


class _Point(NamedTuple):
    """A place an onset may be written at.

    Attributes:
        time: The place.
        cell: Where the triplet that it is within begins; -1 if it is within none.
        span: That triplet's length, or 0.
        cost: What the place itself costs.
    """

    time: int
    cell: int = -1
    span: int = 0
    cost: float = 0.0


def is_on_grid(onsets: Sequence[float]) -> bool:
    """Whether a file keeps its own grid, so that rounding is all there is to do."""
    plain = sum(_is_near(onset, PLAIN) for onset in onsets)
    if plain >= _KEPT * len(onsets):
        return True
    fine = sum(_is_near(onset, FINE) for onset in onsets if not _is_near(onset, PLAIN))
    return plain >= _KEPT_PLAIN * len(onsets) and plain + fine >= _KEPT_FINE * len(onsets)


def _is_near(time: float, grids: tuple[int, ...]) -> bool:
    return any(abs(round(time * parts) / parts - time) <= TOLERANCE for parts in grids)


def written_onsets(onsets: Sequence[float]) -> list[Fraction]:
    """Where onsets as played are written.

    Args:
        onsets: Times in rising order, none twice.

    Returns:
        As many times, none of them before the one before it.
    """
    if is_on_grid(onsets):
        return [rounded(onset) for onset in onsets]
    spread, steps = _FIRST_SPREAD, Counter(_PRIOR)
    times: list[int] = []
    for _ in range(_ROUNDS):
        times = _likeliest(onsets, spread, steps)
        errors = [abs(onset - time / UNIT) for onset, time in zip(onsets, times, strict=True)]
        square = sum(error**2 for error in errors) / len(errors)
        spread = min(_MOST, max(_LEAST, square**0.5))
        steps = Counter(_PRIOR)
        for before, after in pairwise(times):
            steps[after - before] += 1
    return [Fraction(time, UNIT) for time in times]


def rounded(time: float) -> Fraction:
    """The simplest grid point within the tolerance, else the nearest thirty-second or its like."""
    for grids in (PLAIN, FINE):
        for parts in grids:
            point = Fraction(round(time * parts), parts)
            if abs(float(point) - time) <= TOLERANCE:
                return point
    return _nearest(time, PLAIN)


def _nearest(time: float, grids: tuple[int, ...]) -> Fraction:
    points = (Fraction(round(time * parts), parts) for parts in grids)
    return min(points, key=lambda point: abs(float(point) - time))


def _likeliest(onsets: Sequence[float], spread: float, steps: Counter[int]) -> list[int]:
    """The sequence of points that costs least (Viterbi)."""
    total = log(sum(steps.values()))
    values = {step: total - log(count + _UNKNOWN) for step, count in steps.items()}
    unknown = total - log(_UNKNOWN)
    reached: list[tuple[float, _Point]] = []
    back: list[dict[_Point, _Point | None]] = []
    for onset in onsets:
        arrived, came = [], {}
        for point in _candidates(onset):
            own = (onset - point.time / UNIT) ** 2 / (2 * spread**2) + point.cost
            cost, came[point] = _best_step(reached, point, values, unknown)
            arrived.append((cost + own, point))
        reached = sorted(arrived)[:_STATES]
        back.append(came)
    return _path(reached[0][1], back)


def _path(point: _Point | None, back: Sequence[dict[_Point, _Point | None]]) -> list[int]:
    path = []
    for came in reversed(back):
        if point is not None:  # every onset but the first has a step to it
            path.append(point.time)
            point = came[point]
    return path[::-1]


def _best_step(
    reached: Sequence[tuple[float, _Point]], point: _Point, values: dict[int, float], unknown: float
) -> tuple[float, _Point | None]:
    """The cheapest way to a point, and where it comes from."""
    best, source = (float("inf"), None) if reached else (0.0, None)
    for cost, before in reached:
        if cost >= best:
            break
        step = point.time - before.time
        if step > 0:
            way = cost + values.get(step, unknown) + _joint_cost(before, point)
        else:
            way = cost + _BACKWARD * (1 - step)
        if way < best:
            best, source = way, before
    return best, source


def _joint_cost(before: _Point, after: _Point) -> float:
    """What it costs to enter or leave a triplet between two points."""
    if before.cell == after.cell and before.span == after.span:
        return 0.0
    cost = 0.0
    if before.span and after.time != before.cell + before.span:
        cost += _CUT_TRIPLET
    if after.span:
        cost += _TRIPLET_COST[after.span]
        cost += _CUT_TRIPLET if before.time != after.cell else 0.0
    return cost


def _candidates(onset: float) -> list[_Point]:
    first, last = max(0, ceil((onset - _REACH) * UNIT)), int((onset + _REACH) * UNIT)
    points = [
        _Point(time, cost=_place_cost(time)) for time in range(first, last + 1) if time % 3 == 0
    ]
    for span in _TRIPLETS:
        step = max(_EIGHTH, span // 2)
        for time in range(first, last + 1):
            parts = (span // 3, span - span // 3)
            cells = [time - part for part in parts if time >= part and (time - part) % step == 0]
            points += [_Point(time, cell, span) for cell in cells]
    return points


def _place_cost(time: int) -> float:
    if time % _SIXTEENTH:
        return _ODD_FINE
    return _ODD_SIXTEENTH if time % _EIGHTH else 0.0


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
