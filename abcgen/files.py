"""Write files atomically and never over existing ones; read untrusted files of bounded size."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING

import platformdirs

from abcgen.errors import CheckpointError, OutputError, reason_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

# The suffix of a file that is being written, before it gets its final name.
DRAFT = ".draft"
LONGEST_STEM = 200
# Folders that this process created for its results, and the one that it keeps to itself.
_created: list[Path] = []
_held: list[int] = []
# Temporary folders, and the file in each that its owner keeps locked.
SCRATCH, LOCK = "abcgen-", ".lock"


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file so that other programs see either its old content or the new one.

    Args:
        path: The file; its folder is created if missing.
        data: The whole content.
        durable: Whether to wait for the disk, so that the file survives a power cut.

    Raises:
        OutputError: if the folder or file cannot be written.
    """
    with open_atomically(path) as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if durable:
        # The folder, which holds the file's name, must be stored too; some systems cannot do that.
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


@contextmanager
def open_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that other programs see only when it is complete.

    Args:
        path: The file; its folder is created if missing.

    Raises:
        OutputError: if the folder or file cannot be written.
    """
    draft = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names may be 255 bytes long, with what makes it a draft.
        stem = os.fsencode(path.name)[:LONGEST_STEM].decode("utf-8", "ignore")
        handle, name = tempfile.mkstemp(DRAFT, f".{stem}.", path.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        # mkstemp makes the file private: apply the process's mask, which can be read only by
        # setting it.
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if draft:
            draft.unlink(missing_ok=True)


def remove_drafts(folder: Path) -> None:
    """Remove the drafts of writes that were killed.

    Raises:
        OutputError: if one cannot be removed.
    """
    try:
        for draft in folder.glob(f".*{DRAFT}"):
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a temporary folder that is removed afterwards, or by another process if this one dies.

    Raises:
        OutputError: if there is no room for it.
    """
    _sweep_scratch_folders()
    try:
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
        # Whoever can lock the file knows that its owner has ended. It gets its name when locked.
        lock = (folder / f"{LOCK}{DRAFT}").open("wb")
        if fcntl:
            with suppress(OSError):  # some file systems have no locks; then nobody sweeps there
                fcntl.flock(lock, fcntl.LOCK_EX)
        Path(lock.name).rename(folder / LOCK)
    except OSError as error:
        reason = reason_of(error)
        raise OutputError(
            f"cannot write to the temporary folder {tempfile.gettempdir()}: {reason}",
            hint="make room there, or name another with TMPDIR",
        ) from error
    try:
        with lock:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _sweep_scratch_folders() -> None:
    """Remove, once in a process, the temporary folders of processes that were killed."""
    if not fcntl:
        return
    for lock in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*/{LOCK}"):
        with suppress(OSError):
            if lock.parent.is_symlink() or lock.lstat().st_uid != os.getuid():
                continue
            handle = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(handle)


def refuse_to_overwrite(path: Path, *, force: bool) -> None:
    """Refuse to write a result over an existing file or a folder that is not empty.

    Raises:
        OutputError: if one is there and ``force`` is not given.
    """
    occupied = path.exists() and not (path.is_dir() and not any(path.iterdir()))
    if occupied and not force:
        raise OutputError(f"{path} exists already", hint="name another, or add --force")


def new_folder(parent: Path, stem: str) -> Path:
    """Create and return the first of ``stem-1``, ``stem-2``, … that does not exist in ``parent``.

    Processes that begin at the same moment get folders of their own.

    Raises:
        OutputError: if it cannot be created.
    """
    for number in count(1):
        folder = parent / f"{stem}-{number}"
        with suppress(FileExistsError):
            _create(folder)
            return folder
    raise AssertionError


def hold_folder(folder: Path) -> None:
    """Create a folder if it is missing, check it as ``check_writable`` does, and hold it.

    No other process can hold it at the same time. It is held until this process ends, holds
    another, or calls ``release_folders``.

    Raises:
        OutputError: if another process holds it, or it cannot be written to.
    """
    check_writable(folder)
    with suppress(FileExistsError):
        _create(folder)
    while _held:
        os.close(_held.pop())
    if not fcntl:
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(folder, error) from error
    _held.append(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f"another process is writing to {folder}", hint="wait for it, or name another folder"
        ) from error
    except OSError:
        return  # some file systems have no locks


def release_folders() -> None:
    """Let other processes hold the folder, and remove what was created for results and is empty."""
    while _held:
        os.close(_held.pop())
    while _created:
        with suppress(OSError):
            _created.pop().rmdir()


def _create(folder: Path) -> None:
    """Create a folder; raise FileExistsError if it exists, and OutputError if that fails."""
    missing = [parent for parent in reversed(folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not _created:
        atexit.register(release_folders)
    _created.extend([*missing, folder])


def check_writable(path: Path) -> None:
    """Check that a result can be written to ``path``, before any long work starts.

    Raises:
        OutputError: if it cannot.
    """
    # The folder may be created only later: try the nearest parent that exists.
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    folder = existing.parent if existing == path and existing.is_file() else existing
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def open_regular(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a regular file to read it; a pipe or a device could keep us waiting for ever.

    Args:
        path: The file.
        follow: Whether it may be a link.

    Raises:
        OSError: if it cannot be opened, or is something else.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file of at most ``limit`` bytes.

    Raises:
        OSError: if it cannot be read, is something else, or is larger.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return content


def bounded_size(path: Path, limit: int) -> int:
    """Return the size in bytes of an untrusted regular file.

    Raises:
        CheckpointError: if it is missing, larger than ``limit`` bytes, or a link, which might point
            outside its folder.
    """
    try:
        status = path.lstat()
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISLNK(status.st_mode):
        raise CheckpointError(f"{path} is a link", hint="put the file itself there")
    if status.st_size > limit or not stat.S_ISREG(status.st_mode):
        raise CheckpointError(
            f"{path} is not a file of at most {limit:,} bytes",
            hint="train again, or take the checkpoint from where it was made",
        )
    return status.st_size


def read_bounded(path: Path, limit: int) -> bytes:
    """Read an untrusted file of at most ``limit`` bytes.

    Raises:
        CheckpointError: if it cannot be read or is larger.
    """
    bounded_size(path, limit)
    try:
        with open_regular(path, follow=False) as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) > limit:  # it has grown since
        raise damaged(path, f"larger than {limit:,} bytes")
    return content


def unreadable(path: Path, error: OSError) -> CheckpointError:
    """Return the error for a file or folder of a checkpoint that cannot be read."""
    return CheckpointError(
        f"{error.filename or path} cannot be read: {reason_of(error)}",
        hint="name the folder of a finished training run",
    )


def damaged(path: Path, reason: str) -> CheckpointError:
    """Return the error for a file of a checkpoint with unusable content."""
    return CheckpointError(
        f"{path}: {reason}",
        hint="train again, or take the checkpoint from where it was made",
    )


def printable(path: Path | str) -> str:
    """Return a file's name as text; bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


def _unwritable(path: Path, error: OSError) -> OutputError:
    reason = reason_of(error)
    return OutputError(f"cannot write {path}: {reason}", hint="choose another place with --out")


def cache_folder(name: str) -> Path | None:
    """Return a folder of the user's cache, or None if there is none or caching is off.

    ``ABCGEN_CACHE`` may name another folder for it, or be ``off``.
    """
    named = os.environ.get("ABCGEN_CACHE")
    if named is not None:
        return None if named.lower() in {"", "0", "off", "no", "none"} else Path(named) / name
    # Without appauthor=False the folder on Windows would be abcgen/abcgen.
    folder = platformdirs.user_cache_path("abcgen", appauthor=False)
    # The path is relative if the user has no home folder.
    return folder / name if folder.is_absolute() else None


def trim_folder(folder: Path, pattern: str, most_bytes: int) -> None:
    """Remove the files of a cache that were used longest ago, until the rest has few bytes."""
    files = []
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process may have removed it
            files.append((path.stat(), path))
    total = sum(status.st_size for status, _ in files)
    for status, path in sorted(files, key=lambda file: file[0].st_mtime):
        if total <= most_bytes:
            break
        path.unlink(missing_ok=True)
        total -= status.st_size
