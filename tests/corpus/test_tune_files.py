"""However a file is cut, encoded or broken: the same tunes at the same lines."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.config import LIMITS
from abcgen.corpus import tune_files
from abcgen.corpus.reading import load_corpus
from abcgen.corpus.tune_files import READERS, Chunk, Reader, chunks_of, find_files, read_abc_file
from abcgen.errors import InputError
from abcgen.files import open_regular
from abcgen.notation.reader import LeftOut
from abcgen.notation.tunebook import TuneBlock, split_tunebook

GOOD = "X:1\nT:Good\nM:4/4\nL:1/8\nK:C\nCDEF GABc|\n"
BAD = "X:2\nT:Bad\nM:4/4\nL:1/8\nK:C\nCD@F|\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def reasons(*paths: Path) -> dict[str, str]:
    """Why each file, or tune, among good ones was left out."""
    return {tune.path.name: tune.cause.reason for tune in load_corpus(paths).skipped}


def test_folders_are_searched_and_hidden_ones_ignored(tmp_path: Path) -> None:
    wanted = [write(tmp_path / "a.abc", GOOD), write(tmp_path / "b" / "c.ABC", GOOD)]
    write(tmp_path / ".git" / "d.abc", GOOD)
    write(tmp_path / "README.md", "words")
    assert find_files([tmp_path], READERS) == wanted
    assert find_files([tmp_path, wanted[0]], READERS) == wanted


def test_a_bad_tune_costs_only_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.abc", f"{GOOD}\n{BAD}\n{GOOD}")
    corpus = load_corpus([tmp_path])
    assert [tune.title for tune in corpus.tunes] == ["Good", "Good"]
    (tune,) = corpus.skipped
    assert str(tune).startswith(f"{path}:13: X:2 'Bad': ")
    assert "@F|" in str(tune)


def test_a_bad_file_costs_only_itself(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    (tmp_path / "binary.abc").write_bytes(b"\x89PNG\r\n\0\1\2")
    (tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
    (tmp_path / "empty.abc").touch()
    write(tmp_path / "words.abc", "Dear diary\n")
    assert len(load_corpus([tmp_path]).tunes) == 1
    found = reasons(tmp_path)
    assert found.keys() == {"binary.abc", "broken.mid", "empty.abc", "words.abc"}
    assert all(found.values())
    assert "X:" in found["words.abc"]


def test_a_file_too_large_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    for name, size in (("huge.abc", LIMITS.tunebook_bytes), ("huge.mid", LIMITS.file_bytes)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size + 1)
    found = reasons(tmp_path)
    assert found.keys() == {"huge.abc", "huge.mid"}
    assert f"{LIMITS.tunebook_bytes // 1_000_000} MB" in found["huge.abc"]
    assert f"{LIMITS.file_bytes // 1_000_000} MB" in found["huge.mid"]


def test_devices_pipes_and_broken_links_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    os.mkfifo(tmp_path / "pipe.abc")
    (tmp_path / "loop.abc").symlink_to("loop.abc")
    (tmp_path / "lost.abc").symlink_to("nowhere.abc")
    found = reasons(tmp_path, Path(os.devnull))
    assert found == {
        "pipe.abc": "not a file",
        "null": "not a file",
        "loop.abc": "a link that leads nowhere",
        "lost.abc": "a link that leads nowhere",
    }


def test_folders_that_link_in_a_circle_are_searched_once(tmp_path: Path) -> None:
    good = write(tmp_path / "tunes" / "good.abc", GOOD)
    (tmp_path / "tunes" / "again").symlink_to(tmp_path / "tunes")
    assert find_files([tmp_path], READERS) == [good]


def test_a_file_without_permission_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "good.abc", GOOD)
    locked = write(tmp_path / "locked.abc", GOOD)

    def refuse(path: Path) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return open_regular(path)

    monkeypatch.setattr(tune_files, "open_regular", refuse)
    assert reasons(tmp_path) == {"locked.abc": "permission denied"}


def test_progress_reaches_the_total(tmp_path: Path) -> None:
    write(tmp_path / "a.abc", f"{GOOD}\n{BAD}")
    write(tmp_path / "b.abc", GOOD)
    seen: list[tuple[int, int]] = []
    load_corpus([tmp_path], on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        load_corpus([tmp_path / "nowhere"])


def test_the_error_for_a_folder_without_tunes_has_a_hint(tmp_path: Path) -> None:
    write(tmp_path / "picture.png", "no tune")
    with pytest.raises(InputError) as caught:
        load_corpus([tmp_path])
    assert "abcgen corpus install" in caught.value.hint


def test_the_error_for_files_without_readable_tunes_names_the_first_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.abc:6: X:2 'Bad': "):
        load_corpus([write(tmp_path / "a.abc", BAD)])
    with pytest.raises(InputError, match=r"b\.abc"):
        load_corpus([write(tmp_path / "b.abc", "just words")])


def test_a_reader_can_be_added_for_another_kind_of_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", GOOD)
    readers = {**READERS, ".txt": Reader(read_abc_file, is_tunebook=True)}
    assert load_corpus([tmp_path], readers=readers).files[0].path == path
    with pytest.raises(InputError):
        load_corpus([tmp_path])


TUNE = "X:{0}\nT:{1}\nM:4/4\nL:1/8\nK:C\nCDEF GABc|c8|]\n"
ABC = READERS[".abc"]
LINE_ENDS = ["\n", "\r\n", "\r"]


def blocks_of(path: Path) -> list[TuneBlock]:
    """The tunes of a file as they are found chunk by chunk."""
    return [
        TuneBlock(chunk.line + block.line - 1, block.lines, block.book_lines)
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
    pieces=st.lists(
        st.sampled_from(
            [
                "X:1",
                "K:C",
                "CDE|",
                "words",
                " ",
                "",
                "X:2 ",
                " X:3",
                "M:3/4",
                "L:1/4",
                "U:T=!up!",
                "T:a",
            ]
        )
    ),
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
    (tune,) = chunks_of(tmp_path / "a.abc", ABC)
    assert isinstance(tune, LeftOut)
    assert "UTF-16" in tune.reason


def test_a_nul_character_costs_only_its_tune(tmp_path: Path) -> None:
    tunes = [TUNE.format(number, f"Tune {number}") for number in (1, 2, 3)]
    tunes[1] = tunes[1].replace("GABc", "GA\0c")
    (tmp_path / "a.abc").write_text("\n".join(tunes), encoding="utf-8")
    corpus = load_corpus([tmp_path])
    assert [tune.number for tune in corpus.tunes] == [1, 3]
    (tune,) = corpus.skipped
    assert (tune.cause.line, tune.cause.number, tune.cause.title) == (
        13,
        "2",
        "Tune 2",
    )
    assert "NUL" in tune.cause.reason


def test_a_line_without_end_costs_only_itself(tmp_path: Path) -> None:
    first, last = TUNE.format(1, "First"), TUNE.format(2, "Last")
    with (tmp_path / "a.abc").open("w", encoding="utf-8") as file:
        file.write(first + "\nX:9\nT:Endless\nK:C\n")
        for _ in range(30):
            file.write("c" * 100_000)
        file.write("\n\n" + last.replace("GABc", "@"))
    corpus = load_corpus([tmp_path])
    assert [tune.title for tune in corpus.tunes] == ["First"]
    endless, broken = (tune.cause for tune in corpus.skipped)
    assert (endless.line, endless.number, endless.title) == (8, "9", "Endless")
    assert endless.reason
    assert (broken.line, broken.title) == (18, "Last")


def test_tunes_beyond_the_limit_are_skipped_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune_files, "LIMITS", replace(LIMITS, tunebook_tunes=3))
    monkeypatch.setattr(tune_files, "CHUNK_BYTES", 1)
    tunes = [TUNE.format(number, f"Tune {number}") for number in range(1, 10)]
    (tmp_path / "a.abc").write_text("\n".join(tunes), encoding="utf-8")
    corpus = load_corpus([tmp_path])
    assert len(corpus.tunes) == 3
    (tune,) = corpus.skipped
    assert tune.cause.line == 22
    assert "3" in tune.cause.reason
