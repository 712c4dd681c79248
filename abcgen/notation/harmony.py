"""Chord symbols above a tune by rule (``harmonised``).

A chord holds for a bar, or half a bar in metres of two or four beats. Which chords there are
follows from the mode: the major and minor triads of its scale, and in minor the dominant with a
raised third. A sequence of chords costs the less, the likelier it is:

- notes that are no tones of their chord cost, by their length, and more on a beat;
- chords cost by their degree (``DEGREES``), and by the step from the chord before (``STEPS``);
- a change in the middle of a bar costs something;
- so does anything but the tonic at the beginning and the end, and but the dominant, or what stands
  for it in a mode, before the end.

Costs are negative logarithms of weights. The cheapest sequence is found by dynamic programming
(Viterbi); others are drawn in proportion to their weights, by summing instead of minimizing.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.tune import (
    LETTERS,
    ChordSymbol,
    Key,
    Marks,
    Mode,
    Note,
    Pitch,
    opens_section,
)
from abcgen.notation.walk import sounding_durations, walk_bars

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import Bar, Rest, Tune

# The cost of each degree. Degrees that are missing are not used.
DEGREES: dict[Mode, dict[int, float]] = {
    Mode.MAJOR: {1: 0.0, 5: 0.7, 4: 0.9, 2: 2.0, 6: 2.0, 3: 4.0},
    Mode.MINOR: {1: 0.0, 5: 0.7, 4: 1.2, 7: 1.2, 3: 1.8, 6: 2.0},
    Mode.DORIAN: {1: 0.0, 7: 0.5, 4: 1.8, 5: 2.0, 3: 2.2},
    Mode.MIXOLYDIAN: {1: 0.0, 7: 0.6, 4: 1.2, 5: 1.8, 2: 2.5},
    Mode.PHRYGIAN: {1: 0.0, 2: 0.7, 7: 1.5, 4: 1.5, 3: 2.5},
    Mode.LYDIAN: {1: 0.0, 2: 0.7, 5: 0.9, 6: 2.0, 3: 3.0},
    Mode.LOCRIAN: {2: 1.0, 3: 1.0, 5: 1.5, 6: 1.0, 7: 1.0},
}
# The cost of the step from one degree to the next; ``OTHER_STEP`` for the rest. A chord that stays
# costs nothing.
STEPS = {(5, 1): 0.0, (4, 1): 0.3, (1, 5): 0.3, (1, 4): 0.3, (4, 5): 0.3, (7, 1): 0.2, (1, 7): 0.3}
STEPS |= {(2, 5): 0.2, (6, 2): 0.4, (6, 4): 0.5, (5, 4): 1.2, (5, 2): 1.5}
OTHER_STEP = 0.7
# What leads to the tonic, by mode; the dominant elsewhere.
LEADING = {Mode.DORIAN: 7, Mode.MIXOLYDIAN: 7, Mode.PHRYGIAN: 2, Mode.LYDIAN: 2}
DOMINANT, SEVENTH = 5, 10

# A bar or half bar whose notes are all foreign to its chord costs this much.
FOREIGN = 7.0
ON_BEAT = 2.0  # how much a note on a beat counts, beside one between beats
CHANGE_WITHIN = 1.2  # a change in the middle of a bar
NOT_TONIC, NOT_LEADING = 3.0, 1.0
MAX_SPANS = 20_000
MINOR_TRIAD, MAJOR_TRIAD = (0, 3, 7), (0, 4, 7)


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord of a key."""

    degree: int
    root: Pitch
    kind: str  # empty for major, ``m`` for minor
    tones: frozenset[int]  # pitch classes
    cost: float

    @property
    def name(self) -> tuple[str, int, str]:
        """Its root and kind, the same in any key."""
        return self.root.letter, self.root.alter, self.kind


@dataclass(frozen=True, slots=True)
class Span:
    """A bar or half a bar, for which one chord holds."""

    bar: int
    # From the beginning of the bar.
    onset: Fraction
    key: Key
    # How much each pitch class counts, 1 in all; empty where nothing sounds.
    sounding: dict[int, float]
    opens_section: bool


def chords_of(key: Key) -> list[Chord]:
    """Return the chords of a key."""
    steps = [LETTERS.index(key.letter) + number for number in range(14)]
    scale = [Pitch(step, key_alter(key, step)) for step in steps]
    chords = []
    for degree, cost in DEGREES[key.mode].items():
        root, third, fifth = (scale[degree - 1 + above] for above in (0, 2, 4))
        triad = (0, third.midi - root.midi, fifth.midi - root.midi)
        if key.mode is Mode.MINOR and degree == DOMINANT:
            triad = MAJOR_TRIAD
        if triad in {MAJOR_TRIAD, MINOR_TRIAD}:
            tones = frozenset((root.midi + tone) % 12 for tone in triad)
            chords.append(Chord(degree, root, "m" if triad == MINOR_TRIAD else "", tones, cost))
    return chords


def key_alter(key: Key, step: int) -> int:
    """Return the alteration of a step in a key, without what is added to the signature."""
    return Key(key.letter, key.alter, key.mode).signature[LETTERS[step % 7]]


def harmonised(tune: Tune, seed: int | None = None) -> Tune:
    """Return a tune with chord symbols by rule, in place of any that it has.

    Args:
        tune: The tune; only its first voice is looked at.
        seed: None for the likeliest chords; a number for others, drawn by their likelihood.

    Raises:
        NotationError: if it is in free metre, or has no bar to harmonise.
    """
    spans = list(_spans(tune))[:MAX_SPANS]
    if not spans:
        raise NotationError("no bars of a metre to harmonise")
    path = _path(spans, None if seed is None else random.Random(seed))  # noqa: S311 - no secret
    symbols: dict[int, dict[Fraction, ChordSymbol]] = {}
    runs = [list(run) for _, run in groupby(range(len(path)), key=lambda at: path[at].name)]
    for run, after in zip(runs, [*runs[1:], []], strict=True):
        chord, following = path[run[0]], path[after[0]] if after else None
        leads = chord.degree == DOMINANT and following is not None and following.degree == 1
        seventh = (chord.root.midi + SEVENTH) % 12
        has_seventh = any(seventh in spans[at].sounding for at in run)
        kind = "7" if leads and has_seventh and not chord.kind else chord.kind
        for at in run:
            if at == run[0] or spans[at].opens_section:
                symbol = ChordSymbol((chord.root.letter, chord.root.alter), kind)
                symbols.setdefault(spans[at].bar, {})[spans[at].onset] = symbol
    bars = tuple(_with_symbols(bar, symbols.get(index, {})) for index, bar in enumerate(tune.bars))
    return replace(tune, bars=bars)


def _spans(tune: Tune) -> Iterator[Span]:
    """Yield the bars and half bars that get a chord: not pickups, and not what is silent."""
    begins = False
    for timed in walk_bars(tune.bars, tune.key, tune.metre):
        bar, metre = timed.bar, timed.metre
        # After a pickup the section's first bar is still to come.
        begins |= opens_section(tune.bars, timed.index)
        full = metre.bar_duration
        is_pickup = bar.duration < full and opens_section(tune.bars, timed.index)
        if not full or not bar.duration or is_pickup:
            continue
        half = full / 2
        notes, time = [], Fraction(0)
        for note, duration in sounding_durations(bar):
            notes.append((note, time, duration))
            time += duration
        # Bars of three beats have one chord; so has one in whose middle no note begins.
        is_even = metre.beats in {2, 4, 6, 12}
        is_divided = is_even and any(onset == half for _, onset, _ in notes)
        onsets = [Fraction(0), half] if is_divided else [Fraction(0)]
        for number, onset in enumerate(onsets):
            end = onsets[number + 1] if number + 1 < len(onsets) else time
            yield Span(
                timed.index,
                onset,
                timed.key,
                _sounding(notes, onset, end, metre.beam_duration),
                opens_section=begins and not onset,
            )
        begins = False


def _sounding(
    notes: Sequence[tuple[Note | Rest, Fraction, Fraction]],
    begin: Fraction,
    end: Fraction,
    beat: Fraction,
) -> dict[int, float]:
    """Return how much each pitch class counts between two times of a bar."""
    weights: dict[int, float] = {}
    for note, onset, duration in notes:
        inside = min(onset + duration, end) - max(onset, begin)
        if inside > 0 and isinstance(note, Note):
            accent = ON_BEAT if onset % beat == 0 else 1.0
            for pitch in note.pitches:
                key = pitch.midi % 12
                weights[key] = weights.get(key, 0.0) + accent * float(inside)
    whole = sum(weights.values())
    return {key: weight / whole for key, weight in weights.items()}


def _own_cost(
    span: Span, chord: Chord, *, is_first: bool, is_last: bool, before_last: bool
) -> float:
    """Return the cost of a chord where it stands, whatever comes before it."""
    foreign = sum(weight for key, weight in span.sounding.items() if key not in chord.tones)
    cost = chord.cost + FOREIGN * foreign
    if (is_first or is_last) and chord.degree != 1:
        cost += NOT_TONIC
    if before_last and chord.degree != LEADING.get(span.key.mode, DOMINANT):
        cost += NOT_LEADING
    return cost


def _step_cost(span: Span, before: Chord, chord: Chord) -> float:
    """Return the cost of going from one chord to the next, which begins with a span."""
    if before.name == chord.name:
        return 0.0
    step = STEPS.get((before.degree, chord.degree), OTHER_STEP)
    return step + (CHANGE_WITHIN if span.onset else 0.0)


def _path(spans: Sequence[Span], chance: random.Random | None) -> list[Chord]:
    """Return the chord of each span, the likeliest sequence or one drawn at random."""
    choices = [chords_of(span.key) for span in spans]
    last = len(spans) - 1
    own = [
        [
            _own_cost(
                span,
                chord,
                is_first=index == 0,
                is_last=index == last,
                before_last=index == last - 1,
            )
            for chord in chords
        ]
        for index, (span, chords) in enumerate(zip(spans, choices, strict=True))
    ]
    # 1) From the end: the cost of each chord together with all that may come after it.
    beyond = [own[last]]
    for index in range(last - 1, -1, -1):
        after = beyond[-1]
        beyond.append(
            [
                cost
                + _together(
                    [
                        _step_cost(spans[index + 1], chord, following) + cost_after
                        for following, cost_after in zip(choices[index + 1], after, strict=True)
                    ],
                    only_best=chance is None,
                )
                for chord, cost in zip(choices[index], own[index], strict=True)
            ]
        )
    beyond.reverse()
    # 2) From the beginning: the cheapest chord, or one by its weight.
    path: list[Chord] = []
    for index, chords in enumerate(choices):
        costs = [
            cost + (_step_cost(spans[index], path[-1], chord) if path else 0.0)
            for chord, cost in zip(chords, beyond[index], strict=True)
        ]
        least = min(costs)
        if chance is None:
            path.append(chords[costs.index(least)])
        else:
            weights = [math.exp(least - cost) for cost in costs]
            path += chance.choices(chords, weights)
    return path


def _together(costs: Sequence[float], *, only_best: bool) -> float:
    """Return the least cost, or that of the sum of all weights."""
    least = min(costs)
    if only_best:
        return least
    return least - math.log(sum(math.exp(least - cost) for cost in costs))


def _with_symbols(bar: Bar, symbols: dict[Fraction, ChordSymbol]) -> Bar:
    """Return a bar with chord symbols at their times, and no others."""
    times = []
    time = Fraction(0)
    for _, duration in sounding_durations(bar):
        times.append(time)
        time += duration
    places = iter(times)

    def with_symbol(note: Note | Rest) -> Note | Rest:
        symbol = symbols.get(next(places))
        marks = replace(note.marks or Marks(), chord_symbols=(symbol,) if symbol else ())
        return replace(note, marks=marks if marks != Marks() else None)

    return bar.with_notes(with_symbol)
