"""Write a performance of a tune as a MIDI file (``midi_of``)."""

from __future__ import annotations

from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING, Any

from abcgen.notation.percussion import CHANNEL
from abcgen.notation.tune import Mode
from abcgen.score.performance import beat_of, perform, program_of
from abcgen.score.symbols import printed_fifths
from abcgen.score.text import one_line
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from abcgen.notation.tune import Tune, Voice
    from abcgen.score.performance import Performance, PlaybackOptions

    # Tick, rank among the events of one tick, message.
    Event = tuple[int, int, Any]

mido = LazyModule("mido")

TICKS_PER_QUARTER = 480
MELODY_VELOCITY, ACCOMPANIMENT_VELOCITY = 90, 60
PAN, LEFT, RIGHT = 10, 34, 94  # the controller, and the places of the outer voices
# MIDI counts the length of a quarter in microseconds, in 24 bits.
MICROSECONDS_PER_MINUTE = 60_000_000
LONGEST_QUARTER = 2**24 - 1
LONGEST_NAME = 120
DRUMS = CHANNEL - 1
CHANNELS = tuple(channel for channel in range(16) if channel != DRUMS)

MINOR_MODES = frozenset({Mode.MINOR, Mode.DORIAN, Mode.PHRYGIAN, Mode.LOCRIAN})
# From seven flats to seven sharps.
MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR_KEYS = (
    *("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm"),
    *("Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m"),
)

# Events at one tick are written in this order, so that a repeated note ends before it begins.
SETTING, OFF, ON = range(3)


def midi_of(tune: Tune, options: PlaybackOptions) -> bytes:
    """Write a tune as a MIDI file.

    Returns:
        A MIDI file, 480 ticks to the quarter, the same for the same tune: of one track (type 0)
        if there is one voice and nothing else, else with a track and a channel for each voice and
        for the accompaniment (type 1).

    Raises:
        InputError: if the tempo is not between 10 and 600, or a note is out of MIDI's range.
    """
    played = perform(tune, options)
    voices = tune.voices
    programs = [program_of(voice, options) for voice in voices]
    parts = [
        (sounds, program, MELODY_VELOCITY)
        for sounds, program in zip(played.voices, programs, strict=True)
    ]
    if played.accompaniment:
        program = options.accompaniment.program
        parts.append((played.accompaniment, program, ACCOMPANIMENT_VELOCITY))
    tracks = []
    melodic = cycle(CHANNELS)
    for number, (sounds, program, velocity) in enumerate(parts):
        is_drums = number in played.percussion
        channel = DRUMS if is_drums else next(melodic)
        change = mido.Message("program_change", program=program, channel=channel)
        # Title, tempo and signatures go into the first track.
        events = [*_settings(tune, played)] if number == 0 else []
        if len(voices) > 1 and number < len(voices):
            events += _own_settings(voices[number], number, len(voices), channel)
        events.append((0, SETTING, change))
        for onset, duration, keys in sounds:
            start, end = _tick(onset), _tick(onset + duration)
            for key in keys:
                # A note too short for a tick would never be switched off.
                if end > start:
                    note = {"note": key, "channel": channel}
                    events.append((start, ON, mido.Message("note_on", velocity=velocity, **note)))
                    events.append((end, OFF, mido.Message("note_off", velocity=0, **note)))
        tracks.append(_track(events, _tick(played.length)))
    file = mido.MidiFile(
        type=0 if len(tracks) == 1 else 1,
        tracks=tracks,
        ticks_per_beat=TICKS_PER_QUARTER,
        charset="utf-8",
    )
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _own_settings(voice: Voice, number: int, voices: int, channel: int) -> Iterator[Event]:
    """Yield the name of one of several voices, and its place from left to right."""
    if name := _name(voice.name):
        # The name of the first track is the tune's title.
        kind = "instrument_name" if number == 0 else "track_name"
        yield 0, SETTING, mido.MetaMessage(kind, name=name)
    value = round(LEFT + (RIGHT - LEFT) * number / (voices - 1))
    yield 0, SETTING, mido.Message("control_change", control=PAN, value=value, channel=channel)


def _name(words: str) -> str:
    """Return a title or a voice's name as a track may carry it."""
    # Half a surrogate pair, which a damaged title may hold, cannot be encoded.
    return one_line(words, LONGEST_NAME).encode("utf-8", "replace").decode("utf-8")


def _tick(time: Fraction) -> int:
    """Return the tick nearest to a time from the start, so that rounding errors never add up."""
    return round(time * 4 * TICKS_PER_QUARTER)


def _settings(tune: Tune, played: Performance) -> Iterator[Event]:
    """Yield title, tempo, and key and time signatures wherever the bars as played change them."""
    quarter = round(MICROSECONDS_PER_MINUTE / played.tempo / float(played.beat * 4))
    yield 0, SETTING, mido.MetaMessage("track_name", name=_name(tune.title))
    yield 0, SETTING, mido.MetaMessage("set_tempo", tempo=min(LONGEST_QUARTER, quarter))
    for onset, whole_notes, _ in played.tempo_changes:
        quarter = round(MICROSECONDS_PER_MINUTE / whole_notes / 4)
        message = mido.MetaMessage("set_tempo", tempo=min(LONGEST_QUARTER, quarter))
        yield _tick(onset), SETTING, message

    key, metre = None, None
    for bar in played.bars:
        planned = bar.planned
        if planned.key != key:
            names = MINOR_KEYS if planned.key.mode in MINOR_MODES else MAJOR_KEYS
            message = mido.MetaMessage("key_signature", key=names[printed_fifths(planned.key) + 7])
            yield _tick(bar.onset), SETTING, message
        if planned.metre != metre and not planned.metre.is_free:
            message = mido.MetaMessage(
                "time_signature",
                numerator=planned.metre.beats,
                denominator=planned.metre.unit,
                # MIDI clocks, 24 to the quarter, in a byte.
                clocks_per_click=min(255, round(beat_of(planned.metre) * 96)),
            )
            yield _tick(bar.onset), SETTING, message
        key, metre = planned.key, planned.metre


def _track(events: list[Event], length: int) -> Any:
    """Return a track of ``length`` ticks. Messages carry the ticks since the one before."""
    track, before = mido.MidiTrack(), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, length - before)))
    return track
