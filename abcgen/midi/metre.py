"""Find the metre of a melody and the length of its pickup.

Every metre with every pickup is a hypothesis about the whole tune. Evidence for one: how usual the
rhythms, degrees and leaps at each place of its bars are in known tunes (``tables.json``), how the
tune returns to itself after whole bars, where it ends, and accents. The log-odds of a hypothesis
are a weighted sum of these (a conditional logit); ``benchmarks/transcription/fit.py`` fits the
weights to known tunes.

Arrays are commented with their shapes: N notes, P pickups, B beats of a bar.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import islice, pairwise
from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.midi.key import load_tables
from abcgen.midi.signatures import COMMON_TIME
from abcgen.notation.tune import Metre

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.midi.accompaniment import Accompaniment
    from abcgen.midi.key import MetreTable, Tables
    from abcgen.midi.quantize import QuantizedNote

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


# The metres that have tables, and those read by them at another speed: 4/2 as 4/4 of notes half
# as long.
TABLE_METRES = tuple(Metre(beats, unit) for beats, unit in ((2, 4), (3, 4), (4, 4), (6, 8), (9, 8)))
SPEEDS = {
    Metre(3, 8): (Metre(3, 4), Fraction(2)),
    Metre(3, 2): (Metre(3, 4), Fraction(1, 2)),
    Metre(3, 1): (Metre(3, 4), Fraction(1, 4)),
    Metre(6, 4): (Metre(6, 8), Fraction(1, 2)),
    Metre(6, 2): (Metre(6, 8), Fraction(1, 4)),
    Metre(4, 2): (COMMON_TIME, Fraction(1, 2)),
    Metre(4, 1): (COMMON_TIME, Fraction(1, 4)),
}
METRES = (*TABLE_METRES, *SPEEDS)
# The metres of a file that says 4/4: never half of that, which is for its writer to say.
NOT_HALVED = tuple(metre for metre in METRES if metre == COMMON_TIME or metre.beats % 3 == 0)

# How much likelier, in nats, another metre must be than one that a file names; and what its own
# bar lines count where it begins with a silence, and where there is an accompaniment.
NAMED_METRE_ODDS, NAMED_PICKUP_ODDS = 6.0, 6.0
ACCOMPANIED_ODDS = 4.0
# How much likelier an accompaniment must make other bars than the file's.
HEARD_ODDS = 2.0
# Pickups under which there is an accompaniment are whole eighths.
EIGHTH = Fraction(1, 8)
# The tables know no runs of notes shorter than sixteenths. A tune with more than this share of
# them is written as its file says.
MAX_FAST_NOTES = 0.5
# Tunes with fewer bars, or fewer passages of four notes that are not heard before, are written as
# their file says.
MIN_BARS, MIN_PASSAGES = 4, 16
# The hypotheses that are returned: at most so many, and none so much less likely than the best.
MAX_HYPOTHESES, MAX_ODDS_BEHIND = 4, 4.0

# Classes of steps from onset to onset, in sixteenths: the last holds all that are longer.
STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32)
# Classes of leaps in semitones: a repeated note, a step, a third, a fifth, wider.
LEAPS = (0, 2, 4, 7)
# Notes that must be alike where a passage returns; and limits of a search among notes all alike:
# a tune has some hundreds of pairs.
MIN_MATCH = 4
MAX_PAIRS, MAX_RETURNS = 20_000, 400
# In sixteenths, for the mean of self-similarities.
MAX_LAG = 64
# Bars between which a melody may be like itself.
BARS_BETWEEN = (1, 2, 4, 8)
# In sixteenths: longer bars have pickups in whole eighths only; the usual pickups; and the note
# values whose shares say how fast a metre is.
MAX_FINE_BAR = 24
USUAL_PICKUPS = (0, 2, 4)
SPEED_VALUES = (1, 2, 4, 6, 8, 12)
# Accents count at most so many nats a note; and so many against a compound metre none of whose
# later beats is marked.
MAX_ACCENT_GAIN = 5.0
UNMARKED_COMPOUND = 6.0


class MetreHypothesis(NamedTuple):
    """A metre and where its first bar line is."""

    metre: Metre
    # The length of what comes before the first full bar, in whole notes.
    pickup: Fraction
    # Log-odds, to be compared with others of the same melody.
    score: float


def choose_metre(
    notes: Sequence[QuantizedNote],
    tonic: int,
    named: Metre | None,
    accompaniment: Accompaniment | None = None,
    begin: Fraction | None = Fraction(0),
) -> list[MetreHypothesis]:
    """Return the likeliest hypotheses about a melody, best first.

    A program that was given no metre writes 4/4, which is therefore doubted. Of any other metre
    only the pickup is sought. Under a melody with an accompaniment the bars that the file names are
    doubted only where the accompaniment denies them.

    Args:
        notes: Its notes in order.
        tonic: Pitch class of the key's tonic.
        named: The metre that the file names, if any.
        accompaniment: What is heard under it, if anything.
        begin: When the piece begins; None if times are no longer those of the file, so that it
            names no bar lines.
    """
    # 1) The pickup by the file's own bar lines. Programs that write no silence before a pickup
    # begin the count of bars with it, so these bar lines prove little for a melody alone.
    begins_silent = bool(begin)
    shown, scale = _shown(named or COMMON_TIME)
    named_pickup = None
    if named and begin is not None and (begins_silent or accompaniment):
        named_pickup = -notes[0].onset % named.bar_duration

    # 2) A tune that the tables do not know is written as its file says.
    grid = melody_grid(notes, tonic, scale)
    is_short = grid.end < MIN_BARS * bar_sixteenths(shown)
    is_odd = grid.passages < MIN_PASSAGES or _has_fast_runs(notes, scale)
    if named and (is_short or (is_odd and not accompaniment)):
        return [MetreHypothesis(named, named_pickup or Fraction(0), 0.0)]

    # 3) Rank the hypotheses, those with the named metre raised.
    metres = {None: METRES, COMMON_TIME: NOT_HALVED}.get(named, (shown,))
    named_heard = float("-inf")
    if accompaniment and named and named_pickup is not None:
        named_heard = accompaniment.score(named, named_pickup)
    hypotheses = []
    for metre, scaled_pickup, score in rank_metres(grid, load_tables(), metres):
        pickup, written, odds = scaled_pickup / scale, metre, score
        if named and metre == shown:
            written, odds = named, odds + NAMED_METRE_ODDS
        is_own = (written, pickup) == (named, named_pickup)
        if is_own:
            odds += NAMED_PICKUP_ODDS if begins_silent else ACCOMPANIED_ODDS
        if accompaniment:
            heard = accompaniment.score(written, pickup)
            # Other bars than the file's only where the accompaniment says so.
            if pickup % EIGHTH or (heard < named_heard + HEARD_ODDS and not is_own):
                continue
            odds += heard
        hypotheses.append(MetreHypothesis(written, pickup, odds))
    if named and named_pickup is not None and (begins_silent or not hypotheses):
        # Where the metre is the file's, so are the bars.
        own = max((each.score for each in hypotheses if each.metre == named), default=0.0)
        hypotheses = [each for each in hypotheses if each.metre != named]
        hypotheses.append(MetreHypothesis(named, named_pickup, own))
    best = sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)[:MAX_HYPOTHESES]
    return [each for each in best if each.score > best[0].score - MAX_ODDS_BEHIND]


def _shown(named: Metre) -> tuple[Metre, Fraction]:
    """Return the metre with a table by which to read another, and how much faster its notes are."""
    if named in METRES:
        return named, Fraction(1)
    if named.is_compound:
        return Metre(9 if named.beats % 9 == 0 else 6, 8), Fraction(named.unit, 8)
    if named.beats in {2, 3, 4}:
        return Metre(named.beats, 4), Fraction(named.unit, 4)
    return COMMON_TIME, 1 / named.bar_duration


def _has_fast_runs(notes: Sequence[QuantizedNote], scale: Fraction) -> bool:
    """Return whether most notes are in runs faster than the tables know."""
    onsets = [float(note.onset) for note in notes]
    shortest = 0.99 / 16 / scale
    is_fast = [after - before < shortest for before, after in pairwise(onsets)]
    in_runs = sum(both == (True, True) for both in pairwise(is_fast))
    return in_runs > MAX_FAST_NOTES * len(notes)


def rank_metres(
    grid: MelodyGrid, tables: Tables, metres: Iterable[Metre] = METRES
) -> list[MetreHypothesis]:
    """Return all hypotheses about a melody, the likeliest first; each metre has a table."""
    hypotheses = []
    for metre, pickups, shared, own in metre_features(grid, tables.metres, metres):
        scores = shared @ tables.weights + own @ tables.own_weights[str(metre)]
        scores += accent_scores(grid, metre, pickups)  # (P,)
        hypotheses += [
            MetreHypothesis(metre, Fraction(pickup, 16), score)
            for pickup, score in zip(pickups.tolist(), scores.tolist(), strict=True)
        ]
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)


def table_for(metre: Metre) -> tuple[Metre, Fraction]:
    """Return the metre whose table a metre is read by, and what times are multiplied by for it."""
    return SPEEDS.get(metre, (metre, Fraction(1)))


def bar_sixteenths(metre: Metre) -> int:
    """Return the length of a bar in sixteenths."""
    return int(metre.bar_duration * 16)


class RepeatedPassages(NamedTuple):
    """Passages that return: the onsets where each begins first and again, and its notes."""

    first: IntArray
    again: IntArray
    notes: IntArray


@dataclass(frozen=True, eq=False)
class MelodyGrid:
    """A melody on a grid of sixteenths, counted from its first note."""

    # Ascending: (N,), as the next two.
    onsets: IntArray
    # MIDI key numbers.
    pitches: IntArray
    velocities: IntArray
    # When the last note ends.
    end: int
    # Pitch class of the key's tonic.
    tonic: int
    _similarities: dict[int, tuple[float, float] | None] = field(default_factory=dict, repr=False)

    def at(self, scale: Fraction) -> MelodyGrid:
        """Return the melody at another speed, to the nearest sixteenth, halves upward."""
        if scale == 1:
            return self
        factor, divisor = scale.numerator, scale.denominator
        onsets = (2 * factor * self.onsets + divisor) // (2 * divisor)
        end = (2 * factor * self.end + divisor) // (2 * divisor)
        # Of notes that fall together, the highest and the loudest.
        onsets, first = np.unique(onsets, return_index=True)
        pitches = np.maximum.reduceat(self.pitches, first)
        velocities = np.maximum.reduceat(self.velocities, first)
        return MelodyGrid(onsets, pitches, velocities, max(end, int(onsets[-1]) + 1), self.tonic)

    @cached_property
    def steps(self) -> IntArray:
        """Class of the time from each note to the next: (N - 1,)."""
        return np.searchsorted(STEPS, np.diff(self.onsets))

    @cached_property
    def steps_before(self) -> IntArray:
        """Class of the time to each note but the last; 0 for the first: (N - 1,)."""
        return np.concatenate([[0], self.steps])[:-1]

    @cached_property
    def degrees(self) -> IntArray:
        """Semitones above the tonic, 0 to 11: (N,)."""
        return (self.pitches - self.tonic) % 12

    @cached_property
    def leaps(self) -> IntArray:
        """Class of the interval from each note to the next: (N - 1,)."""
        return np.searchsorted(LEAPS, np.abs(np.diff(self.pitches)))

    @cached_property
    def passages(self) -> int:
        """The number of passages of four notes that are not heard before."""
        notes = [*zip(self.steps.tolist(), self.pitches.tolist(), strict=False)]
        return len({tuple(notes[at : at + MIN_MATCH]) for at in range(len(notes) - MIN_MATCH + 1)})

    def similarity(self, lag: int) -> tuple[float, float]:
        """Return the shares of notes that have an onset, and one of their pitch, a lag later.

        Less the mean over all lags; 0 where too little is left to compare.
        """
        shares = self._raw_similarity(lag)
        if shares is None:
            return 0.0, 0.0
        return shares[0] - self._mean_similarity[0], shares[1] - self._mean_similarity[1]

    def _raw_similarity(self, lag: int) -> tuple[float, float] | None:
        if lag not in self._similarities:
            later = self.onsets + lag
            compared = int(np.searchsorted(later, self.onsets[-1], "right"))
            if compared < MIN_MATCH:
                self._similarities[lag] = None
            else:
                later = later[:compared]
                index = np.searchsorted(self.onsets, later)
                is_onset = self.onsets[index] == later
                is_pitch = is_onset & (self.pitches[index] == self.pitches[:compared])
                self._similarities[lag] = float(is_onset.mean()), float(is_pitch.mean())
        return self._similarities[lag]

    @cached_property
    def _mean_similarity(self) -> tuple[float, float]:
        lags = range(2, min(MAX_LAG, int(self.onsets[-1]) // 2), 2)
        pairs = [shares for lag in lags if (shares := self._raw_similarity(lag))]
        count = len(pairs) or 1
        return sum(pair[0] for pair in pairs) / count, sum(pair[1] for pair in pairs) / count

    @cached_property
    def repeated_passages(self) -> RepeatedPassages:
        """Passages of at least four notes that return, each as long as it can be."""
        pitches = self.pitches.tolist()
        notes = [*zip(self.steps.tolist(), pitches, strict=False), (-1, pitches[-1])]
        rows: list[tuple[int, int, int]] = []
        for first, again in islice(matching_pairs(notes), MAX_PAIRS):
            # A pair that also matches one note earlier belongs to a longer passage.
            if first > 0 and notes[first - 1] == notes[again - 1]:
                continue
            length = 0
            limit = min(len(notes) - again, again - first)
            while length < limit and notes[first + length] == notes[again + length]:
                length += 1
            rows.append((first, again, length))
            if len(rows) == MAX_RETURNS:
                break
        array = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return RepeatedPassages(self.onsets[array[:, 0]], self.onsets[array[:, 1]], array[:, 2])


def matching_pairs(notes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield all pairs of indices from which four notes are alike; notes are steps and pitches."""
    indices: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index in range(len(notes) - MIN_MATCH + 1):
        last = index + MIN_MATCH - 1
        # What follows the last note does not matter.
        indices[(*notes[index:last], notes[last][1])].append(index)
    for starts in indices.values():
        for number, again in enumerate(starts):
            yield from ((first, again) for first in starts[:number])


def melody_grid(
    notes: Sequence[QuantizedNote], tonic: int, scale: Fraction = Fraction(1)
) -> MelodyGrid:
    """Return the highest notes of a voice on a grid.

    Args:
        notes: Its notes in order; at least one.
        tonic: Pitch class of the key's tonic.
        scale: What times are multiplied by, to read 4/2 as if it were 4/4.
    """

    def sixteenths(time: Fraction) -> int:
        # To the nearest, halves upward.
        return (2 * 16 * time.numerator + time.denominator) // (2 * time.denominator)

    begin = notes[0].onset
    # In whole numbers, many times faster than fractions.
    per_whole = 16 * scale.numerator
    earlier, earlier_parts = -per_whole, 1
    highest: Counter[int] = Counter()
    velocity: Counter[int] = Counter()
    for note in notes:
        time = note.onset - begin
        place, parts = time.numerator * per_whole, time.denominator * scale.denominator
        is_fast = place * earlier_parts - earlier * parts < parts * earlier_parts
        earlier, earlier_parts = place, parts
        # Of notes faster than sixteenths only those on the grid.
        if note.pitches and not (is_fast and place % parts):
            onset = sixteenths((note.onset - begin) * scale)
            highest[onset] = max(highest[onset], note.pitches[-1])
            velocity[onset] = max(velocity[onset], note.velocity)
    onsets = sorted(highest)
    end = sixteenths((max(note.offset for note in notes) - begin) * scale)
    return MelodyGrid(
        np.array(onsets),
        np.array([highest[onset] for onset in onsets]),
        np.array([velocity[onset] for onset in onsets]),
        max(end, onsets[-1] + 1),
        tonic,
    )


class MetreFeatures(NamedTuple):
    """The evidence for a metre with each pickup."""

    metre: Metre
    # In sixteenths: (P,).
    pickups: IntArray
    # In the order of the weights that all metres share, and of those that each has for itself:
    # (P, features).
    shared: FloatArray
    own: FloatArray


def metre_features(
    grid: MelodyGrid, tables: Mapping[str, MetreTable], metres: Iterable[Metre] = METRES
) -> list[MetreFeatures]:
    """Return the evidence for each metre and pickup; metres of very short tunes are left off."""
    metres = tuple(metres)
    candidates = [metre for metre in metres if grid.end * 3 / 2 >= bar_sixteenths(metre)]
    candidates = candidates or [metres[0]]
    has_sixteenths = bool((grid.onsets % 2).any())
    at_speed = {scale: grid.at(scale) for scale in {table_for(metre)[1] for metre in candidates}}

    # 1) Evidence from the lengths of notes. The first feature says how usual a metre is.
    steps = np.diff(grid.onsets)
    shares = [(steps == value).mean() if len(steps) else 0.0 for value in SPEED_VALUES]
    speed = [1.0, log(grid.end / len(grid.onsets)), *shares]

    features = []
    for metre in candidates:
        # 2) The pickups, at the table's speed and at the melody's.
        table_metre, scale = table_for(metre)
        full, table = bar_sixteenths(metre), tables[str(table_metre)]
        step = (1 if has_sixteenths and full <= MAX_FINE_BAR else 2) * scale
        table_pickups = np.arange(0, int(full * scale), max(1, int(step)))  # (P,)
        pickups = table_pickups * scale.denominator // scale.numerator  # (P,)

        # 3) Evidence from places in the bar.
        sums = _place_features(at_speed[scale], table, table_pickups)  # (P, 4)
        notes = len(at_speed[scale].onsets)
        means = 10 * sums / notes  # (P, 4)
        edges = _edge_features(at_speed[scale], table, table_pickups)  # (P, 12)

        # 4) Evidence from passages that return: after whole bars, at the beginning of the tune,
        # and at bar lines.
        similarities = [grid.similarity(full * bars) for bars in BARS_BETWEEN]
        first, again, lengths = grid.repeated_passages
        total = lengths.sum() or 1
        begun = np.bincount(first % full, lengths, full) / total  # (full,)
        whole = [lengths[(again - first) % span == 0].sum() / total for span in (full, 4 * full)]
        same = [*(share for pair in similarities for share in pair), *whole, begun[0]]
        repeated = np.hstack([np.tile(same, (len(pickups), 1)), begun[pickups, None]])  # (P, 12)

        shared = np.hstack([sums, means, sums / notes**0.5, edges, repeated])  # (P, 36)
        own = np.hstack([np.tile(speed, (len(pickups), 1)), edges, means])  # (P, 24)
        features.append(MetreFeatures(metre, pickups, shared, own))
    return features


def _place_features(grid: MelodyGrid, table: MetreTable, pickups: IntArray) -> FloatArray:
    """Return how well rhythm, habit, degrees and leaps suit their places in the bar: (P, 4)."""
    places = (grid.onsets - pickups[:, None]) % len(table.rhythm)  # (P, N)
    return np.stack(
        [
            table.rhythm[places[:, :-1], grid.steps].sum(axis=1),
            table.habit[places[:, :-1], grid.steps_before, grid.steps].sum(axis=1),
            table.degree[places, grid.degrees].sum(axis=1),
            table.leap[places[:, 1:], grid.leaps].sum(axis=1),
        ],
        axis=1,
    )


def _edge_features(grid: MelodyGrid, table: MetreTable, pickups: IntArray) -> FloatArray:
    """Return how well a tune begins and ends where tunes do: (P, 12)."""
    full = len(table.rhythm)
    # The last bar is full, or makes up a full one with the pickup.
    is_full = (grid.end - pickups) % full == 0
    is_complement = np.full(len(pickups), grid.end % full == 0)
    bars = round(grid.end / full)
    ends = is_full | is_complement
    columns = [
        table.pickup[pickups],
        table.last[(grid.onsets[-1] - pickups) % full],
        is_full,
        is_complement,
        ends & (bars % 4 == 0),
        ends & (bars % 8 == 0),
        is_complement & (pickups > 0),
        *(pickups == usual for usual in USUAL_PICKUPS),
        2 * pickups > full,
        np.log(np.maximum(1.0, (grid.end - pickups) / full)),
    ]
    return np.stack(columns, axis=1).astype(float)


def accent_scores(grid: MelodyGrid, metre: Metre, pickups: IntArray) -> FloatArray:
    """Return the gain in log-likelihood from a loudness for every beat of the bar: (P,).

    The first beat is struck hardest. Each quarter costs half the logarithm of the number of notes
    (the Bayesian information criterion).
    """
    full = bar_sixteenths(metre)
    beat = (3 if metre.is_compound else 1) * 16 // metre.unit
    notes = len(grid.onsets)
    spread = float(((grid.velocities - grid.velocities.mean()) ** 2).sum())
    if not spread:
        return np.zeros(len(pickups))

    # 1) Count, sum and sum of squares of velocities on every beat; the last column is for all
    # notes between beats.
    moments = []
    for power in range(3):
        by_place = np.bincount(grid.onsets % full, grid.velocities**power, full)  # (full,)
        turned = by_place[(np.arange(full) + pickups[:, None]) % full]  # (P, full)
        on_beats = turned[:, ::beat]  # (P, B)
        between = turned.sum(axis=1) - on_beats.sum(axis=1)  # (P,)
        moments.append(np.hstack([on_beats, between[:, None]]))  # (P, B + 1)
    counts, sums, squares = moments
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)  # (P, B + 1)

    # 2) gain = N / 2 * log(variance / variance left) - quarters / 2 * log N
    left = (squares - means * sums).sum(axis=1)  # (P,)
    gain = np.minimum(MAX_ACCENT_GAIN, -np.log(np.maximum(left / spread, 1e-9)))
    later = means[:, 1:-1]  # (P, B - 1)
    is_unmarked = (later > 0).any(axis=1) & (later.max(axis=1, initial=0.0) <= means[:, -1])
    doubt = UNMARKED_COMPOUND * (is_unmarked & metre.is_compound)
    marked = notes / 2 * gain - full / 4 * log(notes) / 2 - doubt  # (P,)

    # 3) Where another beat is louder than the first, a cost instead: by how much, in standard
    # deviations, at most 1 a note.
    softest = np.where(counts > 0, means, np.inf).min(axis=1)
    first_beat = np.where(counts[:, 0] > 0, means[:, 0], softest)
    loudest = means.max(axis=1)
    gap = np.minimum(1.0, (loudest - first_beat) / (spread / notes) ** 0.5)  # (P,)
    scores: FloatArray = np.where(means[:, 0] < loudest, -notes * gap, marked)
    return scores
