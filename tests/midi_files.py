"""Make MIDI files for tests, message by message."""

from __future__ import annotations

from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import mido

from abcgen.notation.tune import Note
from abcgen.notation.walk import walk_tune

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from abcgen.notation.tune import Tune

QUARTER = 480
END = b"\x00\xff\x2f\x00"

# Messages, each with its time in ticks from the start.
Timed = list[tuple[int, Any]]


def written(*tracks: Timed, ticks_per_beat: int = QUARTER, kind: int = 1) -> bytes:
    """Return a MIDI file of tracks."""
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks_per_beat)
    for messages in tracks:
        track = mido.MidiTrack()
        before = 0
        for tick, message in sorted(messages, key=lambda timed_message: timed_message[0]):
            track.append(message.copy(time=tick - before))
            before = tick
        file.tracks.append(track)
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def note(start: float, length: float, key: int = 62, channel: int = 0, velocity: int = 90) -> Timed:
    """Return the messages of a note; start and length in quarters."""
    begin, end = round(start * QUARTER), round((start + length) * QUARTER)
    on = mido.Message("note_on", note=key, channel=channel, velocity=velocity)
    return [(begin, on), (end, mido.Message("note_off", note=key, channel=channel))]


def line(*lengths: float, start: float = 0, gate: float = 1) -> Timed:
    """Return a line of notes, lengths in quarters, a negative one being a rest."""
    onsets = accumulate((abs(length) for length in lengths), initial=start)
    return [
        message
        for place, (onset, length) in enumerate(zip(onsets, lengths, strict=False))
        if length > 0
        for message in note(onset, length * gate, 62 + place % 5)
    ]


def melody(notes: Iterable[tuple[float, float, int]]) -> Timed:
    """Return notes given by start and length in quarters and key number."""
    return [message for one in notes for message in note(*one)]


def meta(tick: int, kind: str, **values: Any) -> Timed:
    return [(tick, mido.MetaMessage(kind, **values))]


def metre(tick: int, beats: int, unit: int) -> Timed:
    return meta(tick, "time_signature", numerator=beats, denominator=unit)


def raw(body: bytes, *, ticks_per_beat: int = QUARTER, kind: int = 0) -> bytes:
    """Return a MIDI file of one track, given as bytes."""
    head = b"MThd\0\0\0\6" + kind.to_bytes(2) + b"\0\1" + ticks_per_beat.to_bytes(2)
    return head + b"MTrk" + len(body).to_bytes(4) + body


def lengths(tune: Tune) -> list[Fraction]:
    """Return the durations of notes in quarters, rests being negative, ties not joined."""
    return [
        duration * (4 if isinstance(item, Note) else -4) for item, _, duration, _ in walk_tune(tune)
    ]
