"""From notes of any length to pieces that a note sign can stand for.

A note of five eighths has no sign: it is written as two notes tied together. Everything that
is printed goes through the pieces made here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.tune import Note, Rest, Tuplet, notes_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import Bar, Item, Marks, Pitch
    from abcgen.score.layout import PlannedBar

SIGNS = {
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
"""What each duration, in whole notes, is called and how many dots it takes."""

FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4, "128th": 5, "256th": 6}


@dataclass(frozen=True, slots=True)
class Piece:
    """One printed note, chord or rest.

    Attributes:
        item: The note or rest it belongs to.
        name: Which note or rest of its bar that is, counted from 0, and which piece of it.
        written: Its written duration in whole notes, a key of ``SIGNS``.
        onset: When it begins, in whole notes from where its bar, if it were full, would start.
        tuplet: The tuplet it is part of, or None.
        first: Whether it opens its tuplet.
        last: Whether it closes its tuplet.
        tied_from: Pitches that sound on from the piece before.
        tied_to: Pitches that sound on in the piece after.
    """

    item: Note | Rest
    name: tuple[int, int]
    written: Fraction
    onset: Fraction
    tuplet: Tuplet | None = None
    first: bool = False
    last: bool = False
    tied_from: frozenset[Pitch] = frozenset()
    tied_to: frozenset[Pitch] = frozenset()

    @property
    def duration(self) -> Fraction:
        """Sounding duration in whole notes."""
        if self.tuplet is None:
            return self.written
        return self.written * Fraction(self.tuplet.normal, self.tuplet.actual)

    @property
    def grace(self) -> tuple[Pitch, ...]:
        """The grace notes before it."""
        return self.marks.grace if self.marks else ()

    @property
    def marks(self) -> Marks | None:
        """What is written at it; at the first piece of a note, and not at the others."""
        return None if self.name[1] else self.item.marks

    @property
    def flags(self) -> int:
        """How many flags or beams its stem carries; 0 for a rest."""
        return 0 if isinstance(self.item, Rest) else FLAGS.get(SIGNS[self.written][0], 0)


def pieces_of(plan: tuple[PlannedBar, ...]) -> list[list[Piece]]:
    """Every bar as the pieces to print, ties drawn through all of them.

    Raises:
        NotationError: if a duration cannot be printed.
    """
    ties = _ties([note for planned in plan for note in _singles(planned.bar)])
    tied_from: frozenset[Pitch] = frozenset()
    result: list[list[Piece]] = []
    for planned in plan:
        pieces: list[Piece] = []
        for cut in _cut_bar(planned):
            tied_to = next(ties)
            pieces += _tie_parts(cut, tied_from, tied_to)
            tied_from = tied_to
        result.append(pieces)
    return result


def signs_of(duration: Fraction, onset: Fraction, beat: Fraction) -> list[Fraction]:
    """Divide a duration into ones that have a sign.

    Args:
        duration: In whole notes.
        onset: When it begins, in whole notes from the start of the full bar.
        beat: Duration of the beat in whole notes; 0 if there is none.

    Raises:
        NotationError: if it does not come out.
    """
    if duration in SIGNS:
        return [duration]
    return _parts_at_beat(duration, onset, beat) or _longest_parts(duration)


def _parts_at_beat(duration: Fraction, onset: Fraction, beat: Fraction) -> list[Fraction]:
    """Two parts that meet on a beat, with as few dots as possible; empty if there are none."""
    if not beat:
        return []
    to_beat = beat - onset % beat
    firsts = [to_beat + beat * count for count in range(int(duration / beat) + 1)]
    pairs = [[first, duration - first] for first in firsts if first < duration]
    signed = [pair for pair in pairs if all(part in SIGNS for part in pair)]
    return min(signed, key=lambda pair: sum(SIGNS[part][1] for part in pair), default=[])


def _longest_parts(duration: Fraction) -> list[Fraction]:
    parts: list[Fraction] = []
    while duration:
        longest = max((sign for sign in SIGNS if sign <= duration), default=None)
        if longest is None:
            raise NotationError("a duration that no note sign stands for", text=str(duration))
        parts.append(longest)
        duration -= longest
    return parts


def _cut_bar(planned: PlannedBar) -> Iterator[list[Piece]]:
    """The pieces of every note and rest of a bar, without ties."""
    onset, number = planned.offset, 0
    for item in map(_printable, planned.bar.items):
        tuplet = item if isinstance(item, Tuplet) else None
        inner = notes_in(item)
        for place, single in enumerate(inner):
            cut: list[Piece] = []
            beat = Fraction(0) if tuplet else planned.beat
            for part, written in enumerate(signs_of(single.duration, onset, beat)):
                cut.append(Piece(single, (number, part), written, onset, tuplet))
                onset += cut[-1].duration
            number += 1
            if tuplet and place == 0:
                cut[0] = replace(cut[0], first=True)
            if tuplet and place == len(inner) - 1:
                cut[-1] = replace(cut[-1], last=True)
            yield cut


def _tie_parts(
    cut: list[Piece], tied_from: frozenset[Pitch], tied_to: frozenset[Pitch]
) -> Iterator[Piece]:
    """Tie the parts of one note to each other and to its neighbours."""
    item = cut[0].item
    inner = frozenset(item.pitches) if isinstance(item, Note) else frozenset()
    for place, part in enumerate(cut):
        before = inner if place else tied_from
        after = inner if place < len(cut) - 1 else tied_to
        yield replace(part, tied_from=before, tied_to=after)


def _printable(item: Item) -> Item:
    """A lone note of, say, a twelfth becomes a tuplet of one note: an eighth in triplet time."""
    if isinstance(item, Tuplet):
        return item
    odd = item.duration.denominator
    while odd % 2 == 0:
        odd //= 2
    if odd == 1:
        return item
    normal = 1 << (odd.bit_length() - 1)
    written = item.duration * Fraction(odd, normal)
    return Tuplet(odd, normal, (replace(item, duration=written),))


def _singles(bar: Bar) -> Iterator[Note | Rest]:
    for item in bar.items:
        yield from notes_in(item)


def _ties(singles: list[Note | Rest]) -> Iterator[frozenset[Pitch]]:
    """For every note and rest the pitches that sound on in the next one."""
    for place, item in enumerate(singles):
        following = singles[place + 1] if place + 1 < len(singles) else None
        if isinstance(item, Note) and item.tied and isinstance(following, Note):
            yield frozenset(item.pitches) & frozenset(following.pitches)
        else:
            yield frozenset()
