from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.corpus.collections import collection_blocks
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import Reading, read_abc, read_block
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import FREE_METRE, Key, Metre, Mode, Note, Tune
from abcgen.notation.walk import walk_tune
from abcgen.notation.writer import write_abc, write_tunebook
from tests.referee import played
from tests.strategies import tunes

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tunebook import TuneBlock

HEAD = "X:1\nT:Test\nM:4/4\nL:1/8\nK:C\n"


def body(text: str) -> str:
    """Return the canonical body of a tune in C and 4/4."""
    return write_abc(read_abc(HEAD + text)).removeprefix(HEAD).rstrip("\n")


def sounding(tune: Tune) -> list[object]:
    return [
        (onset, duration, note.pitches, note.tied) if isinstance(note, Note) else (onset, duration)
        for note, onset, duration, _ in walk_tune(tune)
    ]


def test_a_tune_is_written_in_canonical_abc() -> None:
    tune = read_abc(
        "X:3\nT:Jig\nB:A book\nR:jig\nM:6/8\nK:G\n"
        "D|GAB GAB|c>de dcB|1 AGF GFE:|2 AGF G2||\n(3def|gfg e2c:|"
    )
    assert write_abc(tune) == (
        "X:3\nT:Jig\nR:jig\nB:A book\nM:6/8\nL:1/8\nK:G\n"
        "|: D | GAB GAB | c3/d/e dcB |1 AGF GFE :|2 AGF G2 ||\n"
        "|: (3def | gfg e2 c :|\n"
    )


def test_four_bars_a_line_and_sections_on_lines_of_their_own() -> None:
    written = body("|:C8|D8|E8|F8|G8|A8:|B8|c8|]")
    assert written.splitlines() == ["|: C8 | D8 | E8 | F8 |", "G8 | A8 :|", "B8 | c8 |]"]


def test_notes_are_beamed_by_the_metre() -> None:
    assert body("CDEFGABc|C2DEF4|]") == "CDEF GABc | C2 DE F4 |]"


def test_the_unit_length_is_the_one_that_most_notes_have() -> None:
    assert "L:1/4\n" in write_abc(read_abc("X:1\nM:4/4\nL:1/8\nK:C\nC2D2E2F2|GA B2 c4|"))
    assert "L:1/16\n" in write_abc(read_abc("X:1\nM:2/4\nL:1/8\nK:C\nC/D/E/F/ GA|"))


def test_an_accidental_is_written_wherever_readers_could_differ() -> None:
    assert body("^F4 f4|f8|]") == "^F4 ^f4 | f8 |]"
    assert body("^F4-|F8 =F|]") == "^F4- | ^F8 =F |]"
    assert body("^F =f F4 G2|]") == "^F=f =F4 G2 |]"


def test_a_title_cannot_break_the_header() -> None:
    tune = read_abc("X:1\nT:50\\% more\nK:C\nC8|")
    assert "T:50\\% more\n" in write_abc(tune)


@st.composite
def tunes_with_changes(draw: st.DrawFn) -> Tune:
    """Tunes with a change of key or metre at a bar."""
    tune = draw(tunes())
    index = draw(st.integers(0, len(tune.bars)))
    if index in {0, len(tune.bars)}:
        return tune
    bars = list(tune.bars)
    key = draw(st.sampled_from([None, Key("F"), Key("A", 0, Mode.MINOR, (("G", 1),))]))
    metre = draw(st.sampled_from([None, Metre(3, 4), Metre(2, 2, "C|"), FREE_METRE]))
    if metre == tune.metre:  # no change, and so none that is read
        metre = None
    bars[index] = replace(bars[index], key=key, metre=metre)
    return replace(tune, bars=tuple(bars))


@given(tunes_with_changes())
def test_a_written_tune_reads_back_the_same(tune: Tune) -> None:
    assert read_abc(write_abc(tune)) == tune


def test_writing_a_canonical_tune_again_changes_nothing(real_tunes: list[Tune]) -> None:
    for tune in real_tunes:
        written = write_abc(tune)
        again = read_abc(written)
        assert write_abc(again) == written
        assert sounding(again) == sounding(tune)


@pytest.mark.slow
def test_every_tune_of_every_collection_survives_every_way_of_writing() -> None:
    read = 0
    for found in collection_blocks():
        reading = read_block(found.block)
        if isinstance(reading, Reading):
            read += 1
            tune = reading.tune
            written, text = write_abc(tune), encode_tune(tune).text
            again, decoded = read_abc(written), decode_tune(text)
            assert (write_abc(again), encode_tune(decoded).text) == (written, text)
            assert sounding(again) == sounding(tune)
            assert sounding(decoded) == sounding(transpose(tune, Key("C")))
    assert read > 12_800


def test_a_tunebook_has_a_blank_line_between_tunes(real_tunes: list[Tune]) -> None:
    book = write_tunebook(real_tunes[:3])
    assert book.count("\n\n") == 2
    assert book.startswith("X:")


def test_abc2midi_plays_the_canonical_abc_as_it_plays_the_original(
    real_blocks: list[TuneBlock], abc2midi: Path, tmp_path: Path
) -> None:
    """On real tunes, of which a few are too faulty for the two to read alike."""
    read, alike = 0, 0
    for block in real_blocks[::2]:
        reading = read_block(block)
        if isinstance(reading, Reading):
            read += 1
            ours = played(abc2midi, write_abc(reading.tune), tmp_path)
            alike += ours == played(abc2midi, block.text, tmp_path)
    assert alike >= 0.95 * read


@pytest.mark.parametrize("text", ["|:C8|1D8:|2E8|]", "C8:|D8:|", "|:C8|D8::E8|F8:|"])
def test_abc2midi_plays_repeats_the_same(text: str, abc2midi: Path, tmp_path: Path) -> None:
    canonical = write_abc(read_abc(HEAD + text))
    assert played(abc2midi, canonical, tmp_path) == played(abc2midi, HEAD + text, tmp_path)


@pytest.mark.parametrize(
    ("found", "written"),
    [
        ("_B2[BG]2c4|", "_B2 [_BG]2 c4 |"),
        ("[_BG]2B2c4|", "[_BG]2 _B2 c4 |"),
        ("_B2B2c4|", "_B2 B2 c4 |"),
        ("[BG]2B2c4|", "[BG]2 B2 c4 |"),
    ],
)
def test_an_accidental_that_reaches_into_a_chord_or_out_of_one_is_written_again(
    found: str, written: str
) -> None:
    assert body(f"{found}CDEFGABc|").startswith(written)
