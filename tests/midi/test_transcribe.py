"""Transcription writes the notes that are played, as a musician would."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.config import LIMITS, MidiConfig
from abcgen.errors import NotationError
from abcgen.midi import read_midi
from abcgen.midi.bars import BarSpan, write_bars
from abcgen.midi.quantize import QuantizedNote
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import ABC_ACCIDENTALS, BarLine, Key, Metre, Mode, Note, Tune, Tuplet
from abcgen.notation.validation import bar_problems
from abcgen.notation.writer import of_readable_length, write_abc
from benchmarks.transcription.measures import sounding
from tests.midi_files import QUARTER, lengths, line, melody, meta, metre, note, written

if TYPE_CHECKING:
    from pathlib import Path

needs_abc2midi = pytest.mark.skipif(
    shutil.which("abc2midi") is None, reason="abc2midi (Debian package abcmidi) is not installed"
)

REEL = """X:1
T:A reel
M:4/4
L:1/8
K:D
D2FA d2fd|(3efg fe dBAF|G2BG F2AF|E/F/G FE D4|]
"""
JIG = """X:1
T:A jig with a pickup
M:6/8
L:1/8
K:G
D|GAB c2A|B>cd e2f|g3 f2e|d2B c2z|(2GA B3|G3-G2|]
"""
WALTZ = """X:1
T:A waltz
M:3/4
L:1/8
K:F
F2A2c2|(3cde f2 A2|(3B2c2d2 e2|f4 (3edc|A (3B/c/d/ (3:2:2e2d c2|[FAc]6|]
"""
MINOR = """X:1
T:A minor tune
M:2/4
L:1/8
K:Am
EA Bc|d^c d2|e^f ^ge|a2 e_B|A2 ^G2|A4|]
"""
TIES = """X:1
T:Over the bar line
M:4/4
L:1/8
K:Bb
B3d f3b-|b2 ag f4-|f4- (3fed c2-|c2 B4 z2|B2 z2 B z B2|B8|]
"""
SLIP_JIG = """X:1
T:A slip jig
M:9/8
L:1/8
K:Em
e2f gfe B2A|BAG F3 E2D|E2F G>AB c/B/AG|E6 z3|B3 A3 E3|]
"""
TWO_METRES = """X:1
T:Two metres
M:4/4
L:1/8
K:G
G2AB c2d2|e4 d4|
M:6/8
GAB c2d|edc B3|
M:3/4
K:C
c2e2g2|c6|]
"""
TUNES = {
    text.split("\nT:")[1].split("\n")[0]: text
    for text in (REEL, JIG, WALTZ, MINOR, TIES, SLIP_JIG, TWO_METRES)
}


def tune_of(data: bytes) -> Tune:
    return read_midi(data).tune


def through_abc2midi(text: str, folder: Path) -> Tune:
    source, result = folder / "tune.abc", folder / "tune.mid"
    source.write_text(text)
    command = ["abc2midi", str(source), "-o", str(result)]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    return tune_of(result.read_bytes())


@needs_abc2midi
@pytest.mark.parametrize("title", TUNES)
def test_abc2midi_s_files_are_read_back_note_for_note(title: str, tmp_path: Path) -> None:
    source = read_abc(TUNES[title])
    tune = through_abc2midi(TUNES[title], tmp_path)
    assert sounding(tune) == sounding(source)
    assert (tune.title, tune.metre, tune.key) == (title, source.metre, source.key)


@needs_abc2midi
@pytest.mark.parametrize("title", [title for title in TUNES if "pickup" not in title])
def test_bars_triplets_ties_and_spelling_come_back_too(title: str, tmp_path: Path) -> None:
    source = read_abc(TUNES[title])
    tune = through_abc2midi(TUNES[title], tmp_path)
    assert [bar.items for bar in tune.bars] == [bar.items for bar in source.bars]
    assert [(bar.metre, bar.key) for bar in tune.bars] == [
        (bar.metre, bar.key) for bar in source.bars
    ]


CELLS = ["1", "2", "3", "1/2 1/2", "3/4 1/4", "1/4 1/4 1/2", "1/8 1/8 1/4 1/2", "3/2 1/2"]
CELLS += ["1/3 1/3 1/3", "2/3 1/3", "1/6 1/6 1/6 1/2", "1/3 1/6 1/6 1/3", "2/3 2/3 2/3"]
METRES = [(4, 4), (3, 4), (2, 4), (2, 2), (6, 8), (9, 8), (12, 8), (3, 8), (5, 8), (7, 8)]


@st.composite
def melodies(draw: st.DrawFn) -> list[tuple[Fraction, Fraction, int]]:
    """Onset and length in quarters, and key, of notes on the grid; rests last two beats."""
    notes, time = [], Fraction(0)
    for cell in ["1 1", *draw(st.lists(st.sampled_from([*CELLS, ""]), min_size=1, max_size=12))]:
        for text in cell.split():
            notes.append((time, Fraction(text), draw(st.integers(40, 90))))
            time += Fraction(text)
        time += 0 if cell else 2
    return notes


@settings(max_examples=50, deadline=None)
@given(melodies(), st.sampled_from(METRES), st.sampled_from([96, 100, 480, 960]), st.booleans())
def test_any_melody_on_the_grid_is_read_back(
    melody: list[tuple[Fraction, Fraction, int]],
    signature: tuple[int, int],
    ticks: int,
    shortened: bool,
) -> None:
    gate = Fraction(4, 5) if shortened and ticks == QUARTER else 1
    messages = metre(0, *signature)
    for onset, length, key in melody:
        on = mido.Message("note_on", note=key)
        off = mido.Message("note_off", note=key)
        messages += [
            (round((onset + length * gate) * ticks), off),
            (round(onset * ticks), on),
        ]
    messages.sort(key=lambda event: (event[0], event[1].type == "note_on"))
    tune = tune_of(written(messages, ticks_per_beat=ticks, kind=0))
    assert sounding(tune) == [(onset / 4, length / 4, key) for onset, length, key in melody]
    assert tune.metre == Metre(*signature)
    assert not bar_problems(tune)
    again = read_abc(write_abc(tune))
    assert (again.bars, again.key) == (tune.bars, tune.key)


def test_only_the_thirds_of_a_bar_are_in_a_triplet() -> None:
    tune = tune_of(written(metre(0, 4, 4) + line(1 / 3, 1 / 3, 1 / 3, 1, 2)))
    (bar,) = tune.bars
    assert [type(item) for item in bar.items] == [Tuplet, Note, Note]
    assert [note.duration for note in bar.items[0].items] == [Fraction(1, 8)] * 3  # type: ignore[union-attr]
    assert bar.line is BarLine.FINAL


def test_a_note_tied_into_a_triplet_is_cut_where_the_triplet_begins() -> None:
    tune = tune_of(written(metre(0, 4, 4) + line(1, 1 + 1 / 3, 1 / 3, 1 / 3, 1)))
    bar = tune.bars[0].items
    assert isinstance(bar[1], Note)
    assert bar[1].tied
    assert isinstance(bar[2], Tuplet)
    assert [note.duration for note in bar[2].items] == [Fraction(1, 8)] * 3


def test_a_broken_triplet_is_written_as_it_sounds() -> None:
    tune = tune_of(written(line(1.25, 1 / 12, 2 / 3, 1)))
    assert [d for _, d, _ in sounding(tune)] == [Fraction(n, 48) for n in (15, 1, 8, 12)]
    assert sounding(read_abc(write_abc(tune))) == sounding(tune)


@pytest.mark.parametrize("parts", [5, 7])
def test_fives_and_sevens_are_tuplets(parts: int) -> None:
    tune = tune_of(written(metre(0, 4, 4) + line(1, *[1 / parts] * parts, 1, *[1] * 4)))
    groups = [item for item in tune.bars[0].items if isinstance(item, Tuplet)]
    assert [(group.actual, group.normal, len(group.items)) for group in groups] == [
        (parts, 4, parts)
    ]


def test_no_tuplet_has_more_notes_than_abc_can_count() -> None:
    edges = [Fraction(1, 20), Fraction(1, 12), Fraction(1, 3), Fraction(21, 20)]
    sounds = [QuantizedNote(*pair, (60,)) for pair in pairwise(edges)]
    span = BarSpan(edges[0], edges[-1], Metre(4, 4))
    tune = Tune(tuple(write_bars(sounds, [span], {Fraction(0): Key()})), Key(), Metre(4, 4))
    assert sounding(read_abc(write_abc(tune))) == sounding(tune)


def test_neighbours_in_a_chord_have_letters_of_their_own() -> None:
    chord = [message for key in (60, 61, 65) for message in note(0, 6, key)]
    tune = tune_of(written(metre(0, 4, 4) + chord + line(1, 1, start=6)))
    first = tune.bars[0].items[0]
    assert isinstance(first, Note)
    assert [pitch.letter for pitch in first.pitches] == ["C", "D", "F"]  # no C sharp
    assert sounding(read_abc(write_abc(tune))) == sounding(tune)


@pytest.mark.parametrize("gate", [1, 0.95, 0.85, 0.7])
def test_notes_all_played_short_keep_their_values_and_their_rests(gate: float) -> None:
    played = [1, 1, 0.5, 0.5, 1.5, 0.5, 1, -1, 2, -2, 1.5, -0.5, 3]
    tune = tune_of(written(metre(0, 4, 4) + line(*played, gate=gate)))
    onsets = accumulate(map(abs, played), initial=0)
    assert [(float(4 * on), float(4 * length)) for on, length, _ in sounding(tune)] == [
        (on, length) for on, length in zip(onsets, played, strict=False) if length > 0
    ]


def test_notes_played_unevenly_short_reach_to_the_next() -> None:
    gates = [0.97, 0.71, 0.83, 0.77, 0.91, 0.69, 0.88]
    messages = [
        message for place, gate in enumerate(gates) for message in note(place, gate, 60 + place)
    ]
    tune = tune_of(written(messages + note(7, 1)))
    assert lengths(tune) == [1] * 8


def test_a_longer_silence_is_a_rest() -> None:
    assert lengths(tune_of(written(line(0.5, -0.5, 1, 1, -1)))) == [0.5, -0.5, 1, 1]


def test_chords_are_read_even_when_rolled() -> None:
    chord = [*note(0, 2, 60), *note(0.02, 1.98, 64), *note(0.04, 1.96, 67)]
    (first, second) = tune_of(written(metre(0, 4, 4) + chord + note(2, 2, 72))).bars[0].items
    assert isinstance(first, Note)
    assert [pitch.midi for pitch in first.pitches] == [60, 64, 67]
    assert isinstance(second, Note)


def test_a_first_note_after_silence_makes_a_pickup() -> None:
    tune = tune_of(written(metre(0, 4, 4) + line(1, 1, 1, 1, 1, 1, 1, start=2)))
    assert [bar.duration for bar in tune.bars] == [Fraction(1, 2), 1, Fraction(1, 4)]
    assert not bar_problems(tune)


def test_silent_bars_before_the_tune_are_dropped() -> None:
    tune = tune_of(written(metre(0, 3, 4) + line(1, 3, start=8)))
    assert [bar.duration for bar in tune.bars] == [Fraction(1, 4), Fraction(3, 4)]


def test_compound_thirds_need_no_triplets() -> None:
    tune = tune_of(written(metre(0, 6, 8) + line(*[0.5] * 6, 0.75, 0.25, 0.5, 1.5)))
    assert not any(isinstance(item, Tuplet) for bar in tune.bars for item in bar.items)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Em", Key("E", 0, Mode.MINOR)),
        ("Bb", Key("B", -1)),
        ("F#m", Key("F", 1, Mode.MINOR)),
        ("Cb", Key("C", -1)),
    ],
)
def test_the_key_is_the_file_s_with_its_mode(name: str, key: Key) -> None:
    assert tune_of(written(meta(0, "key_signature", key=name) + line(4))).key == key


@pytest.mark.parametrize(
    ("scale", "key"),
    [
        ([67, 69, 71, 72, 74, 76, 78, 79, 74, 71, 67, 67], Key("G")),
        ([69, 71, 72, 74, 76, 77, 80, 81, 76, 72, 69, 69], Key("A", 0, Mode.MINOR)),
        ([70, 72, 74, 75, 77, 79, 81, 82, 77, 74, 70, 70], Key("B", -1)),
    ],
)
def test_a_missing_key_is_inferred_from_the_notes(scale: list[int], key: Key) -> None:
    messages = [message for place, midi in enumerate(scale) for message in note(place, 1, midi)]
    assert tune_of(written(messages)).key == key


def test_accidentals_are_the_nearest_on_the_circle_of_fifths() -> None:
    keys = [61, 63, 66, 68, 70]
    messages = [message for place, midi in enumerate(keys) for message in note(place, 1, midi)]
    for name, expected in {
        "C": "^C _E ^F ^G _B",
        "Eb": "_D _E _G _A _B",
        "E": "^C ^D ^F ^G ^A",
    }.items():
        tune = tune_of(written(meta(0, "key_signature", key=name) + messages))
        found = [
            ABC_ACCIDENTALS[note.pitches[0].alter] + note.pitches[0].letter
            for note in tune.notes
            if isinstance(note, Note)
        ]
        assert " ".join(found) == expected


@pytest.mark.parametrize("thirds", [1, 3])
def test_a_note_tied_over_changes_of_key_keeps_its_spelling(thirds: int) -> None:
    changes = [
        *metre(0, 4, 4),
        *meta(0, "key_signature", key="B"),
        *meta(4 * QUARTER, "key_signature", key="Ebm"),
        *meta(8 * QUARTER, "key_signature", key="E"),
    ]
    held = melody([(0, 1, 71), (1, 1, 73), (2, 1, 71), (3, 7 - 1 / thirds, 63), (11, 1, 64)])
    tune = tune_of(written(changes + held))
    assert len({bar.key for bar in tune.bars}) == 3
    assert write_abc(read_abc(write_abc(tune))) == write_abc(tune)
    assert sounding(read_abc(write_abc(tune))) == sounding(tune)


def test_many_long_parts_can_be_read_again() -> None:
    chance = random.Random(1)
    part = [message for n in range(900) for message in note(n / 4, 0.25, chance.randint(50, 80))]
    file = written(metre(0, 4, 4), *([part] * 24))
    tune = read_midi(file, config=MidiConfig(texture="voices")).tune
    abc = write_abc(tune)
    assert len(tune.voices) == 24
    assert len(abc) > LIMITS.tune_characters
    assert write_abc(read_abc(abc)) == abc


def test_a_tune_longer_than_is_read_is_refused() -> None:
    tune = read_abc(REEL)
    assert of_readable_length(tune) is tune
    with pytest.raises(NotationError):
        of_readable_length(replace(tune, bars=tune.bars * 2500))
