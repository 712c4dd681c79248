"""Tunes to a file one by one, so that an end at any time leaves whole tunes behind."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from abcgen.errors import OutputError, reason_of

if TYPE_CHECKING:
    from pathlib import Path


class TuneStream:
    """A tunebook that grows; a context manager.

    Nothing is made before the first tune; each is in the file when ``write`` returns.

    Args:
        path: The file.
        force: Whether to replace what is in it.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self._path = path
        self._mode = "w" if force else "x"
        self._file: IO[str] | None = None

    def __enter__(self) -> TuneStream:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, abc: str) -> None:
        """Add a tune.

        Raises:
            OutputError: if the file cannot be written.
        """
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open(self._mode, encoding="utf-8", newline="\n")
                self._file.write(abc)
            else:
                self._file.write(f"\n{abc}")
            self._file.flush()
        except OSError as error:
            reason = reason_of(error)
            raise OutputError(f"cannot write {self._path}: {reason}") from error
