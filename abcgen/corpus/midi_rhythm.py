"""From notes as they are played to note values: onsets on a grid, durations without their gaps.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import NotationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    _Habit = Callable[["_Chord"], Fraction]

# A quarter in eight and in six. Of these points the closest lie 1/96 apart; within less than half
# of that there is only one, so that no beat can be taken for binary and ternary at once.
BINARY, TERNARY = 32, 24
TOLERANCE = Fraction(1, 200)
# How long after its first note a rolled chord may be complete: half the finest binary value.
CHORD_SPREAD = Fraction(1, 64)
# Notes may be played shorter than written, up to this share of the time to the next.
SHORTENED = Fraction(1, 3)


class Struck(NamedTuple):
    """A note as played.

    Attributes:
        start: When it is struck.
        end: When it is released.
        key: Its MIDI key number.
    """

    start: Fraction
    end: Fraction
    key: int


class Sound(NamedTuple):
    """A note, chord or silence of exact value.

    Attributes:
        start: When it begins.
        end: When it ends.
        keys: The MIDI key numbers, lowest first; none in silence.
        tied: Whether it sounds on in the next.
    """

    start: Fraction
    end: Fraction
    keys: tuple[int, ...]
    tied: bool = False

    @property
    def duration(self) -> Fraction:
        """How long it lasts, in whole notes."""
        return self.end - self.start


class _Chord(NamedTuple):
    """Notes struck and released together, as played; often only one."""

    start: Fraction
    end: Fraction
    keys: tuple[int, ...]

    @property
    def played(self) -> Fraction:
        return self.end - self.start


def place(time: Fraction) -> str:
    """A time in words: ``at beat 2.5``, in quarters from the start of the file."""
    return f"at beat {float(time * 4):.6g}"


def snapped(time: Fraction) -> Fraction | None:
    """The grid point at a time, or None if there is none within the tolerance."""
    points = (Fraction(round(time * parts), parts) for parts in (BINARY, TERNARY))
    nearest = min(points, key=lambda point: abs(point - time))
    return nearest if abs(nearest - time) <= TOLERANCE else None


def quantised(notes: Sequence[Struck]) -> list[Sound]:
    """Notes and the silences between them, from the first note's onset to the last one's end.

    Args:
        notes: The notes of one part in the order in which they begin; at least one.

    Raises:
        NotationError: if a note is off the grid, or overlaps another that is not of its chord.
    """
    chords = [_chord(group) for group in _struck_together(notes)]
    onsets = [_onset(chord) for chord in chords]
    ends = _ends(chords, onsets)
    sounds: list[Sound] = []
    for chord, onset, end in zip(chords, onsets, ends, strict=True):
        if sounds and sounds[-1].end < onset:
            sounds.append(Sound(sounds[-1].end, onset, ()))
        sounds.append(Sound(onset, end, chord.keys))
    return sounds


def _struck_together(notes: Sequence[Struck]) -> Iterator[list[Struck]]:
    group: list[Struck] = []
    for note in notes:
        if group and note.start >= min(group[0].end, group[0].start + CHORD_SPREAD):
            yield group
            group = []
        group.append(note)
    yield group


def _chord(group: Sequence[Struck]) -> _Chord:
    start, end = group[0].start, max(note.end for note in group)
    if end - min(note.end for note in group) >= CHORD_SPREAD:
        raise NotationError(f"notes that overlap {place(start)}")
    if end <= start:
        raise NotationError(f"a note without length {place(start)}")
    return _Chord(start, end, tuple(sorted({note.key for note in group})))


def _onset(chord: _Chord) -> Fraction:
    onset = snapped(chord.start)
    if onset is None:
        raise NotationError(f"a note off the grid {place(chord.start)}")
    return onset


def _ends(chords: Sequence[_Chord], onsets: Sequence[Fraction]) -> Iterator[Fraction]:
    """Where the value of each note ends: at the next onset, or before a rest."""
    habit = _habit(chords)
    for (chord, following), onset in zip(pairwise(chords), onsets[1:], strict=True):
        if chord.end > following.start + TOLERANCE:
            raise NotationError(f"notes that overlap {place(following.start)}")
        yield onset if _is_legato(chord, following, habit) else _end(chord, habit)
    yield _end(chords[-1], habit)


def _is_legato(chord: _Chord, following: _Chord, habit: _Habit | None) -> bool:
    """Whether a note's value reaches to the next.

    A short gap that the file's habit does not account for is a rest if it begins on the grid.
    """
    if habit and following.start - habit(chord) <= TOLERANCE:
        return True
    gap = following.start - chord.end
    is_rest = habit is not None and snapped(habit(chord)) is not None
    return gap < SHORTENED * (following.start - chord.start) and not is_rest


def _end(chord: _Chord, habit: _Habit | None) -> Fraction:
    end = snapped(habit(chord) if habit else chord.end)
    if end is None or end <= chord.start:
        raise NotationError(f"a note that ends off the grid {place(chord.end)}")
    return end


def _habit(chords: Sequence[_Chord]) -> _Habit | None:
    """How this file shortens the notes that are not followed by a rest.

    Returns:
        What gives the end of a note's value: the release itself, or that plus a time or a share
        of the note that is the same all through; None if half of the notes follow no such rule.
    """
    pairs = [
        (chord, following.start)
        for chord, following in pairwise(chords)
        if following.start - chord.end < SHORTENED * (following.start - chord.start)
    ]
    time = median([start - chord.end for chord, start in pairs] or [Fraction(0)])
    share = median(
        [(start - chord.start) / chord.played for chord, start in pairs] or [Fraction(1)]
    )
    rules: tuple[_Habit, ...] = (
        lambda chord: chord.end,
        lambda chord: chord.end + time,
        lambda chord: chord.start + chord.played * share,
    )

    def kept(rule: _Habit) -> int:
        return sum(abs(rule(chord) - start) <= TOLERANCE for chord, start in pairs)

    best = max(rules, key=kept)
    return best if 2 * kept(best) >= len(pairs) else None
