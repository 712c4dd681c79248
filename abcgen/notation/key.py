"""Keys and modes: which accidentals a key signature holds, and how keys move.

A key signature is counted along the circle of fifths: positive in sharps, negative in flats.
Source: the ABC standard 2.1, section 4.6 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SHARP_ORDER = "FCGDAEB"
MAX_SIGNATURE = 7


class Mode(Enum):
    """A mode, with its name in canonical ABC and its place on the circle of fifths.

    ``fifths`` is the signature of the mode on C: C dorian has two flats.
    """

    MAJOR = ("maj", 0)
    MINOR = ("min", -3)
    DORIAN = ("dor", -2)
    MIXOLYDIAN = ("mix", -1)
    PHRYGIAN = ("phr", -4)
    LYDIAN = ("lyd", 1)
    LOCRIAN = ("loc", -5)

    def __init__(self, abbreviation: str, fifths: int) -> None:
        self.abbreviation = abbreviation
        self.fifths = fifths


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic and a mode, and accidentals that the signature adds or takes away.

    Attributes:
        letter: The tonic's letter, ``A`` to ``G``.
        alter: The tonic's accidental: -1 flat, 0, 1 sharp.
        mode: The mode.
        extra: Explicit accidentals beyond the mode's own (``K:D exp ^g``), as (letter, alter).
    """

    letter: str = "C"
    alter: int = 0
    mode: Mode = Mode.MAJOR
    extra: tuple[tuple[str, int], ...] = ()

    @property
    def fifths(self) -> int:
        """The mode's own signature: number of sharps, or of flats if negative."""
        return SHARP_ORDER.index(self.letter) - 1 + 7 * self.alter + self.mode.fifths

    @property
    def signature(self) -> dict[str, int]:
        """The accidental of every letter, as semitones."""
        fifths = self.fifths
        alters = {letter: (fifths - place + 6) // 7 for place, letter in enumerate(SHARP_ORDER)}
        return {**alters, **dict(self.extra)}

    @property
    def tonic(self) -> str:
        """The tonic's name as ABC writes it: ``C``, ``F#``, ``Bb``."""
        return self.letter + ("#" * self.alter if self.alter > 0 else "b" * -self.alter)

    @property
    def tonic_pitch_class(self) -> int:
        """Semitones of the tonic above C, 0 to 11."""
        return ((SHARP_ORDER.index(self.letter) - 1 + 7 * self.alter) * 7) % 12

    def __str__(self) -> str:
        """The key as canonical ABC writes it: ``G``, ``Ador``, ``D exp ^g``."""
        mode = "" if self.mode is Mode.MAJOR else self.mode.abbreviation
        signs = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
        extra = "".join(f" {signs[alter]}{letter.lower()}" for letter, alter in self.extra)
        return f"{self.tonic}{mode}{extra}"


def key_at(fifths: int, mode: Mode) -> Key:
    """The key of a mode whose own signature has so many sharps (or flats, if negative)."""
    place = fifths - mode.fifths + 1
    return Key(SHARP_ORDER[place % 7], place // 7, mode)
