"""MusicXML that could take minutes, or gigabytes, is refused at once."""

import time
import zipfile
from io import BytesIO

import pytest

from abcgen.notation.reader import LeftOut
from abcgen.score.read_musicxml import read_musicxml_file

SECONDS = 10.0
NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>{}</duration>{}</note>"


def score(measure: str) -> bytes:
    return (
        '<score-partwise><part-list><score-part id="P1"><part-name>a</part-name></score-part>'
        f'</part-list><part id="P1"><measure number="1">{measure}</measure></part>'
        "</score-partwise>"
    ).encode()


def overlapping(count: int) -> str:
    back = "<backup><duration>4</duration></backup>"
    return back.join(NOTE.format(4, f"<voice>{voice}</voice>") for voice in range(count))


def in_odd_divisions(count: int) -> str:
    return "".join(
        f"<attributes><divisions>{1_000_003 + 2 * n}</divisions></attributes>{NOTE.format(1, '')}"
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<?xml" * 200_000, "not MusicXML"),
        (score(overlapping(390)), "more than 32 voices"),
        (score(in_odd_divisions(10_000)), "a duration not understood"),
    ],
    ids=["declarations", "voices", "divisions"],
)
def test_no_file_takes_more_than_its_length(data: bytes, reason: str) -> None:
    start = time.monotonic()
    (left_out,) = read_musicxml_file(data, "a.xml")
    assert isinstance(left_out, LeftOut)
    assert reason in left_out.reason
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_file_packed_in_another_way_than_mxl_is_refused(packing: int) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.writestr("a.xml", score(NOTE.format(4, "")))
    data = bytearray(buffer.getvalue())
    data[60] ^= 0xFF  # damaged too, which only the packing's own library notices
    (left_out,) = read_musicxml_file(bytes(data), "a.mxl")
    assert isinstance(left_out, LeftOut)
