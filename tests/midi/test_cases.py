"""MIDI files as programs write them are read as their notes and bars were meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abcgen.config import MidiConfig
from abcgen.midi import read_midi
from abcgen.notation.reader import Reading, read_abc
from abcgen.notation.tune import Metre, Note
from abcgen.notation.validation import bar_problems
from benchmarks.transcription.exported import EXERCISES, exercise, exercise_midi
from benchmarks.transcription.measures import first_bar, sounding

if TYPE_CHECKING:
    from abcgen.notation.tune import Item, Tune

FOLDER = Path(__file__).parent / "cases"
SONG = "G2 AB c2 B2 | A2 GA B4 | G2 AB c2 d2 | edcB A2 G2"


@dataclass(frozen=True)
class Case:
    """What a file should be read as."""

    metre: str
    key: str
    # The first bars of the first voice, unit length 1/8.
    bars: str
    # Empty: the file's name.
    title: str = ""
    # The number of voices.
    voices: int = 1


CASES = {
    "musescore-pickup": Case("6/8", "D", "A | DFA d2 A | BdB A3 | DFA d2 e | fec d3"),
    "pickup-and-metre-change": Case("6/8", "G", "G |" + "BBA G2 A |" * 7 + "BBA G3 |[M:4/4]d2 BA"),
    "metre-named-in-two-tracks": Case(
        "6/8", "G", "BBA G2 A |" * 7 + "BBA G3 |[M:4/4]d2 BA G2 A2", voices=2
    ),
    "sextuplets": Case("2/4", "C", "(3C/E/G/(3c/G/E/ (3D/^F/A/(3d/A/F/ |(3E/^G/B/(3e/B/G/"),
    "thirty-seconds": Case("2/4", "C", "C/4D/4E/4F/4G/4F/4E/4D/4 D/4E/4^F/4G/4A/4G/4F/4E/4"),
    "pasted-off-the-grid": Case("6/8", "D", "DFA d2 A | BdB A3 | DFA d2 e | fec d3 |" * 6),
    "title-is-an-instrument": Case("4/4", "G", SONG, voices=2),
    "first-voice-nearly-empty": Case("4/4", "C", "E2 FG A2 G2 |" * 4, voices=2),
    "bass-track-first": Case("4/4", "G", f'"G"{SONG}', voices=3),
    "karaoke": Case("4/4", "G", SONG, title="The Lost Title"),
    "drums-on-channel-1": Case("4/4", "G", SONG),
    "a-channel-to-each-string": Case("4/4", "G", "G,,D,G,B, DGDB, |" * 4),
    "keyswitch": Case("4/4", "G", SONG),
    "format-0": Case("4/4", "G", SONG, title="A Song"),
    "sixteenth-triplets": Case("3/4", "C", "c(3d/e/f/ g2 ec | g(3f/e/d/ c2 G2"),
    "strummed": Case("4/4", "G", "[G,B,DG]4 [C,E,G,C]4 | [D,F,A,D]4 [G,B,DG]4"),
    "begins-with-a-rest": Case("4/4", "C", "zCDE F3/G/4F/4EA | DG3/A/ G/F/E/F/E/D/C/D/"),
    "twenty-notes-held": Case("4/4", "Emix", "z8 |", voices=20),
    "prelude-three-tracks": Case(
        "4/4", "C", "zG/c/e/G/c/e/ zG/c/e/G/c/e/ | zA/d/f/A/d/f/ zA/d/f/A/d/f/", "Prelude", 3
    ),
    "wrong-signature": Case("4/4", "Dmin", "A2"),
}


def read(name: str, **options: object) -> Reading:
    config = MidiConfig(**options)  # type: ignore[arg-type]
    return read_midi((FOLDER / f"{name}.mid").read_bytes(), title=name, config=config)


def opening(tune: Tune, bars: int) -> list[tuple[Item, ...]]:
    return [bar.items for bar in tune.bars[:bars]]


@pytest.mark.parametrize("name", CASES)
def test_bars_key_title_and_voices_are_right(name: str) -> None:
    case = CASES[name]
    tune = read(name, repeats=False).tune
    wanted = read_abc(f"X:1\nT:x\nM:{case.metre}\nL:1/8\nK:{case.key}\n{case.bars}|\n")
    assert str(tune.metre) == case.metre
    assert (tune.key.tonic, tune.key.mode) == (wanted.key.tonic, wanted.key.mode)
    assert tune.title == (case.title or name)
    assert len(tune.voices) == case.voices
    # The last bar of the opening may go on.
    whole = len(wanted.bars) - 1
    assert opening(tune, whole) == opening(wanted, whole)
    last = wanted.bars[whole].items
    assert tune.bars[whole].items[: len(last)] == last
    assert [bar.metre for bar in tune.bars[:whole]] == [bar.metre for bar in wanted.bars[:whole]]
    assert not bar_problems(tune)


def test_every_case_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.mid")} == CASES.keys()


def test_all_parts_have_the_bars_of_the_tune() -> None:
    tune = read("first-voice-nearly-empty", repeats=False).tune
    bass = tune.others[0].bars
    assert all(len(bar.items) == 1 and bar.duration == 1 for bar in bass)


def test_repeats_pasted_off_the_grid_are_repeats_and_it_is_said() -> None:
    reading = read("pasted-off-the-grid")
    assert len(reading.tune.bars) < 48
    assert any("6 passages off the grid" in what for what in reading.inferences)


@pytest.mark.parametrize(
    "name",
    ["sextuplets", "thirty-seconds", "pasted-off-the-grid", "sixteenth-triplets", "strummed"],
)
def test_exact_files_are_not_played_freely(name: str) -> None:
    assert not any("freely" in what for what in read(name).inferences)


def test_what_was_chosen_is_named_by_track_and_channel_and_another_can_be() -> None:
    reading = read("format-0")
    assert any("track 1, channel 4" in what for what in reading.inferences)
    other = read("format-0", track="1:1").tune
    assert {key for _, _, key in sounding(other)} == {48, 55}


def test_what_is_left_out_or_not_as_the_file_says_is_said() -> None:
    assert any("below MIDI key 21" in repair.what for repair in read("keyswitch").repairs)
    assert "drums were left out" in read("drums-on-channel-1").inferences
    assert any("not A as the file says" in what for what in read("wrong-signature").inferences)


def test_a_wrong_signature_leaves_no_accidentals() -> None:
    notes = [note for note in read("wrong-signature").tune.notes if isinstance(note, Note)]
    assert notes
    assert all(
        pitch.alter == (-1 if pitch.letter == "B" else 0)
        for note in notes
        for pitch in note.pitches
    )


def test_no_note_of_twenty_held_together_is_lost() -> None:
    keys = [key for _, _, key in sounding(read("twenty-notes-held").tune)]
    assert sorted(keys) == list(range(40, 80, 2))


def test_a_rest_before_the_first_note_makes_no_pickup() -> None:
    tune = read("begins-with-a-rest").tune
    assert first_bar(tune) == 0
    assert tune.metre == Metre(4, 4)


@pytest.mark.parametrize(("name", "parts", "early"), EXERCISES)
def test_every_note_of_an_exact_exercise_is_right(name: str, parts: int, early: int) -> None:
    notes = exercise(parts, seed=5)
    reading = read_midi(exercise_midi(notes, early), title=name)
    assert sounding(reading.tune) == [*map(tuple, notes)]
    assert not any("freely" in what for what in reading.inferences)
