"""A tune as a sound file to listen to: additive synthesis, without samples or soundfonts.

A preview, not an instrument: a few harmonics with an attack and a decay.
"""

from __future__ import annotations

import wave
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.score.performance import perform
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    import numpy as np
    import numpy.typing as npt

    from abcgen.notation.tune import Tune
    from abcgen.score.performance import Playing, Sound

    Samples = npt.NDArray[np.float32]

numpy = LazyModule("numpy")

RATE = 44_100
LONGEST_SECONDS = 900
SAMPLE_BYTES = 2
PEAK = 0.8 * 32_767
CONCERT_A, CONCERT_KEY = 440.0, 69
RELEASE = 0.04  # seconds in which a note that is let go falls silent
HALF_RATE = RATE / 2
SOFT = 0.35  # the accompaniment beside the melody


class Tone(NamedTuple):
    """What an instrument sounds like.

    Attributes:
        harmonics: Strength of the fundamental and each overtone.
        attack: Seconds until a note is at full strength.
        decay: Seconds in which it falls to a third while it is held; 0 if it does not.
    """

    harmonics: tuple[float, ...]
    attack: float
    decay: float


TONES = {
    "bowed": Tone((1.0, 0.6, 0.45, 0.3, 0.22, 0.16, 0.1, 0.06), 0.04, 0.0),
    "blown": Tone((1.0, 0.35, 0.12, 0.05), 0.03, 0.0),
    "reed": Tone((1.0, 0.7, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15), 0.02, 0.0),
    "plucked": Tone((1.0, 0.6, 0.35, 0.2, 0.12, 0.07), 0.004, 0.45),
}


def wav_of(tune: Tune, playing: Playing) -> bytes:
    """Write a tune as a WAV file of one channel, 16 bits, 44,100 samples a second.

    Args:
        tune: The tune.
        playing: How it is played.

    Raises:
        InputError: if the tempo is out of range, or the tune takes over a quarter of an hour.
    """
    played = perform(tune, playing)
    seconds = float(played.length) * played.whole_seconds
    if seconds > LONGEST_SECONDS:
        raise InputError(
            f"{seconds / 60:.0f} minutes of music are too long for a WAV file",
            hint="write MIDI, or play it faster",
        )
    mixed = numpy.zeros(int((seconds + 1.0) * RATE), dtype=numpy.float32)
    for sounds in played.voices:
        _mix(mixed, sounds, TONES[playing.instrument.tone], played.whole_seconds)
    accompaniment = numpy.zeros_like(mixed)
    _mix(accompaniment, played.accompaniment, TONES["plucked"], played.whole_seconds)
    return _file_of(mixed + SOFT * accompaniment)


def _mix(mixed: Samples, sounds: Iterable[Sound], tone: Tone, whole_seconds: float) -> None:
    """Add sounds to what is there."""
    made: dict[tuple[int, Fraction], Samples] = {}
    for onset, duration, keys in sounds:
        start = round(float(onset) * whole_seconds * RATE)
        for key in keys:
            if (key, duration) not in made:
                made[key, duration] = _note(key, float(duration) * whole_seconds, tone)
            note = made[key, duration]
            mixed[start : start + len(note)] += note[: len(mixed) - start]


def _note(key: int, seconds: float, tone: Tone) -> Samples:
    """One note, its release after its end."""
    time = numpy.arange(int((seconds + RELEASE) * RATE), dtype=numpy.float32) / RATE
    pitch = CONCERT_A * 2 ** ((key - CONCERT_KEY) / 12)
    signal = numpy.zeros_like(time)
    for number, strength in enumerate(tone.harmonics, start=1):
        if number * pitch < HALF_RATE:
            signal += strength * numpy.sin(2 * numpy.pi * number * pitch * time)
    strength = numpy.minimum(time / tone.attack, (seconds + RELEASE - time) / RELEASE)
    if tone.decay:
        signal *= numpy.exp(-time / tone.decay)
    note: Samples = signal * numpy.clip(strength, 0.0, 1.0) / sum(tone.harmonics)
    return note


def _file_of(signal: Samples) -> bytes:
    loudest = float(numpy.abs(signal).max()) or 1.0
    buffer = BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(RATE)
        file.writeframes((signal * (PEAK / loudest)).astype("<i2").tobytes())
    return buffer.getvalue()
