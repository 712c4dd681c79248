"""What may sound, as people write it: a pitch range, a scale, note values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from abcgen.errors import InputError
from abcgen.notation.transpose import INSTRUMENTS, instrument_named
from abcgen.notation.tune import ALTERATIONS, LETTERS, MIDDLE_C_STEP, Key, Mode, Pitch

Degree: TypeAlias = tuple[int, int]  # steps above the tonic, 0 to 6, and alteration

# Pitch ranges.

RANGE_HINT = "such as G3-B5 (C4 is middle C), first-position, or an instrument"
FIRST_POSITION = "first-position"
# The lowest string to the fourth finger on the highest; of the guitar, as written, to its fourth
# fret.
FIRST_POSITIONS = {
    "fiddle": (55, 83),
    "mandolin": (55, 83),
    "tenor-banjo": (48, 76),
    "guitar": (52, 80),
}
_PITCH = re.compile(r"([A-Ga-g])([#b♯♭]?)(-?\d)")
_RANGE = re.compile(rf"({_PITCH.pattern})\s*(?:-|\u2013|\bto\b)\s*({_PITCH.pattern})")


def read_range(words: str, instrument: str) -> tuple[int, int]:
    """Return the lowest and highest MIDI key number of a range in words.

    Args:
        words: Two pitches, ``first-position``, or the name of an instrument.
        instrument: The instrument that plays.

    Raises:
        InputError: if there is no such range.
    """
    text = words.strip()
    if text.lower().replace(" ", "-") == FIRST_POSITION:
        name = instrument_named(instrument).name
        if name not in FIRST_POSITIONS:
            known = ", ".join(FIRST_POSITIONS)
            raise InputError(f"a {name} has no first position", hint=f"one of {known} has")
        return FIRST_POSITIONS[name]
    match = _RANGE.fullmatch(text)
    if match:
        lowest, highest = (_midi(match[group]) for group in (1, 5))
        if not 24 <= lowest <= highest <= 108:
            raise InputError(
                f"impossible range {words!r}", hint="the lower note first, from C1 to C8"
            )
        return lowest, highest
    try:
        named = instrument_named(text)
    except InputError as error:
        raise InputError(f"unknown range {words[:40]!r}", hint=RANGE_HINT) from error
    return named.lowest, named.highest


def _midi(name: str) -> int:
    match = _PITCH.fullmatch(name)
    assert match is not None  # noqa: S101 - part of a match
    letter, accidental, octave = match.groups()
    step = 7 * int(octave) + LETTERS.index(letter.upper())
    return Pitch(step, ALTERATIONS[accidental]).midi


# Scales.


@dataclass(frozen=True, slots=True)
class Scale:
    """The degrees of a scale above its tonic, as it rises and as it falls."""

    rising: frozenset[Degree]
    falling: frozenset[Degree]

    @classmethod
    def of(cls, rising: str, falling: str = "") -> Scale:
        """Return the scale with degrees such as ``1,2,b3,5,6``, falling as rising by default."""
        return cls(_degrees(rising), _degrees(falling or rising))

    @property
    def degrees(self) -> frozenset[Degree]:
        """All its degrees."""
        return self.rising | self.falling


SCALE_HINT = "a name, degrees such as 1,2,b3,5,6, or notes such as C,D,E,G,A"
_DEGREE = re.compile(r"([b#♭♯]?)([1-7])")
_LETTER = re.compile(r"([A-Ga-g])([b#♭♯]?)")


def _degrees(text: str) -> frozenset[Degree]:
    """Return degrees of the major scale on the tonic, altered by flats and sharps."""
    matches = [_DEGREE.fullmatch(part.strip()) for part in text.split(",")]
    return frozenset((int(m[2]) - 1, ALTERATIONS[m[1]]) for m in matches if m)


# By name, then by mode. The pentatonic scales are five neighbours on the circle of fifths, without
# semitones; ``melodic-minor`` falls otherwise than it rises.
SCALES: dict[str, dict[Mode, Scale]] = {
    "pentatonic": {
        Mode.MAJOR: Scale.of("1,2,3,5,6"),
        Mode.LYDIAN: Scale.of("1,2,3,5,6"),
        Mode.MIXOLYDIAN: Scale.of("1,2,4,5,6"),
        Mode.DORIAN: Scale.of("1,2,4,5,b7"),
        Mode.MINOR: Scale.of("1,b3,4,5,b7"),
        Mode.PHRYGIAN: Scale.of("1,b3,4,b6,b7"),
    },
    "hexatonic": {
        Mode.MAJOR: Scale.of("1,2,3,4,5,6"),
        Mode.MIXOLYDIAN: Scale.of("1,2,4,5,6,b7"),
        Mode.DORIAN: Scale.of("1,2,b3,4,5,b7"),
        Mode.MINOR: Scale.of("1,2,b3,4,5,b7"),
    },
    "five-finger": {
        Mode.MAJOR: Scale.of("1,2,3,4,5"),
        Mode.MIXOLYDIAN: Scale.of("1,2,3,4,5"),
        Mode.DORIAN: Scale.of("1,2,b3,4,5"),
        Mode.MINOR: Scale.of("1,2,b3,4,5"),
    },
    "blues": {Mode.MINOR: Scale.of("1,b3,4,#4,5,b7")},
    "harmonic-minor": {Mode.MINOR: Scale.of("1,2,b3,4,5,b6,7")},
    "melodic-minor": {Mode.MINOR: Scale.of("1,2,b3,4,5,6,7", "1,2,b3,4,5,b6,b7")},
}


def read_scale(words: str, key: Key | None) -> tuple[dict[Mode, Scale], Key | None]:
    """Return a scale in words, for each mode that it can be sung in, and its key if it names one.

    Args:
        words: A name from ``SCALES``, degrees of the major scale on the tonic (``1,2,b3,5``), or
            notes (``G,A,B,D,E``), of which the first is the tonic unless there is a key.
        key: The requested key, if there is one.

    Raises:
        InputError: if there is no such scale.
    """
    name = re.sub(r"[\s_-]+", "-", words.strip().lower())
    if name in SCALES:
        return SCALES[name], key
    parts = [part.strip() for part in re.split(r"[,\s]+", words.strip())]
    if all(map(_DEGREE.fullmatch, parts)):
        return _in_modes(Scale.of(",".join(parts)), key), key
    letters = [match for part in parts if (match := _LETTER.fullmatch(part))]
    if len(letters) < len(parts):
        raise InputError(
            f"unknown scale {words[:40]!r}", hint=f"{SCALE_HINT}; names are {', '.join(SCALES)}"
        )
    notes = [(match[1].upper(), ALTERATIONS[match[2]]) for match in letters]
    letter, alter = (key.letter, key.alter) if key else notes[0]
    degrees = frozenset(_degree_of(note, (letter, alter)) for note in notes)
    if any(abs(alter) > 1 for _, alter in degrees):
        raise InputError(
            f"the scale {words[:40]!r} is too far from {letter}", hint="spell its notes otherwise"
        )
    scale = Scale(degrees, degrees)
    modes = _in_modes(scale, key)
    return modes, key or Key(letter, alter, next(iter(modes)))


def _degree_of(note: tuple[str, int], tonic: tuple[str, int]) -> Degree:
    """Return the degree of a note by its name, above a tonic."""
    steps = (LETTERS.index(note[0]) - LETTERS.index(tonic[0])) % 7
    low = Pitch(MIDDLE_C_STEP + LETTERS.index(tonic[0]), tonic[1])
    high = Pitch(low.step + steps, note[1])
    return steps, high.midi - low.midi - (0, 2, 4, 5, 7, 9, 11)[steps]


def mode_of(scale: Scale) -> Mode:
    """Return the mode that writes a scale with the fewest accidentals, the commonest of several."""
    return next(iter(_in_modes(scale, None)))


def _in_modes(scale: Scale, key: Key | None) -> dict[Mode, Scale]:
    """Return the scale for the modes that write it with the fewest accidentals."""
    accidentals = {mode: foreign_degrees(scale, mode) for mode in Mode}
    fewest = min(map(len, accidentals.values()))
    modes = [mode for mode in Mode if len(accidentals[mode]) == fewest]
    return dict.fromkeys([key.mode] if key else modes, scale)


def foreign_degrees(scale: Scale, mode: Mode) -> frozenset[Degree]:
    """Return the degrees of a scale that a mode writes with accidentals."""
    signature = Key("C", 0, mode).signature
    return frozenset(
        (step, alter) for step, alter in scale.degrees if signature[LETTERS[step]] != alter
    )


def widest_gap(scale: Scale) -> int:
    """Return the widest interval between neighbours of a scale, 2 for a second."""
    steps = sorted({step for step, _ in scale.degrees})
    return 1 + max(b - a for a, b in zip(steps, [*steps[1:], steps[0] + 7], strict=True))


# Note values.

VALUES_HINT = "in quarter notes, such as 2,1,1/2, or by name, such as half,quarter,eighth"
VALUE_NAMES = {
    "whole": Fraction(1),
    "half": Fraction(1, 2),
    "quarter": Fraction(1, 4),
    "eighth": Fraction(1, 8),
    "sixteenth": Fraction(1, 16),
    "thirty-second": Fraction(1, 32),
}
_OTHER_NAMES = {
    "semibreve": "whole",
    "minim": "half",
    "crotchet": "quarter",
    "quaver": "eighth",
    "semiquaver": "sixteenth",
    "demisemiquaver": "thirty-second",
}
_NUMBER = re.compile(r"(\d{1,2})(?:/(\d{1,2})|(\.\d{1,3}))?")
SHORTEST, LARGEST_ODD = Fraction(1, 64), 9  # of what the grammar can write


def read_note_values(words: str) -> frozenset[Fraction]:
    """Return note values in words, in whole notes.

    A number counts quarter notes: 2 is a half note, 1/2 an eighth, 3/2 or 1.5 a dotted quarter.

    Raises:
        InputError: if one is no note value.
    """
    return frozenset(_note_value(part) for part in re.split(r"\s*,\s*", words.strip().lower()))


def _note_value(word: str) -> Fraction:
    dotted = re.match(r"dotted[\s-]+", word)
    name = word[dotted.end() :] if dotted else word
    name = re.sub(r"[\s-]*notes?$", "", name)
    name = _OTHER_NAMES.get(name, name)
    if name not in VALUE_NAMES and name.endswith("s"):
        name = _OTHER_NAMES.get(name[:-1], name[:-1])
    match = _NUMBER.fullmatch(name)
    if name in VALUE_NAMES:
        value = VALUE_NAMES[name] * (Fraction(3, 2) if dotted else 1)
    elif match and not dotted and match[2] != "0":
        number = Fraction(int(match[1]), int(match[2] or 1)) + Fraction(f"0{match[3] or ''}")
        value = number / 4
    else:
        raise InputError(f"unknown note value {word[:20]!r}", hint=VALUES_HINT)
    count = value / SHORTEST
    odd = count.numerator // (count.numerator & -count.numerator) if count > 0 else 0
    if count.denominator != 1 or not 0 < odd <= LARGEST_ODD or value > 4:
        raise InputError(f"{word[:20]!r} is no note value", hint=VALUES_HINT)
    return value


def named_values(values: frozenset[Fraction]) -> str:
    """Return note values by name, longest first: ``half, dotted quarter, quarter``."""
    names = {value: name for name, value in VALUE_NAMES.items()}
    names |= {value * 3 / 2: f"dotted {name}" for value, name in list(names.items())}
    return ", ".join(names.get(value, str(value)) for value in sorted(values, reverse=True))


RANGE_NAMES = (FIRST_POSITION, *INSTRUMENTS)
