"""Write exact note values in bars: cut at bar lines and tied over them, thirds in triplets.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.midi.key import spell_chord
from abcgen.midi.quantize import QuantizedNote
from abcgen.notation.tune import Bar, Item, Marks, Note, Rest, Tuplet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from abcgen.notation.tune import Key, Metre


BEAT = Fraction(1, 4)
# How long three in the time of two may last, and into what they may be divided. Only those over a
# beat have notes shorter than thirds: with such notes, longer ones are really two.
TRIPLETS = {
    Fraction(1, 8): Fraction(1, 24),
    Fraction(1, 4): Fraction(1, 24),
    Fraction(1, 2): Fraction(1, 6),
}
# How long other tuplets may last, the likeliest first, and the largest that ABC can count.
TUPLET_SPANS = (Fraction(1, 4), Fraction(1, 2), Fraction(1, 8), Fraction(3, 8), Fraction(3, 4))
LARGEST_TUPLET = 9
# Notes looked at in search of a tuplet's end.
LOOKAHEAD = 40


class BarSpan(NamedTuple):
    """The place of a bar in time, and its metre."""

    onset: Fraction
    offset: Fraction
    metre: Metre


def bar_spans(
    first: Fraction, end: Fraction, anchor: Fraction, metres: Mapping[Fraction, Metre]
) -> list[BarSpan]:
    """Return the bars in which there is music.

    Args:
        first: When the music begins.
        end: When it ends.
        anchor: A bar line at or before the beginning.
        metres: The metres by the times from which they hold, one of them from the anchor at
            latest. One that comes within a bar cuts it short.

    Raises:
        NotationError: if there are too many.
    """
    changes = deque(sorted(metres.items()))
    time, metre = anchor, changes[0][1]
    spans: list[BarSpan] = []
    while time < end:
        while changes and changes[0][0] <= time:
            metre = changes.popleft()[1]
        bar_line = time + metre.bar_duration
        if changes and changes[0][0] < min(bar_line, end):
            bar_line = changes[0][0]
        if bar_line > first:
            spans.append(BarSpan(time, bar_line, metre))
        if len(spans) > LIMITS.bars:
            raise NotationError(f"more than {LIMITS.bars} bars")
        time = bar_line
    return spans


def fill_rests(
    notes: Iterable[QuantizedNote], begin: Fraction, end: Fraction
) -> list[QuantizedNote]:
    """Return the notes of a voice, which do not overlap, with rests between two times."""
    filled, time = [], begin
    for note in notes:
        if note.onset > time:
            filled.append(QuantizedNote(time, note.onset, ()))
        filled.append(note)
        time = note.offset
    if time < end:
        filled.append(QuantizedNote(time, end, ()))
    return filled


def write_bars(
    notes: Iterable[QuantizedNote], spans: Sequence[BarSpan], keys: Mapping[Fraction, Key]
) -> list[Bar]:
    """Return the bars of a voice.

    Args:
        notes: Its notes and rests without a gap; a first bar that they do not fill from its
            beginning is a pickup.
        spans: The places of the bars.
        keys: The keys by the times from which they hold, one of them from the first bar at latest;
            one that comes within a bar holds from the next.

    Raises:
        NotationError: if a bar has too many notes.
    """
    remaining, bars = deque(notes), []
    onset, metre = spans[0].onset, spans[0].metre
    key = keys[max(time for time in keys if time <= onset)]
    for span in spans:
        changes = [time for time in keys if onset < time <= span.onset]
        new_key = keys[max(changes)] if changes and keys[max(changes)] != key else None
        new_metre = None if span.metre == metre else span.metre
        onset, key, metre = span.onset, new_key or key, span.metre
        own = cut_before(remaining, span.offset)
        if len(own) > LIMITS.bar_notes:
            raise NotationError(f"more than {LIMITS.bar_notes} notes in a bar")
        bars.append(Bar(tuple(_bar_items(own, onset, key)), key=new_key, metre=new_metre))
    return _spelled_as_tied(bars) if len(keys) > 1 else bars


def _spelled_as_tied(bars: Iterable[Bar]) -> list[Bar]:
    """Return bars in which a note tied over a change of key is spelled as where it began."""
    before: Note | Rest | None = None

    def spelled(note: Note | Rest) -> Note | Rest:
        nonlocal before
        if isinstance(before, Note) and isinstance(note, Note) and before.tied:
            note = replace(note, pitches=before.pitches)
        before = note
        return note

    def members_spelled(item: Item) -> Item:
        if isinstance(item, Tuplet):
            return replace(item, items=tuple(map(spelled, item.items)))
        return spelled(item)

    return [replace(bar, items=tuple(map(members_spelled, bar.items))) for bar in bars]


def cut_before(notes: deque[QuantizedNote], time: Fraction) -> deque[QuantizedNote]:
    """Remove and return what sounds before a time; a note over it is cut and tied."""
    before: deque[QuantizedNote] = deque()
    while notes and notes[0].onset < time:
        note = notes.popleft()
        if note.offset > time:
            notes.appendleft(note._replace(onset=time, symbol=None))
            note = note._replace(offset=time, tied=bool(note.pitches))
        before.append(note)
    return before


def _bar_items(notes: deque[QuantizedNote], bar: Fraction, key: Key) -> Iterator[Item]:
    """Yield the notes of a bar that begins at a time, those that end on thirds in triplets."""
    while notes:
        is_binary = odd_part((notes[0].offset - bar).denominator) == 1
        slot = None if is_binary else triplet_slot(notes, bar) or tuplet_slot(notes, bar)
        if slot is None:
            yield from _lone_items(notes.popleft(), key)
            continue
        for note in cut_before(notes, slot.onset):
            yield from _lone_items(note, key)
        members = tuple(_item(note, key, slot) for note in cut_before(notes, slot.offset))
        yield Tuplet(slot.actual, slot.normal, members)


class TupletSlot(NamedTuple):
    """The place of a tuplet, ``actual`` notes in the time of ``normal``."""

    onset: Fraction
    span: Fraction
    actual: int = 3

    @property
    def offset(self) -> Fraction:
        """Its end."""
        return self.onset + self.span

    @property
    def normal(self) -> int:
        """The power of two below the number of notes."""
        return 1 << self.actual.bit_length() - 1


def _lone_items(note: QuantizedNote, key: Key) -> Iterator[Item]:
    """Yield a note outside full tuplets; one of odd length makes a tuplet alone."""
    odd = odd_part(note.duration.denominator)
    if odd == 1:
        yield _item(note, key)
    elif odd <= LARGEST_TUPLET:
        slot = TupletSlot(note.onset, note.duration, odd)
        yield Tuplet(odd, slot.normal, (_item(note, key, slot),))
    else:
        # From a third to a fifth, say: cut at the coarsest binary time within.
        parts = 1
        while Fraction(int(note.onset * parts) + 1, parts) >= note.offset:
            parts *= 2
        cut = Fraction(int(note.onset * parts) + 1, parts)
        yield from _lone_items(note._replace(offset=cut, tied=bool(note.pitches)), key)
        yield from _lone_items(note._replace(onset=cut, symbol=None), key)


def _item(note: QuantizedNote, key: Key, slot: TupletSlot | None = None) -> Note | Rest:
    duration = note.duration * (Fraction(slot.actual, slot.normal) if slot else 1)
    marks = Marks((note.symbol,)) if note.symbol else None
    if not note.pitches:
        return Rest(duration, marks=marks)
    return Note(spell_chord(note.pitches, key), duration, note.tied, marks)


def triplet_slot(notes: Sequence[QuantizedNote], bar: Fraction) -> TupletSlot | None:
    """Return the place of the triplet in which the first note ends, or None.

    Best is one that begins and ends with a note, as short as may be; else one over a beat.
    """
    first = notes[0]
    edges = [note.offset for note in islice(notes, LOOKAHEAD)]
    slots = []
    for span, division in TRIPLETS.items():
        # It begins with the note, or on the last multiple of its span or of half of it.
        steps = (span, span / 2)
        for onset in (first.onset, *(bar + (first.offset - bar) // step * step for step in steps)):
            slot = TupletSlot(onset, span)
            if (
                first.onset <= onset < first.offset < slot.offset <= edges[-1]
                and (onset - bar) % (span / 2) == 0
                # No note may begin or end within but where it divides.
                and all(
                    (edge - onset) % division == 0 for edge in edges if onset < edge < slot.offset
                )
            ):
                slots.append(slot)

    def faults(slot: TupletSlot) -> tuple[bool, bool, Fraction]:
        is_cut = slot.offset not in edges
        length = abs(slot.span - BEAT) if is_cut else slot.span
        return slot.onset != first.onset, is_cut, length

    return min(slots, key=faults, default=None)


def tuplet_slot(notes: Sequence[QuantizedNote], bar: Fraction) -> TupletSlot | None:
    """Return the place of the five, seven or nine in which the first note ends, if it is full."""
    first = notes[0]
    actual = odd_part((first.offset - bar).denominator)
    if actual > LARGEST_TUPLET:
        return None
    edges = [first.onset, *(note.offset for note in islice(notes, LOOKAHEAD))]
    for span in TUPLET_SPANS:
        slot = TupletSlot(first.onset, span, actual)
        inner = [edge for edge in edges if slot.onset <= edge <= slot.offset]
        parts = ((edge - slot.onset) / span * actual for edge in inner)
        if slot.offset in inner and all(odd_part(part.denominator) == 1 for part in parts):
            return slot
    return None


def odd_part(number: int) -> int:
    """Return a number without its factors of two."""
    return number // (number & -number)
