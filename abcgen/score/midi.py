"""A tune as a MIDI file, as it is played: repeats and endings unrolled, ties joined."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from abcgen.notation.tune import Mode
from abcgen.score.performance import PROGRAM, beat_of, perform
from abcgen.score.symbols import printed_fifths
from abcgen.score.text import one_line
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from abcgen.notation.tune import Key, Metre, Tune
    from abcgen.score.layout import PlayedBar
    from abcgen.score.performance import Performance, Playing, Sound

mido = LazyModule("mido")

TICKS_A_QUARTER = 480
TICKS_A_WHOLE = 4 * TICKS_A_QUARTER
LOUD, SOFT = 90, 60
MINUTE = 60_000_000
LONGEST_QUARTER = 2**24 - 1
"""In microseconds, which MIDI counts a quarter's length in."""

LONGEST_NAME = 120
CHANNELS = tuple(channel for channel in range(16) if channel != 9)
MINOR_MODES = frozenset({Mode.MINOR, Mode.DORIAN, Mode.PHRYGIAN, Mode.LOCRIAN})
MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR_KEYS = (
    *("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm"),
    *("Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m"),
)

# Events at one tick are written in this order.
SETTING, OFF, ON = range(3)


def midi_of(tune: Tune, playing: Playing) -> bytes:
    """Write a tune as a MIDI file.

    Args:
        tune: The tune.
        playing: How it is played.

    Returns:
        A MIDI file, 480 ticks to the quarter, the same for the same tune: of one track (type 0)
        if there is one voice and nothing else, else with a track and a channel to each voice and
        to the accompaniment (type 1).

    Raises:
        InputError: if the tempo is not between 10 and 600, or a note is out of MIDI's range.
    """
    played = perform(tune, playing)
    head = [*_head(tune, played), *_settings(played.bars)]
    lines = [(sounds, playing.instrument.program, LOUD) for sounds in played.voices]
    if played.accompaniment:
        lines.append((played.accompaniment, PROGRAM, SOFT))
    tracks = []
    for number, (sounds, program, velocity) in enumerate(lines):
        channel = CHANNELS[number % len(CHANNELS)]
        change = mido.Message("program_change", program=program, channel=channel)
        events = [(0, SETTING, change), *_note_events(sounds, channel, velocity)]
        tracks.append(_track([*head, *events] if number == 0 else events, _tick(played.length)))
    buffer = BytesIO()
    kind = 0 if len(tracks) == 1 else 1
    options = {"ticks_per_beat": TICKS_A_QUARTER, "charset": "utf-8"}
    mido.MidiFile(type=kind, tracks=tracks, **options).save(file=buffer)
    return buffer.getvalue()


def _tick(time: Fraction) -> int:
    """The tick nearest to a time from the start, so that roundings never add up."""
    return round(time * TICKS_A_WHOLE)


def _head(tune: Tune, played: Performance) -> Iterator[tuple[int, int, Any]]:
    name = one_line(tune.title, LONGEST_NAME).encode("utf-8", "replace").decode("utf-8")
    quarter = min(LONGEST_QUARTER, round(MINUTE / played.tempo / float(played.beat * 4)))
    yield 0, SETTING, mido.MetaMessage("track_name", name=name)
    yield 0, SETTING, mido.MetaMessage("set_tempo", tempo=quarter)


def _settings(bars: tuple[PlayedBar, ...]) -> Iterator[tuple[int, int, Any]]:
    """Key and time signatures, wherever the bars as played change them."""
    key, metre = None, None
    for bar in bars:
        planned = bar.planned
        if planned.key != key:
            yield _tick(bar.onset), SETTING, _key_signature(planned.key)
        if planned.metre != metre and not planned.metre.is_free:
            yield _tick(bar.onset), SETTING, _time_signature(planned.metre)
        key, metre = planned.key, planned.metre


def _key_signature(key: Key) -> Any:
    names = MINOR_KEYS if key.mode in MINOR_MODES else MAJOR_KEYS
    return mido.MetaMessage("key_signature", key=names[printed_fifths(key) + 7])


def _time_signature(metre: Metre) -> Any:
    return mido.MetaMessage(
        "time_signature",
        numerator=metre.beats,
        denominator=metre.unit,
        clocks_per_click=min(255, round(beat_of(metre) * 96)),
    )


def _note_events(
    sounds: Iterable[Sound], channel: int, velocity: int
) -> Iterator[tuple[int, int, Any]]:
    for onset, duration, keys in sounds:
        start, end = _tick(onset), _tick(onset + duration)
        for key in keys:
            if end > start:  # a note too short for a tick would never be switched off
                note = {"note": key, "channel": channel}
                yield start, ON, mido.Message("note_on", velocity=velocity, **note)
                yield end, OFF, mido.Message("note_off", velocity=0, **note)


def _track(events: list[tuple[int, int, Any]], length: int) -> Any:
    """Messages with the ticks since the one before, as MIDI wants them."""
    track, before = mido.MidiTrack(), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, length - before)))
    return track
