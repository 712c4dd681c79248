"""The frozen types that all other modules use: keys, pitches, notes, bars, tunes.

Durations are fractions of a whole note, as written: the notes of a tuplet have their written
duration, and the tuplet scales it. Pitches are spelled: F sharp is not G flat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.words import NO_WORDS, Annotation, Syllable, Tempo, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from abcgen.notation.staves import Staff

# Letters from C up, and the semitones of each above C.
LETTERS = "CDEFGAB"
NATURAL_SEMITONES = (0, 2, 4, 5, 7, 9, 11)
# The diatonic number of middle C, and its MIDI key number.
MIDDLE_C_STEP, MIDDLE_C = 28, 60
HIGHEST_STEP = 69  # that is read; the lowest is 0

# Letters in the order in which key signatures sharpen them; flats come in the opposite order.
SHARP_ORDER = "FCGDAEB"
MAX_SIGNATURE = 7

# Accidentals by alteration in semitones: before a note in ABC, after the letter of a key's or
# chord's name, and in print.
ABC_ACCIDENTALS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
NAME_ACCIDENTALS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}
PRINTED_ACCIDENTALS = {-2: "♭♭", -1: "♭", 0: "♮", 1: "♯", 2: "♯♯"}
# The alteration of every accidental of the three tables.
ALTERATIONS = {
    accidental: alter
    for table in (ABC_ACCIDENTALS, NAME_ACCIDENTALS, PRINTED_ACCIDENTALS)
    for alter, accidental in table.items()
}


# Keys. Signatures are counted along the circle of fifths, positive in sharps and negative in
# flats (ABC standard 2.1, section 4.6, https://abcnotation.com/wiki/abc:standard:v2.1).


class Mode(Enum):
    """A mode: its abbreviation in canonical ABC and the signature of the mode on C."""

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
    """A tonic and a mode, and any accidentals that its signature has in addition."""

    # The tonic's letter and alteration (-1 flat, 0, 1 sharp).
    letter: str = "C"
    alter: int = 0
    mode: Mode = Mode.MAJOR
    # Explicit accidentals beyond the mode's (``K:D exp ^g``), as (letter, alteration).
    extra: tuple[tuple[str, int], ...] = ()

    @property
    def fifths(self) -> int:
        """The mode's signature: the number of sharps, or of flats if negative."""
        return SHARP_ORDER.index(self.letter) - 1 + 7 * self.alter + self.mode.fifths

    @property
    def signature(self) -> dict[str, int]:
        """The alteration of every letter, in semitones."""
        return {**signature_at(self.fifths), **dict(self.extra)}

    @property
    def tonic(self) -> str:
        """The tonic's name as ABC writes it: ``C``, ``F#``, ``Bb``."""
        return self.letter + NAME_ACCIDENTALS[self.alter]

    @property
    def tonic_pitch_class(self) -> int:
        """Semitones of the tonic above C, 0 to 11."""
        # A fifth is seven semitones.
        return ((SHARP_ORDER.index(self.letter) - 1 + 7 * self.alter) * 7) % 12

    def __str__(self) -> str:
        """The key as canonical ABC writes it: ``G``, ``Ador``, ``D exp ^g``."""
        mode = "" if self.mode is Mode.MAJOR else self.mode.abbreviation
        extra = "".join(
            f" {ABC_ACCIDENTALS[alter]}{letter.lower()}" for letter, alter in self.extra
        )
        return f"{self.tonic}{mode}{extra}"


def signature_at(fifths: int) -> dict[str, int]:
    """Return the alteration of every letter in a signature of sharps (or flats, if negative)."""
    return {letter: (fifths - index + 6) // 7 for index, letter in enumerate(SHARP_ORDER)}


def key_at(fifths: int, mode: Mode) -> Key:
    """Return the key of a mode whose signature has ``fifths`` sharps (or flats, if negative)."""
    alter, letter = divmod(fifths - mode.fifths + 1, 7)
    return Key(SHARP_ORDER[letter], alter, mode)


# Chord symbols: the chords for an accompanist, quoted above the notes (ABC standard 2.1,
# section 4.18).

CHORD_ACCIDENTALS = "#b♯♭=♮"
# The words and characters that name a kind of chord; longer ones first.
CHORD_KIND_WORDS = (
    "maj",
    "min",
    "dim",
    "aug",
    "sus",
    "add",
    "omit",
    "no",
    *"mM+-°oø#b0123456789(), ",
)
MAX_CHORD_SYMBOL = 20
_ROOT = rf"([A-G])([{CHORD_ACCIDENTALS}]?)"
_KIND = f"(?:{'|'.join(map(re.escape, CHORD_KIND_WORDS))})*"
_CHORD_SYMBOL = re.compile(rf"{_ROOT}({_KIND})(?:/{_ROOT.replace('A-G', 'A-Ga-g')})?")

# Spellings that model text does not have.
_FREE_WORDS = (
    "6/9",
    "6/7",
    "alt",
    "ma",
    "mi",
    "Maj",
    "Min",
    "Dim",
    "Aug",
    "Sus",
    "Add",
    "Δ",
    "∆",
    "^",
)
_FREE_KIND = f"(?:{'|'.join(map(re.escape, (*_FREE_WORDS, *CHORD_KIND_WORDS)))})*"
_FREE_CHORD_SYMBOL = re.compile(rf"{_ROOT}({_FREE_KIND})(?:/{_ROOT.replace('A-G', 'A-Ga-g')})?")

# The letter and alteration of a chord's root or bass.
Root = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """A chord by name: ``Am7``, ``D/F#``."""

    # None if the text names no known chord: ``N.C.``, ``H7``.
    root: Root | None
    # The rest of the name: empty for a major triad, ``m``, ``7``, ``maj7``, ``dim``.
    kind: str = ""
    # The bass note, or None where it is the root.
    bass: Root | None = None
    # The text as its author spelled it; empty where it is that of the parts above.
    text: str = ""

    def __str__(self) -> str:
        """The symbol as ABC writes it, without its quotes."""
        if self.text or not self.root:
            return self.text
        letter, alter = self.root
        bass = f"/{self.bass[0]}{NAME_ACCIDENTALS[self.bass[1]]}" if self.bass else ""
        return f"{letter}{NAME_ACCIDENTALS[alter]}{self.kind}{bass}"


def read_chord_symbol(text: str) -> ChordSymbol | None:
    """Return the chord that a text names (quotes removed), or None if it names none."""
    match = _CHORD_SYMBOL.fullmatch(text.strip()) if len(text) <= MAX_CHORD_SYMBOL else None
    if not match:
        return None
    letter, accidental, kind, bass_letter, bass_accidental = match.groups()
    bass = (bass_letter.upper(), ALTERATIONS[bass_accidental]) if bass_letter else None
    return ChordSymbol((letter, ALTERATIONS[accidental]), kind.strip(), bass)


def chord_symbol_named(text: str) -> ChordSymbol:
    """Return the chord symbol with a text, spelled as in the text, whatever it names."""
    symbol = read_chord_symbol(text)
    if symbol is None:
        match = _FREE_CHORD_SYMBOL.fullmatch(text) if len(text) <= MAX_CHORD_SYMBOL else None
        if not match:
            return ChordSymbol(None, text=text)
        letter, accidental, kind, bass_letter, bass_accidental = match.groups()
        bass = (bass_letter.upper(), ALTERATIONS[bass_accidental]) if bass_letter else None
        symbol = ChordSymbol((letter, ALTERATIONS[accidental]), kind.strip(), bass)
    return symbol if str(symbol) == text else replace(symbol, text=text)


class Pitch(NamedTuple):
    """A spelled pitch."""

    # Diatonic number, 7 to the octave; middle C (C4) is 28.
    step: int
    # Semitones of the accidental, -2 to 2.
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
        return 12 * (self.step // 7 + 1) + NATURAL_SEMITONES[self.step % 7] + self.alter


@dataclass(frozen=True, slots=True)
class Marks:
    """Symbols for the player at a note or rest, which change no note of the tune."""

    # The chords that an accompanist plays from here on, in the order written.
    chord_symbols: tuple[ChordSymbol, ...] = ()
    # Names from the standard's table (``staccato``, ``roll``).
    decorations: tuple[str, ...] = ()
    # Grace notes before the note.
    grace: tuple[Pitch, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    # The number of slurs that begin and end here.
    slur_starts: int = 0
    slur_ends: int = 0
    # The syllable of each verse; None where the verse has none.
    lyrics: tuple[Syllable | None, ...] = ()
    # The tempo and the clef from here on.
    tempo: Tempo | None = None
    clef: str = ""

    @property
    def chord_symbol(self) -> ChordSymbol | None:
        """The last of the chords that is known."""
        return next((symbol for symbol in reversed(self.chord_symbols) if symbol.root), None)


@dataclass(frozen=True, slots=True)
class Note:
    """One note, or a chord of several, with one duration."""

    # In the order written; never empty.
    pitches: tuple[Pitch, ...]
    duration: Fraction
    # Tied to the next note: the pitches that both have are not struck again.
    tied: bool = False
    marks: Marks | None = None
    # Pitches of a tied chord that are struck again all the same.
    untied: frozenset[Pitch] = frozenset()


@dataclass(frozen=True, slots=True)
class Rest:
    """Silence."""

    duration: Fraction
    # Printed (``z``), or an empty space of that duration (``x``).
    visible: bool = True
    marks: Marks | None = None


def total(durations: Iterable[Fraction]) -> Fraction:
    """Return the sum of durations, many times faster than adding fractions one by one."""
    # Add up in whole numbers, and reduce the fraction once at the end.
    numerator, denominator = 0, 1
    for duration in durations:
        if duration.denominator != denominator:
            common = lcm(duration.denominator, denominator)
            numerator, denominator = numerator * (common // denominator), common
        numerator += duration.numerator * (denominator // duration.denominator)
    return Fraction(numerator, denominator)


@dataclass(frozen=True, slots=True)
class Tuplet:
    """Notes and rests, ``actual`` of which are played in the time of ``normal``."""

    actual: int
    normal: int
    items: tuple[Note | Rest, ...]

    @property
    def duration(self) -> Fraction:
        """Sounding duration of the whole tuplet, in whole notes."""
        return total(item.duration for item in self.items) * Fraction(self.normal, self.actual)


Item = Note | Rest | Tuplet


class BarLine(StrEnum):
    """The bar line that closes a bar, as ABC writes it."""

    SINGLE = "|"
    DOUBLE = "||"
    FINAL = "|]"
    REPEAT = ":|"


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature, ``beats`` over ``unit``; ``Metre(0, 1)`` is free metre (``M:none``)."""

    beats: int
    unit: int
    # ``C`` or ``C|`` if the tune shows that instead of numbers, else empty.
    symbol: str = ""

    @property
    def is_free(self) -> bool:
        """True if bars need not add up to anything."""
        return self.beats == 0

    @property
    def bar_duration(self) -> Fraction:
        """The duration of a full bar in whole notes; 0 in free metre."""
        return Fraction(self.beats, self.unit)

    @property
    def is_compound(self) -> bool:
        """True if the beat divides in three: 6/8, 9/8, 12/8, but not 3/8."""
        return self.beats > 3 and self.beats % 3 == 0

    @property
    def beam_duration(self) -> Fraction:
        """The part of a bar that is beamed together, in whole notes; 0 in free metre.

        Dotted beats in compound metres; halves of the bar in 4/4 and 2/2 as in dance tunes;
        the beat otherwise.
        """
        if self.is_free:
            return Fraction(0)
        if self.is_compound:
            return Fraction(3, self.unit)
        if self.bar_duration == 1:
            return Fraction(1, 2)
        # A bar of 3/8 is one beam.
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
    """The music between two bar lines.

    A repeat sign in mid-bar makes two of these, each shorter than the metre.
    """

    items: tuple[Item, ...]
    # The bar line that closes it.
    line: BarLine = BarLine.SINGLE
    # Opened with ``|:``.
    repeat_start: bool = False
    # The endings that begin here, ``(1,)`` for ``[1``.
    ending: tuple[int, ...] = ()
    # Changes of key and metre that take effect here.
    key: Key | None = None
    metre: Metre | None = None
    # The name of the part that begins here (``P:``).
    part: str = ""
    # Marks between its last note and its bar line; their grace notes belong to that note.
    closing: Marks | None = None
    # Whether it ends a line of its source.
    ends_line: bool = field(default=False, compare=False)
    # Whether its notes are new in a tune that was there before; printed on a shade.
    is_new: bool = field(default=False, compare=False)

    @property
    def notes(self) -> Iterator[Note | Rest]:
        """Its notes and rests in order, those of tuplets included."""
        for item in self.items:
            if isinstance(item, Tuplet):
                yield from item.items
            else:
                yield item

    @property
    def duration(self) -> Fraction:
        """Sounding duration in whole notes."""
        return total(item.duration for item in self.items)

    def with_notes(self, change: Callable[[Note | Rest], Note | Rest]) -> Bar:
        """Return the bar with ``change`` applied to every note and rest."""
        items = tuple(
            replace(item, items=tuple(map(change, item.items)))
            if isinstance(item, Tuplet)
            else change(item)
            for item in self.items
        )
        return replace(self, items=items)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that sounds together with a tune's first."""

    # May be empty, and need not be unique.
    name: str
    # They start with the tune; there may be fewer or more than in the first voice.
    bars: tuple[Bar, ...]
    # The clef that its source names, as ABC spells it: ``treble``, ``bass3``, ``treble-8``.
    clef: str = ""
    # The program of General MIDI that plays it, counted from 0, if its source names one.
    program: int | None = None

    @property
    def notes(self) -> Iterator[Note | Rest]:
        """Its notes and rests as written."""
        for bar in self.bars:
            yield from bar.notes


@dataclass(frozen=True, slots=True)
class Tune:
    """A tune: one voice, the melody, and any others that sound with it.

    Every voice opens in the tune's key and metre, and has its own changes of them.
    """

    # The bars of the first voice, in the order written.
    bars: tuple[Bar, ...]
    # The key and metre that it opens in.
    key: Key
    metre: Metre
    title: str = ""
    # The kind of tune (reel, jig, air), in the words of its source.
    rhythm: str = ""
    source: str = ""
    # The reference number (``X:``).
    number: int = 1
    # The first voice's name, if it has one.
    voice: str = ""
    others: tuple[Voice, ...] = ()
    # What people wrote around the music.
    words: Words = NO_WORDS
    # The first voice's clef, if its source names one.
    clef: str = ""
    # The staves from the top; none where each voice has a staff of its own.
    staves: tuple[Staff, ...] = ()
    # The unit note length (``L:``) to write it in; None for the one that suits it best.
    unit: Fraction | None = field(default=None, compare=False)
    # The first voice's program of General MIDI, if its source names one.
    program: int | None = None

    @property
    def voices(self) -> tuple[Voice, ...]:
        """All voices, beginning with the first."""
        return (Voice(self.voice, self.bars, self.clef, self.program), *self.others)

    @property
    def notes(self) -> Iterator[Note | Rest]:
        """The notes and rests of its first voice as written."""
        for bar in self.bars:
            yield from bar.notes


def clef_octaves(clef: str) -> int:
    """Return how many octaves above its letters a clef sounds: -1 for ``treble-8``.

    ``treble_8`` only shows the 8.
    """
    match = re.search(r"([-+])(8|15)$", clef)
    if not match:
        return 0
    octaves = 1 if match[2] == "8" else 2
    return octaves if match[1] == "+" else -octaves


def notes_in(item: Item) -> tuple[Note | Rest, ...]:
    """Return the notes and rests of a tuplet, or the one note or rest itself."""
    return item.items if isinstance(item, Tuplet) else (item,)


def opens_section(bars: tuple[Bar, ...], index: int) -> bool:
    """Return whether a section begins at a bar: at a repeat sign or after a double bar line."""
    if index == 0 or bars[index].repeat_start:
        return True
    return bars[index - 1].line is not BarLine.SINGLE and not bars[index].ending
