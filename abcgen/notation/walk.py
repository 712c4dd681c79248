"""Iterate over bars and notes in time, with the key and metre in force.

Times are fractions of a whole note, counted from the start of the walk.

    for bar in walk_bars(tune.bars, tune.key, tune.metre): ...          # as written
    for note in walk_tune(tune, play_order(tune)): ...                  # as played
    for sound in sounding_notes(tune, play_order(tune)): ...            # as heard, ties joined
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Note, Tuplet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from abcgen.notation.tune import Bar, Key, Metre, Rest, Tune


# Not frozen: frozen instances take three times as long to create.
@dataclass(slots=True)
class TimedBar:
    """A bar with the time at which it begins."""

    bar: Bar
    # Its index among the bars as written.
    index: int
    onset: Fraction
    # The key and metre in force, changes at this bar included.
    key: Key
    metre: Metre


class TimedNote(NamedTuple):
    """A note or rest with the time at which it begins."""

    note: Note | Rest
    onset: Fraction
    # Its sounding duration: the written one, scaled by its tuplet.
    duration: Fraction
    # Its bar, with the key and metre in force.
    bar: TimedBar


def walk_bars(
    bars: Sequence[Bar], key: Key, metre: Metre, order: Sequence[int] | None = None
) -> Iterator[TimedBar]:
    """Yield bars in time.

    The key and metre in force are those of the written order, also where ``order`` jumps: a
    repeat from the beginning is in the opening key again.

    Args:
        bars: The bars of a voice.
        key: The key it opens in.
        metre: The metre it opens in.
        order: The bars to visit, by index (see ``play_order``); as written if None.
    """
    onset = Fraction(0)
    in_force = keys_and_metres(bars, key, metre)
    for index in range(len(bars)) if order is None else order:
        yield TimedBar(bars[index], index, onset, *in_force[index])
        onset += bars[index].duration


def walk_notes(
    bars: Sequence[Bar], key: Key, metre: Metre, order: Sequence[int] | None = None
) -> Iterator[TimedNote]:
    """Yield the notes and rests of bars in time; for the arguments see ``walk_bars``."""
    # Without walk_bars, which would add up every bar's duration a second time.
    onset = Fraction(0)
    in_force = keys_and_metres(bars, key, metre)
    for index in range(len(bars)) if order is None else order:
        timed_bar = TimedBar(bars[index], index, onset, *in_force[index])
        for note, duration in sounding_durations(bars[index]):
            yield TimedNote(note, onset, duration, timed_bar)
            onset += duration


def walk_tune(tune: Tune, order: Sequence[int] | None = None) -> Iterator[TimedNote]:
    """Yield the notes and rests of a tune's first voice in time."""
    return walk_notes(tune.bars, tune.key, tune.metre, order)


def sounding_durations(bar: Bar) -> Iterator[tuple[Note | Rest, Fraction]]:
    """Yield the notes and rests of a bar with their sounding durations, tuplets applied."""
    for item in bar.items:
        if isinstance(item, Tuplet):
            ratio = Fraction(item.normal, item.actual)
            for note in item.items:
                yield note, note.duration * ratio
        else:
            yield item, item.duration


def keys_and_metres(bars: Sequence[Bar], key: Key, metre: Metre) -> list[tuple[Key, Metre]]:
    """Return the key and metre in force at every bar, in the order written."""
    in_force = []
    for bar in bars:
        key, metre = bar.key or key, bar.metre or metre
        in_force.append((key, metre))
    return in_force


class WrittenChord(NamedTuple):
    """A note or chord as written, with a tie or none for each of its keys."""

    onset: Fraction
    duration: Fraction
    # MIDI key numbers and, for each, whether it is tied to the note that follows.
    ties: Mapping[int, bool]


class Sound(NamedTuple):
    """Keys that are struck together and held equally long."""

    onset: Fraction
    duration: Fraction
    # MIDI key numbers, ascending.
    keys: tuple[int, ...]


def sounding_notes(
    tune: Tune, order: Sequence[int] | None = None, *, chord_ties: bool = True
) -> list[Sound]:
    """Return the notes of a tune's first voice as they are heard, ties joined.

    Args:
        tune: The tune.
        order: The bars to play, by index; as written if None.
        chord_ties: Whether to join the ties of chords too, or only those of single notes.
    """
    return join_ties(
        WrittenChord(
            onset,
            duration,
            {
                pitch.midi: note.tied
                and (chord_ties or len(note.pitches) == 1)
                and pitch not in note.untied
                for pitch in note.pitches
            },
        )
        for note, onset, duration, _ in walk_tune(tune, order)
        if isinstance(note, Note)
    )


def join_ties(chords: Iterable[WrittenChord]) -> list[Sound]:
    """Join tied notes key by key, and group the sounds by onset and duration.

    A tie joins nothing if the next chord lacks the key or does not begin where the tied note
    ends. Ties are given key by key, because music21 ties the notes of a chord separately.

    Args:
        chords: The notes and chords of one voice in order.
    """
    finished: list[tuple[int, tuple[Fraction, Fraction]]] = []  # keys with onset and end
    held: dict[int, tuple[Fraction, Fraction]] = {}
    for onset, duration, ties in chords:
        began = {key: held.pop(key)[0] for key in ties if key in held and held[key][1] == onset}
        finished += held.items()
        held = {}
        for key, tied in ties.items():
            span = began.get(key, onset), onset + duration
            if tied:
                held[key] = span
            else:
                finished.append((key, span))
    finished += held.items()

    groups: dict[tuple[Fraction, Fraction], list[int]] = {}
    for key, (onset, end) in finished:
        groups.setdefault((onset, end - onset), []).append(key)
    return [Sound(*span, tuple(sorted(groups[span]))) for span in sorted(groups)]
