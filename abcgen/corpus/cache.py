"""A cache on disk: texts by a hash of everything they were computed from.

It is a folder of text files. Damaged or foreign files are ignored and replaced, and nothing in them
is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import abcgen
from abcgen.config import LIMITS
from abcgen.errors import InputError, OutputError
from abcgen.files import cache_folder, read_regular, trim_folder, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
# Entries were JSON lines once. The suffix stays, so that `trim` removes old entries too.
_SUFFIX = ".jsonl"


class TextCache:
    """Texts on disk by key.

    Args:
        folder: The folder, created when something is first written; None to cache nothing.
        limit: Most bytes that `trim` leaves.
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
            head, _, body = read_regular(path, LIMITS.cache_entry_bytes).partition(b"\n")
            if head.decode() != _seal(body):
                return None
            os.utime(path)  # `trim` removes the least recently used
            return body.decode()
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, key: str, text: str) -> None:
        """Store a text. A full or read-only disk disables the cache instead of raising."""
        if self._folder is None:
            return
        body = text.encode()
        try:
            write_atomically(self._path(self._folder, key), _seal(body).encode() + b"\n" + body)
        except OutputError:
            self._folder = None
        self._is_written = True

    def get_or_compute(self, key: str, parse: Callable[[Any], T], compute: Callable[[], T]) -> T:
        """Return a cached value, or compute it and store it as JSON.

        Args:
            key: Key of the value.
            parse: Turns JSON into the value; raises InputError or ValueError for other JSON.
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
        trim_folder(self._folder, f"*/*{_SUFFIX}", self._limit)

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}{_SUFFIX}"


def _seal(body: bytes) -> str:
    """Return the first line of an entry: the name of the program and a hash of the other lines."""
    return f"abcgen reading {hashlib.sha256(body).hexdigest()}"


NO_CACHE = TextCache(None)


def default_folder() -> Path | None:
    """Return the folder of what was read of tune files, or None if nothing is to be cached."""
    return cache_folder("readings")


def key_of(*parts: str | bytes) -> str:
    """Return a hash of all parts in order."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode(errors="surrogateescape")
        # The lengths distinguish ("ab", "c") from ("a", "bc").
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


@cache
def version_of(packages: tuple[str, ...]) -> str:
    """Return a hash of the code of some packages, for the keys of what that code computes.

    Args:
        packages: Names of packages inside abcgen.
    """
    package = Path(abcgen.__file__).parent
    modules = [path for name in packages for path in sorted((package / name).rglob("*.py"))]
    sources = [package / "config.py", *modules]
    return key_of(abcgen.__version__, *(path.read_bytes() for path in sources))
