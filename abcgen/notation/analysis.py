"""The melody of a tune: what one hears of it, note after note.

Which mode a tune is in, from its notes.

Some collections write every key as major and put the accidentals of a minor tune before the notes.
The tonic is taken as written; each degree of the scale then shows by how its notes are altered
which mode the tune moves in. A raised fourth is not taken for lydian: in a major tune it is more
often passing.

The form of a tune: its sections, how they repeat and how they close.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import LETTERS, BarLine, Key, Mode, Note, notes_in, opens_section, timed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from abcgen.notation.tune import Bar, Tune


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


FLAT = -1
FEWEST = 2  # notes that a degree is judged by
SHARE = 0.8  # of them that must be altered


def mode_of(bars: Iterable[Bar], key: Key) -> Mode:
    """The mode that the notes of a tune on that tonic move in; major where they leave it open.

    Args:
        bars: The bars of a tune.
        key: A major key on the tune's tonic.
    """
    altered = _alterations(bars, key)
    if _is(FLAT, altered[3]):
        if _is(FLAT, altered[2]):
            return Mode.PHRYGIAN
        natural_sixth = _is(0, altered[6]) and not _is(0, altered[7])
        return Mode.DORIAN if natural_sixth else Mode.MINOR
    flat_seventh = _is(FLAT, altered[7]) and not _is(FLAT, altered[6])
    return Mode.MIXOLYDIAN if _is(0, altered[3]) and flat_seventh else Mode.MAJOR


def _alterations(bars: Iterable[Bar], key: Key) -> dict[int, Counter[int]]:
    """For each degree of the scale how often its notes are flat, as in major, or sharp."""
    signature = key.signature
    altered: dict[int, Counter[int]] = {degree: Counter() for degree in range(1, 8)}
    for bar in bars:
        for item in bar.items:
            for note in notes_in(item):
                for pitch in note.pitches if isinstance(note, Note) else ():
                    degree = (pitch.step - LETTERS.index(key.letter)) % 7 + 1
                    altered[degree][pitch.alter - signature[pitch.letter]] += 1
    return altered


def _is(alteration: int, counts: Counter[int]) -> bool:
    """Whether a degree's notes are nearly all altered so."""
    total = counts.total()
    return total >= FEWEST and counts[alteration] >= SHARE * total


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
