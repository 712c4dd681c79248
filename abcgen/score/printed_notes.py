"""Divide notes of any length into printed notes, tied together.

There is no note value of five eighths: it is printed as two notes and a tie. ``printed_notes``
divides all notes of a part; beams, accidentals and line breaks are then computed from the result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.tune import Note, Rest, Tuplet, notes_in
from abcgen.notation.walk import sounding_durations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import Item, Marks, Pitch
    from abcgen.score.layout import PlannedBar

# The durations that one printed note can have, in whole notes, with its name and number of dots.
NOTE_VALUES = {
    base * Fraction(2 ** (dots + 1) - 1, 2**dots): (name, dots)
    for name, base in [
        ("breve", Fraction(2)),
        ("whole", Fraction(1)),
        ("half", Fraction(1, 2)),
        ("quarter", Fraction(1, 4)),
        ("eighth", Fraction(1, 8)),
        ("16th", Fraction(1, 16)),
        ("32nd", Fraction(1, 32)),
        ("64th", Fraction(1, 64)),
        ("128th", Fraction(1, 128)),
        ("256th", Fraction(1, 256)),
    ]
    for dots in range(3)
}
FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4, "128th": 5, "256th": 6}


@dataclass(frozen=True, slots=True)
class PrintedNote:
    """One printed note, chord or rest."""

    # The note or rest it belongs to.
    item: Note | Rest
    # The number of that note or rest in its bar, and its own number among the printed notes of the
    # same, both from 0.
    name: tuple[int, int]
    # Its written duration in whole notes, a key of ``NOTE_VALUES``.
    written: Fraction
    # When it begins, in whole notes from where its bar, if it were full, would start.
    onset: Fraction
    # The tuplet it is in, or None.
    tuplet: Tuplet | None = None
    # Whether it opens its tuplet.
    first: bool = False
    # Whether it closes its tuplet.
    last: bool = False
    # Pitches tied to the previous printed note.
    tied_from: frozenset[Pitch] = frozenset()
    # Pitches tied to the next printed note.
    tied_to: frozenset[Pitch] = frozenset()

    @property
    def duration(self) -> Fraction:
        """Sounding duration in whole notes."""
        if self.tuplet is None:
            return self.written
        return self.written * Fraction(self.tuplet.normal, self.tuplet.actual)

    @property
    def marks(self) -> Marks | None:
        """The marks of its note, at the first printed note only."""
        return None if self.name[1] else self.item.marks

    @property
    def grace(self) -> tuple[Pitch, ...]:
        """The grace notes before it."""
        return self.marks.grace if self.marks else ()

    @property
    def flags(self) -> int:
        """The number of flags or beams at its stem; 0 for a rest."""
        return 0 if isinstance(self.item, Rest) else FLAGS.get(NOTE_VALUES[self.written][0], 0)


def printed_notes(plan: tuple[PlannedBar, ...]) -> list[list[PrintedNote]]:
    """Return the printed notes of every bar, with ties between and within notes.

    Raises:
        NotationError: if a duration cannot be printed.
    """
    notes = [note for planned in plan for note, _ in sounding_durations(planned.bar)]
    following = iter([*notes[1:], None])
    tied_from: frozenset[Pitch] = frozenset()
    bars: list[list[PrintedNote]] = []
    for planned in plan:
        bar: list[PrintedNote] = []
        for note, divided in _divided_notes(planned):
            next_note = next(following)
            pitches = frozenset(note.pitches) if isinstance(note, Note) else frozenset()
            tied_to: frozenset[Pitch] = frozenset()
            if isinstance(note, Note) and note.tied and isinstance(next_note, Note):
                tied_to = pitches & frozenset(next_note.pitches) - note.untied
            # Only the first printed note can be tied to the previous note, only the last to the
            # next; between them all pitches are tied.
            for number, printed in enumerate(divided, start=1):
                before = tied_from if number == 1 else pitches
                after = tied_to if number == len(divided) else pitches
                bar.append(replace(printed, tied_from=before, tied_to=after))
            tied_from = tied_to
        bars.append(bar)
    return bars


def _divided_notes(planned: PlannedBar) -> Iterator[tuple[Note | Rest, list[PrintedNote]]]:
    """Yield every note and rest of a bar with its printed notes, without ties."""
    onset, number = planned.offset, 0
    for written_item in planned.bar.items:
        item = written_item if isinstance(written_item, Tuplet) else tuplet_of_one(written_item)
        tuplet = item if isinstance(item, Tuplet) else None
        beat = Fraction(0) if tuplet else planned.beat
        notes = notes_in(item)
        for index, note in enumerate(notes):
            divided: list[PrintedNote] = []
            for part, written in enumerate(divide_duration(note.duration, onset, beat)):
                divided.append(PrintedNote(note, (number, part), written, onset, tuplet))
                onset += divided[-1].duration
            number += 1
            if tuplet and index == 0:
                divided[0] = replace(divided[0], first=True)
            if tuplet and index == len(notes) - 1:
                divided[-1] = replace(divided[-1], last=True)
            yield note, divided


def tuplet_of_one(note: Note | Rest) -> Item:
    """Return a note or rest of, say, a twelfth as a tuplet of one: an eighth in triplet time.

    A duration that needs no tuplet is returned unchanged.
    """
    odd = odd_denominator(note.duration)
    if odd == 1:
        return note
    normal = 1 << (odd.bit_length() - 1)
    written = note.duration * Fraction(odd, normal)
    return Tuplet(odd, normal, (replace(note, duration=written),))


def odd_denominator(duration: Fraction) -> int:
    """Return the odd part of a duration's denominator: 1 if no tuplet is needed to write it."""
    greatest_power_of_two = duration.denominator & -duration.denominator
    return duration.denominator // greatest_power_of_two


def divide_duration(duration: Fraction, onset: Fraction, beat: Fraction) -> list[Fraction]:
    """Divide a duration into note values.

    Args:
        duration: In whole notes.
        onset: When it begins, in whole notes from the start of the full bar.
        beat: Duration of the beat in whole notes; 0 if there is none.

    Raises:
        NotationError: if no sum of note values is that long.
    """
    if duration in NOTE_VALUES:
        return [duration]
    # 1) Two notes that meet on a beat, with as few dots as possible.
    if beat:
        to_beat = beat - onset % beat
        firsts = [to_beat + beat * count for count in range(int(duration / beat) + 1)]
        pairs = [[first, duration - first] for first in firsts if first < duration]
        printable = [pair for pair in pairs if all(part in NOTE_VALUES for part in pair)]
        if printable:
            return min(printable, key=lambda pair: sum(NOTE_VALUES[part][1] for part in pair))
    # 2) Otherwise the longest notes first.
    parts: list[Fraction] = []
    while duration:
        longest = max((value for value in NOTE_VALUES if value <= duration), default=None)
        if longest is None:
            raise NotationError("a duration that no note sign stands for", text=str(duration))
        parts.append(longest)
        duration -= longest
    return parts
