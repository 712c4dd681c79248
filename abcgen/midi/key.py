"""Find the key of a melody, and spell its pitches.

Evidence for a key: how often each degree occurs in known tunes of its mode, follows another, is
the first and the last note, and which degrees never occur, for a tune of five notes lies in three
signatures. The log-odds of a key are a weighted sum of these (a conditional logit).

Counts of known tunes, for keys and metres, and the weights are in ``tables.json``, which
``benchmarks/transcription/fit.py`` makes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from abcgen.errors import NotationError
from abcgen.notation.tune import LETTERS, NATURAL_SEMITONES, SHARP_ORDER, Key, Mode, Pitch, key_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.midi.quantize import QuantizedNote

    FloatArray = NDArray[np.float64]
    # By mode, then by what is counted.
    DegreeTables = Mapping[str, Mapping[str, FloatArray]]


MODES = (Mode.MAJOR, Mode.MINOR, Mode.DORIAN, Mode.MIXOLYDIAN)
# The twelve signatures, those with the fewest sharps or flats first.
SIGNATURES = sorted(range(-5, 7), key=abs)
# Every key that is considered, in the order of the rows of its features.
KEYS = tuple(key_at(fifths, mode) for mode in MODES for fifths in SIGNATURES)

# How much likelier, in nats, a key must be than C, which programs write where they were given
# none, and than any other signature; and a mode than the one that a file names.
DEFAULT_KEY_ODDS, WRONG_KEY_ODDS, NAMED_MODE_ODDS = 4.0, 15.0, 1.0
# How much likelier a final chord makes the keys whose tonic is its bass; its third may be raised.
# Of 105 chorales that end on their tonic all are then judged right, without it 102.
FINAL_BASS_ODDS = 2.0
# In pieces with fewer notes the file's key is not doubted.
MIN_NOTES = 8


@dataclass(frozen=True)
class MetreTable:
    """Counts of known tunes in one metre, as natural logarithms of probabilities.

    Places are sixteenths of the bar; classes of steps and leaps are those of `abcgen.midi.metre`.
    """

    # The class of a step, by place: (place, step).
    rhythm: FloatArray
    # The same given the class of the step before; as ``rhythm`` where that is rare:
    # (place, step before, step).
    habit: FloatArray
    # A degree by place, less its logarithm in any place: (place, degree).
    degree: FloatArray
    # The class of a leap likewise: (place, leap).
    leap: FloatArray
    # A pickup's length, the metre's share among all tunes included: (place,).
    pickup: FloatArray
    # The place of the last note: (place,).
    last: FloatArray

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return a table as the file has it, with habits named by place and class: ``"4 1"``."""
        arrays = {name: _nats(values) for name, values in data.items() if name != "habit"}
        classes = arrays["rhythm"].shape[1]
        habit = np.repeat(arrays["rhythm"][:, None, :], classes, axis=1)
        for name, row in data["habit"].items():
            place, before = map(int, name.split())
            habit[place, before] = _nats(row)
        return cls(habit=habit, **arrays)


@dataclass(frozen=True)
class Tables:
    """All tables, and the weights of the features that are read from them."""

    # By the metre's name.
    metres: Mapping[str, MetreTable]
    # Weights of metre features that all metres share, and of those that each has for itself.
    weights: FloatArray
    own_weights: Mapping[str, FloatArray]
    degrees: DegreeTables
    key_weights: FloatArray


@lru_cache(maxsize=1)
def load_tables() -> Tables:
    """Return the tables that come with the package."""
    data: Any = json.loads(files("abcgen.midi").joinpath("tables.json").read_text())
    return Tables(
        {name: MetreTable.from_json(table) for name, table in data["metres"].items()},
        np.array(data["weights"]),
        {name: np.array(weights) for name, weights in data["own_weights"].items()},
        degree_tables(data["degrees"]),
        np.array(data["key_weights"]),
    )


def degree_tables(data: Any) -> DegreeTables:
    """Return the tables of degrees as the file has them."""
    return {mode: {name: _nats(row) for name, row in rows.items()} for mode, rows in data.items()}


def _nats(values: Any) -> FloatArray:
    # The file has hundredths of nats.
    return np.array(values) / 100


def choose_key(voices: Sequence[Sequence[QuantizedNote]], named: Key | None) -> Key:
    """Return the key of a piece.

    A program that was given no key writes C, which is therefore doubted. Any other signature is
    kept unless the notes deny it outright; its mode is doubted, for many programs write major
    alone.

    Args:
        voices: The notes of each voice.
        named: The key that the file names, if any.
    """
    if named and sum(map(len, voices)) < MIN_NOTES:
        return named
    ranked = rank_keys(voices)
    best = ranked[0]
    if named is None:
        return best.key
    in_signature = [each for each in ranked if (each.key.fifths - named.fifths) % 12 == 0]
    odds = DEFAULT_KEY_ODDS if named == Key() else WRONG_KEY_ODDS
    if best.score > in_signature[0].score + odds:
        return best.key
    named_score = next(
        (each.score for each in in_signature if each.key.mode is named.mode), in_signature[0].score
    )
    if named.mode is Mode.MINOR or in_signature[0].score < named_score + NAMED_MODE_ODDS:
        return named
    # Spelled as the file's signature is: six sharps or six flats.
    return key_at(named.fifths, in_signature[0].key.mode)


class KeyHypothesis(NamedTuple):
    """A key and its log-odds, to be compared with others of the same tune."""

    key: Key
    score: float


def rank_keys(voices: Sequence[Sequence[QuantizedNote]]) -> list[KeyHypothesis]:
    """Return all keys, the likeliest first.

    Args:
        voices: The notes of each voice in order, the melody's first; at least one.
    """
    tables = load_tables()
    counts = count_pitches(voices)
    scores = key_features(counts, tables.degrees) @ tables.key_weights
    if counts.ends_in_chord:
        on_bass = [key.tonic_pitch_class == counts.lowest for key in KEYS]
        scores = scores + FINAL_BASS_ODDS * np.array(on_bass)
    return sorted(
        map(KeyHypothesis, KEYS, scores.tolist()), key=lambda hypothesis: -hypothesis.score
    )


class PitchCounts(NamedTuple):
    """Counts of a piece's notes by pitch class."""

    # How often each is struck, and its share of the time: (12,).
    struck: FloatArray
    held: FloatArray
    # How often one is followed by another in the same voice: (12, 12).
    pairs: FloatArray
    # The first note, the highest if there are several; the highest and lowest at the end; and
    # whether there are several.
    first: int
    last: int
    lowest: int
    ends_in_chord: bool


def count_pitches(voices: Sequence[Sequence[QuantizedNote]]) -> PitchCounts:
    """Count the notes of all voices, those of a chord singly; its highest follows another's."""
    struck, held, pairs = np.zeros(12), np.zeros(12), np.zeros((12, 12))
    sounding = [[note for note in voice if note.pitches] for voice in voices]
    for voice in sounding:
        pitch_classes = np.array([pitch for note in voice for pitch in note.pitches]) % 12
        durations = [float(note.duration) for note in voice for _ in note.pitches]
        highest = np.array([note.pitches[-1] for note in voice]) % 12
        struck += np.bincount(pitch_classes, minlength=12)
        held += np.bincount(pitch_classes, durations, 12)
        np.add.at(pairs, (highest[:-1], highest[1:]), 1)
    notes = list(chain.from_iterable(sounding))
    begin, end = min(note.onset for note in notes), max(note.offset for note in notes)
    first = max(note.pitches[-1] for note in notes if note.onset == begin)
    final = [note.pitches[0] for note in notes if note.offset == end]
    is_chord = sum(len(note.pitches) for note in notes if note.offset == end) > 1
    held /= held.sum() or 1
    return PitchCounts(struck, held, pairs, first % 12, max(final) % 12, min(final) % 12, is_chord)


def key_features(counts: PitchCounts, tables: DegreeTables) -> FloatArray:
    """Return the evidence for each of the keys: (keys, features), in the order of the weights."""
    tonics = np.arange(12)
    # The pitch class of each degree above each tonic.
    degrees = (np.arange(12) + tonics[:, None]) % 12  # (tonic, degree)
    notes = counts.struck.sum()
    struck = counts.struck[degrees]  # (tonic, degree)
    pairs = counts.pairs[degrees[:, :, None], degrees[:, None, :]]  # (tonic, degree, degree)
    is_met = struck > 0
    blocks = []
    for mode in MODES:
        table = tables[mode.abbreviation]
        # The mode's seven degrees are neighbours on the circle of fifths.
        scale = np.isin(np.arange(12), 7 * np.arange(mode.fifths - 1, mode.fifths + 6) % 12)
        met = struck @ table["met"]  # (tonic,)
        paired = (pairs * table["pairs"]).sum(axis=(1, 2))  # (tonic,)
        columns = [
            met / notes**0.5,
            met / notes,
            counts.held[degrees] @ table["met"],
            struck @ ~scale / notes,
            table["first"][counts.first - tonics],
            table["last"][counts.last - tonics],
            table["last"][counts.lowest - tonics],
            paired / notes**0.5,
            paired / notes,
            np.where(is_met, table["present"], table["absent"]).sum(axis=1),
            ~is_met @ (scale * table["absent"]),
        ]
        # Tonics in the order of their signatures.
        own = [key_at(fifths, mode).tonic_pitch_class for fifths in SIGNATURES]
        blocks.append(np.stack(columns, axis=1)[own])  # (signature, feature)
    is_mode = np.repeat(np.eye(len(MODES)), len(SIGNATURES), axis=0)  # (key, mode)
    fifths = np.array([key.fifths for key in KEYS])
    # One sharp is the usual signature of folk tunes; flats are rare.
    usual = np.stack([np.abs(fifths - 1) / 4, fifths < 0], axis=1)  # (key, 2)
    return np.hstack([np.vstack(blocks), is_mode, usual])


def spell_chord(pitches: Iterable[int], key: Key) -> tuple[Pitch, ...]:
    """Spell MIDI key numbers that sound together, on different lines and spaces if possible.

    Raises:
        NotationError: if one is too low to be written.
    """
    spelled: list[Pitch] = []
    for midi in pitches:
        pitch = spell(midi, key)
        if spelled and pitch.step <= spelled[-1].step:
            above = spelled[-1].step + 1
            alter = midi - Pitch(above).midi
            # There is no more than a double sharp or flat.
            pitch = Pitch(above, alter) if abs(alter) <= 2 else pitch
        spelled.append(pitch)
    return tuple(spelled)


def spell(midi: int, key: Key) -> Pitch:
    """Spell a MIDI key number as a pitch of a key.

    Diatonic notes are spelled by the signature, the others as near to it on the circle of fifths
    as can be: with the signature of C they are F, C and G sharp, B and E flat.

    Raises:
        NotationError: if it is too low to be written.
    """
    # The twelve pitches of a key are neighbours on the circle of fifths (C is 0), from the lowered
    # third of the major key with its signature to the raised fifth, the minor's leading note.
    fifths = key.fifths - 3
    while (7 * fifths - midi) % 12:
        fifths += 1
    letter, alter = SHARP_ORDER[(fifths + 1) % 7], (fifths + 1) // 7
    natural = midi - alter
    octave = (natural - NATURAL_SEMITONES[LETTERS.index(letter)]) // 12 - 1
    if octave < 0:
        raise NotationError(f"a note too low to write: MIDI key {midi}")
    return Pitch(7 * octave + LETTERS.index(letter), alter)
