"""A cache on disk: texts by a hash of everything they were computed from.

It is a folder of text files. Damaged or foreign files are ignored and replaced; nothing in any of
them is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import platformdirs

import abcgen
from abcgen.config import LIMITS
from abcgen.errors import InputError, OutputError
from abcgen.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
VARIABLE = "ABCGEN_CACHE"
_OFF = {"", "0", "off", "no", "none"}
# Entries of older versions, which were JSON lines, have it too and are trimmed with the others.
_SUFFIX = ".jsonl"


class TextCache:
    """Texts on disk by key.

    Args:
        folder: The folder, made when something is first written; None to cache nothing.
        limit: Most bytes kept by `trim`.
    """

    def __init__(self, folder: Path | None, limit: int = LIMITS.cache_bytes) -> None:
        self._folder = folder
        self._limit = limit
        self._is_written = False

    def get(self, key: str) -> str | None:
        """Return the text of a key, or None if it is missing or damaged."""
        if self._folder is None:
            return None
        path = self._path(self._folder, key)
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            if head.decode() != _seal(body):
                return None
            os.utime(path)  # `trim` removes what was not used for the longest time
            return body.decode()
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, key: str, text: str) -> None:
        """Keep a text. A full or read-only disk disables the cache instead of raising."""
        if self._folder is None:
            return
        body = text.encode()
        try:
            write_atomically(self._path(self._folder, key), _seal(body).encode() + b"\n" + body)
        except OutputError:
            self._folder = None
        self._is_written = True

    def get_or_compute(self, key: str, parse: Callable[[Any], T], compute: Callable[[], T]) -> T:
        """Return a cached value, or compute it and keep it as JSON.

        Args:
            key: Its key.
            parse: Turns JSON into the value; raises InputError or ValueError for anything else.
            compute: Computes the value.
        """
        with suppress(TypeError, ValueError, KeyError, RecursionError, InputError):
            return parse(json.loads(self.get(key) or "null"))
        value = compute()
        self.put(key, json.dumps(value))
        return value

    def trim(self) -> None:
        """Remove the least recently used texts until the rest is within the limit."""
        if self._folder is None or not self._is_written:
            return
        files = []
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            with suppress(OSError):  # another process may have removed it
                files.append((path.stat(), path))
        total = sum(status.st_size for status, _ in files)
        for status, path in sorted(files, key=lambda file: file[0].st_mtime):
            if total <= self._limit:
                break
            path.unlink(missing_ok=True)
            total -= status.st_size

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}{_SUFFIX}"


def _seal(body: bytes) -> str:
    """Return the first line of an entry, which names its program and hashes the rest."""
    return f"abcgen reading {hashlib.sha256(body).hexdigest()}"


NO_CACHE = TextCache(None)


def default_folder() -> Path | None:
    """Return the user's cache folder, or None if there is none or the user wants no cache.

    ``ABCGEN_CACHE`` names another folder, or is ``off``.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return None if named.lower() in _OFF else Path(named) / "readings"
    # Without appauthor, Windows too has one folder named after the program.
    folder = platformdirs.user_cache_path("abcgen", appauthor=False)
    # Of a user without a home it would be relative.
    return folder / "readings" if folder.is_absolute() else None


def key_of(*parts: str | bytes) -> str:
    """Return a hash of all parts in order."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode(errors="surrogateescape")
        # Lengths keep ("ab", "c") apart from ("a", "bc").
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


@cache
def version_of(rooms: tuple[str, ...]) -> str:
    """Return a hash of the code in some rooms: a part of the keys of what that code computes.

    Args:
        rooms: Names of packages in this one.
    """
    package = Path(abcgen.__file__).parent
    modules = [path for room in rooms for path in sorted((package / room).rglob("*.py"))]
    sources = [package / "config.py", *modules]
    return key_of(abcgen.__version__, *(path.read_bytes() for path in sources))
