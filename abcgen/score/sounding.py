"""What is heard: onsets, durations and MIDI keys, ties joined and rests dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Note, timed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abcgen.notation.tune import Tune


class Sound(NamedTuple):
    """Keys struck together and held equally long.

    Attributes:
        onset: In whole notes from the start.
        duration: In whole notes.
        keys: MIDI key numbers, ascending.
    """

    onset: Fraction
    duration: Fraction
    keys: tuple[int, ...]


class Strike(NamedTuple):
    """A written note or chord.

    Attributes:
        onset: In whole notes from the start.
        duration: In whole notes.
        keys: MIDI key numbers and, for each, whether it is tied to the note that follows.
    """

    onset: Fraction
    duration: Fraction
    keys: dict[int, bool]


def sounding_notes(
    tune: Tune, order: tuple[int, ...] | None = None, *, chord_ties: bool = True
) -> list[Sound]:
    """The notes of a tune as they sound.

    Args:
        tune: The tune.
        order: Which bars to play, by index; as written if None.
        chord_ties: Whether the ties of chords are joined too.
    """
    return join_ties(
        Strike(onset, duration, _keys(item, chord_ties=chord_ties))
        for item, onset, duration, _ in timed(tune.bars, order)
        if isinstance(item, Note)
    )


def _keys(note: Note, *, chord_ties: bool) -> dict[int, bool]:
    tied = note.tied and (chord_ties or len(note.pitches) == 1)
    return {pitch.midi: tied for pitch in note.pitches}


def join_ties(strikes: Iterable[Strike]) -> list[Sound]:
    """Join tied notes; one whose neighbour is not the same key, or comes late, ends as written.

    Args:
        strikes: Notes and chords in order.
    """
    held: dict[int, _Held] = {}
    done: list[_Held] = []
    for onset, duration, keys in strikes:
        continued = {key: note for key, note in held.items() if key in keys and note.end == onset}
        done += [note for key, note in held.items() if key not in continued]
        held = {}
        for key, tied in keys.items():
            note = continued.get(key) or _Held(key, onset)
            note.end = onset + duration
            if tied:
                held[key] = note
            else:
                done.append(note)
    return list(_grouped([*done, *held.values()]))


@dataclass(slots=True)
class _Held:
    key: int
    onset: Fraction
    end: Fraction = field(default=Fraction(0))


def _grouped(notes: list[_Held]) -> Iterator[Sound]:
    groups: dict[tuple[Fraction, Fraction], list[int]] = {}
    for note in notes:
        groups.setdefault((note.onset, note.end - note.onset), []).append(note.key)
    for onset, duration in sorted(groups):
        yield Sound(onset, duration, tuple(sorted(groups[onset, duration])))
