"""Outline a tune for the critic: bars, tones and phrases in whole numbers (``outline_of``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import LETTERS, BarLine, Note, opens_section
from abcgen.notation.walk import keys_and_metres, sounding_durations

if TYPE_CHECKING:
    from fractions import Fraction

    from abcgen.notation.tune import Key, Metre, Tune

# Parts of a whole note: of them durations up to 1/64, triplets, quintuplets and septuplets are
# whole numbers.
WHOLE = 20_160
# Where a tone begins: off the beat, on a beat, at the beginning of a bar.
OFF_BEAT, ON_BEAT, DOWNBEAT = range(3)
PHRASE = 4  # bars


class Tone(NamedTuple):
    """A tone of the melody, ties joined; of a chord the highest."""

    # Diatonic steps above the tonic next to middle C, and whether an accidental alters it.
    height: int
    altered: bool
    midi: int
    # ``OFF_BEAT``, ``ON_BEAT`` or ``DOWNBEAT``.
    strength: int
    # In parts of a whole note, as written: without what is tied to it.
    duration: int

    @property
    def degree(self) -> int:
        """The degree of the scale, 0 for the tonic to 6."""
        return self.height % 7


@dataclass(slots=True)
class OutlinedBar:
    """A bar."""

    tones: list[Tone]
    # Duration and strength of every note and rest; a rest's duration is negative.
    rhythm: tuple[tuple[int, int], ...]
    duration: int
    # Whether it is as long as the metre says.
    full: bool
    metre: str

    @property
    def music(self) -> tuple[object, ...]:
        """Its tones and rhythm, equal for bars that sound alike."""
        return (self.rhythm, tuple(tone.midi for tone in self.tones))


@dataclass(slots=True)
class OutlinedSection:
    """A section: its bars, of which the first may be a pickup."""

    bars: list[OutlinedBar]
    repeated: bool
    endings: bool
    # Whether it begins with a pickup.
    pickup: bool

    @property
    def counted(self) -> list[OutlinedBar]:
        """Its bars without a pickup."""
        return self.bars[self.pickup :]

    @property
    def phrases(self) -> list[list[OutlinedBar]]:
        """Its bars in fours; the last phrase may be shorter."""
        bars = self.counted
        return [bars[start : start + PHRASE] for start in range(0, len(bars), PHRASE)]


@dataclass(slots=True)
class Outline:
    """A tune: its sections, and what holds for the whole."""

    sections: list[OutlinedSection]
    mode: str
    metre: str
    # Changes of key or metre.
    changes: int
    chords: int

    @property
    def bars(self) -> list[OutlinedBar]:
        """All bars as written."""
        return [bar for section in self.sections for bar in section.bars]

    @property
    def counted(self) -> dict[int, OutlinedBar]:
        """All bars but pickups, by their number, counted from 1 as written."""
        pickups = {id(s.bars[0]) for s in self.sections if s.pickup}
        return {n: bar for n, bar in enumerate(self.bars, start=1) if id(bar) not in pickups}


def outline_of(tune: Tune) -> Outline:
    """Return the outline of a tune's first voice. It is the same in every key."""
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    sections: list[OutlinedSection] = []
    tied: Note | None = None
    changes = chords = 0
    for index, bar in enumerate(tune.bars):
        # A pickup before a repeat sign belongs to the section that begins there.
        is_after_pickup = index == 1 and not sections[0].bars[0].full
        opens = opens_section(tune.bars, index) and not is_after_pickup
        if opens:
            sections.append(OutlinedSection([], repeated=False, endings=False, pickup=False))
        section = sections[-1]
        key, metre = in_force[index]
        notes = [(note, _ticks(duration)) for note, duration in sounding_durations(bar)]
        duration = sum(ticks for _, ticks in notes)
        full = _ticks(metre.bar_duration)
        # What is missing of a pickup is missing at its beginning.
        onset = full - duration if opens and duration < full else 0
        signature, tonic = key.signature, _tonic_step(key)
        beat = _beat(metre)
        tones: list[Tone] = []
        rhythm: list[tuple[int, int]] = []
        for note, ticks in notes:
            strength = DOWNBEAT if not onset else OFF_BEAT if onset % beat else ON_BEAT
            onset += ticks
            if not isinstance(note, Note):
                rhythm.append((-ticks, strength))
                tied = None
                continue
            rhythm.append((ticks, strength))
            chords += len(note.pitches) > 1
            if tied is None or set(tied.pitches).isdisjoint(note.pitches):
                top = max(note.pitches, key=lambda pitch: pitch.midi)
                altered = top.alter != signature[top.letter]
                tones.append(Tone(top.step - tonic, altered, top.midi, strength, ticks))
            tied = note if note.tied else None
        section.bars.append(
            OutlinedBar(tones, tuple(rhythm), duration, duration == full, str(metre))
        )
        section.repeated |= bar.line is BarLine.REPEAT
        section.endings |= bool(bar.ending)
        changes += bool(index and (bar.key or bar.metre))
    for section in sections:
        first = section.bars[0]
        section.pickup = len(section.bars) > 1 and not first.full
    opening = tune.metre
    return Outline(
        sections,
        tune.key.mode.abbreviation,
        f"{opening.beats}/{opening.unit}",
        changes,
        chords,
    )


def _ticks(duration: Fraction) -> int:
    return duration.numerator * WHOLE // duration.denominator


def _tonic_step(key: Key) -> int:
    """Return the diatonic number of the key's tonic in the octave above middle C."""
    return 28 + LETTERS.index(key.letter)


def _beat(metre: Metre) -> int:
    """Return the duration of a beat; in free metre a crotchet."""
    if metre.is_free:
        return WHOLE // 4
    return WHOLE * (3 if metre.is_compound else 1) // metre.unit
