"""Transpose tunes to other keys and into the ranges of instruments; pitches stay spelled."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.percussion import is_percussion
from abcgen.notation.tune import (
    ALTERATIONS,
    HIGHEST_STEP,
    LETTERS,
    MAX_SIGNATURE,
    MIDDLE_C,
    MIDDLE_C_STEP,
    NATURAL_SEMITONES,
    Bar,
    Key,
    Metre,
    Mode,
    Note,
    Pitch,
    Rest,
    Tune,
    chord_symbol_named,
    key_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.notation.tune import ChordSymbol, Marks, Root, Voice

# A word that may name a chord, in a text of several: ``C Gsus4``, ``(Am)``.
_CHORD_WORD = re.compile(r"[^\s;,|()\\]+")
# Diatonic steps and semitones.
Interval = tuple[int, int]

# Tunes are moved to one of an instrument's most usual keys.
FAVOURITE_KEYS = 3


def transpose(tune: Tune, tonic: Key, *, octaves: int = 0) -> Tune:
    """Return the tune transposed to another tonic, by the smaller interval up or down.

    The mode stays. Keys that would need more than seven sharps or flats are respelled.

    Args:
        tune: The tune.
        tonic: A key with the new tonic; its mode is ignored.
        octaves: Octaves to move in addition.
    """
    interval = _interval(tune.key, tonic, octaves)
    return replace(
        tune,
        key=_move_key(tune.key, interval),
        bars=_moved_voice(tune.voices[0], interval).bars,
        others=tuple(_moved_voice(voice, interval) for voice in tune.others),
    )


def _moved_voice(voice: Voice, interval: Interval) -> Voice:
    """Return a voice moved by an interval; of percussion only the key moves."""
    bars = _move_bars(voice.bars, interval)
    if is_percussion(voice):
        keys = [bar.key for bar in bars]
        bars = tuple(replace(bar, key=key) for bar, key in zip(voice.bars, keys, strict=True))
    return replace(voice, bars=bars)


def to_c(tune: Tune) -> Tune:
    """Return a tune moved to the tonic C, by an octave more or less where notes cannot be read."""
    return transpose(tune, Key("C"), octaves=_octaves_to_c(tune))


def from_c(bars: tuple[Bar, ...], tune: Tune) -> tuple[Bar, ...]:
    """Return bars of ``to_c(tune)``, or in their place, as they are in the tune's own key."""
    steps, semitones = _interval(tune.key, Key("C"), _octaves_to_c(tune))
    return _move_bars(bars, (-steps, -semitones))


def _octaves_to_c(tune: Tune) -> int:
    steps, _ = _interval(tune.key, Key("C"), 0)
    if not steps:
        return 0
    written = [
        pitch.step
        for voice in tune.voices
        for note in voice.notes
        if isinstance(note, Note)
        for pitch in note.pitches
    ]
    # A step is kept for notes that are respelled.
    if min(written, default=MIDDLE_C_STEP) + steps < 1:
        return 1
    return -1 if max(written, default=MIDDLE_C_STEP) + steps > HIGHEST_STEP - 1 else 0


def transpose_bars(bars: tuple[Bar, ...], key: Key, semitones: int) -> tuple[tuple[Bar, ...], Key]:
    """Return bars that open in a key, and that key, both moved by semitones.

    Of the keys with that sound, the one with the fewest sharps or flats is taken.
    """
    if not semitones:
        return bars, key
    steps = round(semitones * 7 / 12)
    intervals = [(step, semitones) for step in (steps, steps - 1, steps + 1)]
    interval = min(intervals, key=lambda interval: abs(_moved_key(key, interval).fifths))
    return _move_bars(bars, interval), _move_key(key, interval)


def _move_bars(bars: tuple[Bar, ...], interval: Interval) -> tuple[Bar, ...]:
    def move(note: Note | Rest) -> Note | Rest:
        marks = note.marks and _move_marks(note.marks, interval)
        if isinstance(note, Rest):
            return replace(note, marks=marks)
        pitches = tuple(_move_pitch(pitch, interval) for pitch in note.pitches)
        untied = frozenset(_move_pitch(pitch, interval) for pitch in note.untied)
        return replace(note, pitches=pitches, marks=marks, untied=untied)

    def move_bar(bar: Bar) -> Bar:
        moved = bar.with_notes(move)
        if bar.closing:
            moved = replace(moved, closing=_move_marks(bar.closing, interval))
        return replace(moved, key=_move_key(bar.key, interval)) if bar.key else moved

    return tuple(map(move_bar, bars))


def transpose_by(tune: Tune, semitones: int) -> Tune:
    """Return the tune moved by semitones, up or down, to the key with the least signature."""
    pitch_class = (tune.key.tonic_pitch_class + semitones) % 12
    keys = [Key(letter, alter, tune.key.mode) for letter in LETTERS for alter in (0, -1, 1)]
    fitting = [key for key in keys if key.tonic_pitch_class == pitch_class]
    tonic = min(fitting, key=lambda key: abs(key.fifths))
    moved = _interval(tune.key, tonic, 0)[1]
    return transpose(tune, tonic, octaves=(semitones - moved) // 12)


def pitches_of(tune: Tune) -> list[int]:
    """Return the MIDI key numbers of all notes written in the first voice."""
    return [pitch.midi for note in tune.notes if isinstance(note, Note) for pitch in note.pitches]


def _interval(source: Key, target: Key, octaves: int) -> Interval:
    """Return the interval from one tonic to the nearest of another."""
    semitones = (target.tonic_pitch_class - source.tonic_pitch_class) % 12
    steps = (LETTERS.index(target.letter) - LETTERS.index(source.letter)) % 7
    # By its letter C flat is above B, by its sound it is the same key: keep both consistent.
    if semitones - _natural_semitones(steps) > 6:
        semitones -= 12
    elif _natural_semitones(steps) - semitones > 6:
        semitones += 12
    # Down rather than up by half an octave or more.
    if semitones >= 6:
        semitones, steps = semitones - 12, steps - 7
    return steps + 7 * octaves, semitones + 12 * octaves


def _natural_semitones(steps: int) -> int:
    """Return the semitones from C to the natural note a number of steps above it."""
    return 12 * (steps // 7) + NATURAL_SEMITONES[steps % 7]


def _move_pitch(pitch: Pitch, interval: Interval) -> Pitch:
    return spelled(pitch.step + interval[0], pitch.midi + interval[1])


def spelled(step: int, midi: int) -> Pitch:
    """Return a MIDI key number spelled on a step, or on the nearest step that can be altered."""
    alter = midi - _natural_semitones(step) - 12
    if alter > 2:
        return spelled(step + 1, midi)
    if alter < -2:
        return spelled(step - 1, midi)
    return Pitch(step, alter)


def _move_key(key: Key, interval: Interval) -> Key:
    moved = _moved_key(key, interval)
    if abs(moved.fifths) <= MAX_SIGNATURE:
        return moved
    # Twelve fifths further is the same sound by another name.
    respelled = key_at(moved.fifths - 12 if moved.fifths > 0 else moved.fifths + 12, key.mode)
    return replace(respelled, extra=moved.extra)


def _moved_key(key: Key, interval: Interval) -> Key:
    """Return a key moved by an interval, however many sharps or flats that makes."""
    letter, alter = _move_letter(key.letter, key.alter, interval)
    extra = tuple(_move_letter(*accidental, interval) for accidental in key.extra)
    return Key(letter, alter, key.mode, extra)


def _move_marks(marks: Marks, interval: Interval) -> Marks:
    symbols = tuple(_move_chord_symbol(symbol, interval) for symbol in marks.chord_symbols)
    grace = tuple(_move_pitch(pitch, interval) for pitch in marks.grace)
    return replace(marks, chord_symbols=symbols, grace=grace)


def _move_chord_symbol(symbol: ChordSymbol, interval: Interval) -> ChordSymbol:
    """Move a chord; a text of several chords moves word by word, and any other text stays."""
    if interval == (0, 0):
        return symbol
    if symbol.root:
        root, bass = _move_root(symbol.root, interval), symbol.bass
        return replace(symbol, root=root, bass=bass and _move_root(bass, interval), text="")
    if not all(chord_symbol_named(word).root for word in _CHORD_WORD.findall(symbol.text)):
        return symbol

    def move(word: re.Match[str]) -> str:
        return str(_move_chord_symbol(chord_symbol_named(word[0]), interval))

    return replace(symbol, text=_CHORD_WORD.sub(move, symbol.text))


def _move_root(root: Root, interval: Interval) -> Root:
    """Move a chord's root; one that would need a double sharp or flat is respelled."""
    letter, alter = _move_letter(*root, interval)
    if abs(alter) <= 1:
        return letter, alter
    step = LETTERS.index(letter)
    neighbour = step + (1 if alter > 0 else -1)
    semitones = NATURAL_SEMITONES[step] + alter
    return LETTERS[neighbour % 7], semitones - _natural_semitones(neighbour)


def _move_letter(letter: str, alter: int, interval: Interval) -> tuple[str, int]:
    moved = _move_pitch(Pitch(MIDDLE_C_STEP + LETTERS.index(letter), alter), interval)
    return moved.letter, moved.alter


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument that plays tunes."""

    # The name on the command line.
    name: str
    # The range that a good amateur plays, as MIDI key numbers.
    lowest: int
    highest: int
    # Key signatures its players like, as major keys, most usual first.
    keys: tuple[str, ...]
    # General MIDI program number, counted from 0.
    program: int
    # How its sound begins and dies away: ``bowed``, ``blown``, ``reed`` or ``plucked``.
    tone: str
    # The octaves that a tune may be moved by, the usual one first.
    octaves: tuple[int, ...] = (0, 1, -1)

    @property
    def comfort(self) -> float:
        """The middle of the comfortable range, as a MIDI key number."""
        # Of a wide range only the lowest two octaves and a fifth (31 semitones) count.
        return min(self.lowest + self.highest, 2 * self.lowest + 31) / 2


_INSTRUMENTS = (
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
INSTRUMENTS = {instrument.name: instrument for instrument in _INSTRUMENTS}
_OTHER_NAMES = {
    "violin": "fiddle",
    "tin-whistle": "whistle",
    "pennywhistle": "whistle",
    "penny-whistle": "whistle",
    "irish-flute": "flute",
    "wooden-flute": "flute",
    "irish-pipes": "uilleann-pipes",
    "bagpipe": "highland-pipes",
    "bagpipes": "highland-pipes",
    "anglo-concertina": "concertina",
    "english-concertina": "concertina",
    "button-accordion": "accordion",
    "piano-accordion": "accordion",
    "melodeon": "accordion",
    "banjo": "tenor-banjo",
    "irish-harp": "harp",
    "acoustic-guitar": "guitar",
    "descant-recorder": "recorder",
    "soprano-recorder": "recorder",
    "bb-clarinet": "clarinet",
    "great-highland-bagpipe": "highland-pipes",
    "highland-bagpipe": "highland-pipes",
    "uillean-pipes": "uilleann-pipes",
    "squeezebox": "accordion",
    "keyboard": "piano",
}


def instrument_named(name: str) -> Instrument:
    """Return the instrument of that name.

    Raises:
        InputError: if there is none.
    """
    plain = re.sub(r"[\s_-]+", "-", name.strip().lower())
    try:
        return INSTRUMENTS[_OTHER_NAMES.get(plain, plain)]
    except KeyError as error:
        known = ", ".join(INSTRUMENTS)
        raise InputError(f"unknown instrument {name!r}", hint=f"one of {known}") from error


def playing_in(instrument: Instrument, key: Key | None) -> Instrument:
    """Return the instrument restricted to one key; unchanged if the key is None."""
    if key is None:
        return instrument
    return replace(instrument, keys=(key_at(key.fifths, Mode.MAJOR).tonic,))


def within_range(instrument: Instrument, lowest: int, highest: int) -> Instrument:
    """Return the instrument limited to a range, in octaves that suit it."""
    # Most tunes as the network writes them lie around the C above middle C.
    usual = round(((lowest + highest) / 2 - MIDDLE_C - 12) / 12)
    octaves = (usual, usual + 1, usual - 1)
    return replace(instrument, lowest=lowest, highest=highest, octaves=octaves)


def transpose_for(tune: Tune, instrument: Instrument, choice: float = 0.0) -> Tune:
    """Return the tune in a usual key and an octave in which an instrument can play all of it.

    If there is none, the key and octave that exceed its range least are chosen.

    Args:
        tune: The tune.
        instrument: The instrument.
        choice: Selects one of the keys that fit, from 0 (the most usual) to less than 1.
    """
    candidates = [
        transpose(tune, _with_signature(major, tune.key.mode), octaves=octaves)
        for major in instrument.keys[:FAVOURITE_KEYS]
        for octaves in instrument.octaves
    ]
    pitches = [pitches_of(candidate) or [MIDDLE_C] for candidate in candidates]

    # 1) The candidates that exceed the range least, at both ends together.
    outside = [
        max(0, instrument.lowest - min(keys)) + max(0, max(keys) - instrument.highest)
        for keys in pitches
    ]
    fitting = [
        (candidate, sum(keys) / len(keys))
        for candidate, keys, semitones in zip(candidates, pitches, outside, strict=True)
        if semitones == min(outside)
    ]

    # 2) One of their keys, in the octave nearest to the comfortable middle.
    keys = list(dict.fromkeys(candidate.key for candidate, _ in fitting))
    key = keys[int(choice * len(keys))]
    in_key = [(candidate, middle) for candidate, middle in fitting if candidate.key == key]
    return min(in_key, key=lambda pair: abs(pair[1] - instrument.comfort))[0]


def arrange_for(
    tune: Tune,
    instrument: Instrument,
    choice: float,
    first_pitch: int | None = None,
    *,
    keep_spelling: bool = False,
) -> Tune:
    """Return the tune in a key and octave that suit an instrument, spelled as players expect.

    Args:
        tune: The tune.
        instrument: The instrument.
        choice: As in ``transpose_for``.
        first_pitch: The MIDI key number to which its first note is moved as near as octaves allow;
            None leaves the octave to the instrument.
        keep_spelling: Keep double sharps and flats, which scales and intervals depend on.
    """
    tune = transpose_for(tune, instrument, choice)
    if not keep_spelling:
        tune = replace(tune, bars=tuple(bar.with_notes(plainly_spelled) for bar in tune.bars))
    pitches = pitches_of(tune)
    if first_pitch is None or not pitches:
        return tune
    return transpose(tune, tune.key, octaves=round((first_pitch - pitches[0]) / 12))


def plainly_spelled(note: Note | Rest) -> Note | Rest:
    """Return a note without double sharps and flats: players read D, not C double sharp."""
    if isinstance(note, Rest) or all(abs(pitch.alter) < 2 for pitch in note.pitches):
        return note
    pitches = (
        spelled(pitch.step + pitch.alter // 2, pitch.midi) if abs(pitch.alter) == 2 else pitch
        for pitch in note.pitches
    )
    return replace(note, pitches=tuple(dict.fromkeys(pitches)), untied=frozenset())


def ranges_in_c(
    instrument: Instrument, modes: Iterable[Mode]
) -> dict[Mode, tuple[tuple[int, int], ...]]:
    """Return, for each mode, the ranges of tunes in C that an instrument can play transposed.

    A tune within one of them is within the instrument's range after ``transpose_for``.
    """
    quarter = Bar((Note((Pitch(MIDDLE_C_STEP),), Fraction(1, 4)),))
    ranges = {}
    for mode in modes:
        # How ``transpose_for`` moves a tune of one note, middle C.
        probe = Tune((quarter,), Key("C", 0, mode), Metre(4, 4))
        moves = [
            pitches_of(transpose(probe, _with_signature(major, mode), octaves=octaves))[0]
            - MIDDLE_C
            for major in instrument.keys[:FAVOURITE_KEYS]
            for octaves in instrument.octaves
        ]
        ranges[mode] = tuple(
            (instrument.lowest - move, instrument.highest - move) for move in moves
        )
    return ranges


def _with_signature(major: str, mode: Mode) -> Key:
    """Return the key of a mode that has a major key's signature: D dorian's is that of C."""
    return key_at(Key(major[0], ALTERATIONS[major[1:]]).fifths, mode)
