"""Write results whole or not at all and never over existing ones; read untrusted files, bounded."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from abcgen.errors import CheckpointError, OutputError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAFT = ".draft"


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file so that a reader finds the old content or the new, never a part.

    Args:
        path: Where to; its folder is made if missing.
        data: The whole content.
        durable: Whether to wait for the disk, so that even a power cut takes nothing back.

    Raises:
        OutputError: if the folder or file cannot be written.
    """
    with written_atomically(path) as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if durable:
        _settle(path.parent)


@contextmanager
def written_atomically(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to bit by bit, which others find whole or not at all.

    Args:
        path: Where to; its folder is made if missing.

    Raises:
        OutputError: if the folder or file cannot be written.
    """
    draft = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(DRAFT, f".{path.name}.", path.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        draft.chmod(0o666 & ~_umask())
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if draft:
            draft.unlink(missing_ok=True)


def remove_drafts(folder: Path) -> None:
    """Take away what a writing left that was killed.

    Raises:
        OutputError: if it cannot be taken away.
    """
    try:
        for draft in folder.glob(f".*{DRAFT}"):
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def refuse_to_overwrite(path: Path, *, force: bool) -> None:
    """Make sure that a result asked for at ``path`` destroys nothing.

    An empty folder is as good as none.

    Raises:
        OutputError: if something is there and ``force`` is not given.
    """
    occupied = path.exists() and not (path.is_dir() and not any(path.iterdir()))
    if occupied and not force:
        raise OutputError(f"{path} exists already", hint="name another, or add --force")


def unused_folder(parent: Path, stem: str) -> Path:
    """The first of ``stem-1``, ``stem-2``, … that does not exist in ``parent``."""
    return next(path for path in _numbered(parent, stem) if not path.exists())


def check_writable(path: Path) -> None:
    """See that a result can be written to ``path``, before any long work starts.

    Nothing is left behind.

    Raises:
        OutputError: if it cannot.
    """
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    folder = there.parent if there == path and there.is_file() else there
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def bounded_size(path: Path, limit: int) -> int:
    """Return the size in bytes of an untrusted regular file.

    Raises:
        CheckpointError: if it is missing, larger than ``limit`` bytes, or a link, which might lead
            out of its folder.
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
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) > limit:  # it has grown since
        raise damaged(path, f"larger than {limit:,} bytes")
    return content


def unreadable(path: Path, error: OSError) -> CheckpointError:
    """Return the error for a checkpoint's file or folder that the system refuses to read."""
    return CheckpointError(
        f"{error.filename or path} cannot be read: {reason_of(error)}",
        hint="name the folder of a finished training run",
    )


def damaged(path: Path, reason: str) -> CheckpointError:
    """Return the error for a checkpoint's file whose content cannot be used."""
    return CheckpointError(
        f"{path}: {reason}",
        hint="train again, or take the checkpoint from where it was made",
    )


def printable(path: Path | str) -> str:
    """A file's name as text; what is no UTF-8 in it becomes signs of replacement."""
    return os.fsencode(path).decode("utf-8", "replace")


def _settle(folder: Path) -> None:
    """Wait until the disk knows the names in a folder too, where a system lets one ask for it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _numbered(parent: Path, stem: str) -> Iterator[Path]:
    number = 1
    while True:
        yield parent / f"{stem}-{number}"
        number += 1


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError) -> OutputError:
    reason = reason_of(error)
    return OutputError(f"cannot write {path}: {reason}", hint="choose another place with --out")
