"""Melody in the grammar: which note may follow which, and how far it is from the tonic.

A ``Melody`` limits the notes of a model text, whose tonic is C: to a scale, to notes of its own for
rising and falling (as a raga has), to leaps up to some interval, to an end on the tonic. It knows
notes only; ``pitch`` finds them in a text.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from abcgen.notation.tune import MIDDLE_C_STEP, Pitch

PitchRange: TypeAlias = tuple[int, int]  # lowest and highest MIDI key number
Note: TypeAlias = tuple[int, int]  # diatonic step and alteration, as in ``Pitch``
Degree: TypeAlias = tuple[int, int]  # steps above the tonic, 0 to 6, and alteration

TONIC: Degree = (0, 0)
MIDDLE_TONIC: Note = (MIDDLE_C_STEP, 0)
# The steps that letters and octave marks can write: C,,, to b'''.
LOWEST_STEP, HIGHEST_STEP = MIDDLE_C_STEP - 21, MIDDLE_C_STEP + 34
EVERY_DEGREE = frozenset((step, alter) for step in range(7) for alter in range(-2, 3))
EVERY_NOTE = frozenset(
    (step, alter) for step in range(LOWEST_STEP, HIGHEST_STEP + 1) for alter in range(-2, 3)
)


@dataclass(frozen=True, slots=True)
class Melody:
    """Limits on the notes of a melody."""

    # The notes that it may rise from, and those that it may fall from: a note of the first only,
    # however it is reached, has to be left upwards. A repeated note neither rises nor falls.
    rising: frozenset[Degree] = EVERY_DEGREE
    falling: frozenset[Degree] = EVERY_DEGREE
    # The widest interval between two notes, as musicians count: 2 for a second, 5 for a fifth; 0
    # for any.
    max_leap: int = 0
    # Whether the last note has to be the tonic.
    ends_on_tonic: bool = False
    # The notes that can be written.
    notes: frozenset[Note] = EVERY_NOTE

    @property
    def depends_on_last_note(self) -> bool:
        """Whether what may follow depends on the last note."""
        return self.max_leap > 0 or self.rising != self.falling

    def memory_of(self, note: Note) -> Note | None:
        """Return as much of a note as matters after it; None if nothing does."""
        if self.depends_on_last_note:
            return note
        return MIDDLE_TONIC if self.ends_on_tonic and degree_of(note) == TONIC else None

    def has(self, note: Note) -> bool:
        """Return whether a note is in the scale, rising or falling."""
        degree = degree_of(note)
        return degree in self.rising or degree in self.falling

    def allows(self, last: Note | None, note: Note) -> bool:
        """Return whether a note may follow the last one, or begin the melody."""
        if not self.has(note):
            return False
        if last is None or not self.depends_on_last_note:
            return True
        if self.max_leap and abs(note[0] - last[0]) >= self.max_leap:
            return False
        difference = Pitch(*note).midi - Pitch(*last).midi
        if not difference:
            return True
        return degree_of(last) in (self.rising if difference > 0 else self.falling)

    def notes_to_tonic(self, ranges: tuple[PitchRange, ...], last: Note | None) -> int:
        """Return how many notes must still come before the melody may end."""
        if not self.ends_on_tonic:
            return 0
        if last is None:
            return 1
        ways = (distances_to_tonic(self, limits).get(last) for limits in ranges)
        return min(way for way in ways if way is not None)

    def can_be_in(self, limits: PitchRange) -> bool:
        """Return whether a pitch range has notes for the melody, the tonic among them if needed."""
        if self.ends_on_tonic:
            return bool(distances_to_tonic(self, limits))
        return bool(notes_within(self, limits))

    def can_end_after(self, note: Note, limits: PitchRange) -> bool:
        """Return whether the melody can still end on the tonic within a range, if it has to."""
        if not self.ends_on_tonic:
            return True
        if not self.depends_on_last_note:
            return self.can_be_in(limits)
        return note in distances_to_tonic(self, limits)

    def longest_way(self, ranges: tuple[PitchRange, ...]) -> int:
        """Return how many notes it takes to come to the tonic at most."""
        if not self.ends_on_tonic:
            return 0
        if not self.depends_on_last_note:
            return 1
        return max((max(distances_to_tonic(self, limits).values()) for limits in ranges), default=0)


def degree_of(note: Note) -> Degree:
    """Return the degree of a note above C."""
    return note[0] % 7, note[1]


@lru_cache(maxsize=1024)
def notes_within(melody: Melody, limits: PitchRange) -> tuple[Note, ...]:
    """Return the notes of a melody's scale within a pitch range, lowest first."""
    lowest, highest = limits
    return tuple(
        note
        for note in sorted(melody.notes)
        if melody.has(note) and lowest <= Pitch(*note).midi <= highest
    )


@lru_cache(maxsize=1024)
def distances_to_tonic(melody: Melody, limits: PitchRange) -> dict[Note, int]:
    """Return the number of notes from each note within a range to the nearest tonic.

    Notes from which the melody cannot come to the tonic are left out.
    """
    notes = notes_within(melody, limits)
    distances = {note: 0 for note in notes if degree_of(note) == TONIC}
    if not melody.depends_on_last_note:
        return {MIDDLE_TONIC: 0} if distances else {}
    reached = deque(distances)
    while reached:
        note = reached.popleft()
        for before in notes:
            if before not in distances and melody.allows(before, note):
                distances[before] = distances[note] + 1
                reached.append(before)
    return distances
