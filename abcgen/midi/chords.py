"""Name the chords of an accompaniment: root, quality and bass, as chord symbols above the tune.

A hidden Markov model with beats as its steps: what sounds in a beat is likely under a chord of
which it is a tone, and a chord changes on a bar line rather than within the bar. The likeliest
sequence is found by dynamic programming (Viterbi).

Arrays are commented with their shapes: N beats, C chords.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.midi.key import spell
from abcgen.notation.tune import ChordSymbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.midi.bars import BarSpan
    from abcgen.midi.performance import PlayedNote
    from abcgen.midi.quantize import QuantizedNote
    from abcgen.notation.tune import Key

    FloatArray = NDArray[np.float64]


class Quality(NamedTuple):
    """A kind of chord: its tones above the root, and its cost in nats, the rarer the higher."""

    tones: tuple[int, ...]
    cost: float


QUALITIES = {
    "": Quality((0, 4, 7), 0.0),
    "m": Quality((0, 3, 7), 0.0),
    "7": Quality((0, 4, 7, 10), 0.5),
    "m7": Quality((0, 3, 7, 10), 1.0),
    "maj7": Quality((0, 4, 7, 11), 1.2),
    "6": Quality((0, 4, 7, 9), 1.5),
    "m6": Quality((0, 3, 7, 9), 2.0),
    "dim": Quality((0, 3, 6), 1.5),
    "dim7": Quality((0, 3, 6, 9), 2.0),
    "m7b5": Quality((0, 3, 6, 10), 2.0),
    "aug": Quality((0, 4, 8), 2.5),
    "sus4": Quality((0, 5, 7), 2.0),
}
# The probability that a note of the accompaniment is a tone of the chord, and that its bass is
# the root, the third, the fifth or the seventh.
TONE = 0.92
BASS = (0.5, 0.2, 0.2, 0.07)
OTHER_BASS = 0.03
# What a change of chord costs, in nats: on a bar line, on its half, on another beat.
CHANGE_COSTS = (0.5, 2.0, 4.0)
# A part is chords if so many of the times at which it strikes bring three notes or more, and if
# it strikes no oftener than this many times a whole note.
MIN_BLOCKS, MAX_STRIKES = 0.4, 8.0
MIN_TONES = 3
# Another bass than the root is named where it lies below this key.
HIGHEST_BASS = 55
FIFTH = 7
# Notes that sound for less than this share of a beat are passed over; any other counts as if it
# sounded for the second at least, for chords are often struck short.
MIN_SHARE, LEAST_SHARE = 0.1, 0.75
MAX_BEATS = 20_000
# Of a note that is held on, so many beats count.
MAX_HELD = 32


class Beat(NamedTuple):
    """A beat of a bar."""

    onset: Fraction
    offset: Fraction
    # 0 on a bar line, 1 on the half of a bar, 2 elsewhere.
    strength: int


def is_chordal(notes: Iterable[PlayedNote]) -> bool:
    """Return whether a part is chords struck together, and not many in a bar."""
    struck: dict[int, set[int]] = {}
    for note in notes:
        struck.setdefault(round(16 * note.onset), set()).add(note.pitch)
    blocks = sum(len(pitches) >= MIN_TONES for pitches in struck.values())
    length = (max(struck) - min(struck)) / 16 + 1
    return blocks >= MIN_BLOCKS * len(struck) and len(struck) <= MAX_STRIKES * length


def name_chords(
    notes: Sequence[PlayedNote], spans: Iterable[BarSpan], key: Key
) -> dict[Fraction, ChordSymbol]:
    """Return the chord symbols of an accompaniment by the times from which they hold.

    Args:
        notes: Its notes.
        spans: The bars.
        key: The key by which roots are spelled.
    """
    if not notes:
        return {}
    beats = list(_beats(spans))[:MAX_BEATS]
    sounding, bass = _profiles(notes, beats)
    path = _likeliest(sounding, bass, [beat.strength for beat in beats])
    symbols: dict[Fraction, ChordSymbol] = {}
    before: ChordSymbol | None = None
    for index, beat in enumerate(beats):
        goes_on = bool(index and before and path[index] == path[index - 1])
        if not sounding[index].any() or (goes_on and beat.strength):
            continue
        root, kind = divmod(path[index], len(QUALITIES))
        symbol = ChordSymbol(_root(root, key), [*QUALITIES][kind])
        low = bass[index]
        above_root = (low - root) % 12
        # Under a chord that goes on the bass often goes to the fifth and back.
        if 0 <= low < HIGHEST_BASS and above_root and not (goes_on and above_root == FIFTH):
            symbol = ChordSymbol(symbol.root, symbol.kind, _root(low % 12, key))
        if symbol != before:
            symbols[beat.onset] = before = symbol
    return symbols


def _beats(spans: Iterable[BarSpan]) -> Iterable[Beat]:
    for span in spans:
        unit = Fraction(3 if span.metre.is_compound else 1, span.metre.unit)
        full = span.metre.bar_duration
        # A short bar is the end of one, or its beginning if it is the last; both end alike.
        bar_line = span.offset - full if span.offset - span.onset < full else span.onset
        count = max(1, int(full / unit))
        for number in range(count):
            onset = bar_line + number * unit
            offset = span.offset if number == count - 1 else onset + unit
            if offset <= span.onset:
                continue
            strength = 0 if number == 0 else 1 if 2 * number == count else 2
            yield Beat(max(onset, span.onset), offset, strength)


def _profiles(notes: Sequence[PlayedNote], beats: Sequence[Beat]) -> tuple[FloatArray, list[int]]:
    """Return how much each pitch class sounds in every beat (N, 12), and the bass, -1 if none."""
    onsets = [float(beat.onset) for beat in beats]
    ends = [float(beat.offset) for beat in beats]
    sounding = np.zeros((len(beats), 12))
    bass = [-1] * len(beats)
    first_onset = [float("inf")] * len(beats)
    for note in notes:
        first = max(0, bisect_right(onsets, note.onset) - 1)
        for index in range(first, min(first + MAX_HELD, len(beats))):
            if onsets[index] >= note.offset:
                break
            inside = min(note.offset, ends[index]) - max(note.onset, onsets[index])
            share = inside / (ends[index] - onsets[index])
            if share > MIN_SHARE:
                pitch_class = note.pitch % 12
                share = max(share, LEAST_SHARE)
                sounding[index, pitch_class] = min(1.0, sounding[index, pitch_class] + share)
                # The bass of a beat is the lowest of the notes that sound first in it.
                at = max(note.onset, onsets[index])
                first_onset[index], bass[index] = min(
                    (first_onset[index], bass[index]), (round(at * 16), note.pitch)
                )
    return sounding, bass


def _likeliest(sounding: FloatArray, bass: Sequence[int], strengths: Sequence[int]) -> list[int]:
    """Return the chord of every beat, by root and quality, in the likeliest sequence."""
    kinds = list(QUALITIES.values())
    size = 12 * len(kinds)
    tones = np.zeros((size, 12))  # log-probability of a note: (C, 12)
    basses = np.full((size, 12), np.log(OTHER_BASS))  # (C, 12)
    costs = np.tile([kind.cost for kind in kinds], 12)  # (C,)
    for root in range(12):
        for number, kind in enumerate(kinds):
            row = root * len(kinds) + number
            tones[row] = np.log((1 - TONE) / (12 - len(kind.tones)))
            for place, tone in enumerate(kind.tones):
                tones[row, (root + tone) % 12] = np.log(TONE / len(kind.tones))
                basses[row, (root + tone) % 12] = np.log(BASS[place])
    fits = sounding @ tones.T  # (N, C)
    low = np.array(bass)
    fits[low >= 0] += basses[:, low[low >= 0] % 12].T

    score = fits[0] - costs
    back = np.zeros((len(fits), size), dtype=np.int64)
    stay = np.arange(size)
    for index in range(1, len(fits)):
        best = int(score.argmax())
        changed = score[best] - CHANGE_COSTS[strengths[index]] - costs
        is_change = changed > score
        back[index] = np.where(is_change, best, stay)
        score = np.where(is_change, changed, score) + fits[index]
    path = [int(score.argmax())]
    for index in range(len(fits) - 1, 0, -1):
        path.append(int(back[index, path[-1]]))
    return path[::-1]


def _root(pitch_class: int, key: Key) -> tuple[str, int]:
    pitch = spell(60 + pitch_class, key)
    return pitch.letter, pitch.alter


def with_symbols(
    notes: Iterable[QuantizedNote], symbols: Mapping[Fraction, ChordSymbol]
) -> list[QuantizedNote]:
    """Return notes and rests with the chord symbols at their times, cut where one comes within."""
    times = sorted(symbols)
    marked: list[QuantizedNote] = []
    index = 0
    for note in notes:
        rest = note
        while index < len(times) and times[index] < note.offset:
            time = times[index]
            index += 1
            if time <= note.onset:
                continue
            marked.append(rest._replace(offset=time, tied=bool(note.pitches)))
            rest = rest._replace(onset=time)
        marked.append(rest)
    return [note._replace(symbol=symbols.get(note.onset)) for note in marked]
