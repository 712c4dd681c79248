"""From files and folders to tunes, and a report of what was left out and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.corpus.portions import portions_of
from abcgen.corpus.readers import NO_TUNE, READERS, Reader, whole
from abcgen.errors import InputError
from abcgen.notation.reader import LeftOut, Reading
from abcgen.notation.tune import Tune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

WAY_OUT = "name files or folders of tunes, or fetch some with: abcgen corpus install oneills"


@dataclass(frozen=True, slots=True)
class Loss:
    """A tune, or a whole file, that was left out.

    Attributes:
        path: The file.
        cause: Where in it and why.
    """

    path: Path
    cause: LeftOut

    def __str__(self) -> str:
        place = f"{self.path}:{self.cause.line}" if self.cause.line else str(self.path)
        number = f"X:{self.cause.number}" if self.cause.number else ""
        title = repr(self.cause.title) if self.cause.title else ""
        tune = " ".join(filter(None, [number, title]))
        return ": ".join(filter(None, [place, tune, self.cause.reason]))


@dataclass(frozen=True, slots=True)
class FileReading:
    """What one file held.

    Attributes:
        path: The file.
        tunes: Its tunes, in order.
        losses: What was left out of them.
    """

    path: Path
    tunes: tuple[Tune, ...]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was found in files and folders."""

    files: tuple[FileReading, ...]

    @property
    def tunes(self) -> tuple[Tune, ...]:
        """All tunes, in the order of files and places."""
        return tuple(tune for file in self.files for tune in file.tunes)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """All that was left out."""
        return tuple(loss for file in self.files for loss in file.losses)


def find_files(paths: Sequence[Path], readers: Mapping[str, Reader] = READERS) -> list[Path]:
    """The tune files that paths name; folders are searched through.

    Hidden files and folders are passed over, and links to folders not followed. A folder that
    cannot be looked into is among the files, to be left out with the reason.

    Raises:
        InputError: if a path does not exist or nothing is found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise InputError(f"{path} does not exist", way_out=WAY_OUT)
        found.update(dict.fromkeys(_below(path, readers) if path.is_dir() else [path]))
    if not found:
        names = " ".join(map(str, paths))
        raise InputError(f"no tunes in {names}: no .abc or .mid file", way_out=WAY_OUT)
    return list(found)


def _below(folder: Path, readers: Mapping[str, Reader]) -> list[Path]:
    found: list[Path] = []
    closed: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(place, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if path.suffix.lower() in readers]
    return sorted([*found, *(Path(error.filename) for error in closed)])


def load_corpus(
    paths: Sequence[Path],
    *,
    readers: Mapping[str, Reader] = READERS,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Corpus:
    """Read every tune in files and folders.

    Args:
        paths: Files and folders.
        readers: What reads files, by suffix.
        on_progress: Called after each tune with the bytes read so far and in all.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
    """
    files = find_files(paths, readers)
    total, done = sum(map(size_of, files)), 0
    readings: list[FileReading] = []
    for path in files:
        results: list[Tune | LeftOut] = []
        for result, length in _read_file(path, readers):
            results.append(result)
            done += length
            on_progress(min(done, total), total)
        tunes = tuple(result for result in results if isinstance(result, Tune))
        losses = tuple(Loss(path, result) for result in results if isinstance(result, LeftOut))
        readings.append(FileReading(path, tunes, losses))
    on_progress(total, total)
    corpus = Corpus(tuple(readings))
    if not corpus.tunes:
        raise nothing_read(corpus.losses)
    return corpus


def size_of(path: Path) -> int:
    """A file's size in bytes; 0 if that cannot be known."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def nothing_read(losses: Sequence[Loss]) -> InputError:
    """What to say where not a single tune could be read."""
    more = f" (and {len(losses) - 1} more left out)" if len(losses) > 1 else ""
    return InputError(f"no tune could be read: {losses[0]}{more}")


def reader_for(path: Path, readers: Mapping[str, Reader]) -> Reader:
    """What reads a file; one of unknown kind that was named is taken for a tunebook."""
    return readers.get(path.suffix.lower()) or readers[".abc"]


def _read_file(path: Path, readers: Mapping[str, Reader]) -> Iterator[tuple[Tune | LeftOut, int]]:
    """What a file holds, and with it how many bytes are done: each portion's at its end."""
    found = False
    for portion in portions_of(path, reader_for(path, readers)):
        if isinstance(portion, LeftOut):
            found = True
            yield portion, 0
            continue
        results = [_moved(result, portion.line) for result in portion.read()]
        found |= bool(results)
        for place, result in enumerate(results, start=1):
            yield result, len(portion.data) if place == len(results) else 0
    if not found:
        yield whole(NO_TUNE), 0


def _moved(result: Reading | LeftOut, line: int) -> Tune | LeftOut:
    """What was read, with a line that counts from the beginning of the file."""
    if isinstance(result, Reading):
        return result.tune
    return replace(result, line=result.line + line - 1) if result.line else result
