"""What can be counted and measured in one tune.

Sources of the measures with a name of their own: Dong et al., "MusPy: a toolkit for symbolic music
generation", ISMIR 2020, section 5 (pitch range, pitches and pitch classes used, their entropies,
scale consistency; those of polyphony and drums do not apply to a melody); Wu & Yang, "The jazz
transformer on the front line", ISMIR 2020, section 4 (grooving similarity, MusPy's groove
consistency).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.analysis import sections_of, tones_of
from abcgen.notation.tune import Note, Rest, Tuplet, notes_in, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.analysis import Section
    from abcgen.notation.tune import Bar, Tune

OCTAVE = 12
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
GROOVE_STEP = Fraction(1, 16)

KINDS = {
    "pitch_class": "pitch class",
    "interval": "interval",
    "duration": "duration",
    "bar_rhythm": "rhythm of a bar",
    "metre": "metre",
    "mode": "mode",
}
"""What is counted in a tune."""

QUANTITIES = {
    "bars": "bars",
    "repeats": "repeated parts",
    "pitch_range": "range in semitones",
    "pitches_used": "pitches used",
    "pitch_classes_used": "pitch classes used",
    "pitch_entropy": "pitch entropy in bits",
    "pitch_class_entropy": "pitch class entropy in bits",
    "scale_consistency": "scale consistency",
    "groove_consistency": "groove consistency",
    "notes_per_bar": "notes to a bar",
    "recurring_bars": "share of bars heard before",
    "recurring_rhythms": "share of bars with a rhythm heard before",
    "steps": "share of intervals that are steps",
}
"""What is measured of a tune."""


@dataclass(frozen=True, slots=True)
class TuneFeatures:
    """A tune in numbers.

    Attributes:
        counts: By kind, how often each of it occurs.
        quantities: By name, how much.
        sections: Its form.
    """

    counts: dict[str, Counter[str]]
    quantities: dict[str, float]
    sections: tuple[Section, ...]


def features_of(tune: Tune) -> TuneFeatures:
    """A tune in numbers; pitch classes are counted from its tonic."""
    tones = tones_of(tune.bars)
    keys = [tone.key for tone in tones if tone.key is not None]
    steps = [second - first for first, second in pairwise(keys)]
    bars = [_content(bar) for bar in tune.bars if bar.items]
    rhythms = [" ".join(duration for duration, _ in bar) for bar in bars]
    sections = tuple(sections_of(tune))
    classes = Counter((key - tune.key.tonic_pitch_class) % OCTAVE for key in keys)
    counts = {
        "pitch_class": Counter({str(name): number for name, number in classes.items()}),
        "interval": Counter(str(max(-OCTAVE, min(OCTAVE, step))) for step in steps),
        "duration": Counter(str(tone.duration) for tone in tones),
        "bar_rhythm": Counter(rhythms),
        "metre": Counter([f"{tune.metre.beats}/{tune.metre.unit}"]),
        "mode": Counter([tune.key.mode.abbreviation]),
    }
    quantities = {
        "bars": float(sum(section.bars for section in sections)),
        "repeats": float(sum(section.repeated for section in sections)),
        **_of_pitch(keys, classes),
        "groove_consistency": _groove_consistency(tune),
        "notes_per_bar": _share(len(keys), len(bars)),
        "recurring_bars": _recurring(bars),
        "recurring_rhythms": _recurring(rhythms),
        "steps": _share(sum(abs(step) in {1, 2} for step in steps), len(steps)),
    }
    return TuneFeatures(counts, quantities, sections)


def _of_pitch(keys: Sequence[int], classes: Counter[int]) -> dict[str, float]:
    return {
        "pitch_range": float(max(keys) - min(keys)) if keys else 0.0,
        "pitches_used": float(len(set(keys))),
        "pitch_classes_used": float(len(classes)),
        "pitch_entropy": _entropy(Counter(keys)),
        "pitch_class_entropy": _entropy(classes),
        "scale_consistency": max(
            _share(sum(classes[(root + step) % OCTAVE] for step in MAJOR_SCALE), len(keys))
            for root in range(OCTAVE)
        ),
    }


def _groove_consistency(tune: Tune) -> float:
    """1 less the share of sixteenths at which a note begins in only one of neighbouring bars."""
    full = tune.metre.bar_duration
    onsets: dict[int, set[Fraction]] = {}
    begins: dict[int, Fraction] = {}
    for note in timed(tune.bars):
        begin = begins.setdefault(note.bar, note.onset)
        if isinstance(note.item, Note):
            onsets.setdefault(note.bar, set()).add(note.onset - begin)
    neighbours = [
        (onsets.get(index, set()), onsets.get(index + 1, set()))
        for index, pair in enumerate(pairwise(tune.bars))
        if all(_is(bar, full) for bar in pair)
    ]
    if not full or not neighbours:
        return 1.0
    apart = sum(len(first ^ second) for first, second in neighbours)
    return max(0.0, 1 - apart / len(neighbours) / float(full / GROOVE_STEP))


def _is(bar: Bar, full: Fraction) -> bool:
    return bar.duration == full


def _content(bar: Bar) -> tuple[tuple[str, object], ...]:
    """The notes and rests of a bar: how long each lasts, and what sounds."""
    return tuple(
        (_length(note, item), note.pitches if isinstance(note, Note) else ())
        for item in bar.items
        for note in notes_in(item)
    )


def _length(note: Note | Rest, item: object) -> str:
    squeezed = f"({item.actual}" if isinstance(item, Tuplet) else ""
    return f"{'z' if isinstance(note, Rest) else ''}{note.duration}{squeezed}"


def _recurring(things: Sequence[object]) -> float:
    return _share(len(things) - len(set(things)), len(things))


def _entropy(counts: Counter[int]) -> float:
    whole = counts.total()
    return -sum(n / whole * math.log2(n / whole) for n in counts.values()) if whole else 0.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
