"""From exact note values to bars: cut at bar lines and tied over them, thirds in triplets.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.corpus.midi_keys import spelled_in
from abcgen.corpus.midi_rhythm import BINARY, TERNARY, Sound, place
from abcgen.errors import NotationError
from abcgen.notation.tune import Bar, BarLine, Item, Note, Rest, Tuplet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from abcgen.notation.key import Key
    from abcgen.notation.tune import Metre

# Three in the time of two: how long a group may last, and into what it may be divided. Only one
# over a beat has notes shorter than its thirds: with such notes, a longer one is really two.
_TRIPLETS = {
    Fraction(1, 8): Fraction(1, 24),
    Fraction(1, 4): Fraction(1, 24),
    Fraction(1, 2): Fraction(1, 6),
}
_SQUEEZED = Fraction(3, 2)  # written against sounding
_BEAT = Fraction(1, 4)


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
    """The place of a triplet."""

    start: Fraction
    span: Fraction

    @property
    def end(self) -> Fraction:
        return self.start + self.span


def bar_spans(sounds: Sequence[Sound], metres: Mapping[Fraction, Metre]) -> list[Span]:
    """The bars in which there is music; silent ones before the first note are dropped.

    Args:
        sounds: The notes.
        metres: The metres by the times from which they hold, one of them from 0.

    Raises:
        NotationError: if a metre changes within a bar, or there are too many bars.
    """
    first, end = sounds[0].start, sounds[-1].end
    changes = deque(sorted(metres.items()))
    spans: list[Span] = []
    time, count = Fraction(0), 0
    _, metre = changes.popleft()
    while time < end:
        if changes and changes[0][0] == time:
            _, metre = changes.popleft()
        span = Span(time, time + metre.bar_duration, metre)
        if changes and changes[0][0] < min(span.end, end):
            raise NotationError(f"a change of metre within a bar {place(changes[0][0])}")
        time, count = span.end, count + 1
        if count > LIMITS.bars:
            raise NotationError(f"more than {LIMITS.bars} bars")
        if span.end > first:
            spans.append(span)
    return spans


def written_bars(
    sounds: Iterable[Sound], spans: Sequence[Span], keys: Mapping[Fraction, Key]
) -> tuple[tuple[Bar, ...], Key]:
    """The bars of a tune, and the key it opens in.

    Args:
        sounds: The notes; a first bar that they do not fill from its beginning is a pickup.
        spans: The bars' places.
        keys: The keys by the times from which they hold, one of them from the first bar at latest.

    Raises:
        NotationError: if a key changes within a bar, a triplet is not complete, or a bar has too
            many notes.
    """
    opening = key = _opening_key(spans, keys)
    metre = spans[0].metre
    waiting = deque(sounds)
    bars: list[Bar] = []
    for span in spans:
        new_key = None if keys.get(span.start, key) == key else keys[span.start]
        new_metre = None if span.metre == metre else span.metre
        key, metre = new_key or key, span.metre
        items = tuple(_items(_taken(waiting, span.end), span.start, key))
        bars.append(Bar(items, key=new_key, metre=new_metre))
    bars[-1] = replace(bars[-1], line=BarLine.FINAL)
    return tuple(bars), opening


def _opening_key(spans: Sequence[Span], keys: Mapping[Fraction, Key]) -> Key:
    first, last = spans[0], spans[-1]
    bar_lines = {span.start for span in spans}
    for time in keys:
        if first.start < time < last.end and time not in bar_lines:
            raise NotationError(f"a change of key within a bar {place(time)}")
    return keys[max(time for time in keys if time <= first.start)]


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
        raise NotationError(f"more than {LIMITS.bar_notes} notes in a bar {place(bar)}")
    while waiting:
        if _is_binary(waiting[0].end):
            yield _note(waiting.popleft(), key)
            continue
        cell = _triplet_cell(waiting, bar)
        for sound in _taken(waiting, cell.start):
            yield _note(sound, key)
        notes = tuple(_note(sound, key, _SQUEEZED) for sound in _taken(waiting, cell.end))
        yield Tuplet(3, 2, notes)


def _is_binary(time: Fraction) -> bool:
    return time.denominator & (time.denominator - 1) == 0


def _note(sound: Sound, key: Key, factor: Fraction = Fraction(1)) -> Note | Rest:
    duration = sound.duration * factor
    if not sound.keys:
        return Rest(duration)
    return Note(tuple(spelled_in(midi, key) for midi in sound.keys), duration, sound.tied)


def _triplet_cell(sounds: Sequence[Sound], bar: Fraction) -> _Cell:
    """The place of the triplet in which the first note ends.

    Best is one that begins and ends with a note, as short as may be; else one over a beat.

    Raises:
        NotationError: if there is none.
    """
    first = sounds[0]
    # The longest triplet lasts half a whole note: no more notes than these reach into it.
    edges = [sound.end for sound in islice(sounds, (BINARY + TERNARY) // 2)]
    cells = [
        _Cell(start, span)
        for span in _TRIPLETS
        for start in (first.start, *(_floor(first.end, span / parts, bar) for parts in (1, 2)))
        if _is_place(_Cell(start, span), first, edges, bar)
    ]
    if not cells:
        raise NotationError(f"a triplet that is not complete {place(first.end)}")

    def faults(cell: _Cell) -> tuple[bool, bool, Fraction]:
        is_cut = cell.end not in edges
        return cell.start != first.start, is_cut, abs(cell.span - _BEAT) if is_cut else cell.span

    return min(cells, key=faults)


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
