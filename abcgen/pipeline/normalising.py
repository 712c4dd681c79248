"""Convert tunes of any format to canonical ABC, and report their problems (``normalise_files``)."""

from __future__ import annotations

import os
import tempfile
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS, SplitConfig
from abcgen.corpus.cache import NO_CACHE, TextCache
from abcgen.corpus.doctor import Doctor
from abcgen.corpus.reading import nothing_read, read_files
from abcgen.corpus.records import record_format
from abcgen.corpus.tune_files import READERS, STDIN, STDIN_NAME, find_files
from abcgen.errors import InputError, NotationError, reason_of
from abcgen.files import check_writable, open_atomically, read_regular, refuse_to_overwrite
from abcgen.notation.tune import NAME_ACCIDENTALS, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

    from abcgen.config import MidiConfig
    from abcgen.corpus.doctor import Report
    from abcgen.corpus.reading import SkippedTune
    from abcgen.corpus.records import TuneRecord
    from abcgen.corpus.tune_files import Reader

READING, COMPARING = 0.85, 0.15  # approximate shares of the time, for progress


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """Options of reading files; see `read_files`."""

    readers: Mapping[str, Reader] = field(default_factory=lambda: READERS)
    cache: TextCache = NO_CACHE
    processes: int = 0  # 0: one per core where there is enough to read
    keep_lines: bool = False  # break lines where the source does


@dataclass(frozen=True, slots=True)
class Normalised:
    """The result of normalising tunes."""

    files: list[Path]  # those written
    skipped: list[SkippedTune]
    report: Report


def normalise_files(
    paths: Sequence[Path],
    out: Path,
    options: ReadingOptions,
    *,
    force: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_report: Callable[[Report], None] = lambda _report: None,
) -> Normalised:
    """Write the tunes of files and folders as canonical ABC.

    Args:
        paths: Files and folders.
        out: A path ending in .abc for one file with all tunes; otherwise a folder, for a file per
            file read, in the same subfolders.
        options: How to read them.
        force: Whether to overwrite existing files.
        on_progress: Called with the amount of work done and the total.
        on_report: Called with the report, also if not a single tune could be read.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
        OutputError: if a file exists already or cannot be written.
    """
    # 1) Check that the results can be written before any long work.
    refuse_to_overwrite(out, force=force)
    check_writable(out)
    files = find_files(paths, options.readers)
    targets = dict.fromkeys(files, out) if out.suffix.lower() == ".abc" else _targets(files, out)
    # 2) Read all files; the doctor sees every tune on its way to the spool.
    doctor = Doctor()
    skipped: list[SkippedTune] = []
    chunks = read_files(
        files,
        options.readers,
        record_format(keep_lines=options.keep_lines),
        options.cache,
        processes=options.processes,
        on_progress=lambda done, total: on_progress(int(READING * done), total),
    )
    with tempfile.TemporaryFile() as file:
        spool = _Spool(file)
        for chunk in chunks:
            doctor.add(chunk)
            skipped += chunk.skipped
            spool.add(targets[chunk.path], chunk.records)
        # 3) Find duplicates and families, and write the files.
        report = doctor.report(
            SplitConfig().similarity,
            options.cache,
            on_progress=lambda share: on_progress(int(100 * (READING + COMPARING * share)), 100),
        )
        written = spool.write_files()
        on_report(report)
        if not doctor.tunes:
            raise nothing_read(skipped)
        return Normalised(written, skipped, report)


class TrackRow(NamedTuple):
    """A part of a MIDI file, in words."""

    track: str  # its number and channel, as --track takes them
    name: str
    instrument: str
    notes: int
    lowest: str
    highest: str
    use: str  # what becomes of it


def list_tracks(path: Path, config: MidiConfig) -> list[TrackRow]:
    """Return the parts of a MIDI file, and which would be taken as the tune.

    Raises:
        InputError: if it cannot be read, or is no MIDI file with notes.
    """
    from abcgen.midi import list_parts  # noqa: PLC0415 - most corpora never need it
    from abcgen.midi.key import spell  # noqa: PLC0415
    from abcgen.midi.names import instrument  # noqa: PLC0415

    def name_of(midi: int) -> str:
        pitch = spell(midi, Key())
        return f"{pitch.letter}{NAME_ACCIDENTALS[pitch.alter]}{pitch.octave}"

    try:
        parts = list_parts(read_regular(path, LIMITS.file_bytes), config)
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error
    except NotationError as error:
        raise InputError(f"{path}: {error.reason}") from error
    rows = []
    for part, use in parts:
        pitches = [note.pitch for note in part.notes]
        rows.append(
            TrackRow(
                f"{part.track}:{part.channel}",
                part.name,
                instrument(part.program),
                len(pitches),
                name_of(min(pitches)),
                name_of(max(pitches)),
                use,
            )
        )
    return rows


class _Spool:
    """Canonical tunes kept on disk until all are read.

    Only then is it known whether two tunes of a file have the same number, and large corpora would
    not fit in memory.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._books: list[_Tunebook] = []

    def add(self, path: Path, tunes: Sequence[TuneRecord]) -> None:
        """Add tunes to a target file; all tunes of one target must come in succession."""
        if not tunes:
            return
        if not self._books or self._books[-1].path != path:
            self._books.append(_Tunebook(path, array("q"), array("q")))
        book = self._books[-1]
        for tune in tunes:
            book.numbers.append(tune.number)
            book.lengths.append(self._file.write(tune.abc.encode()))

    def write_files(self) -> list[Path]:
        """Write the target files and return them.

        Raises:
            OutputError: if one cannot be written.
        """
        self._file.seek(0)
        for book in self._books:
            with open_atomically(book.path) as file:
                file.writelines(book.texts(self._file))
        return [book.path for book in self._books]


@dataclass(frozen=True, slots=True)
class _Tunebook:
    """The tunes of one target file."""

    path: Path
    numbers: array[int]  # the X: of each
    lengths: array[int]  # of each in the spool, in bytes

    def texts(self, spool: IO[bytes]) -> Iterator[bytes]:
        """Yield the tunes, separated by blank lines; renumber all if any two share a number."""
        are_unique = len(set(self.numbers)) == len(self.numbers)
        numbers = self.numbers if are_unique else range(1, len(self.numbers) + 1)
        separator = b""
        for number, length in zip(numbers, self.lengths, strict=True):
            yield separator + b"X:%d\n" % number + spool.read(length)
            separator = b"\n"


def _targets(sources: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Return each file's target, keeping subfolders below the folder that all files share."""
    folders = {path: path.absolute().parent.resolve() for path in sources}
    common = Path(os.path.commonpath([str(folder) for folder in folders.values()]))
    targets: dict[Path, Path] = {}
    used: set[Path] = set()
    for path, folder in folders.items():
        name = STDIN_NAME if path == STDIN else path.name
        inside = folder.relative_to(common) / name
        # tune.abc and tune.mid would both become tune.abc; the second becomes tune.mid.abc.
        target, number = out / inside.with_suffix(".abc"), 1
        while target in used:
            suffix = f"-{number}" if number > 1 else ""
            target, number = out / inside.with_name(f"{inside.name}{suffix}.abc"), number + 1
        used.add(target)
        targets[path] = target
    return targets
