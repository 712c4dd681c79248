"""Writes canonical ABC: valid ABC 2.1 that a person reads and every program plays alike.

Four bars a line, sections on lines of their own, beamed by the metre, endings and repeats
explicit, broken rhythm as lengths.
Source: the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import TYPE_CHECKING

from abcgen.notation.analysis import mode_of
from abcgen.notation.tune import (
    ABC_ACCIDENTALS,
    Bar,
    BarLine,
    Item,
    Marks,
    Metre,
    Mode,
    Pitch,
    Rest,
    Tune,
    Tuplet,
    notes_in,
    opens_section,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abcgen.notation.tune import Key

BARS_A_LINE = 4
UNITS = (Fraction(1, 8), Fraction(1, 16), Fraction(1, 4))
TRIPLET = (3, 2, 3)
HALF = 2  # the denominator that a lone slash stands for
MIDDLE_C_OCTAVE = 4
# The decorations that every program knows by a sign; the others are written by name.
DECORATION_SIGNS = {"staccato": ".", "roll": "~", "trill": "T", "upbow": "u", "downbow": "v"}


def write_abc(tune: Tune) -> str:
    """One tune as canonical ABC, without the blank line that ends it.

    ``R:`` and ``S:`` are left out where the tune has no rhythm or source; ``T:`` never is.
    """
    unit = best_unit(tune)
    header = {
        "X": str(tune.number),
        "T": tune.title,
        "R": tune.rhythm,
        "S": tune.source,
        "M": str(tune.metre),
        "L": str(unit),
    }
    lines = [f"{name}:{_escaped(value)}" for name, value in header.items() if value or name == "T"]
    lines.append(f"K:{_opening_key(tune)}")
    for number, voice in enumerate(tune.voices, start=1):
        if tune.others:
            lines.append(_voice_line(number, voice.name))
        lines += _music_lines(replace(tune, bars=voice.bars), unit)
    return "\n".join(lines) + "\n"


def write_tunebook(tunes: Iterable[Tune]) -> str:
    """Tunes as one canonical tunebook, with a blank line between them."""
    return "\n".join(write_abc(tune) for tune in tunes)


def best_unit(tune: Tune) -> Fraction:
    """The unit note length that leaves most notes without a number; 1/8 where two tie."""
    durations = (
        note.duration
        for voice in tune.voices
        for bar in voice.bars
        for item in bar.items
        for note in notes_in(item)
    )
    simple = [duration.denominator for duration in durations if duration.numerator == 1]
    return max(UNITS, key=lambda unit: simple.count(unit.denominator))


def lines_of(tune: Tune) -> list[list[int]]:
    """Which bars, by index, stand on a line together: four, and the endings that follow them."""
    lines: list[list[int]] = []
    metre, full = tune.metre, 0
    for index, bar in enumerate(tune.bars):
        metre = bar.metre or metre
        is_other_ending = bar.ending and tune.bars[index - 1].line is BarLine.REPEAT
        is_full = full >= BARS_A_LINE and not is_other_ending
        if is_full or opens_section(tune.bars, index) or bar.key or bar.metre:
            lines.append([])
            full = 0
        lines[-1].append(index)
        full += bar.duration >= metre.bar_duration
    return lines


def _voice_line(number: int, name: str) -> str:
    """Where a voice begins; numbered, for there are readers that know no other voices."""
    words = _escaped(name).replace('"', "'")
    return f'V:{number} name="{words}"' if words else f"V:{number}"


def _opening_key(tune: Tune) -> str:
    """The key it opens in; major is named where the notes would let a reader doubt it."""
    if str(tune.key) == tune.key.tonic and mode_of(tune.bars, tune.key) is not Mode.MAJOR:
        return tune.key.tonic + Mode.MAJOR.abbreviation
    return str(tune.key)


def _escaped(value: str) -> str:
    """A field's value on one line; a bare percent sign would begin a comment."""
    return " ".join(value.split()).replace("%", "\\%")


def _music_lines(tune: Tune, unit: Fraction) -> Iterator[str]:
    music = MusicWriter(tune.key, tune.metre, unit)
    for line in lines_of(tune):
        first = tune.bars[line[0]]
        if first.metre:
            yield f"M:{first.metre}"
        if first.key:
            yield f"K:{first.key}"
        text = ""
        for index in line:
            bar = tune.bars[index]
            before = tune.bars[index - 1].line if text else None
            signs = f"{text}{opening(bar, before)}"
            beams = music.beams(bar, upbeat=opens_section(tune.bars, index))
            text = f"{signs} {' '.join(beams)} {bar.line}".lstrip()
        yield text


def opening(bar: Bar, before: BarLine | None) -> str:
    """The repeat sign and ending at a bar's left.

    Args:
        bar: The bar.
        before: The bar line they are glued to; None at the beginning of a line.
    """
    repeat = "|:" if bar.repeat_start else ""
    if not bar.ending:
        return repeat
    numbers = ",".join(map(str, bar.ending))
    glued = not repeat and before in {BarLine.SINGLE, BarLine.REPEAT}
    return f"{repeat}{'' if glued else '['}{numbers}"


def length_text(duration: Fraction, unit: Fraction) -> str:
    """A duration as a multiple of the unit, in ABC: nothing, ``2``, ``/``, ``3/2``, ``/4``."""
    return _ratio_text(duration.numerator * unit.denominator, duration.denominator * unit.numerator)


@lru_cache(maxsize=4096)
def _ratio_text(above: int, below: int) -> str:
    ratio = Fraction(above, below)
    number = "" if ratio.numerator == 1 else str(ratio.numerator)
    if ratio.denominator == 1:
        return number
    return f"{number}/" if ratio.denominator == HALF else f"{number}/{ratio.denominator}"


class MusicWriter:
    """Writes the music of one bar after another, keeping key, metre and accidentals.

    Args:
        key: The key the tune opens in.
        metre: The metre the tune opens in.
        unit: The unit note length, in whole notes.
    """

    def __init__(self, key: Key, metre: Metre, unit: Fraction) -> None:
        self._metre, self._unit = metre, unit
        self._accidentals = _Accidentals(key)

    def beams(self, bar: Bar, *, upbeat: bool = False) -> list[str]:
        """The music of the next bar, beam by beam.

        Args:
            bar: The bar.
            upbeat: Whether, if it is short, it is the end of a bar rather than its beginning.
        """
        texts = self.items(bar)
        lengths, full, beam = _in_whole_numbers(bar, self._metre)
        onset = max(0, full - sum(lengths)) if upbeat else 0
        groups: list[str] = []
        open_beam: int | None = None  # the beat whose beam the next item may join
        for item, text, length in zip(bar.items, texts, lengths, strict=True):
            beat = onset // beam if beam and _has_beam(item) else None
            if beat is not None and beat == open_beam:
                groups[-1] += text
            else:
                groups.append(text)
            open_beam = beat
            onset += length
        return groups

    def items(self, bar: Bar) -> list[str]:
        """The music of the next bar, item by item."""
        self._metre = bar.metre or self._metre
        self._accidentals.begin_bar(bar.key)
        return [self._item(item) for item in bar.items]

    def _item(self, item: Item) -> str:
        if isinstance(item, Tuplet):
            shape = (item.actual, item.normal, len(item.items))
            sign = "(3" if shape == TRIPLET else "({}:{}:{}".format(*shape)
            return sign + "".join(self._item(note) for note in item.items)
        length = length_text(item.duration, self._unit)
        marks = self._marks(item.marks) if item.marks else ""
        if isinstance(item, Rest):
            return marks + ("z" if item.visible else "x") + length
        in_chord = len(item.pitches) > 1
        names = [
            self._accidentals.sign(pitch, in_chord=in_chord) + _name(pitch)
            for pitch in item.pitches
        ]
        tie = "-" if item.tied else ""
        return marks + (names[0] if len(names) == 1 else f"[{''.join(names)}]") + length + tie

    def _marks(self, marks: Marks) -> str:
        """What stands before a note, in the standard's order (section 4.20)."""
        grace = "".join(self._accidentals.grace_sign(one) + _name(one) for one in marks.grace)
        return "".join(
            [
                f"{{{grace}}}" if grace else "",
                f'"{marks.chord_symbol}"' if marks.chord_symbol else "",
                *(DECORATION_SIGNS.get(name) or f"!{name}!" for name in marks.decorations),
            ]
        )


def _in_whole_numbers(bar: Bar, metre: Metre) -> tuple[list[int], int, int]:
    """The durations of a bar's items, of a full bar and of a beam, in a unit that fits them all."""
    spans = [item.duration for item in bar.items]
    spans += metre.bar_duration, metre.beam_duration
    parts = lcm(*[span.denominator for span in spans])
    *lengths, full, beam = [span.numerator * (parts // span.denominator) for span in spans]
    return lengths, full, beam


def _has_beam(item: Item) -> bool:
    if isinstance(item, Tuplet):
        return all(map(_has_beam, item.items))
    return 4 * item.duration.numerator < item.duration.denominator  # shorter than a quarter


def _name(pitch: Pitch) -> str:
    """A pitch's letter and octave marks: ``C,`` ``C`` ``c`` ``c'``."""
    return _step_name(pitch.step)


@lru_cache(maxsize=256)
def _step_name(step: int) -> str:
    pitch = Pitch(step)
    above = pitch.octave - MIDDLE_C_OCTAVE
    if above > 0:
        return pitch.letter.lower() + "'" * (above - 1)
    return pitch.letter + "," * -above


class _Accidentals:
    """Which accidentals must be written for every reader to understand the same pitch.

    Some programs let one reach the other octaves of its bar, others do not; it is written
    wherever the two would differ. One that holds over a bar line by a tie is written again, and
    so is one that follows a grace note with an accidental, or that reaches into a chord or out of
    one (music21 10.5 does not let it).
    """

    def __init__(self, key: Key) -> None:
        self._signature = key.signature
        self._by_letter: dict[str, int] = {}
        self._by_step: dict[int, int] = {}
        self._after_grace: set[str] = set()  # letters that a grace note may have altered
        self._by_chord: set[str] = set()  # letters that a chord has altered

    def begin_bar(self, key: Key | None) -> None:
        if key is not None:
            self._signature = key.signature
        self._by_letter.clear()
        self._by_step.clear()
        self._after_grace.clear()
        self._by_chord.clear()

    def grace_sign(self, pitch: Pitch) -> str:
        """What stands before a grace note; it owes nothing to the notes before it."""
        touched = pitch.letter in self._by_letter or pitch.letter in self._after_grace
        if pitch.alter == self._signature[pitch.letter] and not touched:
            return ""
        self._after_grace.add(pitch.letter)
        return ABC_ACCIDENTALS[pitch.alter]

    def sign(self, pitch: Pitch, *, in_chord: bool = False) -> str:
        """What stands before the note: an accidental, or nothing."""
        own = self._signature[pitch.letter]
        everywhere = self._by_letter.get(pitch.letter, own)
        here = self._by_step.get(pitch.step, own)
        in_doubt = pitch.letter in self._after_grace or pitch.letter in self._by_chord
        in_doubt |= in_chord and pitch.letter in self._by_letter
        if everywhere == here == pitch.alter and not in_doubt:
            return ""
        if in_chord:
            self._by_chord.add(pitch.letter)
        self._by_letter[pitch.letter] = self._by_step[pitch.step] = pitch.alter
        return ABC_ACCIDENTALS[pitch.alter]
