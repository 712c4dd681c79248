"""The melody of a tune: what one hears of it, note after note."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Note, timed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from abcgen.notation.tune import Bar


class Tone(NamedTuple):
    """A note or rest of a melody.

    Attributes:
        key: The MIDI key number of its highest pitch; None for a rest.
        duration: How long it sounds, ties joined, in whole notes.
    """

    key: int | None
    duration: Fraction


def tones_of(bars: Iterable[Bar]) -> list[Tone]:
    """The melody of bars as written, repeats not played: highest notes, ties joined."""
    tones: list[Tone] = []
    tied: Note | None = None
    for note in timed(tuple(bars)):
        item = note.item
        if not isinstance(item, Note):
            tones.append(Tone(None, note.duration))
            tied = None
            continue
        if tied and not set(tied.pitches).isdisjoint(item.pitches):
            tones[-1] = Tone(tones[-1].key, tones[-1].duration + note.duration)
        else:
            tones.append(Tone(max(pitch.midi for pitch in item.pitches), note.duration))
        tied = item if item.tied else None
    return tones
