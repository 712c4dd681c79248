"""What is known of how tunes are notated: counts by metre and by mode, and their weights.

They are in ``tables.json``, which ``benchmarks/transcription/fit.py`` makes.

Which key a melody is in, and how its pitches are spelled.

A key is judged by how often each degree is met in known tunes of its mode, follows another, is the
first and the last note, and by which degrees are never met: a tune of five notes lies in three
signatures (``tables.json``, weighed by ``benchmarks/transcription/fit.py``).
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

    from abcgen.midi.quantize import Sound

    _Floats = NDArray[np.float64]


_PER_NAT = 100  # the file's unit


@dataclass(frozen=True)
class MetreTable:
    """What is known of tunes in one metre, all as natural logarithms of probabilities.

    Attributes:
        rhythm: Of a step's class, by place in the bar in sixteenths.
        habit: Likewise, by place and the class of the step before; what is seldom met is as in
            ``rhythm``.
        degree: Of a degree, by place, less what it is anywhere.
        leap: Likewise of a leap's class.
        pickup: Of a pickup in sixteenths, the metre's own share among tunes included.
        last: Of the last note's place.
    """

    rhythm: NDArray[np.float64]
    habit: NDArray[np.float64]
    degree: NDArray[np.float64]
    leap: NDArray[np.float64]
    pickup: NDArray[np.float64]
    last: NDArray[np.float64]

    @classmethod
    def read(cls, data: Any) -> Self:
        """One as it stands in the file, where a habit is named ``"4 1"``, by place and class."""
        arrays = {name: _nats(values) for name, values in data.items() if name != "habit"}
        classes = arrays["rhythm"].shape[1]
        habit = np.repeat(arrays["rhythm"][:, None, :], classes, axis=1)
        for name, row in data["habit"].items():
            place, before = map(int, name.split())
            habit[place, before] = _nats(row)
        return cls(habit=habit, **arrays)


@dataclass(frozen=True)
class Tables:
    """All tables, and the weights of what is read from them.

    Attributes:
        metres: By the metre's name.
        weights: Of what speaks for a metre and a pickup.
        own_weights: Likewise, of each metre for itself.
        degrees: By mode and then by what is counted, logarithms by degree.
        key_weights: Of what speaks for a key.
    """

    metres: Mapping[str, MetreTable]
    weights: NDArray[np.float64]
    own_weights: Mapping[str, NDArray[np.float64]]
    degrees: Mapping[str, Mapping[str, NDArray[np.float64]]]
    key_weights: NDArray[np.float64]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """Those that come with the package."""
    data: Any = json.loads(files("abcgen.midi").joinpath("tables.json").read_text())
    return Tables(
        {name: MetreTable.read(table) for name, table in data["metres"].items()},
        np.array(data["weights"]),
        {name: np.array(weights) for name, weights in data["own_weights"].items()},
        read_degrees(data["degrees"]),
        np.array(data["key_weights"]),
    )


def read_degrees(data: Any) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The tables of degrees as they stand in the file."""
    return {mode: {name: _nats(row) for name, row in rows.items()} for mode, rows in data.items()}


def _nats(values: Any) -> NDArray[np.float64]:
    return np.array(values) / _PER_NAT


MODES = (Mode.MAJOR, Mode.MINOR, Mode.DORIAN, Mode.MIXOLYDIAN)
_OCTAVE = 12  # semitones
# The twelve signatures, those with the fewest sharps or flats first.
_SIGNATURES = sorted(range(-5, 7), key=abs)
KEYS = tuple(key_at(fifths, mode) for mode in MODES for fifths in _SIGNATURES)
"""Every signature in every mode that is thought of."""
_FIFTHS = np.array([key.fifths for key in KEYS])
# The pitch class that is each degree (a column) above each tonic (a row).
_TURNED = (np.arange(_OCTAVE) + np.arange(_OCTAVE)[:, None]) % _OCTAVE
# The twelve pitches of a key on the circle of fifths, counted from the fourth degree of the major
# key with its signature: from its lowered third to its raised fifth, the minor's leading note.
_FLATTEST = -3
_MOST_ALTERED = 2  # semitones: a double sharp or flat


class KeyReading(NamedTuple):
    """A key, and how likely it is: log-odds, to be compared with others of the same tune."""

    key: Key
    score: float


class Pitches(NamedTuple):
    """What is counted of a piece, by pitch class.

    Attributes:
        struck: How often each is.
        held: Its share of the time.
        pairs: How often one (a row) is followed by another in the same voice.
        first: The first note, the highest if there are several.
        last: The highest note at the end.
        lowest: The lowest likewise.
    """

    struck: _Floats
    held: _Floats
    pairs: _Floats
    first: int
    last: int
    lowest: int


def key_readings(voices: Sequence[Sequence[Sound]]) -> list[KeyReading]:
    """All keys, the likeliest first.

    Args:
        voices: The notes of each voice in order, the melody's first; at least one.
    """
    known = tables()
    scores = key_features(pitches_of(voices), known.degrees) @ known.key_weights
    found = map(KeyReading, KEYS, scores.tolist())
    return sorted(found, key=lambda reading: -reading.score)


def pitches_of(voices: Sequence[Sequence[Sound]]) -> Pitches:
    """Count the notes of all voices, those of a chord singly, its highest following another's."""
    struck, held, pairs = np.zeros(_OCTAVE), np.zeros(_OCTAVE), np.zeros((_OCTAVE, _OCTAVE))
    ringing = [[sound for sound in voice if sound.keys] for voice in voices]
    for voice in ringing:
        keys = np.array([key for sound in voice for key in sound.keys]) % _OCTAVE
        lengths = [float(sound.duration) for sound in voice for _ in sound.keys]
        tops = np.array([sound.keys[-1] for sound in voice]) % _OCTAVE
        struck += np.bincount(keys, minlength=_OCTAVE)
        held += np.bincount(keys, lengths, _OCTAVE)
        np.add.at(pairs, (tops[:-1], tops[1:]), 1)
    sounds = list(chain.from_iterable(ringing))
    begin, end = min(sound.start for sound in sounds), max(sound.end for sound in sounds)
    final = [sound.keys[0] for sound in sounds if sound.end == end]
    first = max(sound.keys[-1] for sound in sounds if sound.start == begin)
    ends = (first, max(final), min(final))
    return Pitches(struck, held / (held.sum() or 1), pairs, *(key % _OCTAVE for key in ends))


def key_features(heard: Pitches, degrees: Mapping[str, Mapping[str, _Floats]]) -> _Floats:
    """What speaks for each of the keys: a row to each, in the order of the weights."""
    rows = []
    for mode in MODES:
        tonics = [key_at(fifths, mode).tonic_pitch_class for fifths in _SIGNATURES]
        rows.append(_of_mode(heard, mode, degrees[mode.abbreviation])[tonics])
    is_mode = np.repeat(np.eye(len(MODES)), len(_SIGNATURES), axis=0)
    usual = np.stack([np.abs(_FIFTHS - 1) / 4, _FIFTHS < 0], axis=1)
    return np.hstack([np.vstack(rows), is_mode, usual])


def _of_mode(heard: Pitches, mode: Mode, table: Mapping[str, _Floats]) -> _Floats:
    """What speaks for each tonic, 0 to 11, in a mode."""
    notes, struck = heard.struck.sum(), heard.struck[_TURNED]
    is_met = struck > 0
    met = struck @ table["met"]
    turned_pairs = heard.pairs[_TURNED[:, :, None], _TURNED[:, None, :]]
    pairs = (turned_pairs * table["pairs"]).sum(axis=(1, 2))
    scale = _scale(mode)
    tonics = np.arange(_OCTAVE)
    columns = [
        met / notes**0.5,
        met / notes,
        heard.held[_TURNED] @ table["met"],
        struck @ ~scale / notes,
        table["first"][heard.first - tonics],
        table["last"][heard.last - tonics],
        table["last"][heard.lowest - tonics],
        pairs / notes**0.5,
        pairs / notes,
        np.where(is_met, table["present"], table["absent"]).sum(axis=1),
        ~is_met @ (scale * table["absent"]),
    ]
    return np.stack(columns, axis=1)


def _scale(mode: Mode) -> NDArray[np.bool_]:
    """Which degrees, 0 to 11, belong to a mode."""
    fifths = np.arange(mode.fifths - 1, mode.fifths + 6)
    return np.isin(np.arange(_OCTAVE), 7 * fifths % _OCTAVE)


def spelled_chord(keys: Iterable[int], key: Key) -> tuple[Pitch, ...]:
    """MIDI key numbers that sound together, each on a line or space of its own if that can be.

    Raises:
        NotationError: if one is too low to be written.
    """
    pitches: list[Pitch] = []
    for midi in keys:
        pitch = spelled_in(midi, key)
        if pitches and pitch.step <= pitches[-1].step:
            above = pitches[-1].step + 1
            alter = midi - Pitch(above).midi
            pitch = Pitch(above, alter) if abs(alter) <= _MOST_ALTERED else pitch
        pitches.append(pitch)
    return tuple(pitches)


def spelled_in(midi: int, key: Key) -> Pitch:
    """A MIDI key number as a pitch of a key.

    Diatonic notes are spelled by the signature, the others as near to it on the circle of fifths
    as can be: with the signature of C they are F, C and G sharp, B and E flat.

    Raises:
        NotationError: if it is too low to be written.
    """
    place = key.fifths + _FLATTEST
    while (7 * place - midi) % 12:
        place += 1
    letter, alter = SHARP_ORDER[(place + 1) % 7], (place + 1) // 7
    natural = midi - alter
    octave = (natural - NATURAL_SEMITONES[LETTERS.index(letter)]) // 12 - 1
    if octave < 0:
        raise NotationError(f"a note too low to write: MIDI key {midi}")
    return Pitch(7 * octave + LETTERS.index(letter), alter)
