"""The form of a tune: its sections, how they repeat and how they close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.notation.tune import BarLine, Note, notes_in, opens_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from abcgen.notation.key import Key
    from abcgen.notation.tune import Bar, Tune

USUAL_BARS = 8
USUAL_SECTIONS = 2


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a tune, from a repeat sign or double bar line to the next.

    Attributes:
        bars: How many bars it has when played once; a pickup is not counted, the short bar that
            it completes is.
        repeated: Whether it is played twice.
        has_endings: Whether it has a first ending.
        differing_ending: Whether it has a second ending unlike the first.
        on_tonic: Whether its last note is the tonic.
    """

    bars: int
    repeated: bool
    has_endings: bool
    differing_ending: bool
    on_tonic: bool


def sections_of(tune: Tune) -> list[Section]:
    """The sections of a tune."""
    starts = [index for index in range(len(tune.bars)) if opens_section(tune.bars, index)]
    ends = [*starts[1:], len(tune.bars)]
    fulls, keys = _in_force(tune)
    return [
        _section(tune.bars[start:end], fulls[start], keys[end - 1])
        for start, end in zip(starts, ends, strict=True)
    ]


def is_two_eights(sections: Sequence[Section]) -> bool:
    """Whether a tune is two parts of eight bars, each repeated: AABB, as most dance tunes are."""
    return len(sections) == USUAL_SECTIONS and all(
        section.bars == USUAL_BARS and section.repeated for section in sections
    )


def parts_of(sections: Sequence[Section]) -> str:
    """The sections as letters, twice where they are repeated, such as ``AABB``."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(
        letters[number % len(letters)] * (2 if section.repeated else 1)
        for number, section in enumerate(sections)
    )


def _in_force(tune: Tune) -> tuple[list[Fraction], list[Key]]:
    """How long a full bar is, and the key, at every bar."""
    full, key = tune.metre.bar_duration, tune.key
    fulls, keys = [], []
    for bar in tune.bars:
        full = bar.metre.bar_duration if bar.metre else full
        key = bar.key or key
        fulls.append(full)
        keys.append(key)
    return fulls, keys


def _section(bars: Sequence[Bar], full: Fraction, key: Key) -> Section:
    first, later = _endings(bars)
    once = bars[: len(bars) - len(later)]
    pickup = len(once) > 1 and once[0].duration < full
    last = next(_notes_backwards(bars), None)
    return Section(
        bars=len(once) - pickup,
        repeated=any(bar.line is BarLine.REPEAT for bar in bars),
        has_endings=bool(first),
        differing_ending=bool(first and later) and _music(first) != _music(later),
        on_tonic=last is not None
        and max(pitch.midi for pitch in last.pitches) % 12 == key.tonic_pitch_class,
    )


def _endings(bars: Sequence[Bar]) -> tuple[list[Bar], list[Bar]]:
    """The bars of the first ending, and those of the others."""
    first: list[Bar] = []
    later: list[Bar] = []
    current: list[Bar] | None = None
    for bar in bars:
        if bar.ending:
            current = first if 1 in bar.ending else later
        if current is not None:
            current.append(bar)
    return first, later


def _music(bars: Sequence[Bar]) -> list[object]:
    """What is played in bars, whatever their bar lines."""
    return [
        (note.duration, note.pitches if isinstance(note, Note) else ())
        for bar in bars
        for item in bar.items
        for note in notes_in(item)
    ]


def _notes_backwards(bars: Sequence[Bar]) -> Iterator[Note]:
    for bar in reversed(bars):
        for item in reversed(bar.items):
            for note in reversed(notes_in(item)):
                if isinstance(note, Note):
                    yield note
