"""Parts are printed on the staves, with the clefs and by the names, that a musician expects."""

from __future__ import annotations

from dataclasses import replace

import mido
import pytest

from abcgen.config import MidiConfig
from abcgen.midi import read_midi
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Note, Rest, Tune
from abcgen.notation.writer import write_abc
from benchmarks.transcription.measures import sounding
from tests.midi_files import Timed, meta, metre, note, written

RIGHT = [67, 69, 71, 72, 71, 69, 67, 66] * 2
LEFT = [55, 50, 47, 50] * 4


def line(keys: list[int], length: float = 1, channel: int = 0) -> Timed:
    return [
        message
        for place, key in enumerate(keys)
        for message in note(place * length, length, key, channel)
    ]


def named(name: str, notes: Timed, program: int | None = None, channel: int = 0) -> Timed:
    change = mido.Message("program_change", program=program or 0, channel=channel)
    changes = [] if program is None else [(0, change)]
    return [*meta(0, "track_name", name=name), *changes, *notes]


def tune_of(*tracks: Timed) -> Tune:
    return read_midi(written(metre(0, 4, 4), *tracks), config=MidiConfig(repeats=False)).tune


def clefs(tune: Tune) -> list[str]:
    return [voice.clef for voice in tune.voices]


def names(tune: Tune) -> list[str]:
    return [voice.name for voice in tune.voices]


@pytest.mark.parametrize(
    ("upper", "lower"), [("", ""), ("Piano right", "Piano left"), ("RH", "LH"), ("Piano", "Piano")]
)
def test_two_hands_have_a_brace_and_a_bass_clef(upper: str, lower: str) -> None:
    tune = tune_of(named(upper, line(RIGHT)), named(lower, line(LEFT)))
    assert names(tune) == [upper, lower]
    assert clefs(tune) == ["", "bass"]
    assert len({staff.brace for staff in tune.staves} - {0}) == 1
    assert "%%score {1 2}" in write_abc(tune).splitlines()


def test_a_title_is_no_name_of_a_staff() -> None:
    tracks = named("Minuet for Two", line(RIGHT)), line(LEFT)
    tune = read_midi(written(*tracks), config=MidiConfig(repeats=False)).tune
    assert tune.title == "Minuet for Two"
    assert names(tune) == ["", ""]
    assert tune.staves
    # As a file's name it is the title too.
    both = written(tracks[0], named("Bass", line(LEFT)))
    assert names(read_midi(both, title="Minuet for Two").tune) == ["", "Bass"]


def test_a_part_without_a_name_has_its_instruments() -> None:
    tune = tune_of(named("", line(RIGHT), 73), named("", line(LEFT, channel=1), 42, 1))
    assert names(tune) == ["Flute", "Cello"]
    assert clefs(tune) == ["", "bass"]
    assert not tune.staves


@pytest.mark.parametrize(
    ("name", "program", "clef"),
    [
        ("Bass", None, "bass"),
        ("Guitar", None, "treble-8"),
        ("", 25, "treble-8"),
        ("Tenor", None, "treble-8"),
        ("Cello", 42, "bass"),
    ],
)
def test_a_low_part_has_the_clef_that_its_players_read(
    name: str, program: int | None, clef: str
) -> None:
    tune = tune_of(named("Flute", line(RIGHT)), named(name, line(LEFT, channel=1), program, 1))
    assert clefs(tune) == ["", clef]


def test_a_high_left_hand_keeps_its_bass_clef_and_a_second_violin_its_treble_clef() -> None:
    second = [key - 3 for key in RIGHT]
    assert clefs(tune_of(line(RIGHT), line([60, 64] * 8))) == ["", "bass"]
    assert clefs(tune_of(named("Violin", line(RIGHT)), named("Violin", line(second)))) == ["", ""]


def test_voices_of_a_part_share_its_staff_and_its_silent_bars_are_empty() -> None:
    held = [*note(0, 4, 48), *note(1, 1, 52), *note(2, 1, 55)]
    later = [message for at in range(4, 16) for message in note(at, 1, 50)]
    tune = tune_of(named("Flute", line(RIGHT)), named("Organ", held + later))
    assert [staff.voices for staff in tune.staves] == [(0,), (1, 2)]
    assert names(tune) == ["Flute", "Organ", ""]
    # Where it does not sound, a voice beside another leaves no rest.
    for voice in tune.voices[1:]:
        for bar in voice.bars:
            rests = [item for item in bar.items if isinstance(item, Rest)]
            sounds = any(isinstance(item, Note) for item in bar.items)
            assert sounds or not any(rest.visible for rest in rests)
    again = read_abc(write_abc(tune))
    assert again.staves == tune.staves
    for voice, same in zip(tune.voices, again.voices, strict=True):
        alone = [replace(tune, bars=each.bars, others=()) for each in (voice, same)]
        assert sounding(alone[0]) == sounding(alone[1])


def test_a_staff_of_twenty_voices_is_twenty_staves() -> None:
    notes = [message for at in range(20) for message in note(at / 2, 20 - at, 40 + 2 * at)]
    tune = tune_of(notes)
    assert len(tune.voices) == 20
    assert all(len(staff.voices) == 1 for staff in tune.staves)


@pytest.mark.parametrize("share", [0.97, 0.9, 0.8])
def test_parts_in_long_notes_are_played_as_short_as_those_in_short_ones(share: float) -> None:
    def played(keys: list[int], length: float, channel: int) -> Timed:
        return [
            message
            for place, key in enumerate(keys)
            for message in note(place * length, length * share, key, channel)
        ]

    tune = tune_of(played(RIGHT * 2, 0.5, 0), played(LEFT[:4], 4, 1), played(LEFT[:8], 2, 2))
    durations = [{note.duration for note in voice.notes} for voice in tune.voices]
    assert sorted(map(len, durations)) == [1, 1, 1]
    assert sorted(float(min(each)) for each in durations) == [1 / 8, 1 / 2, 1]
