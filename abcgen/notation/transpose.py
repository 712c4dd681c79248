"""Moves tunes between keys, spelling kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abcgen.notation.key import MAX_SIGNATURE, Key, key_at
from abcgen.notation.tune import (
    LETTERS,
    NATURAL_SEMITONES,
    Bar,
    Item,
    Marks,
    Note,
    Pitch,
    Rest,
    Tune,
    Tuplet,
    notes_in,
)

if TYPE_CHECKING:
    from abcgen.notation.chord_symbol import Root

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
