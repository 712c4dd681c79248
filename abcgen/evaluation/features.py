"""Count and measure single tunes (``features_of``), by ``CATEGORIES`` and ``QUANTITIES``.

Sources: Dong et al., "MusPy: a toolkit for symbolic music generation", ISMIR 2020, section 5 (pitch
range, pitches and pitch classes used, their entropies, scale consistency; its measures of polyphony
and drums do not apply to a melody); Wu & Yang, "The jazz transformer on the front line", ISMIR
2020, section 4 (grooving similarity, which MusPy calls groove consistency).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.analysis import melody_of, sections_of
from abcgen.notation.tune import Note, Rest, Tuplet, notes_in
from abcgen.notation.walk import walk_tune

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from abcgen.notation.analysis import Section
    from abcgen.notation.tune import Tune

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True, slots=True)
class TuneFeatures:
    """A tune in numbers."""

    # For each of ``CATEGORIES``, how often each category occurs.
    counts: dict[str, Counter[str]]
    # The value of each of ``QUANTITIES``.
    quantities: dict[str, float]
    sections: tuple[Section, ...]


class _Content(NamedTuple):
    """The parts of a tune that features are computed from."""

    tune: Tune
    sections: tuple[Section, ...]
    # Durations of notes and rests, ties joined.
    durations: list[Fraction]
    # MIDI key numbers of the melody.
    pitches: list[int]
    intervals: list[int]
    # Semitones above the tonic, 0 to 11.
    pitch_classes: Counter[int]
    # For every bar, the lengths and pitches of its notes and rests.
    bars: Sequence[tuple[tuple[str, object], ...]]
    # For every bar, the lengths alone, joined.
    rhythms: list[str]


def features_of(tune: Tune) -> TuneFeatures:
    """Return the features of a tune. They do not change when it is transposed."""
    melody = melody_of(tune.bars)
    pitches = [note.midi for note in melody if note.midi is not None]
    bars = [
        # Bars are equal if their notes have the same pitches, lengths and tuplets.
        tuple(
            (_length(note, item), note.pitches if isinstance(note, Note) else ())
            for item in bar.items
            for note in notes_in(item)
        )
        for bar in tune.bars
        if bar.items
    ]
    content = _Content(
        tune,
        sections=tuple(sections_of(tune)),
        durations=[note.duration for note in melody],
        pitches=pitches,
        intervals=[second - first for first, second in pairwise(pitches)],
        pitch_classes=Counter((pitch - tune.key.tonic_pitch_class) % 12 for pitch in pitches),
        bars=bars,
        rhythms=[" ".join(length for length, _ in bar) for bar in bars],
    )
    return TuneFeatures(
        {name: Counter(map(str, row.values(content))) for name, row in CATEGORIES.items()},
        {name: float(row.value(content)) for name, row in QUANTITIES.items()},
        content.sections,
    )


def _length(note: Note | Rest, item: object) -> str:
    tuplet = f"({item.actual}" if isinstance(item, Tuplet) else ""
    return f"{'z' if isinstance(note, Rest) else ''}{note.duration}{tuplet}"


def _fraction(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _recurring(items: Sequence[object]) -> float:
    """Return the share of items that occurred before."""
    return _fraction(len(items) - len(set(items)), len(items))


def _entropy(counts: Counter[int]) -> float:
    # H = -sum(p log2 p), in bits
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values()) if total else 0.0


def _scale_consistency(content: _Content) -> float:
    """Return the largest share of notes that are in one major scale."""
    return max(
        _fraction(
            sum(content.pitch_classes[(root + step) % 12] for step in MAJOR_SCALE),
            len(content.pitches),
        )
        for root in range(12)
    )


def _groove_consistency(content: _Content) -> float:
    """Return 1 less the share of sixteenths on which only one of two neighbouring bars has a note.

    Incomplete bars are not compared; without any pair of full bars it is 1.
    """
    tune = content.tune
    full = tune.metre.bar_duration
    onsets: dict[int, set[Fraction]] = {}  # by bar, from the bar's beginning
    for note, onset, _, bar in walk_tune(tune):
        if isinstance(note, Note):
            onsets.setdefault(bar.index, set()).add(onset - bar.onset)
    differences = [
        len(onsets.get(index, set()) ^ onsets.get(index + 1, set()))
        for index, (first, second) in enumerate(pairwise(tune.bars))
        if first.duration == second.duration == full
    ]
    if not full or not differences:
        return 1.0
    sixteenths = float(full / Fraction(1, 16))
    return max(0.0, 1 - sum(differences) / len(differences) / sixteenths)


class Category(NamedTuple):
    """Something counted in a tune: its label, and a function that returns every occurrence."""

    label: str
    values: Callable[[_Content], Sequence[object]]


class Quantity(NamedTuple):
    """Something measured in a tune: its label, and a function that returns its value."""

    label: str
    value: Callable[[_Content], float]


# What is counted in a tune, by name.
CATEGORIES = {
    "pitch_class": Category("pitch class", lambda c: list(c.pitch_classes.elements())),
    # Intervals beyond an octave count as an octave.
    "interval": Category("interval", lambda c: [max(-12, min(12, n)) for n in c.intervals]),
    "duration": Category("duration", lambda c: c.durations),
    "bar_rhythm": Category("rhythm of a bar", lambda c: c.rhythms),
    "metre": Category("metre", lambda c: [f"{c.tune.metre.beats}/{c.tune.metre.unit}"]),
    "mode": Category("mode", lambda c: [c.tune.key.mode.abbreviation]),
}

# What is measured in a tune, by name.
QUANTITIES = {
    # Form
    "bars": Quantity("bars", lambda c: sum(section.bars for section in c.sections)),
    "repeats": Quantity(
        "repeated parts", lambda c: sum(section.repeated for section in c.sections)
    ),
    # Pitch
    "pitch_range": Quantity(
        "range in semitones",
        lambda c: max(c.pitches) - min(c.pitches) if c.pitches else 0,
    ),
    "pitches_used": Quantity("pitches used", lambda c: len(set(c.pitches))),
    "pitch_classes_used": Quantity("pitch classes used", lambda c: len(c.pitch_classes)),
    "pitch_entropy": Quantity("pitch entropy in bits", lambda c: _entropy(Counter(c.pitches))),
    "pitch_class_entropy": Quantity(
        "pitch class entropy in bits", lambda c: _entropy(c.pitch_classes)
    ),
    "scale_consistency": Quantity("scale consistency", _scale_consistency),
    # Rhythm and repetition
    "groove_consistency": Quantity("groove consistency", _groove_consistency),
    "notes_per_bar": Quantity("notes to a bar", lambda c: _fraction(len(c.pitches), len(c.bars))),
    "recurring_bars": Quantity("share of bars heard before", lambda c: _recurring(c.bars)),
    "recurring_rhythms": Quantity(
        "share of bars with a rhythm heard before", lambda c: _recurring(c.rhythms)
    ),
    # A step is a semitone or two.
    "steps": Quantity(
        "share of intervals that are steps",
        lambda c: _fraction(sum(abs(n) in {1, 2} for n in c.intervals), len(c.intervals)),
    ),
}
