"""Moving tunes from C, where a network writes them, to where an instrument plays them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.notation.instruments import FAVOURITES, Instrument, suited
from abcgen.notation.key import Key, Mode, key_at
from abcgen.notation.transpose import pitches_of, spelled, transpose
from abcgen.notation.tune import Bar, Item, Metre, Note, Pitch, Rest, Tune, Tuplet

if TYPE_CHECKING:
    from collections.abc import Iterable

OCTAVES = (0, 1, -1)
OCTAVE = 12
DOUBLE = 2
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
    alter = {"": 0, "#": 1, "b": -1}[major[1:]]
    target = key_at(Key(major[0], alter).fifths, mode)
    probe = replace(_PROBE, key=Key("C", 0, mode))
    return [pitches_of(transpose(probe, target, octaves=octave))[0] - C for octave in OCTAVES]
