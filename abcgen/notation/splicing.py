"""Replace the notes of some bars of a tune, and leave all else as it is (``splice``).

A ``Gap`` is bars on end whose notes are replaced. Notes that are tied over its edges stay, because
they sound outside of it too. What stands at a time rather than belongs to a note, such as chord
symbols, dynamics and the signs of jumps, stays at its time; what belongs to a note, such as grace
notes, ornaments and syllables, goes with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.tune import Bar, Marks, Note, Tune, Tuplet, notes_in, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from abcgen.notation.tune import Item, Rest

# Decorations that stand at a time: signs of jumps, dynamics and hairpins, marks of phrases. All
# others belong to a note.
_AT_TIME = re.compile(
    r"segno|coda|dacoda|fine|D\.[CS]\..*|p{1,4}|f{1,4}|m[pf]|s?fp|[sr]?fz|sf"
    r"|(?:crescendo|diminuendo|[<>])[()]|(?:short|medium|long)phrase"
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Bars on end, by index, whose notes are replaced."""

    first: int
    last: int
    # Items at the beginning of the first bar that a tie from before reaches, and at the end of the
    # last bar that are tied to what follows. They stay.
    held_before: int = 0
    held_after: int = 0

    @property
    def bars(self) -> range:
        """The indices of its bars."""
        return range(self.first, self.last + 1)

    def free(self, bar: Bar, index: int) -> tuple[Item, ...]:
        """Return the items of the bar with an index that are replaced."""
        start, stop = self.free_span(bar, index)
        return bar.items[start:stop]

    def free_span(self, bar: Bar, index: int) -> tuple[int, int]:
        """Return where the items of the bar with an index that are replaced begin and end."""
        start = self.held_before if index == self.first else 0
        return start, len(bar.items) - (self.held_after if index == self.last else 0)


def gap_in(bars: Sequence[Bar], first: int, last: int) -> Gap:
    """Return the gap that replaces some bars, without the notes tied over its edges.

    Raises:
        InputError: if nothing is left to replace.
    """
    # 1) Notes that are held from before: the first, and while they are tied on.
    is_tied, before = first > 0 and _ends_tied(bars[first - 1].items), 0
    while first <= last and is_tied:
        if before == len(bars[first].items):
            first, before = first + 1, 0
            continue
        is_tied = _ends_tied(bars[first].items[before : before + 1])
        before += 1
    if first <= last and before == len(bars[first].items):
        first, before = first + 1, 0
    # 2) Notes that are held into what follows: the last, and those tied to it.
    after = 0
    while first <= last:
        rest = bars[last].items[: len(bars[last].items) - after]
        least = before if last == first else 0
        if len(rest) > least and not _ends_tied(rest):
            return Gap(first, last, before, after)
        if len(rest) > least:
            after += 1
        else:
            last, after = last - 1, 0
    raise InputError("the notes of these bars are all tied to others: nothing is left to redraw")


def _ends_tied(items: Sequence[Item]) -> bool:
    """Return whether the last note of some items is tied."""
    last = notes_in(items[-1])[-1] if items else None
    return isinstance(last, Note) and last.tied


def emptied(tune: Tune, gaps: Iterable[Gap]) -> Tune:
    """Return a tune without what is replaced in it."""
    bars = list(tune.bars)
    for gap in gaps:
        for index in gap.bars:
            start, stop = gap.free_span(bars[index], index)
            held = bars[index].items[:start] + bars[index].items[stop:]
            bars[index] = replace(bars[index], items=held)
    return replace(tune, bars=tuple(bars))


def splice(tune: Tune, gap: Gap, new: Sequence[tuple[Item, ...]]) -> Tune:
    """Return a tune with other notes in a gap.

    Args:
        tune: The tune.
        gap: The gap.
        new: For each of its bars the items, which last as long as those they replace.
    """
    old = [gap.free(tune.bars[index], index) for index in gap.bars]
    slurs = iter(_open_slurs([note for items in old for item in items for note in notes_in(item)]))
    bars = list(tune.bars)
    for index, items, before in zip(gap.bars, new, old, strict=True):
        bar = bars[index]
        start, stop = gap.free_span(bar, index)
        marked = _with_marks(items, before, slurs)
        closing = bar.closing and replace(bar.closing, grace=())
        after = replace(
            bar,
            items=(*bar.items[:start], *marked, *bar.items[stop:]),
            closing=closing if closing != Marks() else None,
        )
        bars[index] = replace(after, is_new=sound_of(after) != sound_of(bar))
    return replace(tune, bars=tuple(bars))


def with_copies(tune: Tune, before: Tune, places: Sequence[int]) -> Tune:
    """Return a tune with its new bars also where the same bars were.

    Args:
        tune: A tune whose bars at some places are new.
        before: The same tune before that.
        places: The indices of the new bars.
    """
    # Bars without ties over their bar lines can stand anywhere.
    new = {
        sound_of(before.bars[index]): index
        for index in reversed(places)
        if _stands_alone(before, index) and _stands_alone(tune, index)
    }
    for index, bar in enumerate(before.bars):
        source = new.get(sound_of(bar))
        if source is not None and index not in places and _stands_alone(before, index):
            tune = splice(tune, Gap(index, index), [tune.bars[source].items])
    return tune


def _stands_alone(tune: Tune, index: int) -> bool:
    is_tied = index > 0 and _ends_tied(tune.bars[index - 1].items)
    return not is_tied and not _ends_tied(tune.bars[index].items)


def sound_of(bar: Bar) -> tuple[tuple[Fraction, Fraction, tuple[int, ...], bool], ...]:
    """Return onset, duration, keys and tie of each note of a bar: equal if they sound alike."""
    return tuple(
        (
            onset,
            note.duration,
            tuple(sorted(pitch.midi for pitch in note.pitches)) if isinstance(note, Note) else (),
            isinstance(note, Note) and note.tied,
        )
        for onset, note in _timed(bar.items)
    )


def likeness(one: Sequence[Bar], other: Sequence[Bar]) -> float:
    """Return the share of their notes, by onset and pitch, that bars have in common, 0 to 1."""
    first, second = (
        {
            (index, onset, keys)
            for index, bar in enumerate(bars)
            for onset, _, keys, _ in sound_of(bar)
        }
        for bars in (one, other)
    )
    return len(first & second) / max(1, len(first | second))


def _open_slurs(notes: Sequence[Note | Rest]) -> list[tuple[int, int]]:
    """Return how many slurs begin and end at each note whose other end is not among the notes."""
    begun: list[int] = []
    starts, ends = [0] * len(notes), [0] * len(notes)
    for index, marks in enumerate(note.marks or Marks() for note in notes):
        begun += [index] * marks.slur_starts
        for _ in range(marks.slur_ends):
            if begun:
                begun.pop()
            else:
                ends[index] += 1
    for index in begun:
        starts[index] += 1
    return list(zip(starts, ends, strict=True))


def _with_marks(
    new: tuple[Item, ...], old: tuple[Item, ...], slurs: Iterator[tuple[int, int]]
) -> tuple[Item, ...]:
    """Return new items with those marks of the old ones that stay, at or before their times."""
    onsets = [onset for onset, _ in _timed(new)]
    marks: dict[int, list[Marks]] = {}
    for onset, note in _timed(old):
        staying = _staying(note.marks or Marks(), *next(slurs))
        if staying != Marks():
            place = max(index for index, each in enumerate(onsets) if each <= onset)
            marks.setdefault(place, []).append(staying)
    if not marks:
        return new
    places = iter(range(len(onsets)))

    def marked(note: Note | Rest) -> Note | Rest:
        for each in marks.get(next(places), ()):
            note = replace(note, marks=_joined(note.marks or Marks(), each))
        return note

    return tuple(
        replace(item, items=tuple(map(marked, item.items)))
        if isinstance(item, Tuplet)
        else marked(item)
        for item in new
    )


def _timed(items: tuple[Item, ...]) -> Iterator[tuple[Fraction, Note | Rest]]:
    """Yield notes and rests with their onsets."""
    onset = total(())
    for item in items:
        for note in notes_in(item):
            yield onset, note
            scale = item.duration / total(each.duration for each in notes_in(item))
            onset += note.duration * scale


def _staying(marks: Marks, slur_starts: int, slur_ends: int) -> Marks:
    """Return the marks of a note that stay when it goes."""
    return replace(
        marks,
        decorations=tuple(name for name in marks.decorations if _AT_TIME.fullmatch(name)),
        grace=(),
        lyrics=(),
        slur_starts=slur_starts,
        slur_ends=slur_ends,
    )


def _joined(first: Marks, second: Marks) -> Marks:
    return replace(
        first,
        chord_symbols=first.chord_symbols + second.chord_symbols,
        decorations=first.decorations + second.decorations,
        annotations=first.annotations + second.annotations,
        slur_starts=first.slur_starts + second.slur_starts,
        slur_ends=first.slur_ends + second.slur_ends,
        tempo=second.tempo or first.tempo,
        clef=second.clef or first.clef,
    )
