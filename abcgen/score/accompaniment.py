"""Chord symbols played: a bass note on the strong beats, the chord on the weak ones.

The pattern for each metre is the one that abc2midi plays where a tune asks for no other.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.notation.tune import timed
from abcgen.score.harmony import kind_of, pitch_class
from abcgen.score.sounding import Sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.chord_symbol import ChordSymbol
    from abcgen.notation.tune import Metre, Tune
    from abcgen.score.plan import PlayedBar

LOWEST_BASS, LOWEST_CHORD = 36, 48
PROGRAM = 24
"""General MIDI's nylon-stringed guitar, counted from 0."""

TRIPLE = 3


def accompaniment_of(parts: Sequence[Tune], bars: Sequence[PlayedBar]) -> list[Sound]:
    """What an accompanist plays from the chord symbols of all voices.

    A chord goes on until the next one, over bar lines and repeat signs too.

    Args:
        parts: The voices.
        bars: The bars as they are played.
    """
    sounds: list[Sound] = []
    chord: ChordSymbol | None = None
    for bar in bars:
        symbols = _symbols(parts, bar.place)
        for place, length, is_bass in strokes(bar.planned.metre):
            onset = place - bar.planned.offset
            chord = next((named for at, named in reversed(symbols) if at <= onset), chord)
            if chord and 0 <= onset < bar.planned.bar.duration:
                keys = (bass_key(chord),) if is_bass else chord_keys(chord)
                sounds.append(Sound(bar.onset + onset, length, keys))
        chord = symbols[-1][1] if symbols else chord
    return sounds


def _symbols(parts: Sequence[Tune], index: int) -> list[tuple[Fraction, ChordSymbol]]:
    """The chord symbols of a bar with their places in it, in order."""
    found = [
        (note.onset, note.item.marks.chord_symbol)
        for part in parts
        for note in timed((part.bars[index],))
        if note.item.marks and note.item.marks.chord_symbol
    ]
    return sorted(found, key=lambda symbol: symbol[0])


def strokes(metre: Metre) -> Iterator[tuple[Fraction, Fraction, bool]]:
    """When an accompanist strikes in a full bar.

    Yields:
        Place in the bar and duration in whole notes, and whether it is the bass.
    """
    if metre.is_free:
        yield Fraction(0), Fraction(1, 4), False
    elif metre.is_compound:
        eighth = Fraction(1, metre.unit)
        for place in range(0, metre.beats, TRIPLE):
            yield place * eighth, eighth, True
            yield (place + 2) * eighth, eighth, False
    else:
        beat = min(Fraction(1, metre.unit), Fraction(1, 4))
        every = 2 if metre.bar_duration.numerator % TRIPLE else int(metre.bar_duration / beat)
        for place in range(int(metre.bar_duration / beat)):
            yield place * beat, beat / 2, place % every == 0


def bass_key(chord: ChordSymbol) -> int:
    """The MIDI key of a chord's bass note, in the octave below the chord."""
    return LOWEST_BASS + pitch_class(chord.bass or chord.root)


def chord_keys(chord: ChordSymbol) -> tuple[int, ...]:
    """The MIDI keys of a chord, from its root up."""
    root = LOWEST_CHORD + pitch_class(chord.root)
    return tuple(root + semitones for semitones in kind_of(chord.kind).semitones)
