"""What reading MIDI files promises: exactly the notes that are played, or a reason."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.corpus.midi import MAX_BYTES, read_midi
from abcgen.errors import NotationError
from abcgen.notation.bars import bar_problems
from abcgen.notation.key import Key, Mode
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import BarLine, Metre, Note, Rest, Tune, Tuplet, timed
from abcgen.notation.writer import write_abc

if TYPE_CHECKING:
    from pathlib import Path

QUARTER = 480
END = b"\x00\xff\x2f\x00"

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


def written(*tracks: list[tuple[int, Any]], ticks_per_beat: int = QUARTER, kind: int = 1) -> bytes:
    """A MIDI file of tracks of messages, each with its time in ticks from the start."""
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


def note(start: float, length: float, key: int = 62, channel: int = 0) -> list[tuple[int, Any]]:
    """The messages of a note; start and length in quarters."""
    begin, end = round(start * QUARTER), round((start + length) * QUARTER)
    on = mido.Message("note_on", note=key, channel=channel, velocity=90)
    return [(begin, on), (end, mido.Message("note_off", note=key, channel=channel))]


def line(*lengths: float, start: float = 0, gate: float = 1) -> list[tuple[int, Any]]:
    """A line of notes of lengths in quarters, a negative one being a rest."""
    onsets = accumulate((abs(length) for length in lengths), initial=start)
    return [
        message
        for place, (onset, length) in enumerate(zip(onsets, lengths, strict=False))
        if length > 0
        for message in note(onset, length * gate, 62 + place % 5)
    ]


def meta(tick: int, kind: str, **values: Any) -> list[tuple[int, Any]]:
    return [(tick, mido.MetaMessage(kind, **values))]


def metre(tick: int, beats: int, unit: int) -> list[tuple[int, Any]]:
    return meta(tick, "time_signature", numerator=beats, denominator=unit)


def raw(body: bytes, *, ticks_per_beat: int = QUARTER) -> bytes:
    """A MIDI file of one track, given as bytes."""
    head = b"MThd\0\0\0\6\0\0\0\1" + ticks_per_beat.to_bytes(2, "big")
    return head + b"MTrk" + len(body).to_bytes(4, "big") + body


def sounding(tune: Tune) -> list[tuple[Fraction, Fraction, int]]:
    """Onset from the first note, duration and MIDI key of all notes, ties joined."""
    notes: list[tuple[Fraction, Fraction, int]] = []
    held: dict[int, int] = {}
    for item, onset, duration, _ in timed(tune.bars):
        tied: dict[int, int] = {}
        for pitch in item.pitches if isinstance(item, Note) else ():
            place = held.get(pitch.midi, len(notes))
            if place == len(notes):
                notes.append((onset, Fraction(0), pitch.midi))
            notes[place] = (notes[place][0], notes[place][1] + duration, pitch.midi)
            if isinstance(item, Note) and item.tied:
                tied[pitch.midi] = place
        held = tied
    return sorted((onset - notes[0][0], duration, key) for onset, duration, key in notes)


def lengths(tune: Tune) -> list[Fraction]:
    """The durations of notes in quarters, rests being negative, ties not joined."""
    return [
        duration * (4 if isinstance(item, Note) else -4)
        for item, _, duration, _ in timed(tune.bars)
    ]


def through_abc2midi(text: str, folder: Path) -> Tune:
    source, result = folder / "tune.abc", folder / "tune.mid"
    source.write_text(text)
    command = ["abc2midi", str(source), "-o", str(result)]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    return read_midi(result.read_bytes())


@needs_abc2midi
@pytest.mark.parametrize("title", TUNES)
def test_what_abc2midi_plays_is_read_back_note_for_note(title: str, tmp_path: Path) -> None:
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


@settings(max_examples=120, deadline=None)
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
    tune = read_midi(written(messages, ticks_per_beat=ticks, kind=0))
    assert sounding(tune) == [(onset / 4, length / 4, key) for onset, length, key in melody]
    assert tune.metre == Metre(*signature)
    assert not bar_problems(tune)
    again = read_abc(write_abc(tune))
    assert (again.bars, again.key) == (tune.bars, tune.key)


def test_a_triplet_is_written_as_one_and_the_rest_plainly() -> None:
    tune = read_midi(written(line(1 / 3, 1 / 3, 1 / 3, 1, 2)))
    (bar,) = tune.bars
    assert [type(item) for item in bar.items] == [Tuplet, Note, Note]
    assert [note.duration for note in bar.items[0].items] == [Fraction(1, 8)] * 3  # type: ignore[union-attr]
    assert bar.line is BarLine.FINAL


def test_a_note_tied_into_a_triplet_is_cut_where_the_triplet_begins() -> None:
    tune = read_midi(written(line(1, 1 + 1 / 3, 1 / 3, 1 / 3, 1)))
    bar = tune.bars[0].items
    assert isinstance(bar[1], Note)
    assert bar[1].tied
    assert isinstance(bar[2], Tuplet)
    assert [note.duration for note in bar[2].items] == [Fraction(1, 8)] * 3


def test_a_broken_triplet_is_left_out_with_its_place() -> None:
    with pytest.raises(NotationError, match=r"triplet that is not complete at beat 1\.33"):
        read_midi(written(line(1.25, 1 / 12, 2 / 3, 1)))


@pytest.mark.parametrize("gate", [1, 0.95, 0.85, 0.7])
def test_notes_all_played_short_keep_their_values_and_their_rests(gate: float) -> None:
    played = [1, 1, 0.5, 0.5, 1.5, 0.5, 1, -1, 2, -2, 1.5, -0.5, 3]
    assert lengths(read_midi(written(line(*played, gate=gate)))) == [
        *(1, 1, 0.5, 0.5, 1, 0.5, 0.5, 1, -1, 1, 1, -2, 1, 0.5, -0.5, 3)
    ]


def test_notes_played_unevenly_short_reach_to_the_next() -> None:
    gates = [0.97, 0.71, 0.83, 0.77, 0.91, 0.69, 0.88]
    messages = [
        message for place, gate in enumerate(gates) for message in note(place, gate, 60 + place)
    ]
    tune = read_midi(written(messages + note(7, 1)))
    assert lengths(tune) == [1] * 8


def test_a_longer_silence_is_a_rest() -> None:
    assert lengths(read_midi(written(line(0.5, -0.5, 1, 1, -1)))) == [0.5, -0.5, 1, 1]


def test_chords_are_read_even_when_rolled() -> None:
    chord = [*note(0, 2, 60), *note(0.02, 1.98, 64), *note(0.04, 1.96, 67)]
    (first, second) = read_midi(written(chord + note(2, 2, 72))).bars[0].items
    assert isinstance(first, Note)
    assert [pitch.midi for pitch in first.pitches] == [60, 64, 67]
    assert isinstance(second, Note)


def test_a_first_note_after_silence_makes_a_pickup() -> None:
    tune = read_midi(written(line(1, 1, 1, 1, 1, 1, 1, start=2)))
    assert [bar.duration for bar in tune.bars] == [Fraction(1, 2), 1, Fraction(1, 4)]
    assert not bar_problems(tune)


def test_silent_bars_before_the_tune_are_dropped() -> None:
    tune = read_midi(written(metre(0, 3, 4) + line(1, 3, start=8)))
    assert [bar.duration for bar in tune.bars] == [Fraction(1, 4), Fraction(3, 4)]


def test_without_a_metre_it_is_common_time() -> None:
    assert read_midi(written(line(4, 4))).metre == Metre(4, 4)


def test_compound_thirds_need_no_triplets() -> None:
    tune = read_midi(written(metre(0, 6, 8) + line(*[0.5] * 6, 0.75, 0.25, 0.5, 1.5)))
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
    assert read_midi(written(meta(0, "key_signature", key=name) + line(4))).key == key


@pytest.mark.parametrize(
    ("scale", "key"),
    [
        ([67, 69, 71, 72, 74, 76, 78, 79, 74, 71, 67, 67], Key("G")),
        ([69, 71, 72, 74, 76, 77, 80, 81, 76, 72, 69, 69], Key("A", 0, Mode.MINOR)),
        ([70, 72, 74, 75, 77, 79, 81, 82, 77, 74, 70, 70], Key("B", -1)),
    ],
)
def test_a_missing_key_is_told_by_the_notes(scale: list[int], key: Key) -> None:
    messages = [message for place, midi in enumerate(scale) for message in note(place, 1, midi)]
    assert read_midi(written(messages)).key == key


def test_accidentals_are_the_nearest_on_the_circle_of_fifths() -> None:
    keys = [61, 63, 66, 68, 70]
    messages = [message for place, midi in enumerate(keys) for message in note(place, 1, midi)]
    for name, expected in {
        "C": "^C _E ^F ^G _B",
        "Eb": "_D _E _G _A _B",
        "E": "^C ^D ^F ^G ^A",
    }.items():
        tune = read_midi(written(meta(0, "key_signature", key=name) + messages))
        signs = {-1: "_", 0: "=", 1: "^"}
        found = [
            signs[item.pitches[0].alter] + item.pitches[0].letter
            for item, *_ in timed(tune.bars)
            if isinstance(item, Note)
        ]
        assert " ".join(found) == expected


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("The Reel", "The Reel"),
        ("Ã\x89ire", "Éire"),
        ("caf\xc3\xa9", "café"),
        (" ", "Given"),
        ("a\0b", "Given"),
    ],
)
def test_the_title_is_the_first_track_s_name_if_printable(name: str, title: str) -> None:
    data = written(meta(0, "track_name", name=name), line(4) + meta(0, "track_name", name="Flute"))
    assert read_midi(data, title="Given").title == title


def test_drums_and_tracks_without_notes_are_passed_over() -> None:
    drums = [message for beat in range(8) for message in note(beat / 2, 0.1, 36, channel=9)]
    assert lengths(read_midi(written(metre(0, 4, 4), line(1, 3), drums))) == [1, 3]


LEFT_OUT = {
    "more than one part: 2": written(line(4), line(4)),
    "more than one part: 3": written(line(4) + note(0, 4, 50, 1) + note(0, 4, 40, 2), kind=0),
    "notes that overlap at beat 1": written(note(0, 2, 60) + note(1, 1, 64)),
    "notes that overlap at beat 0": written(note(0, 2, 60) + note(0, 1, 64)),
    r"a note off the grid at beat 1\.4$": written(line(1, 0.4, 0.6, 1)),
    "off the grid at beat 0.0625": written(line(1 / 16, 1 / 16, 1)),
    r"ends off the grid at beat 1\.4": written(line(1, 0.4, -2.6, 1)),
    "without length": written(note(0, 0) + line(1, start=1)),
    "never ends at beat 0": written(note(0, 1, 50)[:1] + line(1, start=1)),
    "no notes": written(metre(0, 4, 4)),
    "bent pitch at beat 0.5": written([*line(4), (240, mido.Message("pitchwheel", pitch=99))]),
    "change of metre within a bar at beat 2": written(line(4, 4) + metre(960, 3, 4)),
    "change of key within a bar at beat 2": written(
        line(4, 4) + meta(960, "key_signature", key="D")
    ),
    "key signature off the grid": written(line(4, 4) + meta(999, "key_signature", key="D")),
    "metre not understood": written(line(4) + metre(0, 99, 4)),
    "bar longer than 16": written(line(4) + metre(0, 64, 1)),
    "too low": written(note(0, 1, 3)),
    "notes in a bar": written(metre(0, 16, 1) + line(*[1 / 8] * 400)),
    "MIDI format 2": written(line(4), line(4), kind=2),
    "seconds": raw(END, ticks_per_beat=0xE728),
    r"instead of beats": raw(END, ticks_per_beat=0),
    "larger than": b"MThd" + bytes(MAX_BYTES),
    "not a MIDI file": b"RIFF....",
    "not a MIDI": b"",
    "cut short": written(line(1, 1, 1))[:-9],
    "cut": b"MThd",
    "damaged": raw(b"\0\xf4\0" + END),
    "damaged MIDI": raw(b"\0\x40\x40" + END),
    "damaged MIDI file": raw(b"\0\xff\x54\5\xff\0\0\0\0" + END),
    "damaged MIDI fil": raw(b"\xff" * 2000),
    "seven sharps": raw(b"\0\xff\x59\2\x09\0" + END),
    "longer than 2000 bars": raw(b"\0\x90\x3c\x40\xff\xff\xff\x7f\x3c\0" + END, ticks_per_beat=1),
    "more than 2000 bars": raw(b"\xff\xff\xff\x7f\x90\x3c\x40\1\x3c\0" + END, ticks_per_beat=9999),
    "more than 40000 notes": raw(
        b"\0\x90\x3c\x40" + b"\1\x3c\0\0\x3c\x40" * 40_001 + b"\1\x3c\0" + END
    ),
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_what_cannot_be_read_faithfully_is_left_out(reason: str) -> None:
    with pytest.raises(NotationError, match=reason):
        read_midi(LEFT_OUT[reason])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(8, 90), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 90),
)
def test_damage_is_never_anything_but_a_reason(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(written(metre(0, 6, 8) + line(0.5, 1, 1.5, -1.5, 1.5), kind=0))
    for place, byte in changes:
        data[place % len(data)] = byte
    try:
        tune = read_midi(bytes(data[: cut + 20]))
    except NotationError as error:
        assert error.reason
    else:
        assert not any(isinstance(bar.items[0], Rest) for bar in tune.bars[:1])
