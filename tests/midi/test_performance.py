"""Reading damaged and odd MIDI files gives a tune and a remark, or a reason."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.midi import MAX_BYTES, read_midi
from abcgen.midi import metre as metre_module
from abcgen.midi.performance import META, parse
from abcgen.notation.reader import read_abc
from abcgen.notation.writer import write_abc
from benchmarks.transcription.measures import sounding
from tests.midi_files import END, QUARTER, line, meta, metre, note, raw, written

SCALE = b"".join(b"\0\x90%c\x40\x83\x60\x80%c\0" % (key, key) for key in b"<>@ACEGH")


def heard(data: bytes) -> list[tuple[float, float, int]]:
    """Return onset and length in quarters, and key number, of the notes of a transcription."""
    return [(float(4 * on), float(4 * d), key) for on, d, key in sounding(read_midi(data).tune)]


def remarks(data: bytes) -> str:
    reading = read_midi(data)
    return "; ".join([*(repair.what for repair in reading.repairs), *reading.inferences])


@pytest.mark.parametrize("kind", [0, 1])
def test_every_message_is_read_as_mido_reads_it(kind: int) -> None:
    parts = [metre(0, 3, 4) + line(1, 2, 0.5, 1.5), note(0, 4, 40, 1)]
    data = written(*(parts if kind else [parts[0] + parts[1]]), kind=kind)
    for ours, theirs in zip(
        parse(data).tracks, mido.MidiFile(file=BytesIO(data)).tracks, strict=True
    ):
        tick = 0
        found: list[Any] = []
        for message in theirs:
            tick += message.time
            found.append((tick, bytes(message.bytes())))
        assert [
            (one.tick, one.data[0]) if one.status == META else (one.tick, one.status)
            for one in ours
        ] == [(at, data[1] if data[0] == META else data[0]) for at, data in found]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 127), st.integers(0, 127)), max_size=20)
)
def test_running_status_changes_nothing(notes: list[tuple[int, int, int]]) -> None:
    def number(value: int) -> bytes:
        return bytes([value >> 7 | 0x80, value & 0x7F]) if value > 0x7F else bytes([value])

    full = b"".join(number(gap) + b"\x90" + bytes([key, hard]) for gap, key, hard in notes)
    running = b"".join(
        number(gap) + (b"" if place else b"\x90") + bytes([key, hard])
        for place, (gap, key, hard) in enumerate(notes)
    )
    assert parse(raw(full + END)) == parse(raw(running + END))


def test_running_status_holds_after_a_meta_message() -> None:
    body = b"\0\x90\x3c\x40\0\xff\x01\x01a\x83\x60\x3c\0\0\x3e\x40\x83\x60\x3e\0"
    assert [key for *_, key in heard(raw(body + END))] == [60, 62]


def test_a_file_cut_short_gives_what_came_before() -> None:
    whole = raw(SCALE + END)
    for end in range(len(whole) - 6, 40, -7):
        assert 1 <= len(heard(whole[:end])) <= 8
        assert "cut short" in remarks(whole[:end])


def test_a_damaged_track_gives_what_came_before_and_the_other_tracks() -> None:
    broken = raw(SCALE + b"\0\xf4\0" + END)
    assert [key for *_, key in heard(broken)] == list(b"<>@ACEGH")
    assert "damaged" in remarks(broken)


def test_only_the_first_track_of_format_2_is_read() -> None:
    data = written(line(1, 1, 1, 1), line(2, 2), kind=2)
    assert len(heard(data)) == 4
    assert "independent tracks" in remarks(data)


@pytest.mark.parametrize(("division", "half_second"), [(0xE728, 500), (0xE250, 1200)])
def test_time_counted_in_seconds_is_read_at_two_beats_a_second(
    division: int, half_second: int
) -> None:
    ticks = bytes([half_second >> 7 | 0x80, half_second & 0x7F])
    body = b"".join(b"\0\x90%c\x40%b%c\0" % (key, ticks, key) for key in b"<>@ACEGH")
    found = heard(raw(body + END, ticks_per_beat=division))
    assert [(on, length) for on, length, _ in found] == [(place, 1) for place in range(8)]


def test_a_note_that_never_ends_lasts_a_quarter() -> None:
    data = written(note(0, 1, 50)[:1] + line(1, 1, 1, 1, start=4))
    assert (0.0, 1.0, 50) in heard(data)
    assert "never end" in remarks(data)


def test_a_note_without_length_is_given_one() -> None:
    data = written([*note(1, 0, 50), *line(1, 1, 1, start=2)])
    assert heard(data)[0][2] == 50
    assert "without length" in remarks(data)


def test_a_key_struck_again_while_it_sounds_ends_the_note_before() -> None:
    data = written([*note(0, 3, 60), *note(1, 3, 60), *note(4, 1, 62), *note(5, 1, 64)])
    assert [(on, length) for on, length, key in heard(data) if key == 60] == [(0, 1), (1, 3)]


def test_a_bent_pitch_is_read_as_the_note_it_starts_from_and_remarked_on() -> None:
    data = written([*line(1, 1, 1, 1), (240, mido.Message("pitchwheel", pitch=99))])
    assert len(heard(data)) == 4
    assert "bent" in remarks(data)


def test_drums_are_dropped_and_remarked_on() -> None:
    drums = [message for beat in range(8) for message in note(beat / 2, 0.1, 36, channel=9)]
    data = written(metre(0, 4, 4), line(1, 3, 2, 2), drums)
    assert len(heard(data)) == 4
    assert "drums" in remarks(data)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("The Reel", "The Reel"),
        ("Ã\x89ire", "Éire"),
        ("caf\xe9", "café"),
        (" ", "Given"),
        ("a\0b", "Given"),
        ("\x81\x8d\x90", "Given"),
    ],
)
def test_the_title_is_the_first_name_in_any_encoding_if_printable(name: str, title: str) -> None:
    data = written(
        meta(0, "track_name", name=name), line(4, 4) + meta(0, "track_name", name="Flute")
    )
    assert read_midi(data, title="Given").tune.title == title


def test_a_wrapped_file_is_read() -> None:
    data = raw(SCALE + END)
    wrapped = b"RIFF" + (len(data) + 12).to_bytes(4, "little") + b"RMIDdata" + bytes(4) + data
    assert heard(wrapped) == heard(data)


def test_an_impossible_metre_or_key_is_ignored() -> None:
    odd = b"\0\xff\x58\4\0\2\x18\x08\0\xff\x58\4\4\xf0\x18\x08\0\xff\x59\2\x0f\0"
    assert heard(raw(odd + SCALE + END)) == heard(raw(SCALE + END))


UNREADABLE = {
    "no notes": written(metre(0, 4, 4)),
    "no notes but drums": written(note(0, 1, 36, 9)),
    "no notes; notes below MIDI key 21": written(note(0, 1, 3)),
    f"larger than {MAX_BYTES // 1000} kB": b"MThd" + bytes(MAX_BYTES),
    "not a MIDI file": b"RIFF....",
    "not a MIDI": b"",
    "not a": b"MThd",
    "no notes; a track is damaged": raw(b"\xff" * 2000),
    f"more than {LIMITS.bars} bars": raw(
        b"\0\x90\x3c\x40\x83\x60\x3c\0\xff\xff\xff\x7f\x3c\x40\x83\x60\x3c\0" + END,
        ticks_per_beat=4800,
    ),
    f"more than {LIMITS.tune_characters} notes": raw(
        b"\0\x90\x3c\x40" + b"\1\x3c\0\0\x3c\x40" * 40_001 + b"\1\x3c\0" + END
    ),
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_a_file_without_a_tune_is_an_error_with_its_reason(reason: str) -> None:
    with pytest.raises(NotationError, match=reason):
        read_midi(UNREADABLE[reason])


SEEDS = [
    written(metre(0, 6, 8) + line(0.5, 1, 1.5, -1.5, 1.5), kind=0),
    written(meta(0, "key_signature", key="D") + line(*[1 / 3] * 9, 1), note(0, 4, 48, 1)),
    written(note(0, 4, 60) + note(1, 2, 64) + note(1.5, 3, 48) + note(2.03, 1, 67), kind=0),
]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 400),
)
def test_a_damaged_file_gives_a_tune_or_an_error(
    seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(seed)
    for place, byte in changes:
        data[place % len(data)] = byte
    try:
        tune = read_midi(bytes(data[: cut + 30])).tune
    except NotationError as error:
        assert error.reason
    else:
        assert sounding(read_abc(write_abc(tune))) == sounding(tune)


def test_notes_all_alike_are_compared_at_most_20_000_times(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def counted(notes: Any) -> Any:
        for pair in pairs_of(notes):
            compared.append(1)
            yield pair

    pairs_of = metre_module.matching_pairs
    monkeypatch.setattr(metre_module, "matching_pairs", counted)
    tune = read_midi(raw(b"\0\x90\x3e\x40\x3c\x3e\0" * 4_000 + END)).tune
    assert len(tune.bars) > 10
    assert len(compared) <= 20_000


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_tune_or_an_error(body: bytes) -> None:
    try:
        read_midi(raw(body))
    except NotationError as error:
        assert error.reason


def test_any_number_of_ticks_gives_the_same_notes() -> None:
    found = [
        heard(
            written(
                [(at * ticks // QUARTER, message) for at, message in line(1, 0.5, 0.5, 2, 4)],
                ticks_per_beat=ticks,
            )
        )
        for ticks in (24, 96, 120, 480, 960)
    ]
    assert all(one == found[0] for one in found)
