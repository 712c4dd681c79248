"""Tunes of several voices."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import Reading, read_abc, read_block
from abcgen.notation.transpose import pitches_of
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.writer import write_abc
from tests.referee import played

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "X:1\nT:Test\nM:4/4\nL:1/4\n"
BY_LINES = "K:D\nV:1\nDEFG|A4|\nV:2\nD,4|A,4|\n"
WRITINGS = [
    BY_LINES,
    "V:1\nV:2\nK:D\n[V:1]DEFG|\n[V:2]D,4|\n[V:1]A4|\n[V:2]A,4|\n",
    "V:1 clef=treble\nV:2 clef=bass\nK:D\nV:1\nDEFG|A4|\nV:2\nD,4|A,4|\n",
    "K:D\n[V:1]DEFG|A4|[V:2]D,4|A,4|\n",
]


@pytest.mark.parametrize("text", WRITINGS)
def test_voices_are_the_same_however_they_are_written(text: str) -> None:
    tune = read_abc(HEAD + text)
    assert len(tune.voices) == 2
    plain = re.sub(" clef=[a-z]+", "", write_abc(tune))
    assert plain == write_abc(read_abc(HEAD + BY_LINES))


def test_a_lone_voice_needs_no_name() -> None:
    tune = read_abc(HEAD + "K:D\nV:1\nDEFG|\n")
    assert (tune.voice, tune.others) == ("", ())
    assert "V:" not in write_abc(tune)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ("V:1\nV:2\n", ["", ""]),
        ('V:1 name="First fiddle"\nV:2 nm=Bass clef=bass\n', ["First fiddle", "Bass"]),
    ],
)
def test_voices_keep_their_names(fields: str, names: list[str]) -> None:
    tune = read_abc(HEAD + fields + BY_LINES)
    assert [voice.name for voice in tune.voices] == names
    assert read_abc(write_abc(tune)) == tune


def test_a_voice_without_a_name_is_called_by_its_id() -> None:
    tune = read_abc(HEAD + 'K:D\nV:T1\nDEFG|\nV:a"b\nD4|\n')
    assert [voice.name for voice in tune.voices] == ["T1", 'a"b']
    assert [voice.name for voice in read_abc(write_abc(tune)).voices] == ["T1", "a'b"]


def test_an_id_is_no_name_where_voices_have_names() -> None:
    tune = read_abc(HEAD + 'K:D\nV:S name="S A"\nDEFG|\nV:A\nD4|\n')
    assert [voice.name for voice in tune.voices] == ["S A", ""]
    assert read_abc(write_abc(tune)) == tune


def test_each_voice_has_its_own_accidentals_keys_and_lengths() -> None:
    tune = read_abc(HEAD + "K:C\n[V:1]^F2[V:2]F2[V:1]FG|[K:G]F4|\nV:2\nL:1/8\nF4|F8|\n")
    assert write_abc(tune).splitlines()[-5:] == ["^F2 F G |", "K:G", "F4 |", "V:2", "F2 F2 | F4 |"]


def test_the_model_text_is_the_first_voice() -> None:
    assert encode_tune(read_abc(HEAD + BY_LINES)).text == "M:4/4\nK:Cmaj\nC2D2E2F2|G8|\n"


@pytest.mark.parametrize(
    ("properties", "keys"),
    [
        ("octave=-1", [50, 52, 54, 55]),
        ("transpose=-12", [50, 52, 54, 55]),
        ("transpose=2", [64, 66, 68, 69]),
        ("transpose=-2", [60, 62, 64, 65]),
        ("clef=treble-8", [50, 52, 54, 55]),
        ('clef="treble-8"', [50, 52, 54, 55]),
        ("treble+8", [74, 76, 78, 79]),
        ("G-8", [50, 52, 54, 55]),
        ("treble_8", [62, 64, 66, 67]),
        ("treble-15", [38, 40, 42, 43]),
        ("clef=treble-8 octave=1", [62, 64, 66, 67]),
        ("middle=d clef=bass transpose=-24", [38, 40, 42, 43]),
        ("clef=bass,, foo=bar stem=up", [62, 64, 66, 67]),
        ("clef=trbele-8", [50, 52, 54, 55]),
        ("clef=trbele", [62, 64, 66, 67]),
    ],
)
def test_a_voice_may_sound_otherwise_than_its_letters(properties: str, keys: list[int]) -> None:
    tune = read_abc(HEAD + f"V:1 {properties}\nK:D\nDEFG|\n")
    assert pitches_of(tune) == pitches_of(read_abc(write_abc(tune))) == keys
    tune = read_abc(HEAD + f"K:D {properties.removeprefix('G-8')}\nV:1 {properties}\nDEFG|\n")
    assert pitches_of(tune) == keys


@pytest.mark.parametrize("sign", ["-8", "+8", "^8", "_8", "-15", ""])
def test_an_octave_clef_is_written_again(sign: str) -> None:
    tune = read_abc(HEAD + f"K:D clef=bass{sign}\nDEFG|\n")
    assert read_abc(write_abc(tune)).clef == tune.clef == f"bass{sign}"


def test_a_transposed_voice_has_a_key_of_its_own() -> None:
    tune = read_abc(HEAD + "V:1\nV:2 transpose=-2\nK:D\n[V:1]DEFG|\n[V:2]DEFG|\n")
    second = tune.others[0].bars[0]
    assert (str(tune.key), str(second.key)) == ("D", "C")
    assert pitches_of(replace(tune, bars=(second,))) == [60, 62, 64, 65]
    assert read_abc(write_abc(tune)) == tune


def test_only_the_transposed_voice_is_moved() -> None:
    tune = read_abc(HEAD + "V:1 transpose=-2\nV:2\nK:D\n[V:1]DEFG|\n[V:2]DEFG|\n")
    assert [str(tune.key), str(tune.others[0].bars[0].key)] == ["C", "D"]
    assert pitches_of(tune) == [60, 62, 64, 65]
    assert pitches_of(replace(tune, bars=tune.others[0].bars)) == [62, 64, 66, 67]


@pytest.mark.parametrize("body", ["[K:G][M:3/4]G2A|B3|", "K:G\nM:3/4\nG2A|B3|"])
def test_the_tune_opens_in_the_key_and_metre_of_its_first_note(body: str) -> None:
    tune = read_abc(f"{HEAD}K:C\n{body}\n")
    assert (str(tune.key), str(tune.metre), tune.bars[0].key) == ("G", "3/4", None)
    assert read_abc(write_abc(tune)) == tune


@pytest.mark.parametrize("properties", ["instrument=Bb", "sound=C", "octave=x", "transpose=999"])
def test_a_transposition_that_is_not_known_is_refused(properties: str) -> None:
    with pytest.raises(NotationError) as caught:
        read_abc(HEAD + f"V:1 {properties}\nK:D\nDEFG|\n")
    assert caught.value.line == 5


@pytest.mark.parametrize(
    ("header", "body", "keys"),
    [
        # The keys are abc2midi's, but for ``t=-2``, which it ignores.
        ("K:C score=CD", "", [60, 62, 64, 65]),
        ("K:C sound=AC", "", [51, 53, 55, 56]),
        ("K:C shift=CD", "", [62, 64, 66, 67]),
        ("K:C shift=GF", "", [58, 60, 62, 63]),
        ("K:C", "V:1 sound=A,C", [63, 65, 67, 68]),
        ("K:C sound=_B,C", "", [62, 64, 66, 67]),
        ("K:C t=-2", "", [58, 60, 62, 63]),
        ("%%MIDI transpose 2\nK:C", "", [62, 64, 66, 67]),
        ("I:MIDI=transpose 2\nK:C", "", [62, 64, 66, 67]),
        ("K:C", "%%MIDI transpose 2", [62, 64, 66, 67]),
        ("K:C", "V:1\n%%MIDI transpose -12", [48, 50, 52, 53]),
        ("K:C", "CDEF|\n%%MIDI transpose -12", [60, 62, 64, 65, 48, 50, 52, 53]),
    ],
)
def test_a_voice_sounds_as_far_from_its_letters_as_it_says(
    header: str, body: str, keys: list[int]
) -> None:
    tune = read_abc(f"{HEAD}{header}\n{body}\nCDEF|\n")
    assert pitches_of(tune) == keys
    assert read_abc(write_abc(tune)) == tune


def test_a_transposition_for_midi_is_that_of_its_voice() -> None:
    body = "K:C\nV:1\n%%MIDI transpose -12\nCDEF|\nV:2\nCDEF|\n"
    tune = read_abc(HEAD + body)
    keys = [pitches_of(replace(tune, bars=voice.bars)) for voice in tune.voices]
    assert keys == [[48, 50, 52, 53], [60, 62, 64, 65]]


def test_a_transposition_for_midi_within_the_tune_is_reported() -> None:
    (result,) = map(read_block, split_tunebook(f"{HEAD}K:C\nCDEF|\n%%MIDI transpose -1\nCDEF|\n"))
    assert isinstance(result, Reading)
    assert [repair.line for repair in result.repairs] == [7]
    assert pitches_of(result.tune) == 2 * [60, 62, 64, 65]


def test_music_before_its_voice_is_named_is_refused() -> None:
    with pytest.raises(NotationError) as caught:
        read_abc(HEAD + "V:1\nV:2\nK:D\nDEFG|\nV:2\nD4|\n")
    assert caught.value.line == 8


def test_the_number_of_voices_is_limited() -> None:
    with pytest.raises(NotationError) as caught:
        read_abc(HEAD + "K:D\n" + "".join(f"V:{number}\nD4|\n" for number in range(40)))
    assert caught.value.line == 6 + 2 * LIMITS.voices


@pytest.mark.parametrize("text", WRITINGS)
def test_abc2midi_plays_the_same_voices(text: str, abc2midi: Path, tmp_path: Path) -> None:
    canonical = write_abc(read_abc(HEAD + text))
    assert played(abc2midi, canonical, tmp_path) == played(abc2midi, HEAD + text, tmp_path)
