from __future__ import annotations

import os
from pathlib import Path

import pytest

from abcgen.config import LIMITS
from abcgen.corpus.reading import load_corpus
from abcgen.corpus.tune_files import READERS, Reader, find_files, read_abc_file
from abcgen.errors import InputError

GOOD = "X:1\nT:Good\nM:4/4\nL:1/8\nK:C\nCDEF GABc|\n"
BAD = "X:2\nT:Bad\nM:4/4\nL:1/8\nK:C\nCD@F|\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def reasons(*paths: Path) -> dict[str, str]:
    """Why each file, or tune, among good ones was left out."""
    return {loss.path.name: loss.cause.reason for loss in load_corpus(paths).losses}


def test_folders_are_searched_through_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    wanted = [write(tmp_path / "a.abc", GOOD), write(tmp_path / "b" / "c.ABC", GOOD)]
    write(tmp_path / ".git" / "d.abc", GOOD)
    write(tmp_path / "README.md", "words")
    assert find_files([tmp_path], READERS) == wanted
    assert find_files([tmp_path, wanted[0]], READERS) == wanted


def test_a_bad_tune_costs_only_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.abc", f"{GOOD}\n{BAD}\n{GOOD}")
    corpus = load_corpus([tmp_path])
    assert [tune.title for tune in corpus.tunes] == ["Good", "Good"]
    (loss,) = corpus.losses
    assert str(loss).startswith(f"{path}:13: X:2 'Bad': ")
    assert "@F|" in str(loss)


def test_a_bad_file_costs_only_itself(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    (tmp_path / "binary.abc").write_bytes(b"\x89PNG\r\n\0\1\2")
    (tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
    (tmp_path / "empty.abc").touch()
    write(tmp_path / "words.abc", "Dear diary\n")
    assert len(load_corpus([tmp_path]).tunes) == 1
    found = reasons(tmp_path)
    assert found.keys() == {"binary.abc", "broken.mid", "empty.abc", "words.abc"}
    assert found["binary.abc"] == "not a text file"
    assert found["empty.abc"] == "an empty file"
    assert "no line begins with X:" in found["words.abc"]


def test_a_file_too_large_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    for name, size in (("huge.abc", LIMITS.tunebook_bytes), ("huge.mid", LIMITS.file_bytes)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size + 1)
    found = reasons(tmp_path)
    assert len(found) == 2
    assert all("larger than" in reason for reason in found.values())


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
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


def test_what_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "good.abc", GOOD)
    locked = write(tmp_path / "locked.abc", GOOD)
    opened = Path.open

    def refuse(path: Path, *arguments: object, **options: object) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert reasons(tmp_path) == {"locked.abc": "permission denied"}


def test_progress_reaches_the_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.abc", f"{GOOD}\n{BAD}")
    write(tmp_path / "b.abc", GOOD)
    seen: list[tuple[int, int]] = []
    load_corpus([tmp_path], on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist"):
        load_corpus([tmp_path / "nowhere"])


def test_a_folder_without_tunes_names_the_way_out(tmp_path: Path) -> None:
    write(tmp_path / "picture.png", "no tune")
    with pytest.raises(InputError, match="corpus install"):
        load_corpus([tmp_path])


def test_a_file_that_cannot_be_read_at_all_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.abc:6: X:2 'Bad': "):
        load_corpus([write(tmp_path / "a.abc", BAD)])
    with pytest.raises(InputError, match="no line begins with X:"):
        load_corpus([write(tmp_path / "b.abc", "just words")])


def test_a_reader_can_be_added_for_another_kind_of_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", GOOD)
    readers = {**READERS, ".txt": Reader(read_abc_file, is_tunebook=True)}
    assert load_corpus([tmp_path], readers=readers).files[0].path == path
    with pytest.raises(InputError):
        load_corpus([tmp_path])
