"""Tracks in, tracks out: the instruments of a MIDI file are those of the MIDI written from it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.config import MidiConfig
from abcgen.midi import read_midi
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import instrument_named, transpose
from abcgen.notation.tune import Key
from abcgen.notation.writer import write_abc
from abcgen.score.midi import midi_of
from abcgen.score.performance import PlaybackOptions
from tests.midi_files import melody, meta, metre, written

if TYPE_CHECKING:
    from collections.abc import Sequence

VOICES = MidiConfig(texture="voices", repeats=False)
TUNE = "X:1\nM:4/4\nL:1/4\nK:C\n"
# The tune, a pad of chords, a bass and a bell.
PARTS = [
    [67, 69, 71, 72, 71, 69, 67, 66, 67, 71, 74, 72, 71, 69, 67, 67],
    [59, 60, 62, 64, 62, 60, 59, 57, 59, 62, 66, 64, 62, 60, 59, 59],
    [43, 50, 43, 50, 43, 50, 43, 50, 43, 50, 43, 50, 43, 50, 43, 43],
    [79, 81, 83, 84, 83, 81, 79, 78, 79, 83, 86, 84, 83, 81, 79, 79],
]


def pop(programs: Sequence[int], names: Sequence[str]) -> bytes:
    """Return a MIDI file with a track for each of some parts."""
    tracks = [
        [
            *meta(0, "track_name", name=name),
            (0, mido.Message("program_change", program=program, channel=channel)),
            *(
                (tick, message.copy(channel=channel))
                for tick, message in melody((at, 1.0, key) for at, key in enumerate(keys))
            ),
        ]
        for channel, (program, name, keys) in enumerate(
            zip(programs, names, PARTS[: len(programs)], strict=True)
        )
    ]
    return written(metre(0, 4, 4), *tracks)


def played(data: bytes) -> list[tuple[int, list[tuple[float, float, int]]]]:
    """Return program and notes, with beginning and end in quarters, of each track with notes."""
    file, tracks = mido.MidiFile(file=BytesIO(data)), []
    for track in file.tracks:
        now, program, begun, notes = 0, 0, {}, []
        for message in track:
            now += message.time
            if message.type == "program_change":
                program = message.program
            elif message.type == "note_on" and message.velocity:
                begun[message.note] = now
            elif message.type in {"note_on", "note_off"}:
                start = begun.pop(message.note)
                quarter = file.ticks_per_beat
                notes.append((start / quarter, now / quarter, message.note))
        if notes:
            tracks.append((program, sorted(notes)))
    return tracks


def again(data: bytes) -> bytes:
    """Return the MIDI of the ABC of a MIDI file."""
    abc = write_abc(read_midi(data, config=VOICES).tune)
    return midi_of(read_abc(abc), PlaybackOptions(instrument_named("fiddle")))


@given(st.lists(st.integers(0, 95), min_size=2, max_size=4))
@settings(max_examples=10, deadline=None)
def test_the_same_notes_are_played_by_the_same_instruments(programs: list[int]) -> None:
    data = pop(programs, [f"Part {letter}" for letter in "ABCD"[: len(programs)]])
    assert played(again(data)) == played(data)


def test_names_of_tracks_stay() -> None:
    names = ["Singer", "Pad", "Low end"]
    data = pop([73, 48, 33], names)
    tune = read_midi(data, config=VOICES).tune
    assert [voice.name for voice in tune.voices] == names
    assert [voice.program for voice in tune.voices] == [73, 48, 33]


@pytest.mark.parametrize(
    ("lines", "programs"),
    [
        ("V:1\n%%MIDI program 24\nCDEF|\nV:2\n%%MIDI program 2 40\nCDEF|\n", [24, 40]),
        ("V:1\nCDEF|\nV:2\nI:MIDI program 40\nCDEF|\n", [None, 40]),
        ("%%MIDI program 24\nV:1\nCDEF|\nV:2\nCDEF|\n", [24, 24]),
        ("%%MIDI program 24\nCDEF|\n", [24]),
        ("%%MIDI program 200\nCDEF|\n", [None]),
        ("%%MIDI program drums\nCDEF|\n", [None]),
        ("V:1\nCD|\nV:2\nEF|\nV:1\n%%MIDI program 24\nEF|\n", [None, None]),
    ],
)
def test_programs_are_read_and_written(lines: str, programs: list[int | None]) -> None:
    tune = read_abc(TUNE + lines)
    assert [voice.program for voice in tune.voices] == programs
    assert [voice.program for voice in read_abc(write_abc(tune)).voices] == programs
    assert [voice.program for voice in transpose(tune, Key("D")).voices] == programs


def test_an_instrument_that_is_chosen_plays_all() -> None:
    tune = read_abc(f"{TUNE}%%MIDI program 24\nCDEF|\n")
    piano = instrument_named("piano")
    assert [program for program, _ in played(midi_of(tune, PlaybackOptions(piano)))] == [
        piano.program
    ]
