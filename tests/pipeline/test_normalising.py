from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from abcgen.corpus.cache import TextCache
from abcgen.corpus.reading import load_corpus
from abcgen.errors import InputError
from abcgen.notation.writer import write_tunebook
from abcgen.pipeline.normalising import Normalised, ReadingOptions, normalise_files

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tunebook import TuneBlock

TUNE = "X:{number}\nT:A tune\n{source}M:4/4\nL:1/8\nK:C\nCDEF GABc |]\n"


def normalise(*paths: Path, out: Path, cache: Path | None = None, processes: int = 1) -> Normalised:
    options = ReadingOptions(cache=TextCache(cache), processes=processes)
    return normalise_files(paths, out, options)


def book(folder: Path, name: str, *numbers: int) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    tunes = [TUNE.format(number=number, source="") for number in numbers]
    path.write_text("\n".join(tunes), encoding="utf-8")
    return path


def numbers_in(path: Path) -> list[int]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [int(line[2:]) for line in lines if line.startswith("X:")]


def test_a_tune_without_a_source_gets_the_name_of_its_file(tmp_path: Path) -> None:
    first, second = (TUNE.format(number=1, source=source) for source in ("", "S:Mary\n"))
    (tmp_path / "session.abc").write_text(f"{first}\n{second}", encoding="utf-8")
    (written,) = normalise(tmp_path / "session.abc", out=tmp_path / "out.abc").files
    first = first.replace("M:", "S:session.abc\nM:")
    # Both are number 1, so that they are numbered anew.
    assert written.read_text(encoding="utf-8") == first + "\n" + second.replace("X:1", "X:2")


def test_numbers_stay_unless_two_tunes_have_the_same(tmp_path: Path) -> None:
    book(tmp_path / "in", "a.abc", 7, 3)
    book(tmp_path / "in", "b.abc", 5, 7)
    normalise(tmp_path / "in", out=tmp_path / "apart")
    assert numbers_in(tmp_path / "apart" / "a.abc") == [7, 3]
    assert numbers_in(tmp_path / "apart" / "b.abc") == [5, 7]
    normalise(tmp_path / "in", out=tmp_path / "all.abc")
    assert numbers_in(tmp_path / "all.abc") == [1, 2, 3, 4]


def test_normalising_twice_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nK:C\nc>d|e8|\n", encoding="utf-8")
    (once,) = normalise(tmp_path / "a.abc", out=tmp_path / "once.abc").files
    (twice,) = normalise(once, out=tmp_path / "twice.abc").files
    assert once.read_bytes() == twice.read_bytes()
    assert "\nT:\n" in once.read_text(encoding="utf-8")


def test_written_tunes_are_the_tunes_read(real_blocks: list[TuneBlock], tmp_path: Path) -> None:
    text = "\n\n".join(block.text for block in real_blocks[::8])
    (tmp_path / "a.abc").write_text(text, encoding="utf-8")
    out = tmp_path / "out.abc"
    normalise(tmp_path / "a.abc", out=out)
    again = load_corpus([out])
    assert not again.skipped
    assert write_tunebook(again.tunes) == out.read_text(encoding="utf-8")


def test_a_second_run_from_the_cache_writes_the_same(
    real_blocks: list[TuneBlock], tmp_path: Path
) -> None:
    text = "\n\n".join(block.text for block in real_blocks[::6])
    (tmp_path / "a.abc").write_text(text, encoding="utf-8")
    cache = tmp_path / "cache"
    runs = [
        normalise(tmp_path / "a.abc", out=tmp_path / f"{name}.abc", cache=used, processes=processes)
        for name, used, processes in (("none", None, 1), ("new", cache, 2), ("old", cache, 2))
    ]
    texts = {run.files[0].read_bytes() for run in runs}
    assert len(texts) == 1
    assert runs[0].report == runs[1].report == runs[2].report


def test_files_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    paths = [book(folder, name, 1) for name in ("a.abc", "a.ABC", "a.ABC.abc", "deep/a.abc")]
    written = normalise(*paths, out=tmp_path / "out").files
    assert len(set(written)) == len(paths)
    assert (tmp_path / "out" / "deep" / "a.abc").exists()


def test_nothing_is_written_if_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_text("X:1\nT:Bad\nK:C\nCD@F|\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a.abc:4: X:1 'Bad'"):
        normalise(tmp_path / "a.abc", out=tmp_path / "out.abc")
    assert os.listdir(tmp_path) == ["a.abc"]  # noqa: PTH208 - names are what is asked about


def test_a_file_whose_name_is_not_utf_8_is_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.abc")
    try:
        path.write_text(TUNE.format(number=1, source=""), encoding="utf-8")
    except OSError:
        pytest.skip("this file system has no such names")
    (written,) = normalise(path, out=tmp_path / "out.abc").files
    assert "S:caf\ufffd.abc" in written.read_text(encoding="utf-8")
