from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from abcgen import files
from abcgen.errors import OutputError
from abcgen.files import check_writable, refuse_to_overwrite, unused_folder, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


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
    assert unused_folder(tmp_path, "run") == tmp_path / "run-2"


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
