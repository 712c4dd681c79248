"""Write a performance of a tune as a sound file (``wav_of``), by additive synthesis.

It is a preview: a few harmonics with an attack and a decay, without samples or soundfonts.
"""

from __future__ import annotations

import wave
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.score.performance import perform
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    import numpy.typing as npt

    from abcgen.notation.tune import Tune
    from abcgen.notation.walk import Sound
    from abcgen.score.performance import Performance, PlaybackOptions

    Samples = npt.NDArray[np.float32]

numpy = LazyModule("numpy")

RATE = 44_100  # samples a second
LONGEST_SECONDS = 900
PEAK = 0.8 * 32_767  # of 16 bits
CONCERT_A, CONCERT_KEY = 440.0, 69
RELEASE = 0.04  # seconds in which a note falls silent after its end
ACCOMPANIMENT_VOLUME = 0.35  # the melody has 1


class Timbre(NamedTuple):
    """The sound of an instrument."""

    # Strength of the fundamental and each overtone.
    harmonics: tuple[float, ...]
    # Seconds until a note is at full strength.
    attack: float
    # Seconds in which it falls to a third while it is held; 0 if it does not.
    decay: float


# The same as in player.js.
TIMBRES = {
    "bowed": Timbre((1.0, 0.6, 0.45, 0.3, 0.22, 0.16, 0.1, 0.06), 0.04, 0.0),
    "blown": Timbre((1.0, 0.35, 0.12, 0.05), 0.03, 0.0),
    "reed": Timbre((1.0, 0.7, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15), 0.02, 0.0),
    "plucked": Timbre((1.0, 0.6, 0.35, 0.2, 0.12, 0.07), 0.004, 0.45),
    # A tanpura, whose bridge makes the overtones loud.
    "ringing": Timbre((1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1), 0.01, 1.6),
}
# Strokes of drums, in seconds; the pitches of bass drums and toms in hertz.
STROKE, SNARE_DECAY, CYMBAL_DECAY = 0.4, 0.08, 0.03
NOISE = 0.5  # a tone has 1
SNARES = frozenset({37, 38, 39, 40})
DRUM_PITCHES = {35: 52, 36: 58, 41: 82, 43: 98, 45: 116, 47: 138, 48: 155, 50: 185}


def wav_of(tune: Tune, options: PlaybackOptions) -> bytes:
    """Write a tune as a WAV file of one channel, 16 bits, 44,100 samples a second.

    Raises:
        InputError: if the tempo is out of range, or the tune takes over a quarter of an hour.
    """
    played = perform(tune, options)
    whole_note = played.whole_note_seconds
    seconds = played.opening_time(played.length) * whole_note
    if seconds > LONGEST_SECONDS:
        raise InputError(
            f"{seconds / 60:.0f} minutes of music are too long for a WAV file",
            hint="write MIDI, or play it faster",
        )
    # A second longer, for the release of the last note.
    melody = numpy.zeros(int((seconds + 1.0) * RATE), dtype=numpy.float32)
    tone = partial(_note, TIMBRES[options.instrument.tone])
    for number, sounds in enumerate(played.voices):
        _mix(melody, sounds, _stroke if number in played.percussion else tone, played)
    accompaniment = numpy.zeros_like(melody)
    tone = partial(_note, TIMBRES[options.accompaniment.tone])
    _mix(accompaniment, played.accompaniment, tone, played)
    mixed = melody + ACCOMPANIMENT_VOLUME * accompaniment
    loudest = float(numpy.abs(mixed).max()) or 1.0
    buffer = BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((mixed * (PEAK / loudest)).astype("<i2").tobytes())
    return buffer.getvalue()


def _mix(
    mixed: Samples,
    sounds: Iterable[Sound],
    tone: Callable[[int, float], Samples],
    played: Performance,
) -> None:
    """Add sounds of a performance to ``mixed``, each made from its key and seconds."""
    whole_note = played.whole_note_seconds
    # Most notes of a tune are played many times.
    notes: dict[tuple[int, float], Samples] = {}
    for onset, duration, keys in sounds:
        start = round(played.opening_time(onset) * whole_note * RATE)
        length = played.opening_duration(onset, duration)
        for key in keys:
            if (key, length) not in notes:
                notes[key, length] = tone(key, length * whole_note)
            note = notes[key, length]
            mixed[start : start + len(note)] += note[: len(mixed) - start]


def _stroke(drum: int, _seconds: float) -> Samples:
    """Synthesize the stroke of a drum: a tone if it is a bass drum or a tom, else noise."""
    time = numpy.arange(int(STROKE * RATE), dtype=numpy.float32) / RATE
    noise = numpy.random.default_rng(drum).uniform(-1.0, 1.0, len(time)).astype(numpy.float32)
    pitch = DRUM_PITCHES.get(drum)
    decay = SNARE_DECAY if pitch or drum in SNARES else CYMBAL_DECAY
    sound = numpy.sin(2 * numpy.pi * pitch * time) if pitch else NOISE * noise
    stroke: Samples = sound * numpy.exp(-time / decay)
    return stroke


def _note(timbre: Timbre, key: int, seconds: float) -> Samples:
    """Synthesize one note, its release after its end."""
    time = numpy.arange(int((seconds + RELEASE) * RATE), dtype=numpy.float32) / RATE
    pitch = CONCERT_A * 2 ** ((key - CONCERT_KEY) / 12)
    signal = numpy.zeros_like(time)
    for number, strength in enumerate(timbre.harmonics, start=1):
        # A harmonic above half the sampling rate would sound as another pitch.
        if number * pitch < RATE / 2:
            signal += strength * numpy.sin(2 * numpy.pi * number * pitch * time)
    envelope = numpy.minimum(time / timbre.attack, (seconds + RELEASE - time) / RELEASE)
    if timbre.decay:
        signal *= numpy.exp(-time / timbre.decay)
    note: Samples = signal * numpy.clip(envelope, 0.0, 1.0) / sum(timbre.harmonics)
    return note
