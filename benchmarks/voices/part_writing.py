"""Part writing of pieces in several voices: crossings, parallels, dissonance, singers' ranges."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from abcgen.notation.ensemble import KINDS
from abcgen.notation.tune import Note
from abcgen.notation.walk import walk_notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import Tune

BEAT = Fraction(1, 4)
FIFTH, OCTAVE = 7, 0
# Pitch classes above the root of the chords that count as consonant.
TRIADS = ((0, 4, 7), (0, 3, 7), (0, 3, 6))
CONSONANT = [
    frozenset((root + tone) % 12 for tone in tones) for root in range(12) for tones in TRIADS
]


def on_beats(tune: Tune) -> Iterator[tuple[int | None, ...]]:
    """Yield the keys of all voices on each beat, from the top; None where one rests."""
    lines = [
        [
            (timed.onset, timed.onset + timed.duration, timed.note.pitches[-1].midi)
            for timed in walk_notes(voice.bars, tune.key, tune.metre)
            if isinstance(timed.note, Note)
        ]
        for voice in tune.voices
    ]
    end = max(offset for line in lines for _, offset, _ in line)
    time = Fraction(0)
    while time < end:
        yield tuple(
            next((key for on, off, key in line if on <= time < off), None) for line in lines
        )
        time += BEAT


def measured(tune: Tune) -> dict[str, float]:
    """Return the measures of a piece, shares but for the parallels, which are per hundred beats."""
    beats = list(on_beats(tune))
    pairs = list(pairwise(beats))
    count = max(1, len(pairs))
    return {
        "beats with crossed voices": sum(map(_crosses, beats)) / len(beats),
        "parallel fifths per 100 beats": 100 * sum(_parallels(*p, FIFTH) for p in pairs) / count,
        "parallel octaves per 100 beats": 100 * sum(_parallels(*p, OCTAVE) for p in pairs) / count,
        "beats that are no triad": sum(map(_is_dissonant, beats)) / len(beats),
        "notes beyond a good choir": _beyond(beats),
    }


def _crosses(keys: Sequence[int | None]) -> bool:
    sung = [key for key in keys if key is not None]
    return any(upper < lower for upper, lower in pairwise(sung))


def _parallels(before: Sequence[int | None], after: Sequence[int | None], interval: int) -> int:
    """Return how many pairs of voices move from a perfect interval to the same one."""
    moves = [
        (key, key_after)
        for key, key_after in zip(before, after, strict=True)
        if key is not None and key_after is not None
    ]
    return sum(
        (upper - lower) % 12 == interval == (upper_after - lower_after) % 12
        and (upper_after - upper) * (lower_after - lower) > 0
        for (upper, upper_after), (lower, lower_after) in combinations(moves, 2)
    )


def _is_dissonant(keys: Sequence[int | None]) -> bool:
    classes = {key % 12 for key in keys if key is not None}
    return not any(classes <= chord for chord in CONSONANT)


def _beyond(beats: Sequence[Sequence[int | None]]) -> float:
    sung = [
        (key, kind)
        for keys in beats
        for key, kind in zip(keys, KINDS, strict=False)
        if key is not None
    ]
    return sum(not kind.lowest <= key <= kind.highest for key, kind in sung) / max(1, len(sung))
