"""However a file is cut, encoded or broken: the same tunes at the same lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.config import LIMITS
from abcgen.corpus import tune_files
from abcgen.corpus.reading import load_corpus
from abcgen.corpus.tune_files import READERS, Chunk, chunks_of
from abcgen.notation.reader import LeftOut, TuneBlock, split_tunebook

if TYPE_CHECKING:
    from pathlib import Path

TUNE = "X:{0}\nT:{1}\nM:4/4\nL:1/8\nK:C\nCDEF GABc|c8|]\n"
ABC = READERS[".abc"]
LINE_ENDS = ["\n", "\r\n", "\r"]


def blocks_of(path: Path) -> list[TuneBlock]:
    """The tunes of a file as they are found chunk by chunk."""
    return [
        TuneBlock(chunk.line + block.line - 1, block.lines)
        for chunk in chunks_of(path, ABC)
        if isinstance(chunk, Chunk)
        for block in split_tunebook(chunk.data.decode())
    ]


@pytest.mark.parametrize("line_end", LINE_ENDS, ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_real_tunes_are_the_same_however_small_the_chunks(
    line_end: str,
    size: int,
    real_blocks: list[TuneBlock],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "\n\n".join(block.text for block in real_blocks[:40]).replace("\n", line_end)
    (tmp_path / "a.abc").write_bytes(text.encode())
    monkeypatch.setattr(tune_files, "CHUNK_BYTES", size)
    assert blocks_of(tmp_path / "a.abc") == list(split_tunebook(text))


@given(
    pieces=st.lists(st.sampled_from(["X:1", "K:C", "CDE|", "words", " ", "", "X:2 ", " X:3"])),
    line_end=st.sampled_from(LINE_ENDS),
    size=st.integers(1, 12),
)
def test_any_text_is_cut_only_where_a_tune_ends(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], line_end: str, size: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.abc"
    text = line_end.join(pieces)
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune_files, "CHUNK_BYTES", size)
        assert blocks_of(path) == list(split_tunebook(text))


@pytest.mark.parametrize(
    "data",
    [
        TUNE.format(1, "Ó Súilleabháin").encode(),
        b"\xef\xbb\xbf" + TUNE.format(1, "Ó Súilleabháin").encode(),
        TUNE.format(1, "Ó Súilleabháin").encode("latin-1"),
        TUNE.format(1, "Ó Súilleabháin").encode("utf-16"),
        b"\xfe\xff" + TUNE.format(1, "Ó Súilleabháin").encode("utf-16-be"),
        TUNE.format(1, "Ó Súilleabháin").replace("\n", "\r\n").encode("utf-16"),
    ],
    ids=["UTF-8", "BOM", "Latin-1", "UTF-16", "UTF-16 BE", "UTF-16 CRLF"],
)
def test_every_usual_encoding_is_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_bytes(data)
    (tune,) = load_corpus([tmp_path]).tunes
    assert tune.title == "Ó Súilleabháin"


def test_a_tune_in_latin_1_does_not_spoil_one_in_utf_8(tmp_path: Path) -> None:
    tunes = TUNE.format(1, "Tórramh").encode() + b"\n" + TUNE.format(2, "Tórramh").encode("latin-1")
    (tmp_path / "a.abc").write_bytes(tunes)
    assert [tune.title for tune in load_corpus([tmp_path]).tunes] == ["Tórramh", "Tórramh"]


def test_utf_16_without_its_mark_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_bytes(TUNE.format(1, "A").encode("utf-16-le"))
    (loss,) = chunks_of(tmp_path / "a.abc", ABC)
    assert isinstance(loss, LeftOut)
    assert "UTF-16" in loss.reason


def test_a_nul_character_costs_only_its_tune(tmp_path: Path) -> None:
    tunes = [TUNE.format(number, f"Tune {number}") for number in (1, 2, 3)]
    tunes[1] = tunes[1].replace("GABc", "GA\0c")
    (tmp_path / "a.abc").write_text("\n".join(tunes), encoding="utf-8")
    corpus = load_corpus([tmp_path])
    assert [tune.number for tune in corpus.tunes] == [1, 3]
    (loss,) = corpus.losses
    assert (loss.cause.line, loss.cause.number, loss.cause.title) == (13, "2", "Tune 2")
    assert "NUL" in loss.cause.reason


def test_a_line_without_end_costs_only_itself(tmp_path: Path) -> None:
    first, last = TUNE.format(1, "First"), TUNE.format(2, "Last")
    with (tmp_path / "a.abc").open("w", encoding="utf-8") as file:
        file.write(first + "\nX:9\nT:Endless\nK:C\n")
        for _ in range(30):
            file.write("c" * 100_000)
        file.write("\n\n" + last.replace("GABc", "@"))
    corpus = load_corpus([tmp_path])
    assert [tune.title for tune in corpus.tunes] == ["First"]
    endless, broken = (loss.cause for loss in corpus.losses)
    assert (endless.line, endless.number, endless.title) == (8, "9", "Endless")
    assert "without a blank line" in endless.reason
    assert (broken.line, broken.title) == (18, "Last")


def test_of_very_many_tunes_the_rest_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune_files, "LIMITS", replace(LIMITS, tunebook_tunes=3))
    monkeypatch.setattr(tune_files, "CHUNK_BYTES", 1)
    tunes = [TUNE.format(number, f"Tune {number}") for number in range(1, 10)]
    (tmp_path / "a.abc").write_text("\n".join(tunes), encoding="utf-8")
    corpus = load_corpus([tmp_path])
    assert len(corpus.tunes) == 3
    (loss,) = corpus.losses
    assert (loss.cause.line, "more than 3 tunes" in loss.cause.reason) == (22, True)
