"""From files and folders to tunes, and a report of what was left out and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.corpus.midi import read_midi
from abcgen.errors import InputError, NotationError
from abcgen.notation.reader import LeftOut, Reading, decode_text, read_block, split_tunebook
from abcgen.notation.tune import Tune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ABC_SUFFIXES = frozenset({".abc"})
MIDI_SUFFIXES = frozenset({".mid", ".midi"})
SUFFIXES = ABC_SUFFIXES | MIDI_SUFFIXES
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


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The tune files that paths name; folders are searched through.

    Hidden files and folders are passed over.

    Raises:
        InputError: if a path does not exist or nothing is found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist", way_out=WAY_OUT)
        found.update(dict.fromkeys(_below(path) if path.is_dir() else [path]))
    if not found:
        names = " ".join(map(str, paths))
        raise InputError(
            f"no tunes in {names}: no .abc or .mid file",
            way_out=WAY_OUT,
        )
    return list(found)


def _below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and _is_file(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _is_file(path: Path) -> bool:
    """Whether it is a file that may be read: no pipe, no device, nothing out of reach."""
    try:
        return path.is_file()
    except OSError:
        return False


def load_corpus(
    paths: Sequence[Path], *, on_progress: Callable[[int, int], None] | None = None
) -> Corpus:
    """Read every tune in files and folders.

    Args:
        paths: Files and folders.
        on_progress: Called after each tune with the bytes read so far and in all.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
    """
    files = find_files(paths)
    sizes = [_size(path) for path in files]
    readings: list[FileReading] = []
    for place, path in enumerate(files):
        results: list[Tune | LeftOut] = []
        for result, share in _read_file(path):
            results.append(result)
            if on_progress:
                on_progress(sum(sizes[:place]) + int(share * sizes[place]), sum(sizes))
        tunes = tuple(result for result in results if isinstance(result, Tune))
        losses = tuple(Loss(path, result) for result in results if isinstance(result, LeftOut))
        readings.append(FileReading(path, tunes, losses))
    corpus = Corpus(tuple(readings))
    if not corpus.tunes:
        raise InputError(_nothing_read(files, corpus.losses))
    return corpus


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _nothing_read(files: Sequence[Path], losses: Sequence[Loss]) -> str:
    if not losses:
        return f"no tune in {files[0]}: no line begins with X:"
    more = f" (and {len(losses) - 1} more left out)" if len(losses) > 1 else ""
    return f"no tune could be read: {losses[0]}{more}"


def _read_file(path: Path) -> Iterator[tuple[Tune | LeftOut, float]]:
    """The tunes of a file, each with the share of the file that is read with it.

    A file that cannot be opened costs only itself.
    """
    try:
        data = _read_bytes(path)
    except OSError as error:
        yield _whole((error.strerror or str(error)).lower()), 1
        return
    if len(data) > LIMITS.file_bytes:
        yield _whole(f"larger than {LIMITS.file_bytes // 1_000_000} MB"), 1
    elif path.suffix.lower() in MIDI_SUFFIXES:
        yield _read_midi(data, path.stem), 1
    elif b"\0" in data:
        yield _whole("not a text file"), 1
    else:
        yield from _read_abc(decode_text(data))


def _read_bytes(path: Path) -> bytes:
    """What a file holds, up to one byte more than is read of any.

    Raises:
        OSError: if it cannot be read, or is no file.
    """
    if not path.is_file():
        raise OSError("not a file")
    with path.open("rb") as file:
        return file.read(LIMITS.file_bytes + 1)


def _read_abc(text: str) -> Iterator[tuple[Tune | LeftOut, float]]:
    blocks = list(split_tunebook(text))
    for number, block in enumerate(blocks, start=1):
        result = read_block(block)
        tune = result.tune if isinstance(result, Reading) else result
        yield tune, number / len(blocks)


def _read_midi(data: bytes, title: str) -> Tune | LeftOut:
    try:
        return read_midi(data, title=title)
    except NotationError as error:
        return _whole(error.reason)


def _whole(reason: str) -> LeftOut:
    return LeftOut(0, "", "", reason)
