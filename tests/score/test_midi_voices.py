"""MIDI of several voices: a track, a name, a program and a place for each."""

from __future__ import annotations

from io import BytesIO

import mido
import pytest

from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import instrument_named
from abcgen.score.midi import midi_of
from abcgen.score.performance import CHOIR_PROGRAM, PlaybackOptions
from tests.notation.test_ensemble import FOUR
from tests.tunes import REEL


def tracks_of(abc: str, instrument: str = "fiddle") -> list[mido.MidiTrack]:
    data = midi_of(read_abc(abc), PlaybackOptions(instrument_named(instrument)))
    return list(mido.MidiFile(file=BytesIO(data)).tracks)


def test_every_voice_has_a_track_a_channel_a_name_and_a_place() -> None:
    tracks = tracks_of(FOUR)
    assert len(tracks) == 4
    names = [
        next(m.name for m in track if m.type == kind)
        for track, kind in zip(tracks, ["instrument_name", *["track_name"] * 3], strict=True)
    ]
    assert names == ["Soprano", "Alto", "Tenor", "Bass"]
    places = [m.value for track in tracks for m in track if m.type == "control_change"]
    assert places == sorted(set(places))
    assert len(places) == 4
    channels = [{m.channel for m in track if not m.is_meta} for track in tracks]
    assert channels == [{0}, {1}, {2}, {3}]


@pytest.mark.parametrize(("instrument", "program"), [("fiddle", CHOIR_PROGRAM), ("piano", 0)])
def test_singers_sing_unless_an_instrument_is_chosen(instrument: str, program: int) -> None:
    programs = [
        m.program for t in tracks_of(FOUR, instrument) for m in t if m.type == "program_change"
    ]
    assert programs == [program] * 4


def test_one_voice_is_played_as_ever() -> None:
    data = midi_of(REEL, PlaybackOptions(instrument_named("fiddle")))
    (track,) = mido.MidiFile(file=BytesIO(data)).tracks
    assert not [m for m in track if m.type in {"control_change", "instrument_name"}]
