from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from abcgen import files
from abcgen.config import MidiConfig
from abcgen.corpus.cache import TextCache
from abcgen.corpus.download import sha256_of
from abcgen.corpus.tune_files import READERS, chunks_of
from abcgen.errors import AbcgenError, OutputError
from abcgen.files import (
    check_writable,
    hold_folder,
    new_folder,
    read_bounded,
    refuse_to_overwrite,
    release_folders,
    write_atomically,
)
from abcgen.notation.reader import LeftOut
from abcgen.pipeline.normalising import list_tracks
from abcgen.pipeline.recipes import read_recipes


def test_a_file_is_written_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdopen", full)
    with pytest.raises(OutputError, match=r"a\.txt") as caught:
        write_atomically(path, b"new")
    assert isinstance(caught.value.__cause__, OSError)
    assert path.read_bytes() == b"old"


def test_nothing_is_overwritten_unless_forced(tmp_path: Path) -> None:
    refuse_to_overwrite(tmp_path / "new", force=False)
    refuse_to_overwrite(tmp_path, force=False)  # an empty folder is as good as none
    (tmp_path / "a.txt").touch()
    for path in (tmp_path, tmp_path / "a.txt"):
        with pytest.raises(OutputError) as caught:
            refuse_to_overwrite(path, force=False)
        assert str(path) in caught.value.message
        assert "--force" in caught.value.hint
        refuse_to_overwrite(path, force=True)


def test_the_next_unused_number_names_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run-1").mkdir()
    assert new_folder(tmp_path, "run") == tmp_path / "run-2"
    assert new_folder(tmp_path / "deep", "run") == tmp_path / "deep" / "run-1"
    (tmp_path / "run-2" / "result").touch()
    release_folders()
    assert {path.name for path in tmp_path.iterdir()} == {"run-1", "run-2"}


def test_folders_named_at_the_same_moment_differ(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: new_folder(tmp_path, "run"), range(64)))
    assert len(set(folders)) == 64
    release_folders()
    assert not list(tmp_path.iterdir())


def test_two_processes_never_hold_one_folder(tmp_path: Path) -> None:
    code = "import sys, time, pathlib\nfrom abcgen.files import hold_folder\n"
    code += "hold_folder(pathlib.Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(OutputError) as caught:
            hold_folder(tmp_path / "run")
        assert str(tmp_path / "run") in caught.value.message
        assert caught.value.hint
        other.kill()
    hold_folder(tmp_path / "run")
    hold_folder(tmp_path / "other")
    release_folders()
    assert not (tmp_path / "other").exists()


def test_checking_writability_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "deep" / "down")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulated, because root may write anywhere.
    def denied(*_arguments: Any, **_named: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    monkeypatch.setattr(tempfile, "mkstemp", denied)
    with pytest.raises(OutputError) as caught:
        check_writable(tmp_path / "out")
    assert isinstance(caught.value.__cause__, PermissionError)
    with pytest.raises(OutputError) as caught:
        write_atomically(tmp_path / "out", b"")
    assert isinstance(caught.value.__cause__, PermissionError)
    assert "--out" in caught.value.hint


def test_a_file_where_a_folder_is_needed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        check_writable(tmp_path / "file" / "out")


def test_scratch_folders_of_dead_processes_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files._sweep_scratch_folders.cache_clear()
    dead = tmp_path / "abcgen-dead"
    dead.mkdir()
    (dead / ".lock").touch()
    (dead / "0-0.svg").write_text("left behind")
    being_made, others = tmp_path / "abcgen-new", tmp_path / "someone-elses"
    being_made.mkdir()
    others.mkdir()
    (others / ".lock").touch()
    with files.scratch_folder() as folder:
        assert not dead.exists()
        files._sweep_scratch_folders.cache_clear()
        with files.scratch_folder():
            assert folder.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"abcgen-new", "someone-elses"}


@pytest.mark.parametrize("letters", ["a" * 255, "a" * 251, "ü" * 127])
def test_names_as_long_as_a_file_system_allows_can_be_written(letters: str, tmp_path: Path) -> None:
    write_atomically(tmp_path / letters, b"tune")
    assert (tmp_path / letters).read_bytes() == b"tune"
    assert [path.name for path in tmp_path.iterdir()] == [letters]
    with pytest.raises(OutputError):
        write_atomically(tmp_path / ("a" * 256), b"tune")


@pytest.fixture(params=["pipe", "device", "folder", "link to a device"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "thing.abc"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    return Path("/dev/zero") if request.param == "device" else path


def test_only_regular_files_are_read(no_file: Path) -> None:
    with pytest.raises(OSError, match="regular file"):
        files.read_regular(no_file, 100)


def test_every_reader_of_files_refuses_what_is_none(no_file: Path) -> None:
    with pytest.raises(AbcgenError):
        read_recipes(no_file)
    with pytest.raises(AbcgenError):
        list_tracks(no_file, MidiConfig())
    with pytest.raises(AbcgenError):
        sha256_of(no_file)
    with pytest.raises(AbcgenError):
        read_bounded(no_file, 100)
    (left_out,) = chunks_of(no_file, READERS[".mid"])
    assert isinstance(left_out, LeftOut)


def test_a_cache_entry_that_is_no_file_is_none(tmp_path: Path) -> None:
    cache = TextCache(tmp_path)
    cache.put("key", "text")
    (entry,) = tmp_path.glob("*/*")
    entry.unlink()
    os.mkfifo(entry)
    assert cache.get("key") is None


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert files.read_regular(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="larger"):
        files.read_regular(tmp_path / "a", 4)
