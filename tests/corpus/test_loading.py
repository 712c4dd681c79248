from __future__ import annotations

import os
from pathlib import Path

import pytest

from abcgen.config import LIMITS
from abcgen.corpus.loading import find_files, load_corpus
from abcgen.errors import InputError

GOOD = "X:1\nT:Good\nM:4/4\nL:1/8\nK:C\nCDEF GABc|\n"
BAD = "X:2\nT:Bad\nM:4/4\nL:1/8\nK:C\nCD@F|\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_folders_are_searched_through_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    wanted = [write(tmp_path / "a.abc", GOOD), write(tmp_path / "b" / "c.ABC", GOOD)]
    write(tmp_path / ".git" / "d.abc", GOOD)
    write(tmp_path / "README.md", "words")
    assert find_files([tmp_path]) == wanted
    assert find_files([tmp_path, wanted[0]]) == wanted


def test_a_bad_tune_costs_only_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.abc", f"{GOOD}\n{BAD}\n{GOOD}")
    corpus = load_corpus([tmp_path])
    assert [tune.title for tune in corpus.tunes] == ["Good", "Good"]
    (loss,) = corpus.losses
    assert str(loss) == f"{path}:13: X:2 'Bad': sign not understood: '@F|'"


def test_a_bad_file_costs_only_itself(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    (tmp_path / "binary.abc").write_bytes(b"X:1\0\1\2")
    (tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
    corpus = load_corpus([tmp_path])
    assert len(corpus.tunes) == 1
    assert {loss.path.name for loss in corpus.losses} == {"binary.abc", "broken.mid"}


def test_a_file_too_large_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    with (tmp_path / "huge.abc").open("wb") as file:
        file.truncate(LIMITS.file_bytes + 1)
    (loss,) = load_corpus([tmp_path]).losses
    assert "larger than" in loss.cause.reason


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "good.abc", GOOD)
    os.mkfifo(tmp_path / "pipe.abc")
    corpus = load_corpus([tmp_path, tmp_path / "pipe.abc", Path(os.devnull)])
    assert len(corpus.tunes) == 1
    assert {str(loss) for loss in corpus.losses} == {
        f"{tmp_path / 'pipe.abc'}: not a file",
        f"{os.devnull}: not a file",
    }


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
    with pytest.raises(InputError, match=r"a.abc:6: X:2 'Bad': sign not understood"):
        load_corpus([write(tmp_path / "a.abc", BAD)])
    with pytest.raises(InputError, match="no line begins with X:"):
        load_corpus([write(tmp_path / "b.abc", "just words")])
