"""From exact note values to bars: cut at bar lines and tied over them, thirds in triplets.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.midi.key import spelled_chord
from abcgen.midi.quantize import Sound
from abcgen.notation.tune import Bar, Item, Note, Rest, Tuplet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from abcgen.notation.tune import Key, Metre


# Three in the time of two: how long a group may last, and into what it may be divided. Only one
# over a beat has notes shorter than its thirds: with such notes, a longer one is really two.
_TRIPLETS = {
    Fraction(1, 8): Fraction(1, 24),
    Fraction(1, 4): Fraction(1, 24),
    Fraction(1, 2): Fraction(1, 6),
}
_BEAT = Fraction(1, 4)
# Spans that five or seven may fill.
_GROUPS = (Fraction(1, 4), Fraction(1, 2), Fraction(1, 8), Fraction(3, 8), Fraction(3, 4))
_MOST_EDGES = 40
_LARGEST_TUPLET = 9


class Span(NamedTuple):
    """The place of a bar.

    Attributes:
        start: Where it begins.
        end: Where the next begins.
        metre: Its metre.
    """

    start: Fraction
    end: Fraction
    metre: Metre


class _Cell(NamedTuple):
    """The place of a tuplet: ``parts`` notes in the time of ``normal``."""

    start: Fraction
    span: Fraction
    parts: int = 3

    @property
    def end(self) -> Fraction:
        return self.start + self.span

    @property
    def normal(self) -> int:
        return 1 << self.parts.bit_length() - 1


def spans_from(
    first: Fraction, end: Fraction, anchor: Fraction, metres: Mapping[Fraction, Metre]
) -> list[Span]:
    """The bars in which there is music.

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
    spans: list[Span] = []
    while time < end:
        while changes and changes[0][0] <= time:
            metre = changes.popleft()[1]
        after = time + metre.bar_duration
        if changes and changes[0][0] < min(after, end):
            after = changes[0][0]
        if after > first:
            spans.append(Span(time, after, metre))
        if len(spans) > LIMITS.bars:
            raise NotationError(f"more than {LIMITS.bars} bars")
        time = after
    return spans


def with_silences(sounds: Sequence[Sound], start: Fraction, end: Fraction) -> list[Sound]:
    """The sounds of a voice, which do not overlap, and the silences between two times."""
    filled, time = [], start
    for sound in sounds:
        if sound.start > time:
            filled.append(Sound(time, sound.start, ()))
        filled.append(sound)
        time = sound.end
    if time < end:
        filled.append(Sound(time, end, ()))
    return filled


def written_bars(
    sounds: Iterable[Sound], spans: Sequence[Span], keys: Mapping[Fraction, Key]
) -> list[Bar]:
    """The bars of a voice.

    Args:
        sounds: Its notes and silences without a gap; a first bar that they do not fill from its
            beginning is a pickup.
        spans: The bars' places.
        keys: The keys by the times from which they hold, one of them from the first bar at latest;
            one that comes within a bar holds from the next.

    Raises:
        NotationError: if a bar has too many notes.
    """
    waiting, bars = deque(sounds), []
    begin = spans[0].start
    key, metre = keys[max(time for time in keys if time <= begin)], spans[0].metre
    for span in spans:
        ahead = [time for time in keys if begin < time <= span.start]
        new_key = keys[max(ahead)] if ahead and keys[max(ahead)] != key else None
        new_metre = None if span.metre == metre else span.metre
        begin, key, metre = span.start, new_key or key, span.metre
        items = tuple(_items(_taken(waiting, span.end), span.start, key))
        bars.append(Bar(items, key=new_key, metre=new_metre))
    return bars


def _taken(waiting: deque[Sound], time: Fraction) -> deque[Sound]:
    """Take what sounds before a time; a note that goes on is cut and tied."""
    taken: deque[Sound] = deque()
    while waiting and waiting[0].start < time:
        sound = waiting.popleft()
        if sound.end > time:
            waiting.appendleft(sound._replace(start=time))
            sound = sound._replace(end=time, tied=bool(sound.keys))
        taken.append(sound)
    return taken


def _items(waiting: deque[Sound], bar: Fraction, key: Key) -> Iterator[Item]:
    """The notes of a bar that begins at a time, those that end on thirds in triplets."""
    if len(waiting) > LIMITS.bar_notes:
        raise NotationError(f"more than {LIMITS.bar_notes} notes in a bar")
    while waiting:
        if _is_binary(waiting[0].end - bar):
            yield from _lone(waiting.popleft(), key)
            continue
        cell = _triplet_cell(waiting, bar) or _group_cell(waiting, bar)
        if cell is None:
            yield from _lone(waiting.popleft(), key)
            continue
        for sound in _taken(waiting, cell.start):
            yield from _lone(sound, key)
        notes = tuple(_note(sound, key, cell) for sound in _taken(waiting, cell.end))
        yield Tuplet(cell.parts, cell.normal, notes)


def _lone(sound: Sound, key: Key) -> Iterator[Item]:
    """A sound on its own; one of odd length, part of no whole tuplet, is a tuplet of one."""
    odd = _odd_part(sound.duration.denominator)
    if odd == 1:
        yield _note(sound, key)
    elif odd > _LARGEST_TUPLET:  # from a third to a fifth
        cut = _binary_between(sound.start, sound.end)
        yield from _lone(sound._replace(end=cut, tied=bool(sound.keys)), key)
        yield from _lone(sound._replace(start=cut), key)
    else:
        cell = _Cell(sound.start, sound.duration, odd)
        yield Tuplet(odd, cell.normal, (_note(sound, key, cell),))


def _binary_between(start: Fraction, end: Fraction) -> Fraction:
    """A time between two that divides the whole note by halving, as coarsely as there is."""
    parts = 1
    while Fraction(int(start * parts) + 1, parts) >= end:
        parts *= 2
    return Fraction(int(start * parts) + 1, parts)


def _odd_part(number: int) -> int:
    return number // (number & -number)


def _is_binary(time: Fraction) -> bool:
    return _odd_part(time.denominator) == 1


def _note(sound: Sound, key: Key, cell: _Cell | None = None) -> Note | Rest:
    duration = sound.duration * (Fraction(cell.parts, cell.normal) if cell else 1)
    if not sound.keys:
        return Rest(duration)
    return Note(spelled_chord(sound.keys, key), duration, sound.tied)


def _triplet_cell(sounds: Sequence[Sound], bar: Fraction) -> _Cell | None:
    """The place of the triplet in which the first note ends, if there is one.

    Best is one that begins and ends with a note, as short as may be; else one over a beat.
    """
    first = sounds[0]
    edges = [sound.end for sound in islice(sounds, _MOST_EDGES)]
    cells = [
        _Cell(start, span)
        for span in _TRIPLETS
        for start in (first.start, *(_floor(first.end, span / parts, bar) for parts in (1, 2)))
        if _is_place(_Cell(start, span), first, edges, bar)
    ]

    def faults(cell: _Cell) -> tuple[bool, bool, Fraction]:
        is_cut = cell.end not in edges
        return cell.start != first.start, is_cut, abs(cell.span - _BEAT) if is_cut else cell.span

    return min(cells, key=faults, default=None)


def _group_cell(sounds: Sequence[Sound], bar: Fraction) -> _Cell | None:
    """The place of the five, seven or nine in which the first note ends, if it is whole."""
    first = sounds[0]
    parts = _odd_part((first.end - bar).denominator)
    if parts > _LARGEST_TUPLET:
        return None
    edges = [first.start, *(sound.end for sound in islice(sounds, _MOST_EDGES))]
    for span in _GROUPS:
        cell = _Cell(first.start, span, parts)
        inner = [edge for edge in edges if cell.start <= edge <= cell.end]
        if cell.end in inner and all(
            _is_binary((edge - cell.start) / span * parts) for edge in inner
        ):
            return cell
    return None


def _floor(time: Fraction, step: Fraction, origin: Fraction) -> Fraction:
    return origin + (time - origin) // step * step


def _is_place(cell: _Cell, first: Sound, edges: Sequence[Fraction], bar: Fraction) -> bool:
    """Whether a triplet can stand there: no note may begin or end but where it divides."""
    inner = [edge for edge in edges if cell.start < edge < cell.end]
    return (
        first.start <= cell.start < first.end < cell.end <= edges[-1]
        and (cell.start - bar) % (cell.span / 2) == 0
        and all((edge - cell.start) % _TRIPLETS[cell.span] == 0 for edge in inner)
    )


def edges_of(spans: Sequence[Span]) -> list[Fraction]:
    """All bar lines, those at the beginning and the end included."""
    return [spans[0].start, *(after.start for _, after in pairwise(spans)), spans[-1].end]
