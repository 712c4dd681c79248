"""Keys and modes: which accidentals a key signature holds, and how keys move.

A key signature is counted along the circle of fifths: positive in sharps, negative in flats.
Source: the ABC standard 2.1, section 4.6 (https://abcnotation.com/wiki/abc:standard:v2.1).

Chord symbols: the chords for an accompanist, written above the notes (``"Am7"``, ``"D/F#"``).

Source: the ABC standard 2.1, section 4.18.

What a tune is: the frozen types that every other module speaks in.

Durations are fractions of a whole note, as written (a tuplet's notes carry their written
duration; the tuplet says how they are squeezed). Pitches are spelled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# Accidentals by alteration in semitones: before a note in ABC, after the letter of a key's or
# chord's name, and in print.
ABC_ACCIDENTALS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
NAME_ACCIDENTALS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}
PRINTED_ACCIDENTALS = {-2: "♭♭", -1: "♭", 0: "♮", 1: "♯", 2: "♯♯"}
# The way back, for all three.
ALTERATIONS = {
    accidental: alter
    for table in (ABC_ACCIDENTALS, NAME_ACCIDENTALS, PRINTED_ACCIDENTALS)
    for alter, accidental in table.items()
}

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
        return self.letter + NAME_ACCIDENTALS[self.alter]

    @property
    def tonic_pitch_class(self) -> int:
        """Semitones of the tonic above C, 0 to 11."""
        return ((SHARP_ORDER.index(self.letter) - 1 + 7 * self.alter) * 7) % 12

    def __str__(self) -> str:
        """The key as canonical ABC writes it: ``G``, ``Ador``, ``D exp ^g``."""
        mode = "" if self.mode is Mode.MAJOR else self.mode.abbreviation
        extra = "".join(
            f" {ABC_ACCIDENTALS[alter]}{letter.lower()}" for letter, alter in self.extra
        )
        return f"{self.tonic}{mode}{extra}"


def key_at(fifths: int, mode: Mode) -> Key:
    """The key of a mode whose own signature has so many sharps (or flats, if negative)."""
    place = fifths - mode.fifths + 1
    return Key(SHARP_ORDER[place % 7], place // 7, mode)


CHORD_ACCIDENTALS = "#b♯♭=♮"
_ROOT = rf"([A-G])([{CHORD_ACCIDENTALS}]?)"
# Words for the kinds of chord that are in use; longer ones first.
KINDS = (
    "maj",
    "min",
    "dim",
    "aug",
    "sus",
    "add",
    "omit",
    "no",
    *"mM+-\u00b0o\u00f8#b0123456789(), ",
)
_KIND = f"(?:{'|'.join(map(re.escape, KINDS))})*"
_SYMBOL = re.compile(rf"{_ROOT}({_KIND})(?:/{_ROOT.replace('A-G', 'A-Ga-g')})?")
MAX_LENGTH = 20

Root = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """A chord by name.

    Attributes:
        root: Letter and accidental (-1 flat, 0, 1 sharp) of its root.
        kind: What follows the root: empty for a major triad, ``m``, ``7``, ``maj7``, ``dim``.
        bass: Letter and accidental of the bass note, or None where that is the root.
    """

    root: Root
    kind: str = ""
    bass: Root | None = None

    def __str__(self) -> str:
        """The symbol as ABC writes it, without its quotes."""
        letter, alter = self.root
        bass = f"/{self.bass[0]}{NAME_ACCIDENTALS[self.bass[1]]}" if self.bass else ""
        return f"{letter}{NAME_ACCIDENTALS[alter]}{self.kind}{bass}"


def read_chord_symbol(text: str) -> ChordSymbol | None:
    """The chord that a quoted text names, or None if it names none.

    Args:
        text: What stands between the quotes.
    """
    match = _SYMBOL.fullmatch(text.strip()) if len(text) <= MAX_LENGTH else None
    if not match:
        return None
    letter, accidental, kind, bass_letter, bass_accidental = match.groups()
    bass = (bass_letter.upper(), ALTERATIONS[bass_accidental]) if bass_letter else None
    return ChordSymbol((letter, ALTERATIONS[accidental]), kind.strip(), bass)


LETTERS = "CDEFGAB"
NATURAL_SEMITONES = (0, 2, 4, 5, 7, 9, 11)


class Pitch(NamedTuple):
    """A spelled pitch.

    Attributes:
        step: Diatonic number, 7 to the octave; middle C (C4) is 28.
        alter: Semitones of the accidental, -2 to 2.
    """

    step: int
    alter: int = 0

    @property
    def letter(self) -> str:
        """The note's letter name, ``C`` to ``B``."""
        return LETTERS[self.step % 7]

    @property
    def octave(self) -> int:
        """The octave in scientific pitch notation; middle C starts octave 4."""
        return self.step // 7

    @property
    def midi(self) -> int:
        """The MIDI key number; middle C is 60."""
        return 12 * (self.octave + 1) + NATURAL_SEMITONES[self.step % 7] + self.alter


def total(durations: Iterable[Fraction]) -> Fraction:
    """The sum of durations, reckoned in whole numbers: many times faster than adding fractions."""
    sum_of, parts = 0, 1  # so many of so many parts of a whole note
    for duration in durations:
        own = duration.denominator
        if own != parts:
            common = lcm(own, parts)
            sum_of, parts = sum_of * (common // parts), common
        sum_of += duration.numerator * (parts // own)
    return Fraction(sum_of, parts)


@dataclass(frozen=True, slots=True)
class Marks:
    """What is written at a note or rest for the player, and changes no note of the tune.

    Attributes:
        chord_symbol: The chord an accompanist plays from here on, or None.
        decorations: Names from the standard's table (``staccato``, ``roll``), as written.
        grace: Grace notes before it.
    """

    chord_symbol: ChordSymbol | None = None
    decorations: tuple[str, ...] = ()
    grace: tuple[Pitch, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """One note, or a chord of several, with one duration.

    Attributes:
        pitches: What sounds, in the order written; never empty.
        duration: Written duration in whole notes.
        tied: Whether it is tied to the note that follows: pitches that both have sound on.
        marks: What is written at it besides, or None.
    """

    pitches: tuple[Pitch, ...]
    duration: Fraction
    tied: bool = False
    marks: Marks | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Silence.

    Attributes:
        duration: Written duration in whole notes.
        visible: Whether it is printed (``z``) or only keeps the place (``x``).
        marks: What is written at it besides, or None.
    """

    duration: Fraction
    visible: bool = True
    marks: Marks | None = None


@dataclass(frozen=True, slots=True)
class Tuplet:
    """Notes and rests played ``actual`` in the time of ``normal`` of their kind."""

    actual: int
    normal: int
    items: tuple[Note | Rest, ...]

    @property
    def duration(self) -> Fraction:
        """Sounding duration of the whole tuplet, in whole notes."""
        return total(item.duration for item in self.items) * Fraction(self.normal, self.actual)


Item = Note | Rest | Tuplet


def notes_in(item: Item) -> tuple[Note | Rest, ...]:
    """The notes and rests of a tuplet, or the one note or rest itself."""
    return item.items if isinstance(item, Tuplet) else (item,)


class BarLine(StrEnum):
    """The bar line that closes a bar, as ABC writes it."""

    SINGLE = "|"
    DOUBLE = "||"
    FINAL = "|]"
    REPEAT = ":|"


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature; ``Metre(0, 1)`` is free metre (``M:none``).

    Attributes:
        beats: The upper number; 0 for free metre.
        unit: The lower number.
        symbol: ``C`` or ``C|`` where the tune is to show that, else empty.
    """

    beats: int
    unit: int
    symbol: str = ""

    @property
    def is_free(self) -> bool:
        """Whether bars need not add up to anything."""
        return self.beats == 0

    @property
    def bar_duration(self) -> Fraction:
        """The duration of a full bar in whole notes; 0 in free metre."""
        return Fraction(self.beats, self.unit)

    @property
    def is_compound(self) -> bool:
        """Whether the beat divides in three: 6/8, 9/8, 12/8 and their like."""
        return self.beats > 3 and self.beats % 3 == 0

    @property
    def beam_duration(self) -> Fraction:
        """How much of the bar is beamed together, in whole notes; 0 in free metre.

        Dotted beats in compound metres; halves of the bar in 4/4 and 2/2 as in dance tunes;
        the beat otherwise.
        """
        if self.is_free:
            return Fraction(0)
        if self.is_compound:
            return Fraction(3, self.unit)
        if self.bar_duration == 1:
            return Fraction(1, 2)
        if self.unit > 4 and self.bar_duration < Fraction(1, 2):
            return self.bar_duration
        return Fraction(1, min(self.unit, 4))

    def __str__(self) -> str:
        if self.is_free:
            return "none"
        return self.symbol or f"{self.beats}/{self.unit}"


FREE_METRE = Metre(0, 1)


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands between two bar lines.

    A repeat sign in mid-bar makes two of these, each shorter than the metre.

    Attributes:
        items: Notes, rests and tuplets in order.
        line: The bar line that closes it.
        repeat_start: Whether it opens with ``|:``.
        ending: The endings that begin here, ``(1,)`` for ``[1``; empty if none does.
        key: A change of key that takes effect here, or None.
        metre: A change of metre that takes effect here, or None.
    """

    items: tuple[Item, ...]
    line: BarLine = BarLine.SINGLE
    repeat_start: bool = False
    ending: tuple[int, ...] = ()
    key: Key | None = None
    metre: Metre | None = None

    @property
    def duration(self) -> Fraction:
        """Sounding duration in whole notes."""
        return total(item.duration for item in self.items)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that sounds together with a tune's first.

    Attributes:
        name: What it is called, empty if nothing; it need not differ from other voices'.
        bars: Its bars; they begin with the tune's and need not be as many.
    """

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tune:
    """A tune: one voice, the melody, and any others that sound with it.

    Every voice opens in the tune's key and metre and carries its own changes of them.

    Attributes:
        bars: The bars of its first voice, in the order written.
        key: The key it opens in.
        metre: The metre it opens in.
        title: What it is called.
        rhythm: The kind of tune (reel, jig, air), as its source says it.
        source: Where it comes from.
        number: Its reference number (``X:``).
        voice: The first voice's name, if it has one.
        others: The other voices.
    """

    bars: tuple[Bar, ...]
    key: Key
    metre: Metre
    title: str = ""
    rhythm: str = ""
    source: str = ""
    number: int = 1
    voice: str = ""
    others: tuple[Voice, ...] = ()

    @property
    def voices(self) -> tuple[Voice, ...]:
        """All its voices, the first among them."""
        return (Voice(self.voice, self.bars), *self.others)


def opens_section(bars: tuple[Bar, ...], index: int) -> bool:
    """Whether a section begins with the bar: at a repeat sign or after a double bar line."""
    if index == 0 or bars[index].repeat_start:
        return True
    return bars[index - 1].line is not BarLine.SINGLE and not bars[index].ending


class TimedNote(NamedTuple):
    """A note or rest of a tune with its place in time.

    Attributes:
        item: The note or rest.
        onset: When it begins, in whole notes from the start of the tune.
        duration: How long it sounds, tuplets reckoned in, in whole notes.
        bar: Index of its bar.
    """

    item: Note | Rest
    onset: Fraction
    duration: Fraction
    bar: int


def timed(bars: tuple[Bar, ...], order: tuple[int, ...] | None = None) -> Iterator[TimedNote]:
    """Walk through bars in time.

    Args:
        bars: The bars of a tune.
        order: Which bars to play, by index; as written if None.

    Yields:
        Every note and rest with its onset and sounding duration.
    """
    onset = Fraction(0)
    for index in order if order is not None else range(len(bars)):
        for item in bars[index].items:
            ratio = Fraction(item.normal, item.actual) if isinstance(item, Tuplet) else Fraction(1)
            for single in notes_in(item):
                duration = single.duration * ratio
                yield TimedNote(single, onset, duration, index)
                onset += duration
