"""The one table of instruments: what each can play and how MIDI calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.key import Key, key_at
from abcgen.notation.transpose import pitches_of, transpose

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

FAVOURITES = 3
OCTAVE, FIFTH = 12, 7


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument that plays tunes.

    Attributes:
        name: Its name on the command line.
        lowest: Its lowest note as a MIDI key number.
        highest: The highest note a good amateur plays, as a MIDI key number.
        keys: Key signatures its players like, as major keys, most usual first.
        program: General MIDI program number, counted from 0.
        tone: How its sound begins and dies away: ``bowed``, ``blown``, ``reed`` or ``plucked``.
    """

    name: str
    lowest: int
    highest: int
    keys: tuple[str, ...]
    program: int
    tone: str

    @property
    def comfort(self) -> float:
        """The middle of the range that tunes lie in: the lower two octaves of a wide one."""
        return min(self.lowest + self.highest, 2 * self.lowest + 2 * OCTAVE + FIFTH) / 2


_TABLE = (
    Instrument("fiddle", 55, 88, ("D", "G", "A", "E", "C", "F", "Bb"), 40, "bowed"),
    Instrument("whistle", 62, 86, ("D", "G", "A", "E"), 78, "blown"),
    Instrument("flute", 62, 90, ("D", "G", "A", "E", "C", "F"), 73, "blown"),
    Instrument("uilleann-pipes", 62, 86, ("D", "G", "A", "E"), 109, "reed"),
    Instrument("highland-pipes", 67, 81, ("D", "G", "A"), 109, "reed"),
    Instrument("concertina", 55, 91, ("G", "C", "D", "A", "F"), 23, "reed"),
    Instrument("accordion", 53, 93, ("D", "G", "A", "C", "F", "Bb", "E"), 21, "reed"),
    Instrument("mandolin", 55, 88, ("D", "G", "A", "E", "C", "F"), 25, "plucked"),
    Instrument("tenor-banjo", 48, 81, ("D", "G", "A", "E", "C"), 105, "plucked"),
    Instrument("guitar", 52, 83, ("D", "G", "A", "C", "E"), 25, "plucked"),
    Instrument("harp", 48, 96, ("D", "G", "A", "C", "F", "Eb", "Bb"), 46, "plucked"),
    Instrument("recorder", 60, 86, ("C", "F", "G", "D", "Bb"), 74, "blown"),
    Instrument("clarinet", 52, 87, ("F", "C", "Bb", "G", "Eb"), 71, "blown"),
    Instrument("piano", 36, 96, ("C", "G", "F", "D", "Bb", "A", "Eb", "E"), 0, "plucked"),
)
INSTRUMENTS = {instrument.name: instrument for instrument in _TABLE}


def instrument_named(name: str) -> Instrument:
    """The instrument of that name.

    Raises:
        InputError: if there is none.
    """
    try:
        return INSTRUMENTS[name.lower()]
    except KeyError as error:
        known = ", ".join(INSTRUMENTS)
        raise InputError(f"unknown instrument {name!r}", way_out=f"one of {known}") from error


def suited(tune: Tune, instrument: Instrument, choice: float = 0.0) -> Tune:
    """Move a tune to a usual key in which an instrument can play all of it.

    Args:
        tune: The tune.
        instrument: The instrument.
        choice: Which of the keys that suit, from 0 (the most usual) up to, but not including, 1.

    Returns:
        The tune moved; if no key brings all of it within range, the one that comes nearest.
    """
    moved = [
        transpose(tune, _with_signature(tune.key, major), octaves=octaves)
        for major in instrument.keys[:FAVOURITES]
        for octaves in (0, 1, -1)
    ]
    nearest = min(_strain(candidate, instrument) for candidate in moved)
    fitting = [candidate for candidate in moved if _strain(candidate, instrument) == nearest]
    keys = list(dict.fromkeys(candidate.key for candidate in fitting))
    key = keys[int(choice * len(keys))]
    return min(
        (candidate for candidate in fitting if candidate.key == key),
        key=lambda candidate: abs(_middle(candidate) - instrument.comfort),
    )


def _with_signature(key: Key, major: str) -> Key:
    """The key of the same mode that has the signature of a major key: E dorian for D."""
    alter = {"": 0, "#": 1, "b": -1}[major[1:]]
    return key_at(Key(major[0], alter).fifths, key.mode)


def _strain(tune: Tune, instrument: Instrument) -> int:
    """By how many semitones a tune leaves an instrument's range, both ends added up."""
    pitches = pitches_of(tune)
    if not pitches:
        return 0
    return max(0, instrument.lowest - min(pitches)) + max(0, max(pitches) - instrument.highest)


def _middle(tune: Tune) -> float:
    pitches = pitches_of(tune)
    return sum(pitches) / len(pitches) if pitches else 0.0
