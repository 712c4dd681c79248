"""Tracks in, tracks out: the instruments of a MIDI file are those of the MIDI written from it."""

from __future__ import annotations

import re
import shutil
import subprocess
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING

import mido
import music21
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
from abcgen.score.musicxml import musicxml_of
from abcgen.score.performance import PlaybackOptions
from tests.midi_files import melody, meta, metre, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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


STROKES = st.lists(
    st.tuples(st.integers(0, 63), st.sampled_from([35, 36, 38, 42, 46, 49, 54, 63, 70, 81])),
    min_size=1,
    max_size=40,
    unique=True,
)


def with_drums(strokes: Sequence[tuple[int, int]], kit: int) -> bytes:
    """Return a MIDI file of two parts and drums, given by sixteenth and key."""
    file = mido.MidiFile(file=BytesIO(pop([73, 33], ["Singer", "Bass"])))
    notes = [(at / 4, 0.1, key) for at, key in strokes]
    drums = [
        *meta(0, "track_name", name="Drums"),
        (0, mido.Message("program_change", program=kit, channel=9)),
        *((tick, message.copy(channel=9)) for tick, message in melody(notes)),
    ]
    (track,) = mido.MidiFile(file=BytesIO(written(drums))).tracks
    file.tracks.append(track)
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def strokes_of(data: bytes) -> list[tuple[int, float, int]]:
    """Return channel, quarter and key of each note that is struck."""
    file = mido.MidiFile(file=BytesIO(data))
    return sorted(
        (message.channel + 1, now / file.ticks_per_beat, message.note)
        for track in file.tracks
        for now, message in zip(accumulate(one.time for one in track), track, strict=True)
        if message.type == "note_on" and message.velocity
    )


@given(STROKES, st.sampled_from([0, 8, 25]))
@settings(max_examples=15, deadline=None)
def test_drums_stay_drums(strokes: list[tuple[int, int]], kit: int) -> None:
    data = with_drums(strokes, kit)
    once = again(data)
    assert strokes_of(once) == strokes_of(data)
    assert played(once)[:2] == played(data)[:2]
    assert played(again(once)) == played(once)
    assert played(once)[2][0] == kit


def test_drums_are_left_out_where_only_the_tune_is_written() -> None:
    data = with_drums([(0, 36), (4, 38)], 0)
    reading = read_midi(data, config=MidiConfig(texture="melody"))
    assert len(reading.tune.voices) == 1
    assert any("drums" in inference for inference in reading.inferences)
    assert not [part for part in read_midi(data, config=VOICES).inferences if "drums" in part]


@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="abc2midi is not installed")
def test_abc2midi_plays_the_same_drums(tmp_path: Path) -> None:
    data = with_drums([(at, key) for at in range(0, 64, 2) for key in (36, 42, 63)], 8)
    tune = read_midi(data, config=VOICES).tune
    source, target = tmp_path / "drums.abc", tmp_path / "drums.mid"
    source.write_text(write_abc(tune), encoding="utf-8")
    run = ["abc2midi", str(source), "-o", str(target), "-silent"]
    subprocess.run(run, check=True, capture_output=True)
    drums = [note[1:] for note in strokes_of(target.read_bytes()) if note[0] == 10]
    # abc2midi may begin a tick late.
    assert [(round(at, 1), key) for at, key in drums] == [
        (at, key) for channel, at, key in strokes_of(data) if channel == 10
    ]


def test_drums_are_printed_without_pitch_and_name_their_drum() -> None:
    data = with_drums([(0, 36), (0, 42), (4, 38), (8, 63)], 8)
    tune = read_midi(data, config=VOICES).tune
    document = musicxml_of(tune, playback=PlaybackOptions(instrument_named("fiddle")))
    score = music21.converter.parseData(document, format="musicxml")
    part = score.parts[2]
    clef = part.recurse().getElementsByClass("Clef").first()
    assert isinstance(clef, music21.clef.PercussionClef)
    drum = music21.note.Unpitched | music21.percussion.PercussionChord
    assert all(isinstance(note, drum) for note in part.recurse().notes)
    keys = [int(key) - 1 for key in re.findall(rb"<midi-unpitched>(\d+)", document)]
    assert keys == [36, 38, 42, 63]


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
