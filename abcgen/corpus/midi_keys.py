"""Keys of MIDI files, and how their pitches are spelled."""

from __future__ import annotations

from math import fsum
from statistics import fmean, pstdev
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.key import SHARP_ORDER, Key, Mode, key_at
from abcgen.notation.tune import LETTERS, NATURAL_SEMITONES, Pitch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.corpus.midi_rhythm import Sound

# How well each semitone above the tonic fits a key, as listeners judged it.
# Source: C. L. Krumhansl and E. J. Kessler, "Tracing the dynamic changes in perceived tonal
# organization in a spatial representation of musical keys", Psychological Review 89 (1982).
_PROFILES = {
    Mode.MAJOR: (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    Mode.MINOR: (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
# All twelve keys of a mode, those with the fewest sharps or flats first.
_SIGNATURES = sorted(range(-5, 7), key=abs)
# The twelve pitches of a key on the circle of fifths, counted from the fourth degree of the major
# key with its signature: from its lowered third to its raised fifth, the minor's leading note.
_FLATTEST = -3


def key_named(name: str) -> Key:
    """The key that mido names so: ``F#m`` is F sharp minor, ``Bb`` B flat major."""
    mode = Mode.MINOR if name.endswith("m") else Mode.MAJOR
    return Key(name[0], name.count("#") - name.count("b"), mode)


def inferred_key(sounds: Iterable[Sound]) -> Key:
    """The major or minor key whose profile the notes, weighed by duration, fit best.

    Of keys that fit alike, the one with the fewest sharps or flats.
    """
    weights = [0.0] * 12
    for sound in sounds:
        for midi in sound.keys:
            weights[midi % 12] += float(sound.duration)
    keys = (key_at(fifths, mode) for fifths in _SIGNATURES for mode in _PROFILES)
    return max(keys, key=lambda key: _fit(weights, key))


def _fit(weights: list[float], key: Key) -> float:
    """The correlation of weights with a key's profile, times a factor common to all keys."""
    profile = _PROFILES[key.mode]
    mean, tonic = fmean(profile), key.tonic_pitch_class
    covariance = fsum(
        weights[(tonic + semitone) % 12] * (value - mean) for semitone, value in enumerate(profile)
    )
    return round(covariance / pstdev(profile), 9)


def spelled_in(midi: int, key: Key) -> Pitch:
    """A MIDI key number as a pitch of a key.

    Diatonic notes are spelled by the signature, the others as near to it on the circle of fifths
    as can be: with the signature of C they are F, C and G sharp, B and E flat.
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
