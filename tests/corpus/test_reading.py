"""Reading by several processes and from the cache: always the same records in the same order."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen import workers as workers_module
from abcgen.corpus import reading as reading_module
from abcgen.corpus import tune_files
from abcgen.corpus.cache import TextCache, default_folder, key_of
from abcgen.corpus.reading import PARALLEL_BYTES, SkippedTune, load_corpus, read_chunk, read_files
from abcgen.corpus.records import TUNE_RECORDS, TuneRecord
from abcgen.corpus.tune_files import READERS, Chunk, size_of
from abcgen.notation.writer import write_abc

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tunebook import TuneBlock

BROKEN = "X:{0}\nT:Broken\nM:4/4\nK:C\nCD@F|"


@pytest.fixture
def book(real_blocks: list[TuneBlock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tunebook of several chunks, with tunes in it that cannot be read."""
    monkeypatch.setattr(tune_files, "CHUNK_BYTES", 2_000)
    texts = [block.text for block in real_blocks[::10]]
    for place in range(0, len(texts), 10):
        texts.insert(place, BROKEN.format(1000 + place))
    path = tmp_path / "tunes" / "book.abc"
    path.parent.mkdir()
    path.write_text("\n\n".join(texts), encoding="utf-8")
    return path


def read(
    path: Path, cache: TextCache | None = None, processes: int = 1
) -> tuple[list[TuneRecord], list[SkippedTune]]:
    """The records of a file, and what is left out."""
    chunks = list(
        read_files([path], READERS, TUNE_RECORDS, cache or TextCache(None), processes=processes)
    )
    return (
        [record for chunk in chunks for record in chunk.records],
        [skipped_tune for chunk in chunks for skipped_tune in chunk.skipped],
    )


def test_records_are_of_the_tunes_read(book: Path) -> None:
    corpus = load_corpus([book])
    tunes, skipped = read(book)
    assert skipped == list(corpus.skipped)
    for record, tune in zip(tunes, corpus.tunes, strict=True):
        assert record.title == tune.title
        written = write_abc(tune).splitlines()
        assert [line for line in record.abc.splitlines() if line != "S:book.abc"] == [
            line for line in written[1:] if line != "S:book.abc"
        ]
    lines = book.read_text(encoding="utf-8").split("\n")
    assert all(lines[tune.line - 1].startswith("X:") for tune in tunes)


def test_several_processes_read_what_one_does(book: Path) -> None:
    assert read(book, processes=2) == read(book)


def test_files_come_in_order_and_none_without_a_record_or_loss(book: Path) -> None:
    empty, words = book.with_name("empty.abc"), book.with_name("words.abc")
    empty.touch()
    words.write_text("words", encoding="utf-8")
    seen: list[tuple[int, int]] = []
    chunks = read_files(
        [empty, book, words],
        READERS,
        TUNE_RECORDS,
        TextCache(None),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    paths = [chunk.path for chunk in chunks]
    assert list(dict.fromkeys(paths)) == [empty, book, words]
    assert seen == sorted(seen)
    assert seen[-1] == (book.stat().st_size + 5,) * 2


def test_slow_formats_are_read_by_several_processes(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def processors() -> int:
        asked.append(1)
        return 1

    monkeypatch.setattr(reading_module, "cores", processors)
    read(book, processes=0)
    assert not asked
    cost = 1 + PARALLEL_BYTES / size_of(book)
    slow = {".abc": replace(READERS[".abc"], cost=cost)}
    assert list(read_files([book], slow, TUNE_RECORDS, TextCache(None)))
    assert asked


def test_chunks_of_dead_workers_are_read_here(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(book)
    monkeypatch.setattr(workers_module, "_start_worker", _die)
    assert read(book, processes=2) == expected


def _die() -> None:
    os._exit(1)


def test_a_second_reading_uses_only_the_cache(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = TextCache(tmp_path / "cache")
    first = read(book, cache)

    def never(chunk: object, _format: object) -> str:
        raise AssertionError(chunk)

    monkeypatch.setattr(reading_module, "read_chunk_as_json", never)
    assert read(book, cache) == first


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"A", b"B")),
        lambda path: path.write_bytes(b"\xff\xfe\n" + bytes(range(256))),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["empty", "cut", "changed", "binary", "folder"],
)
def test_damaged_cache_entries_are_replaced(damage: object, book: Path, tmp_path: Path) -> None:
    cache = TextCache(tmp_path / "cache")
    first = read(book, cache)
    for path in (tmp_path / "cache").rglob("*.jsonl"):
        damage(path)  # type: ignore[operator]
    assert read(book, cache) == first


@pytest.mark.parametrize(
    "text", ["[]", "{}", '["a", "b", "c", "d"]', "[1, 2]", "nonsense", "[" * 9999]
)
def test_a_foreign_cache_entry_is_replaced_even_if_sealed(
    text: str, book: Path, tmp_path: Path
) -> None:
    cache = TextCache(tmp_path / "cache")
    first = read(book, cache)
    for path in (tmp_path / "cache").rglob("*.jsonl"):
        cache.put(path.stem, text)
    assert read(book, cache) == first


def test_the_least_recently_used_entries_are_removed_first(tmp_path: Path) -> None:
    keys = [key_of(str(number)) for number in range(6)]
    cache = TextCache(tmp_path, limit=3500)
    for age, key in enumerate(keys):
        cache.put(key, "x" * 900)
        path = next(tmp_path.rglob(f"{key}*"))
        os.utime(path, (time.time() - 100 + age,) * 2)
    assert cache.get(keys[0])  # which makes it the newest
    cache.trim()
    assert [bool(cache.get(key)) for key in keys] == [True, False, False, False, True, True]


def test_a_change_to_the_code_invalidates_the_cache(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = TextCache(tmp_path / "cache")
    before = [chunk.key for chunk in read_files([book], READERS, TUNE_RECORDS, cache)]
    monkeypatch.setattr(reading_module, "version_of", lambda _rooms: "another")
    after = [chunk.key for chunk in read_files([book], READERS, TUNE_RECORDS, cache)]
    assert not set(before) & set(after)


def test_an_unwritable_cache_is_not_an_error(book: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    assert read(book, TextCache(tmp_path / "cache")) == read(book)


def test_the_user_chooses_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABCGEN_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "readings"
    monkeypatch.setenv("ABCGEN_CACHE", "off")
    assert default_folder() is None
    monkeypatch.delenv("ABCGEN_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "abcgen" / "readings"


def test_records_survive_as_text(book: Path) -> None:
    chunk = Chunk(book, READERS[".abc"], book.read_bytes())
    records, left_out = read_chunk(chunk, TUNE_RECORDS)
    assert records
    assert left_out
    text = TUNE_RECORDS.encode(records, left_out)
    assert TUNE_RECORDS.decode(text) == (records, left_out)
    json.loads(text)


def test_lines_count_from_the_beginning_of_the_file(book: Path) -> None:
    """Of tunes, of their repairs, and of what is left out."""
    text = book.read_text(encoding="utf-8")
    records, skipped = read(book)
    book.write_text("\n" * 5_000 + text, encoding="utf-8")
    moved, moved_skipped = read(book)
    assert len(records) > 1
    assert len(skipped) > 1
    for one, other in zip(records, moved, strict=True):
        assert other.line == one.line + 5_000
        assert [note.line for note in other.repairs] == [
            note.line + 5_000 if note.line else 0 for note in one.repairs
        ]
    for skipped_tune, moved_tune in zip(skipped, moved_skipped, strict=True):
        assert moved_tune.cause.line == skipped_tune.cause.line + 5_000
