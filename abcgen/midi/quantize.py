"""Quantise notes as played to exact note values on a joint binary and ternary grid.

Where nearly all onsets lie on the file's own grid, they are only rounded. Otherwise the likeliest
sequence of grid points is found by dynamic programming (Viterbi). A point within a triplet belongs
to its beat, so that binary and ternary are chosen beat by beat and not note by note.
Source: the model of C. Raphael, "A hybrid graphical model for rhythmic parsing", Artificial
Intelligence 137 (2002), with note values learnt from the file.

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

    from abcgen.midi.performance import PlayedNote
    from abcgen.notation.tune import ChordSymbol

    # From the onset and offset of a note to its offset as written.
    _Articulation = Callable[[float, float], float]

# Parts of a whole note. A quarter in eight and in six; then, for a file that keeps a grid, what
# else it may hold.
PLAIN_GRID = (32, 24)
FINE_GRID = (64, 48, 20, 40, 28, 56, 36, 80)
# Programs round to a tick or two; with 96 ticks to the quarter one is 1/384.
TOLERANCE = 1 / 380
# A file keeps a grid if this share of its onsets lies on the plain one; or these, on the plain one
# and on both. Played freely, an onset is on the plain one by chance once in seven times, on
# either every second time.
ON_PLAIN_ALONE, ON_PLAIN, ON_BOTH = 0.9, 0.5, 0.95
# Or if so many lie on points of all these grids to the tick, as tuplets throughout do, unless a
# file has so few ticks that this share of them are such points.
EXACT_GRID = (*PLAIN_GRID, 20, 40, 28, 56, 36, 72, 48, 64)
EXACT, MAX_COVERAGE = 0.95, 0.4

# The search counts in 96ths of a whole note: sixteenths are 6, thirds of a quarter 8.
UNIT = 96
SIXTEENTH, EIGHTH = 6, 12
# How far an onset may be moved, and the standard deviation of onsets: assumed at first, then
# estimated within bounds.
MAX_SHIFT = 0.045
FIRST_DEVIATION, MIN_DEVIATION, MAX_DEVIATION = 0.012, 0.003, 0.02
ROUNDS = 3
BEAM_WIDTH = 16
# Costs in nats: of an odd thirty-second and an odd sixteenth; of a triplet by its length in units;
# of entering one after its start or leaving it before its end; of going back by one unit.
ODD_THIRTY_SECOND, ODD_SIXTEENTH = 4.0, 0.7
TRIPLET_COSTS = {24: 2.5, 12: 4.5, 48: 6.0}
CUT_TRIPLET = 3.0
BACKWARD = 40.0
# How often note values occur in a tune of average length, by units; and any other.
VALUE_COUNTS = {12: 30, 24: 15, 6: 12, 36: 5, 18: 5, 48: 5, 72: 2, 8: 4, 16: 2}
OTHER_VALUE = 0.05

# Notes may be played shorter than written, up to this share of the time to the next.
MAX_SHORTENING = 1 / 3
# The onsets of a rolled chord lie within this. Those of a strummed one, each above or below the
# last, follow one another within it and lie within three times as much.
CHORD_SPREAD = 1 / 48
STRUM = 3 * CHORD_SPREAD


class QuantizedNote(NamedTuple):
    """A note, chord or rest of exact value."""

    onset: Fraction
    offset: Fraction
    # MIDI key numbers, ascending; none in a rest.
    pitches: tuple[int, ...]
    # Tied to the next.
    tied: bool = False
    # 1 to 127; 0 in a rest.
    velocity: int = 0
    # The chord that an accompanist plays from its beginning on.
    symbol: ChordSymbol | None = None

    @property
    def duration(self) -> Fraction:
        """Its duration in whole notes."""
        return self.offset - self.onset


class Quantizer:
    """The grid and the articulation of all parts of a file."""

    def __init__(self, parts: Iterable[Iterable[PlayedNote]], tick: float = 0.0) -> None:
        by_part = [sorted(part) for part in parts]
        in_order = sorted(note for part in by_part for note in part)
        chord_onsets = _chord_onsets(in_order)
        onsets = sorted(set(chord_onsets.values()))
        self._is_on_grid = is_on_grid(onsets, tick)
        self._tick = tick if is_exact(onsets, tick) else 0.0
        quantized = dict(zip(onsets, quantize_onsets(onsets, tick), strict=True))
        self._onsets = {onset: quantized[first] for onset, first in chord_onsets.items()}
        near = 1.5 * TOLERANCE if self._is_on_grid else 1 / 32
        self._articulation = find_articulation(by_part, near)

    def quantize(self, notes: Sequence[PlayedNote]) -> list[QuantizedNote]:
        """Return the notes of a part with their values, by onset.

        A note lasts to the next onset among them where only a short gap lies between.
        """
        played_onsets: dict[Fraction, float] = {}
        for note in notes:
            played_onsets.setdefault(self._onsets[note.onset], note.onset)
        next_onsets = dict(pairwise(sorted(played_onsets)))
        quantized = []
        for note in notes:
            onset, end = self._onsets[note.onset], note.offset
            if self._articulation:
                end = self._articulation(note.onset, note.offset)
            offset = next_onsets.get(onset)
            if offset is None or not self._reaches(note, end, played_onsets[offset]):
                # Played freely, offsets are too loose for more than sixteenths.
                shortest = Fraction(1, 32 if self._is_on_grid else 16)
                if self._is_on_grid:
                    offset = round_to_grid(end, self._tick)
                else:
                    offset = Fraction(round(end * 16), 16)
                offset = offset if offset > onset else onset + shortest
            quantized.append(QuantizedNote(onset, offset, (note.pitch,), velocity=note.velocity))
        return sorted(quantized)

    def _reaches(self, note: PlayedNote, end: float, next_onset: float) -> bool:
        """Return whether no rest is written between a note and the next, all times as played."""
        if self._articulation:
            near = 1.5 * TOLERANCE if self._is_on_grid else 1 / 16
            if abs(next_onset - end) <= near:
                return True
            # A gap that the articulation does not account for is a rest if it begins on the grid.
            if self._is_on_grid and _is_near(end, PLAIN_GRID):
                return False
        return -1 / 48 < next_onset - note.offset < MAX_SHORTENING * (next_onset - note.onset)


def _chord_onsets(notes: Sequence[PlayedNote]) -> dict[float, float]:
    """Map every onset to that of its chord's first note: rolled chords begin together."""
    chord_onsets: dict[float, float] = {}
    first: PlayedNote | None = None
    last: PlayedNote | None = None
    # Up or down, 1 or -1, while the notes of the chord go only one way.
    way = 0
    for note in notes:
        if first is not None and last is not None and note.onset - first.onset > TOLERANCE / 2:
            # Notes that sound on together are a chord, others a melody.
            overlap = min(first.offset, note.offset) - note.onset
            shorter = min(first.offset - first.onset, note.offset - note.onset)
            step = 1 if note.pitch > last.pitch else -1
            is_strummed = note.onset - last.onset < CHORD_SPREAD and way in {0, step}
            spread = STRUM if is_strummed else CHORD_SPREAD
            if note.onset - first.onset >= spread or overlap <= shorter / 2:
                first = None
            else:
                way = step if is_strummed else 2
        if first is None:
            first, way = note, 0
        last = note
        chord_onsets[note.onset] = first.onset
    return chord_onsets


def find_articulation(parts: Sequence[Sequence[PlayedNote]], near: float) -> _Articulation | None:
    """Return the rule by which a file's notes are shorter than written, where no rest follows.

    They may end at the next note of their part, or before it by the same time or the same share of
    the note all through. None if half of the notes follow no such rule.
    """
    gaps = [
        (note, following.onset)
        for part in parts
        for note, following in pairwise(part)
        if note.onset < following.onset
        and abs(following.onset - note.offset) < MAX_SHORTENING * (following.onset - note.onset)
    ]
    if not gaps:
        return lambda _, offset: offset
    time = median(end - note.offset for note, end in gaps)
    ratio = median((end - note.onset) / (note.offset - note.onset) for note, end in gaps)
    rules: tuple[_Articulation, ...] = (
        lambda _, offset: offset,
        lambda _, offset: offset + time,
        lambda onset, offset: onset + (offset - onset) * ratio,
    )

    def explained(rule: _Articulation) -> int:
        return sum(abs(rule(note.onset, note.offset) - end) <= near for note, end in gaps)

    best = max(rules, key=explained)
    return best if 2 * explained(best) >= len(gaps) else None


def is_on_grid(onsets: Sequence[float], tick: float = 0.0) -> bool:
    """Return whether a file keeps its own grid, so that rounding is enough.

    Args:
        onsets: Ascending.
        tick: The time of a tick; 0 if times are no longer those of the file.
    """
    if is_exact(onsets, tick):
        return True
    on_plain = sum(_is_near(onset, PLAIN_GRID) for onset in onsets)
    if on_plain >= ON_PLAIN_ALONE * len(onsets):
        return True
    on_fine = sum(_is_near(onset, FINE_GRID) for onset in onsets if not _is_near(onset, PLAIN_GRID))
    return on_plain >= ON_PLAIN * len(onsets) and on_plain + on_fine >= ON_BOTH * len(onsets)


def is_exact(onsets: Sequence[float], tick: float) -> bool:
    """Return whether onsets are exact note values to the tick."""
    whole = round(1 / tick) if tick else 0
    points = {round(place * whole / parts) for parts in EXACT_GRID for place in range(parts)}
    if not whole or len(points) > MAX_COVERAGE * whole:
        return False
    exact = sum(round(onset * whole) % whole in points for onset in onsets)
    return exact >= EXACT * len(onsets)


def _is_near(time: float, grid: tuple[int, ...]) -> bool:
    return any(abs(round(time * parts) / parts - time) <= TOLERANCE for parts in grid)


def round_to_grid(time: float, tick: float = 0.0) -> Fraction:
    """Return the simplest grid point within the tolerance, else the nearest of the plain grid.

    In an exact file, whose *tick* is not 0, that is the point of its tick if there is one.
    """
    for parts in EXACT_GRID if tick else ():
        point = Fraction(round(time * parts), parts)
        if abs(float(point) - time) <= 0.75 * tick:
            return point
    for parts in PLAIN_GRID + FINE_GRID:
        point = Fraction(round(time * parts), parts)
        if abs(float(point) - time) <= TOLERANCE:
            return point
    points = (Fraction(round(time * parts), parts) for parts in PLAIN_GRID)
    return min(points, key=lambda point: abs(float(point) - time))


def quantize_onsets(onsets: Sequence[float], tick: float = 0.0) -> list[Fraction]:
    """Return onsets as written; *onsets* ascend, and the result never descends."""
    if is_on_grid(onsets, tick):
        exact_tick = tick if is_exact(onsets, tick) else 0.0
        return [round_to_grid(onset, exact_tick) for onset in onsets]
    deviation, value_counts = FIRST_DEVIATION, Counter(VALUE_COUNTS)
    times: list[int] = []
    # Hard EM: the likeliest points give a new deviation and new counts of note values.
    for _ in range(ROUNDS):
        times = likeliest_points(onsets, deviation, value_counts)
        errors = [abs(onset - time / UNIT) for onset, time in zip(onsets, times, strict=True)]
        variance = sum(error**2 for error in errors) / len(errors)
        deviation = min(MAX_DEVIATION, max(MIN_DEVIATION, variance**0.5))
        value_counts = Counter(VALUE_COUNTS)
        for before, after in pairwise(times):
            value_counts[after - before] += 1
    return [Fraction(time, UNIT) for time in times]


class GridPoint(NamedTuple):
    """A point that an onset may be written at, a state of the search; times in units."""

    time: int
    # Where the triplet that it is within begins, and how long it is; -1 and 0 if there is none.
    triplet: int = -1
    span: int = 0
    # The cost of the point itself.
    cost: float = 0.0


def likeliest_points(
    onsets: Sequence[float], deviation: float, value_counts: Counter[int]
) -> list[int]:
    """Return the times of the cheapest sequence of grid points (Viterbi, with a beam).

    Its cost is the sum over all onsets, in nats, of

        (onset - point)^2 / (2 deviation^2) + cost of the point
        - log p(value from the point before) + cost of entering or leaving a triplet
    """
    log_total = log(sum(value_counts.values()))
    value_costs = {
        value: log_total - log(count + OTHER_VALUE) for value, count in value_counts.items()
    }
    other_cost = log_total - log(OTHER_VALUE)
    # The cheapest ways to points of the onset before, cheapest first; and for every onset the
    # point before each of its points.
    beam: list[tuple[float, GridPoint]] = []
    back: list[dict[GridPoint, GridPoint | None]] = []
    for onset in onsets:
        reached: list[tuple[float, GridPoint]] = []
        sources: dict[GridPoint, GridPoint | None] = {}
        for point in _candidates(onset):
            best, source = (float("inf"), None) if beam else (0.0, None)
            for cost, before in beam:
                if cost >= best:
                    break
                value = point.time - before.time
                if value > 0:
                    total = cost + value_costs.get(value, other_cost) + triplet_cost(before, point)
                else:
                    total = cost + BACKWARD * (1 - value)
                if total < best:
                    best, source = total, before
            sources[point] = source
            error = (onset - point.time / UNIT) ** 2 / (2 * deviation**2)
            reached.append((best + (error + point.cost), point))
        beam = sorted(reached)[:BEAM_WIDTH]
        back.append(sources)

    # From the cheapest last point back to the first.
    times = []
    point_before: GridPoint | None = beam[0][1]
    for sources in reversed(back):
        if point_before is not None:
            times.append(point_before.time)
            point_before = sources[point_before]
    return times[::-1]


def triplet_cost(before: GridPoint, after: GridPoint) -> float:
    """Return the cost of entering or leaving a triplet between two points."""
    if before.triplet == after.triplet and before.span == after.span:
        return 0.0
    cost = 0.0
    if before.span and after.time != before.triplet + before.span:
        cost += CUT_TRIPLET
    if after.span:
        cost += TRIPLET_COSTS[after.span]
        cost += CUT_TRIPLET if before.time != after.triplet else 0.0
    return cost


def _candidates(onset: float) -> list[GridPoint]:
    """Return the points near an onset: thirty-seconds, and thirds within triplets."""
    first, last = max(0, ceil((onset - MAX_SHIFT) * UNIT)), int((onset + MAX_SHIFT) * UNIT)
    points = []
    for time in range(first, last + 1):
        if time % SIXTEENTH == 0:
            points.append(GridPoint(time, cost=ODD_SIXTEENTH if time % EIGHTH else 0.0))
        elif time % 3 == 0:
            points.append(GridPoint(time, cost=ODD_THIRTY_SECOND))
    for span in TRIPLET_COSTS:
        # Triplets begin on multiples of their half, at most of an eighth.
        step = max(EIGHTH, span // 2)
        for time in range(first, last + 1):
            for third in (span // 3, span - span // 3):
                triplet = time - third
                if triplet >= 0 and triplet % step == 0:
                    points.append(GridPoint(time, triplet, span))
    return points
