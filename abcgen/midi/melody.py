"""Judge which part of a file is the tune: by its name, the words sung to it, and its notes."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from abcgen.midi.names import BASSES, NO_TUNE_PROGRAMS, PADS
from abcgen.midi.quantize import CHORD_SPREAD, STRUM
from abcgen.notation.melody import COVERAGE, MAX_NOTES, SUNG, likeness

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from abcgen.midi.performance import Part, PlayedNote


# Notes sound together if they overlap by this share of the shorter one: legato is no polyphony.
MIN_OVERLAP = 0.5
# What a program that hardly ever has the tune says, in the points of ``likeness``.
UNLIKELY_PROGRAM = -8.0
# The first part is the tune unless another is clearly more like one.
FIRST = 3.0
# In whole notes: how near a syllable is to its note, and the length of the cells by which it is
# judged how much of the piece a part plays.
NEAR, CELL = 1 / 32, 1.0
MIN_SYLLABLES, MIN_SUNG = 8, 0.5


def tune_part(parts: Sequence[Part], syllables: Sequence[float]) -> Part:
    """Return the part that is most like a tune.

    Args:
        parts: At least one.
        syllables: When words are sung, in whole notes.
    """
    if len(parts) == 1:
        return parts[0]
    length = max(note.offset for part in parts for note in part.notes)
    cells = {int(note.onset / CELL) for part in parts for note in part.notes}
    sung = sorted(syllables)

    def points(number: int) -> float:
        part = parts[number]
        played = {int(note.onset / CELL) for note in part.notes}
        return (
            FIRST * (number == 0)
            + _likeness(part)
            + COVERAGE * len(played) / len(cells)
            + SUNG * _sung_share(part.notes, sung)
        )

    return parts[max(range(len(parts)), key=points)] if length else parts[0]


def _likeness(part: Part) -> float:
    """Return what a part's name, instrument and notes say for it."""
    notes = part.notes[:MAX_NOTES]
    line = [(note.onset, note.pitch) for note in _upper_line(notes)]
    is_unlikely = part.program in {*BASSES, *PADS, *NO_TUNE_PROGRAMS}
    return UNLIKELY_PROGRAM * is_unlikely + likeness(part.name, line, polyphony(notes)[0])


def _upper_line(notes: Iterable[PlayedNote]) -> list[PlayedNote]:
    """Return the highest of the notes that begin together."""
    line: list[PlayedNote] = []
    for note in notes:
        if line and note.onset - line[-1].onset < NEAR:
            if note.pitch > line[-1].pitch:
                line[-1] = note
        else:
            line.append(note)
    return line


def _sung_share(notes: Sequence[PlayedNote], syllables: Sequence[float]) -> float:
    """Return the share of the syllables that begin with a note, and of notes sung, multiplied."""
    if len(syllables) < MIN_SYLLABLES:
        return 0.0
    onsets = sorted({note.onset for note in notes})

    def met(times: Sequence[float], others: Sequence[float]) -> float:
        hits = 0
        for time in times:
            index = bisect_left(others, time - NEAR)
            hits += index < len(others) and others[index] <= time + NEAR
        return hits / len(times)

    share = met(syllables, onsets)
    return share * met(onsets, syllables) if share >= MIN_SUNG else 0.0


def polyphony(notes: Sequence[PlayedNote]) -> tuple[float, float]:
    """Return the shares of notes that sound with another, and that do not begin and end with it."""
    together = ragged = 0
    sounding: list[PlayedNote] = []
    for note in notes:
        sounding = [
            other
            for other in sounding
            if other.offset - note.onset
            > MIN_OVERLAP * min(other.offset - other.onset, note.offset - note.onset)
        ]
        if sounding:
            together += 1
            first = sounding[0]
            is_aligned = abs(first.onset - note.onset) < STRUM
            ragged += not (is_aligned and abs(first.offset - note.offset) < 2 * CHORD_SPREAD)
        sounding.append(note)
    return together / len(notes), ragged / len(notes)
