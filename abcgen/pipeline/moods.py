"""Moods of tunes: which they have (``features_of``), and tempo and articulation (``in_mood``)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import groupby, pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from abcgen.notation.tune import Marks, Note
from abcgen.notation.walk import sounding_notes, walk_tune
from abcgen.notation.words import Tempo
from abcgen.score.performance import FASTEST, SLOWEST, beat_of, usual_tempo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Rest, Tune
    from abcgen.notation.walk import TimedNote
    from abcgen.wishes.moods import Mood

# Mean and standard deviation in the 440 held-out tunes of the pretrained network, for the fiddle:
# ``benchmarks/moods``.
NORMS = {"pitch": (71.2, 3.3), "leap": (2.65, 0.54), "density": (4.5, 1.2)}
MOOD_WEIGHT = 0.6  # of a squared standard deviation, beside the critic's log-odds


def features_of(tune: Tune) -> dict[str, float]:
    """Return mean pitch (MIDI key), mean leap (semitones) and notes a second at the usual tempo."""
    keys = [sound.keys[-1] for sound in sounding_notes(tune)]
    length = sum((bar.duration for bar in tune.bars), Fraction(0))
    seconds = float(length / beat_of(tune.metre)) / usual_tempo(tune) * 60
    return {
        "pitch": fmean(keys) if keys else 0.0,
        "leap": fmean(abs(after - before) for before, after in pairwise(keys)) if keys[1:] else 0.0,
        "density": len(keys) / seconds if seconds else 0.0,
    }


def distance(tune: Tune, mood: Mood) -> float:
    """Return how far a tune's features are from those of a mood: a sum of squared deviations."""
    features = features_of(tune)
    return sum(
        ((features[name] - mean) / deviation - mood.wanted[name]) ** 2
        for name, (mean, deviation) in NORMS.items()
    )


def in_mood(tune: Tune, mood: Mood) -> Tune:
    """Return a tune with the tempo and the articulation of a mood."""
    if tune.metre.is_free:
        return tune
    beat = beat_of(tune.metre)
    per_minute = min(max(round(usual_tempo(tune) * mood.tempo), SLOWEST), FASTEST)
    tempo = Tempo(beats=(beat,), per_minute=float(per_minute))
    tune = replace(tune, words=replace(tune.words, tempo=tempo))
    notes = list(walk_tune(tune))
    if mood.is_staccato:
        marks = staccato(notes)
    elif mood.is_legato:
        marks = slurs(notes)
    else:
        return tune
    following = iter(marks)

    def marked(note: Note | Rest) -> Note | Rest:
        mark = next(following)
        return replace(note, marks=mark) if mark else note

    return replace(tune, bars=tuple(bar.with_notes(marked) for bar in tune.bars))


def staccato(notes: Sequence[TimedNote]) -> list[Marks | None]:
    """Return marks for the notes of a tune: those of a beat or less are staccato, unless tied."""
    marks: list[Marks | None] = []
    is_held = False
    for note, _, duration, bar in notes:
        is_tied = isinstance(note, Note) and note.tied
        is_short = isinstance(note, Note) and duration <= beat_of(bar.metre)
        is_detached = is_short and not (is_tied or is_held)
        marks.append(Marks(decorations=("staccato",)) if is_detached else None)
        is_held = is_tied
    return marks


def slurs(notes: Sequence[TimedNote]) -> list[Marks | None]:
    """Return marks for the notes of a tune: those that are beamed together are slurred."""

    def beam(timed: TimedNote) -> tuple[int, int, bool]:
        bar, full = timed.bar, timed.bar.metre.bar_duration
        # A pickup ends where a bar does.
        onset = timed.onset - bar.onset + max(full - bar.bar.duration, Fraction(0))
        return bar.index, onset // bar.metre.beam_duration, isinstance(timed.note, Note)

    marks: list[Marks | None] = []
    for (_, _, are_notes), group in groupby(notes, key=beam):
        count = len(list(group))
        if are_notes and count > 1:
            marks += [Marks(slur_starts=1), *[None] * (count - 2), Marks(slur_ends=1)]
        else:
            marks += [None] * count
    return marks
