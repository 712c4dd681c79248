"""Tunes in any form to canonical ABC, and what a tunebook doctor says of them."""

from __future__ import annotations

import os
import tempfile
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.config import SplitConfig
from abcgen.corpus.cache import NOTHING_KEPT, TextCache
from abcgen.corpus.doctor import Doctor
from abcgen.corpus.loading import READERS, Loss, find_files, nothing_read
from abcgen.corpus.reading import read_files
from abcgen.corpus.records import TUNE_RECORDS, TuneRecord
from abcgen.files import check_writable, refuse_to_overwrite, written_atomically
from abcgen.notation.reader import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

    from abcgen.corpus.doctor import Report
    from abcgen.corpus.loading import Reader

READING, COMPARING = 0.85, 0.15  # shares of the work, about


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How files are read.

    Attributes:
        readers: What reads them, by suffix.
        cache: What was read before.
        processes: How many to use; 0 for one to each processor, where there is enough to read.
    """

    readers: Mapping[str, Reader] = field(default_factory=lambda: READERS)
    cache: TextCache = NOTHING_KEPT
    processes: int = 0


@dataclass(frozen=True, slots=True)
class Normalised:
    """What came of normalising tunes.

    Attributes:
        files: The files written.
        losses: What was left out.
        report: All that was found.
    """

    files: list[Path]
    losses: list[Loss]
    report: Report


def normalise_files(
    paths: Sequence[Path],
    out: Path,
    options: ReadingOptions,
    *,
    force: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Normalised:
    """Write the tunes of files and folders as canonical ABC.

    Args:
        paths: Files and folders.
        out: A file ending in .abc for all of them; otherwise a folder, for a file to each file
            read, with the folders they stand in.
        options: How to read them.
        force: Whether to write over what is there.
        on_progress: Called with the work done and in all; reading is most of it.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
        OutputError: if a file is there already or cannot be written.
    """
    refuse_to_overwrite(out, force=force)
    check_writable(out)
    files = find_files(paths, options.readers)
    targets = dict.fromkeys(files, out) if out.suffix.lower() == ".abc" else _targets(files, out)
    doctor = Doctor()
    losses: list[Loss] = []
    batches = read_files(
        files,
        options.readers,
        TUNE_RECORDS,
        options.cache,
        processes=options.processes,
        on_progress=lambda done, total: on_progress(int(READING * done), total),
    )
    with tempfile.TemporaryFile() as file:
        spool = _Spool(file)
        for batch in batches:
            doctor.take(batch)
            losses += [Loss(batch.path, one) for one in batch.entries if isinstance(one, LeftOut)]
            tunes = [entry for entry in batch.entries if isinstance(entry, TuneRecord)]
            spool.add(targets[batch.path], tunes)
        if not doctor.tunes:
            raise nothing_read(losses)
        report = doctor.report(
            SplitConfig().similarity,
            options.cache,
            on_progress=lambda share: on_progress(int(100 * (READING + COMPARING * share)), 100),
        )
        return Normalised(spool.write_out(), losses, report)


class _Spool:
    """Canonical tunes on their way into files, kept on disk until all are read.

    Args:
        file: Where to keep them.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._books: list[_Book] = []

    def add(self, path: Path, tunes: Sequence[TuneRecord]) -> None:
        """Take tunes for a file; what goes into one file comes without a break."""
        if not tunes:
            return
        if not self._books or self._books[-1].path != path:
            self._books.append(_Book(path, array("q"), array("q")))
        book = self._books[-1]
        for tune in tunes:
            book.numbers.append(tune.number)
            book.lengths.append(self._file.write(tune.abc.encode()))

    def write_out(self) -> list[Path]:
        """Write the files.

        Raises:
            OutputError: if one cannot be written.
        """
        self._file.seek(0)
        for book in self._books:
            with written_atomically(book.path) as file:
                file.writelines(book.texts(self._file))
        return [book.path for book in self._books]


@dataclass(frozen=True, slots=True)
class _Book:
    """The tunes of one file to be.

    Attributes:
        path: The file.
        numbers: Their reference numbers.
        lengths: How many bytes of the spool each takes.
    """

    path: Path
    numbers: array[int]
    lengths: array[int]

    def texts(self, spool: IO[bytes]) -> Iterator[bytes]:
        """The tunes, a blank line between them; where two have one number all are counted anew."""
        are_unlike = len(set(self.numbers)) == len(self.numbers)
        numbers = self.numbers if are_unlike else range(1, len(self.numbers) + 1)
        between = b""
        for number, length in zip(numbers, self.lengths, strict=True):
            yield between + b"X:%d\n" % number + spool.read(length)
            between = b"\n"


def _targets(sources: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where each file goes: under the folder that all come from, names kept apart."""
    common = Path(os.path.commonpath([str(_folder(path)) for path in sources]))
    targets: dict[Path, Path] = {}
    taken: set[Path] = set()
    for path in sources:
        inside = _folder(path).relative_to(common) / path.name
        target, number = out / inside.with_suffix(".abc"), 1
        while target in taken:
            more = f"-{number}" if number > 1 else ""
            target, number = out / inside.with_name(f"{inside.name}{more}.abc"), number + 1
        taken.add(target)
        targets[path] = target
    return targets


def _folder(path: Path) -> Path:
    return path.absolute().parent.resolve()
