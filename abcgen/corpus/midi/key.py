"""Which key a melody is in, and how its pitches are spelled.

A key is judged by how often each degree is met in known tunes of its mode, and is the first and
the last note (``tables.json``, weighed by ``benchmarks/transcription/fit.py``).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.errors import NotationError
from abcgen.notation.key import SHARP_ORDER, Key, Mode, key_at
from abcgen.notation.tune import LETTERS, NATURAL_SEMITONES, Pitch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.corpus.midi.values import Sound

MODES = (Mode.MAJOR, Mode.MINOR, Mode.DORIAN, Mode.MIXOLYDIAN)
DEGREES = ("met", "first", "last")
# The twelve signatures, those with the fewest sharps or flats first.
_SIGNATURES = sorted(range(-5, 7), key=abs)
# The twelve pitches of a key on the circle of fifths, counted from the fourth degree of the major
# key with its signature: from its lowered third to its raised fifth, the minor's leading note.
_FLATTEST = -3


class KeyReading(NamedTuple):
    """A key, and how likely it is: log-odds, to be compared with others of the same tune."""

    key: Key
    score: float


def keys_thought_of() -> list[Key]:
    """Every signature in every mode that is thought of."""
    return [key_at(fifths, mode) for mode in MODES for fifths in _SIGNATURES]


def key_readings(sounds: Sequence[Sound]) -> list[KeyReading]:
    """All keys, the likeliest first.

    Args:
        sounds: The notes of all voices, the melody's among them; at least one.
    """
    degrees, weights = _tables()
    keys = keys_thought_of()
    rows = key_features(sounds, keys, degrees)
    scores = [sum(w * x for w, x in zip(weights, row, strict=True)) for row in rows]
    found = [KeyReading(key, score) for key, score in zip(keys, scores, strict=True)]
    return sorted(found, key=lambda reading: -reading.score)


@lru_cache(maxsize=1)
def _tables() -> tuple[Any, list[float]]:
    data: Any = json.loads(files("abcgen.corpus.midi").joinpath("tables.json").read_text())
    degrees = {
        mode: {name: [value / 100 for value in row] for name, row in tables.items()}
        for mode, tables in data["degrees"].items()
    }
    return degrees, data["key_weights"]


def key_features(sounds: Sequence[Sound], keys: Sequence[Key], degrees: Any) -> list[list[float]]:
    """What speaks for each key, in the order of the weights."""
    struck: Counter[int] = Counter()
    lasting: dict[int, float] = defaultdict(float)
    for sound in sounds:
        for midi in sound.keys:
            struck[midi % 12] += 1
            lasting[midi % 12] += float(sound.duration)
    ringing = [sound for sound in sounds if sound.keys]
    end = max(sound.end for sound in ringing)
    first, last = ringing[0].keys[-1], max(s.keys[0] for s in ringing if s.end == end)
    lowest = min(sound.keys[0] for sound in ringing if sound.end == end)
    notes, length = struck.total(), sum(lasting.values()) or 1.0
    rows = []
    for key in keys:
        table, tonic = degrees[key.mode.abbreviation], key.tonic_pitch_class
        met = sum(n * table["met"][(pitch - tonic) % 12] for pitch, n in struck.items())
        held = sum(n * table["met"][(pitch - tonic) % 12] for pitch, n in lasting.items())
        scale = {(tonic + step) % 12 for step in _scale(key.mode)}
        outside = sum(n for pitch, n in struck.items() if pitch not in scale)
        rows.append(
            [
                met / notes**0.5,
                met / notes,
                held / length,
                outside / notes,
                table["first"][(first - tonic) % 12],
                table["last"][(last - tonic) % 12],
                table["last"][(lowest - tonic) % 12],
                *(float(key.mode is mode) for mode in MODES),
                abs(key.fifths - 1) / 4,
                float(key.fifths < 0),
            ]
        )
    return rows


@lru_cache(maxsize=8)
def _scale(mode: Mode) -> frozenset[int]:
    fifths = range(mode.fifths - 1, mode.fifths + 6)
    return frozenset(7 * place % 12 for place in fifths)


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
