"""What reading MusicXML promises: the tune that was written, or a reason."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from abcgen.errors import NotationError
from abcgen.notation.reader import LeftOut, Reading, read_abc
from abcgen.notation.writer import write_abc
from abcgen.score.musicxml import musicxml_of
from abcgen.score.read_musicxml import MAX_BYTES, read_musicxml, read_musicxml_file
from benchmarks.transcription.measures import sounding

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

TUNE = """X:1
T:Repeats, endings, triplets
M:4/4
L:1/8
K:Ador
|: A2 | (3efg e2 dBGB | A3 ^c e4- | e2 z2 [Ace]4 |1 G2 E2 G4 :|2 A6 ||
M:3/4
K:D
|: f4 d2 | A6 :|
"""
VOICES = """X:1
T:Two voices
M:3/4
L:1/4
K:F
V:1
c2 d | e f g | a3 |]
V:2
F3 | C3 | F3 |]
"""


def through(tune: Tune) -> Tune:
    return read_musicxml(musicxml_of(tune)).tune


def test_repeats_endings_triplets_keys_and_metres_are_read_back() -> None:
    tune = read_abc(TUNE)
    found = through(tune)
    assert sounding(found) == sounding(tune)
    assert [(bar.repeat_start, bar.line, bar.ending) for bar in found.bars] == [
        (bar.repeat_start, bar.line, bar.ending) for bar in tune.bars
    ]
    assert (found.key.fifths, found.metre, found.title) == (tune.key.fifths, tune.metre, tune.title)


def test_voices_are_read_back() -> None:
    tune = read_abc(VOICES)
    assert len(through(tune).voices) == 2
    assert sounding(through(tune)) == sounding(tune)


def test_real_tunes_are_read_back_note_for_note(real_tunes: list[Tune]) -> None:
    for tune in real_tunes[::20]:
        assert sounding(through(tune)) == sounding(tune), tune.title


def packed(**files: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/") + ".xml", data)
    return buffer.getvalue()


def test_a_packed_file_is_read() -> None:
    xml = musicxml_of(read_abc(TUNE))
    data = packed(**{"META-INF__container": b"<container/>", "score": xml})
    assert sounding(read_musicxml(data).tune) == sounding(read_abc(TUNE))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "MusicXML"),
        (b"<html/>", "MusicXML"),
        (b"PK\3\4 and no more", "packed"),
        (packed(score=b" " * (MAX_BYTES + 1)), f"{MAX_BYTES // 1_000_000} MB"),
        (b" " * (MAX_BYTES + 1), f"{MAX_BYTES // 1_000_000} MB"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><score-partwise/>', "entities"),
        (b"<score-partwise><part-list", "XML"),
        (packed(other=b"")[:-5] + b"12345", "packed"),
    ],
    ids=["empty", "html", "cut", "bomb", "too large", "entities", "cut xml", "damaged"],
)
def test_an_unusable_file_is_left_out_with_a_reason(data: bytes, named: str) -> None:
    with pytest.raises(NotationError) as caught:
        read_musicxml(data)
    assert named in caught.value.reason
    left_out = next(read_musicxml_file(data, "x.musicxml"))
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == caught.value.reason


def test_a_piece_without_a_title_is_named_after_its_file() -> None:
    xml = musicxml_of(read_abc(TUNE.replace("Repeats, endings, triplets", "")))
    result = next(read_musicxml_file(xml, "The Reel.musicxml"))
    assert isinstance(result, Reading)
    assert result.tune.title


@pytest.mark.parametrize("finger", ["-1", "6", "12", "thumb", ""])
def test_a_fingering_that_abc_does_not_know_is_left_out_and_said(finger: str) -> None:
    data = musicxml_of(read_abc("X:1\nM:4/4\nL:1/4\nK:C\n!3!CDEF|\n"))
    odd = data.replace(b">3</fingering>", f">{finger}</fingering>".encode())
    assert odd != data
    reading = read_musicxml(odd)
    assert write_abc(read_abc(write_abc(reading.tune))) == write_abc(reading.tune)
    assert any("fingering" in repair.what for repair in reading.repairs)
    assert "!3!" in write_abc(read_musicxml(data).tune)


@pytest.mark.parametrize("normal", [2, 4])
def test_one_note_in_the_time_of_several_is_no_tuplet(normal: int) -> None:
    data = musicxml_of(read_abc("X:1\nM:4/4\nL:1/8\nK:C\n(3CDE F2 G4|\n"))
    odd = data.replace(b">3</actual-notes>", b">1</actual-notes>").replace(
        b">2</normal-notes>", f">{normal}</normal-notes>".encode()
    )
    assert odd != data
    tune = read_musicxml(odd).tune
    assert write_abc(read_abc(write_abc(tune))) == write_abc(tune)
