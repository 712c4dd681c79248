"""Parts are told apart: titles, drums, the strings of a guitar, and which part is the tune."""

from __future__ import annotations

import re
from dataclasses import replace

import mido
import pytest

from abcgen.config import MidiConfig
from abcgen.errors import NotationError
from abcgen.midi import list_parts, read_midi
from abcgen.midi.names import INSTRUMENTS, instrument, is_title
from benchmarks.transcription.measures import sounding
from tests.midi_files import QUARTER, Timed, melody, meta, metre, note, written

TUNE = [67, 69, 71, 72, 71, 69, 67, 66, 67, 71, 74, 72, 71, 69, 67, 67]
BASS = [43, 50, 43, 50] * 4


@pytest.mark.parametrize(
    "name",
    [
        "The Harp",
        "A Song",
        "Prelude",
        "Für Elise",
        "Song of the Sea",
        "Rain",
        "Horn Dance",
        "Tango",
    ],
)
def test_a_title_is_a_title(name: str) -> None:
    assert is_title(name)


# As programs, General MIDI and people of several countries write them, divided by bars.
NO_TITLES = """
    |1|Warmpad|Vocals|STRINGS|MELODY|Soft karaoke|untitled|Clarinet|Piano right|Lead Guitar 2
    LeadVocal|New Song|Horn in F|Track 1|Track 01|Staff-1|Inst 1|seq-0|Sequence 1|MIDI 01|Audio 1
    Channel 1|"control track"|unnamed-000|Tempo Track|Conductor|Master Track|MIDI Region|MIDI out
    Default Setup|SmartMusic SoftSynth 1|Grand Staff|Grand Piano, Piano|Piano LH|Score|Title
    Acoustic Grand Piano|Honky-tonk Piano|Clavi|Tubular Bells|Drawbar Organ|Tango Accordion
    Acoustic Guitar (nylon)|Electric Guitar (clean)|Distortion Guitar|Electric Bass (finger)
    Electric Bass (pick)|Slap Bass 1|Pizzicato Strings|Orchestral Harp|String Ensemble 1
    Choir Aahs|Voice Oohs|Orchestra Hit|French Horn|SynthBrass 1|English Horn|Blown Bottle
    Lead 1 (square)|Lead 8 (bass + lead)|Pad 3 (polysynth)|FX 1 (rain)|FX 3 (crystal)|Bag pipe
    Steel Drums|Melodic Tom|Fl.|Vln. 1|Vc.|Pno.|Bb Clarinet|Tenor 2|Klavier|Flöte|Geige|Gitarre
    Spur 1|Unbenannt|Violon|Piano droite|Piste 1|Sans titre|Flauta|Guitarra|Sin título|Violino I
    Chitarra|Senza titolo
"""


@pytest.mark.parametrize("name", re.split(r"[|\n]\s*", NO_TITLES.strip()))
def test_the_name_of_an_instrument_or_a_part_or_a_default_is_no_title(name: str) -> None:
    tune = line(TUNE[:8])
    for tracks in ([named(name, tune)], [named(name, []), tune], [named(name, []), tune, tune]):
        assert read_midi(written(*tracks), title="Given").tune.title == "Given"


def test_every_program_has_an_instrument() -> None:
    assert len(set(INSTRUMENTS)) == 128
    assert (instrument(None), instrument(73)) == ("grand piano", "flute")


def line(keys: list[int], channel: int = 0, length: float = 1) -> Timed:
    return [
        message
        for place, key in enumerate(keys)
        for message in note(place * length, length, key, channel)
    ]


def named(name: str, notes: Timed) -> Timed:
    return meta(0, "track_name", name=name) + notes


def program(number: int, channel: int) -> Timed:
    return [(0, mido.Message("program_change", program=number, channel=channel))]


def keys_of_first_voice(*tracks: Timed, **options: object) -> list[int]:
    config = MidiConfig(repeats=False, **options)  # type: ignore[arg-type]
    tune = read_midi(written(metre(0, 4, 4), *tracks), config=config).tune
    return [key for _, _, key in sounding(replace(tune, others=()))]


def uses(*tracks: Timed) -> list[str]:
    return [listed.use for listed in list_parts(written(metre(0, 4, 4), *tracks))]


@pytest.mark.parametrize("order", [1, -1])
def test_the_tune_is_known_by_its_notes_wherever_it_comes(order: int) -> None:
    tracks = [line(TUNE), line(BASS, 1)][::order]
    assert keys_of_first_voice(*tracks) == TUNE


def test_a_name_tells_the_tune_from_a_line_much_like_it() -> None:
    above = [key + 12 for key in TUNE]
    tracks = named("Flute", line(above)), named("Melody", line(TUNE, 1))
    assert keys_of_first_voice(*tracks) == TUNE


def test_the_words_tell_what_is_sung() -> None:
    rhythm = [place + (0.5 if place % 2 else 0) for place in range(16)]
    sung = [message for at, key in zip(rhythm, TUNE, strict=True) for message in note(at, 0.5, key)]
    words = [(round(at * QUARTER), mido.MetaMessage("lyrics", text="la ")) for at in rhythm]
    above = [key + 12 for key in TUNE]
    assert keys_of_first_voice(line(above, 1), sung, words) == TUNE


@pytest.mark.parametrize("name", ["Drums", "Percussion 2", "Kick"])
def test_drums_are_known_by_name(name: str) -> None:
    assert uses(line(TUNE), named(name, line([60, 62] * 8, 1))) == ["tune", "drums"]


def test_steel_drums_are_tuned() -> None:
    drums = named("Steel Drums", line([60, 62, 64, 60] * 4))
    assert "drums" not in uses(line(TUNE), drums)


def test_drums_are_known_by_their_few_keys_and_a_bass_is_not() -> None:
    kit = melody((place / 2, 0.25, [36, 42, 38, 42][place % 4]) for place in range(32))
    assert uses(line(TUNE, 1), kit) == ["tune", "drums"]
    bass = program(33, 0) + kit
    assert uses(line(TUNE, 1), bass) == ["tune", "voice"]
    assert uses(line(TUNE, 1), line([36, 38, 40, 36] * 8, 0, 0.5)) == ["tune", "voice"]


def test_channels_of_a_track_with_one_program_are_one_part() -> None:
    strings = line(TUNE[::2], 0, 2)
    for place, key in enumerate(TUNE[1::2]):
        strings += note(2 * place + 1, 1, key, 1)
    assert uses(strings, line(BASS, 2)) == ["tune", "voice"]
    apart = program(0, 0) + program(32, 1) + strings
    assert len(uses(apart, line(BASS, 2))) == 3


def test_a_channel_of_a_track_can_be_chosen() -> None:
    both = line(TUNE, 0) + line(BASS, 1)
    data = written(metre(0, 4, 4) + both, kind=0)
    tune = read_midi(data, config=MidiConfig(track="1:2", repeats=False)).tune
    assert [key for _, _, key in sounding(tune)] == BASS
    with pytest.raises(NotationError):
        read_midi(data, config=MidiConfig(track="1:3"))


def test_strummed_chords_are_chords_and_a_fast_run_is_none() -> None:
    chords = [
        message
        for place in range(8)
        for string, key in enumerate((55, 59, 62, 67))
        for message in note(2 * place + string * 0.05, 2 - string * 0.05, key)
    ]
    tune = read_midi(written(metre(0, 4, 4) + chords)).tune
    assert not tune.others
    assert all(len(one.pitches) == 4 for bar in tune.bars for one in bar.notes)  # type: ignore[union-attr]
    run = melody((place / 8, 1 / 8, 60 + place % 12) for place in range(128))
    tune = read_midi(written(metre(0, 4, 4) + run)).tune
    assert all(len(one.pitches) == 1 for bar in tune.bars for one in bar.notes)  # type: ignore[union-attr]
