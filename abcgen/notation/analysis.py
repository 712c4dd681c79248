"""Analyse a tune: its melody, its mode and its sections."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import LETTERS, BarLine, Key, Mode, Note, opens_section
from abcgen.notation.walk import keys_and_metres, sounding_durations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from abcgen.notation.tune import Bar, Tune

# A degree of the scale counts as altered if at least this share of its notes is, of at least two.
ALTERED_SHARE = 0.8


class MelodyNote(NamedTuple):
    """A note or rest of a melody."""

    # The MIDI key number of its highest pitch; None for a rest.
    midi: int | None
    # How long it sounds, ties joined, in whole notes.
    duration: Fraction


def melody_of(bars: Iterable[Bar]) -> list[MelodyNote]:
    """Return the melody of bars as written, repeats not played: highest notes, ties joined.

    Unlike ``join_ties``, which follows every key, this follows the top of chords: two chords with a
    tied pitch in common are one note of the melody, the highest of the first chord.
    """
    melody: list[MelodyNote] = []
    tied: Note | None = None
    for bar in bars:
        for note, duration in sounding_durations(bar):
            if not isinstance(note, Note):
                melody.append(MelodyNote(None, duration))
                tied = None
                continue
            if tied and not set(tied.pitches).isdisjoint(note.pitches):
                before = melody[-1]
                melody[-1] = MelodyNote(before.midi, before.duration + duration)
            else:
                melody.append(MelodyNote(max(pitch.midi for pitch in note.pitches), duration))
            tied = note if note.tied else None
    return melody


def mode_of(bars: Iterable[Bar], key: Key) -> Mode:
    """Infer the mode of notes on the tonic of a major key; major if they leave it open.

    Some collections write every key as major, with the accidentals of a minor tune before its
    notes. The tonic is trusted; the alterations of the scale's degrees then show the mode. A raised
    fourth does not count as lydian: in a major tune it is more often a passing note.
    """
    # For each degree of the scale, the alterations of its notes against the major scale.
    signature = key.signature
    alterations: dict[int, Counter[int]] = {degree: Counter() for degree in range(1, 8)}
    for bar in bars:
        for note in bar.notes:
            for pitch in note.pitches if isinstance(note, Note) else ():
                degree = (pitch.step - LETTERS.index(key.letter)) % 7 + 1
                alterations[degree][pitch.alter - signature[pitch.letter]] += 1

    def is_altered(degree: int, alteration: int) -> bool:
        counts = alterations[degree]
        count = counts.total()
        return count >= 2 and counts[alteration] >= ALTERED_SHARE * count

    if is_altered(3, -1):
        if is_altered(2, -1):
            return Mode.PHRYGIAN
        dorian = is_altered(6, 0) and not is_altered(7, 0)
        return Mode.DORIAN if dorian else Mode.MINOR
    flat_seventh = is_altered(7, -1) and not is_altered(6, -1)
    return Mode.MIXOLYDIAN if is_altered(3, 0) and flat_seventh else Mode.MAJOR


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a tune, from a repeat sign or double bar line to the next."""

    # Number of bars when played once. A pickup is not counted, the short bar that it completes is.
    bars: int
    repeated: bool
    # With a first ending, and with a second ending unlike the first.
    has_endings: bool
    differing_ending: bool
    # The last note is the tonic.
    on_tonic: bool


def sections_of(tune: Tune) -> list[Section]:
    """Return the sections of a tune."""
    starts = [index for index in range(len(tune.bars)) if opens_section(tune.bars, index)]
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    sections = []
    for start, end in zip(starts, [*starts[1:], len(tune.bars)], strict=True):
        bars = tune.bars[start:end]
        first, others = _endings(bars)
        once = bars[: len(bars) - len(others)]
        _, metre = in_force[start]
        has_pickup = len(once) > 1 and once[0].duration < metre.bar_duration
        key, _ = in_force[end - 1]
        notes = [note for bar in bars for note in bar.notes if isinstance(note, Note)]
        top = max(pitch.midi for pitch in notes[-1].pitches) if notes else None
        sections.append(
            Section(
                bars=len(once) - has_pickup,
                repeated=any(bar.line is BarLine.REPEAT for bar in bars),
                has_endings=bool(first),
                differing_ending=bool(first and others) and _music(first) != _music(others),
                on_tonic=top is not None and top % 12 == key.tonic_pitch_class,
            )
        )
    return sections


def _endings(bars: Sequence[Bar]) -> tuple[list[Bar], list[Bar]]:
    """Return the bars of the first ending, and those of the others."""
    first: list[Bar] = []
    others: list[Bar] = []
    ending: list[Bar] | None = None
    for bar in bars:
        if bar.ending:
            ending = first if 1 in bar.ending else others
        if ending is not None:
            ending.append(bar)
    return first, others


def _music(bars: Sequence[Bar]) -> list[object]:
    """Return the notes of bars, for comparison without their bar lines."""
    return [
        (note.duration, note.pitches if isinstance(note, Note) else ())
        for bar in bars
        for note in bar.notes
    ]


def is_two_eights(sections: Sequence[Section]) -> bool:
    """Return whether a tune is AABB in eight-bar sections, as most dance tunes are."""
    return len(sections) == 2 and all(
        section.bars == 8 and section.repeated for section in sections
    )


def section_letters(sections: Sequence[Section]) -> str:
    """Return the sections as letters, twice where they are repeated, such as ``AABB``."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(
        letters[number % len(letters)] * (2 if section.repeated else 1)
        for number, section in enumerate(sections)
    )
