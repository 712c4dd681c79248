"""Moves tunes between keys, spelling kept.

Moving tunes from C, where a network writes them, to where an instrument plays them.

The one table of instruments: what each can play and how MIDI calls it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.tune import (
    ALTERATIONS,
    LETTERS,
    MAX_SIGNATURE,
    NATURAL_SEMITONES,
    Bar,
    Item,
    Key,
    Marks,
    Metre,
    Mode,
    Note,
    Pitch,
    Rest,
    Tune,
    Tuplet,
    key_at,
    notes_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.notation.tune import Root


DOUBLE = 2
MIDDLE_OCTAVE = 4
HALF_OCTAVE = 6


def transpose(tune: Tune, tonic: Key, *, octaves: int = 0) -> Tune:
    """Move a tune so that its tonic becomes another, the shorter way up or down.

    Modes stay; keys along the way that would need more than seven sharps or flats are respelled.

    Args:
        tune: The tune.
        tonic: A key whose tonic is to be the tune's.
        octaves: Octaves to move besides.
    """
    interval = _interval(tune.key, tonic, octaves)
    bars = tuple(_move_bar(bar, interval) for bar in tune.bars)
    others = tuple(
        replace(voice, bars=tuple(_move_bar(bar, interval) for bar in voice.bars))
        for voice in tune.others
    )
    return replace(tune, key=_move_key(tune.key, interval), bars=bars, others=others)


def pitches_of(tune: Tune) -> list[int]:
    """The MIDI key numbers of all notes written in its first voice."""
    return [
        pitch.midi
        for bar in tune.bars
        for item in bar.items
        for note in notes_in(item)
        if isinstance(note, Note)
        for pitch in note.pitches
    ]


def _interval(source: Key, target: Key, octaves: int) -> tuple[int, int]:
    """Diatonic steps and semitones from one tonic to the nearest of another."""
    semitones = (target.tonic_pitch_class - source.tonic_pitch_class) % 12
    steps = (LETTERS.index(target.letter) - LETTERS.index(source.letter)) % 7
    # C flat lies above B by its letter and below by its sound: keep the two together.
    if semitones - _natural_semitones(steps) > HALF_OCTAVE:
        semitones -= 12
    elif _natural_semitones(steps) - semitones > HALF_OCTAVE:
        semitones += 12
    if semitones >= HALF_OCTAVE:
        semitones, steps = semitones - 12, steps - 7
    return steps + 7 * octaves, semitones + 12 * octaves


def _natural_semitones(steps: int) -> int:
    return 12 * (steps // 7) + NATURAL_SEMITONES[steps % 7]


def _move_bar(bar: Bar, interval: tuple[int, int]) -> Bar:
    items = tuple(_move_item(item, interval) for item in bar.items)
    return replace(bar, items=items, key=bar.key and _move_key(bar.key, interval))


def _move_item(item: Item, interval: tuple[int, int]) -> Item:
    if isinstance(item, Tuplet):
        return replace(item, items=tuple(_move_single(note, interval) for note in item.items))
    return _move_single(item, interval)


def _move_single(item: Note | Rest, interval: tuple[int, int]) -> Note | Rest:
    marks = item.marks and _move_marks(item.marks, interval)
    if isinstance(item, Rest):
        return replace(item, marks=marks)
    pitches = tuple(_move_pitch(pitch, interval) for pitch in item.pitches)
    return replace(item, pitches=pitches, marks=marks)


def _move_marks(marks: Marks, interval: tuple[int, int]) -> Marks:
    symbol = marks.chord_symbol
    if symbol:
        root, bass = _move_root(symbol.root, interval), symbol.bass
        symbol = replace(symbol, root=root, bass=bass and _move_root(bass, interval))
    grace = tuple(_move_pitch(pitch, interval) for pitch in marks.grace)
    return replace(marks, chord_symbol=symbol, grace=grace)


def _move_root(root: Root, interval: tuple[int, int]) -> Root:
    """A chord's root; one that would need a double sharp or flat is respelled."""
    letter, alter = _move_letter(*root, interval)
    if abs(alter) <= 1:
        return letter, alter
    step = LETTERS.index(letter) + (1 if alter > 0 else -1)
    octave = 12 * (step // 7)
    moved = NATURAL_SEMITONES[LETTERS.index(letter)] + alter - octave
    return LETTERS[step % 7], moved - NATURAL_SEMITONES[step % 7]


def _move_pitch(pitch: Pitch, interval: tuple[int, int]) -> Pitch:
    return spelled(pitch.step + interval[0], pitch.midi + interval[1])


def spelled(step: int, midi: int) -> Pitch:
    """The pitch of a MIDI key number, on the step asked for or the nearest that can carry it."""
    alter = midi - _natural_semitones(step) - 12
    if alter > DOUBLE:
        return spelled(step + 1, midi)
    if alter < -DOUBLE:
        return spelled(step - 1, midi)
    return Pitch(step, alter)


def _move_key(key: Key, interval: tuple[int, int]) -> Key:
    tonic = _move_letter(key.letter, key.alter, interval)
    extra = tuple(_move_letter(letter, alter, interval) for letter, alter in key.extra)
    moved = Key(*tonic, key.mode, extra)
    if abs(moved.fifths) <= MAX_SIGNATURE:
        return moved
    respelled = key_at(moved.fifths - 12 if moved.fifths > 0 else moved.fifths + 12, key.mode)
    return replace(respelled, extra=extra)


def _move_letter(letter: str, alter: int, interval: tuple[int, int]) -> tuple[str, int]:
    moved = _move_pitch(Pitch(7 * MIDDLE_OCTAVE + LETTERS.index(letter), alter), interval)
    return moved.letter, moved.alter


OCTAVES = (0, 1, -1)
OCTAVE = 12
C = 60
_PROBE = Tune((Bar((Note((Pitch(28),), Fraction(1, 4)),)),), Key("C"), Metre(4, 4))


def playing_in(instrument: Instrument, key: Key | None) -> Instrument:
    """The instrument with one key, whatever its players like; with its own where that is None."""
    if key is None:
        return instrument
    return replace(instrument, keys=(key_at(key.fifths, Mode.MAJOR).tonic,))


def ranges_in_c(
    instrument: Instrument, modes: Iterable[Mode]
) -> dict[Mode, tuple[tuple[int, int], ...]]:
    """For tunes in C in each mode, the ranges that the instrument's keys and octaves leave.

    A tune that lies in one of them is within the instrument's range once ``suited`` has moved it.
    """
    return {
        mode: tuple(
            (instrument.lowest - move, instrument.highest - move)
            for major in instrument.keys[:FAVOURITES]
            for move in _moves(mode, major)
        )
        for mode in modes
    }


def moved_to(
    tune: Tune, instrument: Instrument, choice: float, first_pitch: int | None = None
) -> Tune:
    """Move a tune to a key and octave that suit an instrument.

    Args:
        tune: The tune.
        instrument: The instrument.
        choice: As in ``suited``.
        first_pitch: The MIDI key number that its first note is to have, in some octave; None
            leaves the octave to the instrument.
    """
    tune = _respelled(suited(tune, instrument, choice))
    pitches = pitches_of(tune)
    if first_pitch is None or not pitches:
        return tune
    return transpose(tune, tune.key, octaves=round((first_pitch - pitches[0]) / OCTAVE))


def _respelled(tune: Tune) -> Tune:
    """With one accidental where moving it made two: players read D, not C double sharp."""
    bars = tuple(
        replace(bar, items=tuple(_respelled_item(item) for item in bar.items)) for bar in tune.bars
    )
    return replace(tune, bars=bars)


def _respelled_item(item: Item) -> Item:
    if isinstance(item, Tuplet):
        return replace(item, items=tuple(_respelled_note(note) for note in item.items))
    return _respelled_note(item)


def _respelled_note(note: Note | Rest) -> Note | Rest:
    if isinstance(note, Rest) or all(abs(pitch.alter) < DOUBLE for pitch in note.pitches):
        return note
    pitches = [
        spelled(pitch.step + pitch.alter // DOUBLE, pitch.midi)
        if abs(pitch.alter) == DOUBLE
        else pitch
        for pitch in note.pitches
    ]
    return replace(note, pitches=tuple(dict.fromkeys(pitches)))


def _moves(mode: Mode, major: str) -> list[int]:
    """By how many semitones ``suited`` moves a tune in C to a major key's signature."""
    alter = ALTERATIONS[major[1:]]
    target = key_at(Key(major[0], alter).fifths, mode)
    probe = replace(_PROBE, key=Key("C", 0, mode))
    return [pitches_of(transpose(probe, target, octaves=octave))[0] - C for octave in OCTAVES]


FAVOURITES = 3
FIFTH = 7


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
        raise InputError(f"unknown instrument {name!r}", hint=f"one of {known}") from error


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
    alter = ALTERATIONS[major[1:]]
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
