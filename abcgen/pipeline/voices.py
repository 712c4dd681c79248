"""The voices that a network writes: how many, which of a tune's, and their names and ranges.

``config.json`` of a network of several voices tells their names and ranges in its training tunes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter, ValidationError

from abcgen.config import MAX_VOICES, Schema
from abcgen.errors import InputError
from abcgen.files import printable
from abcgen.notation.ensemble import KINDS, singer_named
from abcgen.notation.staves import Staff
from abcgen.notation.transpose import FAVOURITE_KEYS, pitches_of, plainly_spelled, transpose
from abcgen.notation.tune import ALTERATIONS, MIDDLE_C, Key, Note, key_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from abcgen.config import NetworkConfig
    from abcgen.corpus.records import Extract
    from abcgen.grammar import Rules
    from abcgen.notation.tune import Mode, Tune, Voice

AUTO = "auto"
VOICES = "voices"  # field of config.json
MAX_NAME = 40
# Of the tunes, one in so many may have a voice beyond its range.
ODD = 100

MidiKey = Annotated[int, Field(ge=0, le=127)]


class NamedRange(Schema):
    """A voice of a network: its name, empty if its tunes have none, and its range."""

    name: str = Field("", max_length=MAX_NAME)
    lowest: MidiKey
    highest: MidiKey


_RANGES: TypeAdapter[list[NamedRange]] = TypeAdapter(
    Annotated[list[NamedRange], Field(max_length=MAX_VOICES)]
)


def number_of(text: str) -> int | None:
    """Return a number of voices; None for ``auto``.

    Raises:
        InputError: if it is neither.
    """
    if text == AUTO:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MAX_VOICES:
        raise InputError(f"voices must be a number from 1 to {MAX_VOICES} or {AUTO}, not {text!r}")
    return int(text)


def usual_number(tunes: Sequence[Extract]) -> int:
    """Return the number of voices that most tunes of several have; 1 if there are none."""
    numbers = Counter(tune.voices for tune in tunes if 1 < tune.voices <= MAX_VOICES)
    return numbers.most_common(1)[0][0] if numbers else 1


def ranges_of(tunes: Sequence[Extract]) -> list[NamedRange]:
    """Return the name and range of each voice of some tunes; none if these have one voice."""
    chosen = [tune.ranges for tune in tunes if tune.ranges]
    ranges = []
    for voice in zip(*chosen, strict=True):
        names = Counter(printable(part.name)[:MAX_NAME] for part in voice)
        beyond = len(voice) // ODD
        ranges.append(
            NamedRange(
                name=names.most_common(1)[0][0],
                lowest=sorted(part.lowest for part in voice)[beyond],
                highest=sorted(part.highest for part in voice)[-1 - beyond],
            )
        )
    return ranges


def recorded_ranges(about: Mapping[str, object], number: int) -> list[NamedRange]:
    """Return the names and ranges of a network's voices; none if it does not tell them all."""
    try:
        ranges = _RANGES.validate_python(about.get(VOICES, []))
    except (ValidationError, InputError):
        return []
    return ranges if len(ranges) == number else []


def described_choice(tunes: Sequence[Extract]) -> str:
    """Return which voices of tunes were taken, for people."""
    hows = Counter(tune.chosen for tune in tunes)
    words = {
        "all": "all of {}",
        "by name": "those named soprano, alto, tenor and bass of {}",
        "outer and fullest": "the first, the lowest and the fullest of {}",
    }
    parts = [words[how].format(f"{count:,}") for how, count in hows.most_common() if how in words]
    return ", ".join(parts)


# Sampling.

CHOIR_KEYS = ("C", "G", "F", "D", "Bb", "A", "Eb")  # major keys, most usual first


class Ensemble:
    """The voices that a network writes, and those of them that are wanted.

    Args:
        ranges: The names and ranges of the network's voices.
        wanted: A number, or names separated by commas; all if empty.

    Raises:
        InputError: if it has no such voices.
    """

    def __init__(self, ranges: Sequence[NamedRange], wanted: str = "") -> None:
        self.ranges = ranges
        self.names = names_of(ranges)
        self.chosen = self._chosen(wanted)

    def _chosen(self, wanted: str) -> list[int]:
        """Return the voices that are wanted, by their index."""
        count = len(self.names)
        if not wanted or wanted in {AUTO, str(count)}:
            return list(range(count))
        if wanted.isdecimal():
            raise InputError(
                f"the network writes {count} voices, not {wanted}",
                hint=f"leave --voices out, or name some of {', '.join(self.names).lower()}",
            )
        known = {name.casefold(): index for index, name in enumerate(self.names)}
        known.setdefault("melody", 0)
        names = [name.strip().casefold() for name in wanted.split(",")]
        for name in names:
            if name not in known:
                raise InputError(
                    f"the network has no voice {name!r}",
                    hint=f"its voices: {', '.join(self.names).lower()}",
                )
        return sorted({known[name] for name in names})

    def rules(self, rules: Rules, key: Key | None) -> Rules:
        """Return a grammar's rules for these voices.

        Args:
            rules: The rules for one voice.
            key: The key that is wanted, if any.

        Raises:
            InputError: if they are in free metre.
        """
        if any(metre.is_free for metre in rules.metres):
            raise InputError(
                "voices need a metre: bars have to be equally long", hint="another --metre"
            )
        first = self.ranges[0]
        ranges = {}
        for mode in rules.modes:
            # ``transpose`` moves by less than half an octave up, or by up to half an octave down.
            moves = [(tonic.tonic_pitch_class + 6) % 12 - 6 for tonic in _keys(mode, key)]
            ranges[mode] = tuple((first.lowest - move, first.highest - move) for move in moves)
        voices = tuple((voice.lowest, voice.highest) for voice in self.ranges)
        # Key and metre stay: few pieces in several voices change them.
        return replace(rules, voices=voices, ranges=ranges, changes=False, melodies={})

    def arranged(self, tune: Tune, key: Key | None, choice: float) -> Tune:
        """Return a tune in C in a key in which every voice is in its range, with names and clefs.

        Args:
            tune: The tune.
            key: The key that is wanted, if any.
            choice: Selects one of the most usual keys that fit, from 0 to less than 1.
        """
        candidates = [transpose(tune, tonic) for tonic in _keys(tune.key.mode, key)]
        outside = [self._outside(candidate) for candidate in candidates]
        fitting = [
            candidate
            for candidate, semitones in zip(candidates, outside, strict=True)
            if semitones == min(outside)
        ][:FAVOURITE_KEYS]
        moved = fitting[int(choice * len(fitting))]
        voices = [
            replace(
                voice,
                name=name,
                clef=clef_for(voice, name),
                bars=tuple(bar.with_notes(plainly_spelled) for bar in voice.bars),
            )
            for voice, name in zip(moved.voices, self.names, strict=True)
        ]
        first, *others = (voices[index] for index in self.chosen)
        staves = tuple(Staff((index,), bracket=1) for index in range(len(self.chosen)))
        return replace(
            moved,
            bars=first.bars,
            voice=first.name,
            clef=first.clef,
            program=first.program,
            others=tuple(others),
            staves=staves if others else (),
        )

    def _outside(self, tune: Tune) -> int:
        """Return by how many semitones the voices of a tune exceed their ranges."""
        outside = 0
        for voice, limits in zip(tune.voices, self.ranges, strict=True):
            keys = pitches_of(replace(tune, bars=voice.bars)) or [limits.lowest]
            outside += max(0, limits.lowest - min(keys)) + max(0, max(keys) - limits.highest)
        return outside


def _keys(mode: Mode, key: Key | None) -> list[Key]:
    """Return the keys of a mode that a choir sings in, or the only one that is wanted."""
    majors = (Key(name[0], ALTERATIONS[name[1:]]) for name in CHOIR_KEYS)
    return [key] if key else [key_at(major.fifths, mode) for major in majors]


def ensemble_of(
    network: NetworkConfig, about: Mapping[str, object], wanted: str = ""
) -> Ensemble | None:
    """Return the voices that a network writes; None if it is one.

    Args:
        network: Its shape.
        about: What its checkpoint tells beside that.
        wanted: The voices wanted, by number or names; all if empty.

    Raises:
        InputError: if it has not the voices wanted, or does not tell their ranges.
    """
    if network.voices == 1:
        if wanted not in {"", "1"}:
            raise InputError(
                f"the network writes one voice, not {wanted}",
                hint="name a network of several with --checkpoint, or train one with --voices",
            )
        return None
    ranges = recorded_ranges(about, network.voices)
    if not ranges:
        raise InputError("the network does not tell the ranges of its voices")
    return Ensemble(ranges, wanted)


def refuse_voices(network: NetworkConfig, what: str) -> None:
    """Refuse a network of several voices where only one is understood.

    Raises:
        InputError: if it writes several.
    """
    if network.voices > 1:
        raise InputError(f"only networks of one voice can be {what}")


def names_of(ranges: Sequence[NamedRange]) -> list[str]:
    """Return the names of voices: their own or, where one has none, those of their ranges."""
    if all(voice.name for voice in ranges):
        return [voice.name for voice in ranges]
    if len(ranges) == len(KINDS):
        return [kind.name for kind in KINDS]
    return [f"Voice {number}" for number in range(1, len(ranges) + 1)]


def clef_for(voice: Voice, name: str) -> str:
    """Return the clef of a voice: a singer's by its name, else one that suits its notes."""
    if kind := singer_named(name):
        return kind.clef
    keys = [p.midi for note in voice.notes if isinstance(note, Note) for p in note.pitches]
    return "bass" if keys and median(keys) < MIDDLE_C - 3 else "treble"
