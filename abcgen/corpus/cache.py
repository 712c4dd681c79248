"""What was read before: entries by a hash of what they were read from.

A folder of text files. One that is damaged, or not of this program's making, is passed over and
written anew; nothing in any of them is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import abcgen
from abcgen.config import LIMITS
from abcgen.errors import InputError, OutputError
from abcgen.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.corpus.loading import Portion

T = TypeVar("T")
VARIABLE = "ABCGEN_CACHE"
_OFF = {"", "0", "off", "no", "none"}
_SUFFIX = ".jsonl"
_READING_ROOMS = ("notation", "corpus", "midi", "score")  # whatever turns files into records


class TextCache:
    """Texts on disk by key; with no folder it remembers nothing.

    Args:
        folder: Where; made when something is first written.
        limit: Most bytes kept.
    """

    def __init__(self, folder: Path | None, limit: int = LIMITS.cache_bytes) -> None:
        self._folder = folder
        self._limit = limit
        self._is_written = False

    def get(self, key: str) -> str | None:
        """The text of that key, if it is there and whole."""
        if self._folder is None:
            return None
        path = self._path(self._folder, key)
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            if head.decode() != _seal(body):
                return None
            os.utime(path)
            return body.decode()
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, key: str, text: str) -> None:
        """Keep a text; a disk that is full or may not be written to is no one's error."""
        if self._folder is None:
            return
        body = text.encode()
        try:
            write_atomically(self._path(self._folder, key), _seal(body).encode() + b"\n" + body)
        except OutputError:
            self._folder = None
        self._is_written = True

    def worked_out(self, key: str, read: Callable[[Any], T], make: Callable[[], T]) -> T:
        """What was made before, or else is made now and kept as JSON.

        Args:
            key: Its key.
            read: Makes it of the JSON; raises InputError if that is something else.
            make: Makes it anew.
        """
        with suppress(TypeError, ValueError, KeyError, RecursionError, InputError):
            return read(json.loads(self.get(key) or "null"))
        made = make()
        self.put(key, json.dumps(made))
        return made

    def trim(self) -> None:
        """Remove what was not asked for the longest, until the rest is within the limit."""
        if self._folder is None or not self._is_written:
            return
        found = []
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            with suppress(OSError):  # another process removes them too
                found.append((path.stat(), path))
        total = sum(facts.st_size for facts, _ in found)
        for facts, path in sorted(found, key=lambda one: one[0].st_mtime):
            if total <= self._limit:
                break
            path.unlink(missing_ok=True)
            total -= facts.st_size

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}{_SUFFIX}"


NOTHING_KEPT = TextCache(None)


def default_folder() -> Path | None:
    """Where readings are kept; none if the user wants none.

    ``ABCGEN_CACHE`` names another folder, or is ``off``.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return None if named.lower() in _OFF else Path(named) / "readings"
    try:
        return _user_cache() / "abcgen" / "readings"
    except RuntimeError:  # a user without a home
        return None


def portion_key(portion: Portion, kind: str) -> str:
    """The key of what a portion is read to: its content, its file's name, and this program.

    Args:
        portion: Some tunes.
        kind: Name of the kind of records that are kept of them.
    """
    return key_of(
        version_of(_READING_ROOMS),
        kind,
        portion.reader.name,
        portion.reader.versions,
        portion.path.name,
        portion.data,
    )


def key_of(*parts: str | bytes) -> str:
    """A hash of all parts in order."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode(errors="surrogateescape")
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


@cache
def version_of(rooms: tuple[str, ...]) -> str:
    """A hash of the code in some rooms, so that a change to it makes what it makes new.

    Args:
        rooms: Names of packages in this one.
    """
    package = Path(abcgen.__file__).parent
    modules = [path for room in rooms for path in sorted((package / room).rglob("*.py"))]
    sources = [package / "config.py", *modules]
    return key_of(abcgen.__version__, *(path.read_bytes() for path in sources))


def _seal(body: bytes) -> str:
    """The first line of an entry: whose it is, and a hash of the rest."""
    return f"abcgen reading {hashlib.sha256(body).hexdigest()}"


def _user_cache() -> Path:
    """The user's folder for what can be made again.

    Raises:
        RuntimeError: if they have no home.
    """
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
