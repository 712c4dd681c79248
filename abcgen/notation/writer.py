"""Write canonical ABC: valid ABC 2.1 that people can read and every program plays alike.

Four bars a line, each section on a new line, beamed by the metre, with explicit endings and
repeats, and lengths instead of broken rhythm. ``write_abc`` writes a tune.
Source: the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.analysis import mode_of
from abcgen.notation.lyrics import lyric_lines
from abcgen.notation.percussion import CHANNEL, drums_of, is_percussion, written_bars
from abcgen.notation.staves import staves_text
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
    clef_octaves,
    opens_section,
)
from abcgen.notation.walk import keys_and_metres
from abcgen.notation.words import short_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from abcgen.notation.percussion import Drum
    from abcgen.notation.tune import Key, Voice
    from abcgen.notation.words import Tempo

BARS_PER_LINE = 4
# The fields of text that come before ``R:``.
_ABOVE_RHYTHM = "TCAO"
UNITS = (Fraction(1, 8), Fraction(1, 16), Fraction(1, 4))
# The decorations whose character every program knows; the others are written by name.
_DECORATION_CHARACTERS = {
    "staccato": ".",
    "roll": "~",
    "trill": "T",
    "upbow": "u",
    "downbow": "v",
}


def write_abc(tune: Tune, *, keep_lines: bool = False) -> str:
    """Return one tune as canonical ABC, without the blank line that ends it.

    Fields without a text are omitted, but for ``T:``.

    Args:
        tune: The tune.
        keep_lines: Whether to break lines where its source does, instead of every four bars.
    """
    unit = tune.unit or best_unit(tune)
    words = tune.words
    above = [text for text in words.texts if text[0] in _ABOVE_RHYTHM]
    below = [text for text in words.texts if text[0] not in _ABOVE_RHYTHM and text[0] != "W"]
    header = [
        ("X", str(tune.number)),
        ("T", tune.title),
        *above,
        ("R", tune.rhythm),
        ("S", tune.source),
        *below,
        ("P", words.parts),
        ("M", str(tune.metre)),
        ("L", str(unit)),
        ("Q", _tempo(words.tempo)),
    ]
    lines = [_field(name, value) for name, value in header if value or name == "T"]

    # Name major explicitly if our reader would infer another mode from the notes.
    key = str(tune.key)
    if key == tune.key.tonic and mode_of(tune.bars, tune.key) is not Mode.MAJOR:
        key += Mode.MAJOR.abbreviation
    lines.append(f"K:{key}{_clef(tune.clef) if not tune.others else ''}")

    if tune.staves:
        lines.append(f"%%score {staves_text(tune.staves)}")
    drums = drums_of(tune.voices)
    for number, voice in enumerate(tune.voices, start=1):
        if tune.others:
            # Some programs accept only numbers as ids of voices.
            name = _escaped(voice.name).replace('"', "'")
            # abc2midi obeys an octave clef only after the name.
            named = f' name="{name}"' if name else ""
            lines.append(f"V:{number}{named}{_clef(voice.clef)}")
        bars = voice.bars
        if is_percussion(voice):
            lines += _drum_lines(voice, drums)
            bars = written_bars(bars, drums)
        if voice.program is not None:
            lines.append(f"%%MIDI program {voice.program}")
        one_voice = replace(tune, bars=bars, clef=voice.clef)
        lines += _music_lines(one_voice, unit, keep_lines=keep_lines)
    lines += [_field("W", verse) for verse in words.named("W")]
    return "\n".join(lines) + "\n"


def _drum_lines(voice: Voice, drums: Mapping[int, Drum]) -> Iterator[str]:
    """Yield the lines that say which note of a voice stands for which drum."""
    yield f"%%MIDI channel {CHANNEL}"
    for key in drums_of([voice]):
        pitch = drums[key].written
        accidental = ABC_ACCIDENTALS[pitch.alter] if pitch.alter else ""
        yield f"%%MIDI drummap {accidental}{_step_name(pitch.step)} {key}"


def _field(name: str, value: str) -> str:
    """Return the line of a field."""
    # A letter before ``:|`` or ``::`` is a note.
    space = " " * value.startswith(("|", ":"))
    return f"{name}:{space}{_escaped(value)}"


def of_readable_length(tune: Tune) -> Tune:
    """Return a tune if the canonical ABC of each voice is no longer than is read.

    Raises:
        NotationError: if it is longer.
    """
    alone = replace(tune, others=(), staves=())
    if any(
        len(write_abc(replace(alone, bars=voice.bars))) > LIMITS.tune_characters
        for voice in tune.voices
    ):
        raise NotationError(f"longer than {LIMITS.tune_characters} characters")
    return tune


def write_tunebook(tunes: Iterable[Tune], *, keep_lines: bool = False) -> str:
    """Return tunes as one canonical tunebook, with a blank line between them."""
    return "\n".join(write_abc(tune, keep_lines=keep_lines) for tune in tunes)


def best_unit(tune: Tune) -> Fraction:
    """Return the unit note length that leaves most notes without a number; 1/8 in a tie."""
    durations = [note.duration for voice in tune.voices for note in voice.notes]
    simple = [duration.denominator for duration in durations if duration.numerator == 1]
    return max(UNITS, key=lambda unit: simple.count(unit.denominator))


def bars_by_line(tune: Tune, *, keep_lines: bool = False) -> list[list[int]]:
    """Return the bars of each line, by index: four, and the endings that follow them.

    Args:
        tune: The tune; only its first voice counts.
        keep_lines: Whether to break lines where its source does instead, if it has several.
    """
    if keep_lines and any(bar.ends_line for bar in tune.bars):
        return _lines_of_source(tune)
    lines: list[list[int]] = []
    full_bars = 0
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    for index, (bar, (_, metre)) in enumerate(zip(tune.bars, in_force, strict=True)):
        is_other_ending = bar.ending and tune.bars[index - 1].line is BarLine.REPEAT
        is_full = full_bars >= BARS_PER_LINE and not is_other_ending
        if is_full or opens_section(tune.bars, index) or _needs_fields(bar):
            lines.append([])
            full_bars = 0
        lines[-1].append(index)
        full_bars += bar.duration >= metre.bar_duration
    return lines


def _lines_of_source(tune: Tune) -> list[list[int]]:
    lines: list[list[int]] = [[]]
    for index, bar in enumerate(tune.bars):
        if lines[-1] and (tune.bars[index - 1].ends_line or _needs_fields(bar)):
            lines.append([])
        lines[-1].append(index)
    return lines


def _needs_fields(bar: Bar) -> bool:
    """Return whether a bar is announced by fields, on lines of their own."""
    return bool(bar.key or bar.metre or bar.part)


def _music_lines(tune: Tune, unit: Fraction, *, keep_lines: bool) -> Iterator[str]:
    music = MusicWriter(tune.key, tune.metre, unit, tune.clef)
    for line in bars_by_line(tune, keep_lines=keep_lines):
        first = tune.bars[line[0]]
        if first.part:
            yield _field("P", first.part)
        if first.metre:
            yield f"M:{first.metre}"
        if first.key:
            yield f"K:{first.key}"
        text = ""
        for index in line:
            bar = tune.bars[index]
            text += opening(bar, tune.bars[index - 1].line if text else None)
            beams = music.beams(bar, upbeat=opens_section(tune.bars, index))
            end = music.closing(bar)
            text = f"{text} {' '.join(beams)}{end} {bar.line}".lstrip()
        yield text
        for words in lyric_lines([note for index in line for note in tune.bars[index].notes]):
            yield f"w:{words}"


def _escaped(value: str) -> str:
    """Return a field's value on one line; a bare percent sign would begin a comment."""
    return " ".join(value.split()).replace("%", "\\%")


def _clef(name: str) -> str:
    """Return the words that name a clef, after a space; none if the name is no clef's."""
    return f" clef={name}" if re.fullmatch(r"[a-z]{3,12}[1-5]?(?:[-+^_](?:8|15))?", name) else ""


def _quoted(text: str) -> str:
    """Return a text in quotation marks, or nothing if it is empty."""
    text = short_text(text).replace("%", "\\%")
    return f'"{text}"' if text else ""


def _tempo(tempo: Tempo | None) -> str:
    """Return the value of a ``Q:`` field, empty if there is no tempo."""
    if tempo is None:
        return ""
    return str(replace(tempo, words=short_text(tempo.words), after=short_text(tempo.after)))


def opening(bar: Bar, before: BarLine | None) -> str:
    """Return the repeat sign and ending at a bar's left.

    Args:
        bar: The bar.
        before: The bar line just before them; None at the beginning of a line.
    """
    repeat = "|:" if bar.repeat_start else ""
    if not bar.ending:
        return repeat
    numbers = ",".join(map(str, bar.ending))
    # ``|1`` and ``:|2`` need no bracket.
    follows_bar_line = not repeat and before in {BarLine.SINGLE, BarLine.REPEAT}
    return f"{repeat}{'' if follows_bar_line else '['}{numbers}"


class MusicWriter:
    """Writes one bar after another, and tracks the key, the metre and the accidentals in force.

    Args:
        key: The key the tune opens in.
        metre: The metre the tune opens in.
        unit: The unit note length, in whole notes.
        clef: The clef it opens in; in an octave clef letters are written an octave off.
    """

    def __init__(self, key: Key, metre: Metre, unit: Fraction, clef: str = "") -> None:
        self._metre, self._unit = metre, unit
        self._octaves = clef_octaves(clef)
        self._accidentals = _Accidentals(key)

    def beams(self, bar: Bar, *, upbeat: bool = False) -> list[str]:
        """Return the music of the next bar, beam by beam.

        Args:
            bar: The bar.
            upbeat: Whether a short bar is the end of a full bar rather than its beginning.
        """
        texts = self.items(bar)

        # Durations of the items, a full bar and a beam as whole multiples of one fraction.
        durations = [item.duration for item in bar.items]
        durations += self._metre.bar_duration, self._metre.beam_duration
        parts = lcm(*[duration.denominator for duration in durations])
        *lengths, full, beam = [
            duration.numerator * (parts // duration.denominator) for duration in durations
        ]

        # Items that begin within the same beam are joined, up to one that has no beam.
        onset = max(0, full - sum(lengths)) if upbeat else 0
        groups: list[str] = []
        open_beam: int | None = None
        for item, text, length in zip(bar.items, texts, lengths, strict=True):
            number = onset // beam if beam and _has_beam(item) else None
            if number is not None and number == open_beam:
                groups[-1] += text
            else:
                groups.append(text)
            open_beam = number
            onset += length
        return groups

    def items(self, bar: Bar) -> list[str]:
        """Return the music of the next bar, item by item."""
        self._metre = bar.metre or self._metre
        self._accidentals.begin_bar(bar.key)
        return [self._item(item) for item in bar.items]

    def _item(self, item: Item) -> str:
        if isinstance(item, Tuplet):
            shape = (item.actual, item.normal, len(item.items))
            prefix = "(3" if shape == (3, 2, 3) else "({}:{}:{}".format(*shape)
            return prefix + "".join(self._item(note) for note in item.items)
        length = length_text(item.duration, self._unit)
        marks = self._marks(item.marks) if item.marks else ""
        if isinstance(item, Rest):
            slurs = ")" * (item.marks.slur_ends if item.marks else 0)
            return f"{marks}{'z' if item.visible else 'x'}{length}{slurs}"
        in_chord = len(item.pitches) > 1
        names = [
            self._accidentals.before(pitch, in_chord=in_chord) + self._letter(pitch)
            for pitch in item.pitches
        ]
        if item.untied:
            pairs = zip(item.pitches, names, strict=True)
            names = [name + ("" if pitch in item.untied else "-") for pitch, name in pairs]
        note = f"[{''.join(names)}]" if in_chord else names[0]
        tie = "-" if item.tied and not item.untied else ""
        return f"{marks}{note}{length}{tie}{')' * (item.marks.slur_ends if item.marks else 0)}"

    def closing(self, bar: Bar) -> str:
        """Return the marks between a bar's last note and its bar line, after ``beams``."""
        return self._marks(bar.closing) if bar.closing else ""

    def _letter(self, pitch: Pitch) -> str:
        return _step_name(pitch.step - 7 * self._octaves)

    def _marks(self, marks: Marks) -> str:
        """Return the text before a note, in the standard's order (section 4.20)."""
        clef = _clef(marks.clef).strip()
        if clef:
            self._octaves = clef_octaves(marks.clef)
        tempo = _escaped(_tempo(marks.tempo)).replace("]", ")")
        grace = "".join(
            self._accidentals.before_grace(pitch) + self._letter(pitch) for pitch in marks.grace
        )
        return "".join(
            [
                f"[K:{clef}]" if clef else "",
                f"[Q:{tempo}]" if tempo else "",
                "(" * marks.slur_starts,
                f"{{{grace}}}" if grace else "",
                *(_quoted(str(symbol)) for symbol in marks.chord_symbols),
                *(_quoted(place + text) for place, text in marks.annotations),
                *(_DECORATION_CHARACTERS.get(name) or f"!{name}!" for name in marks.decorations),
            ]
        )


def _has_beam(item: Item) -> bool:
    if isinstance(item, Tuplet):
        return all(map(_has_beam, item.items))
    # Shorter than a quarter.
    return 4 * item.duration.numerator < item.duration.denominator


def length_text(duration: Fraction, unit: Fraction) -> str:
    """Return a duration as a multiple of the unit: nothing, ``2``, ``/``, ``3/2``, ``/4``."""
    return _ratio_text(duration.numerator * unit.denominator, duration.denominator * unit.numerator)


@lru_cache(maxsize=4096)
def _ratio_text(numerator: int, denominator: int) -> str:
    ratio = Fraction(numerator, denominator)
    number = "" if ratio.numerator == 1 else str(ratio.numerator)
    if ratio.denominator == 1:
        return number
    # A lone slash halves.
    return f"{number}/" if ratio.denominator == 2 else f"{number}/{ratio.denominator}"


@lru_cache(maxsize=256)
def _step_name(step: int) -> str:
    """Return a pitch's letter and octave marks: ``C,`` ``C`` ``c`` ``c'``."""
    pitch = Pitch(step)
    # C (middle C) begins octave 4, c octave 5.
    octaves_up = pitch.octave - 4
    if octaves_up > 0:
        return pitch.letter.lower() + "'" * (octaves_up - 1)
    return pitch.letter + "," * -octaves_up


class _Accidentals:
    """Decides which notes need an accidental so that every program reads the same pitch.

    Some programs apply an accidental to all octaves of its bar, others to its own octave only; it
    is written wherever the two would differ. It is also repeated after a bar line that a tie
    crosses, after a grace note with an accidental, and between a chord and other notes (music21
    10.5 does not carry it into a chord or out of one).
    """

    def __init__(self, key: Key) -> None:
        self._signature = key.signature
        self._by_letter: dict[str, int] = {}
        self._by_step: dict[int, int] = {}
        # Letters that a grace note may have altered, and those that a chord has.
        self._after_grace: set[str] = set()
        self._by_chord: set[str] = set()

    def begin_bar(self, key: Key | None) -> None:
        """Forget the accidentals of the previous bar, and apply a change of key."""
        if key is not None:
            self._signature = key.signature
        self._by_letter.clear()
        self._by_step.clear()
        self._after_grace.clear()
        self._by_chord.clear()

    def before(self, pitch: Pitch, *, in_chord: bool) -> str:
        """Return the accidental before a note, if it needs one."""
        letter = pitch.letter
        default = self._signature[letter]
        in_all_octaves = self._by_letter.get(letter, default)
        in_this_octave = self._by_step.get(pitch.step, default)
        in_doubt = letter in self._after_grace or letter in self._by_chord
        in_doubt |= in_chord and letter in self._by_letter
        if in_all_octaves == in_this_octave == pitch.alter and not in_doubt:
            return ""
        if in_chord:
            self._by_chord.add(letter)
        self._by_letter[letter] = self._by_step[pitch.step] = pitch.alter
        return ABC_ACCIDENTALS[pitch.alter]

    def before_grace(self, pitch: Pitch) -> str:
        """Return the accidental before a grace note, if it needs one."""
        letter = pitch.letter
        altered_before = letter in self._by_letter or letter in self._after_grace
        if pitch.alter == self._signature[letter] and not altered_before:
            return ""
        self._after_grace.add(letter)
        return ABC_ACCIDENTALS[pitch.alter]
