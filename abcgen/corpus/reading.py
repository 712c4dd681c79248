"""Read tune files chunk by chunk, in several processes, through the cache.

All reading goes through `read_files`. A `RecordFormat` says what to keep of every tune: the tune
itself (`load_corpus`), or a record for reports or for training (``records``).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter

from abcgen.corpus.cache import NO_CACHE, key_of, version_of
from abcgen.corpus.tune_files import (
    READERS,
    STDIN,
    Chunk,
    Reader,
    chunks_of,
    find_files,
    reader_for,
    size_of,
    whole_file,
)
from abcgen.errors import InputError, NotationError
from abcgen.files import printable
from abcgen.notation.reader import LeftOut, Reading
from abcgen.system import cores
from abcgen.workers import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.notation.draft import Repair
    from abcgen.notation.tune import Tune

    OnProgress = Callable[[int, int], None]  # bytes read, bytes in all

Record = TypeVar("Record")

# The least work worth starting processes for, in bytes of ABC; other formats take longer per byte
# (``Reader.cost``).
PARALLEL_BYTES = 256_000
NO_TUNE = "no tune in it: no line begins with X:"
_READING_PACKAGES = ("notation", "corpus", "midi", "score")  # their code turns files into records


@dataclass(frozen=True, slots=True)
class SkippedTune:
    """A tune, or a whole file, that was skipped."""

    path: Path
    cause: LeftOut  # with the line and the reason

    def __str__(self) -> str:
        place = f"{self.path}:{self.cause.line}" if self.cause.line else str(self.path)
        number = f"X:{self.cause.number}" if self.cause.number else ""
        title = repr(self.cause.title) if self.cause.title else ""
        tune = " ".join(filter(None, [number, title]))
        return ": ".join(filter(None, [place, tune, self.cause.reason]))


@dataclass(frozen=True, slots=True)
class RepairedTune:
    """Something repaired or ignored in reading a tune."""

    path: Path
    tune: Tune
    repair: Repair

    def __str__(self) -> str:
        place = f"{self.path}:{self.repair.line}" if self.repair.line else str(self.path)
        return f"{place}: X:{self.tune.number} {self.tune.title!r}: {self.repair.what}"


@dataclass(frozen=True, slots=True)
class RecordFormat(Generic[Record]):
    """The kind of record to keep of every tune read."""

    # Part of the cache's keys.
    name: str
    # Makes the record of a tune, given its file's name; raises NotationError if the tune has none.
    # Worker processes must be able to import it.
    make: Callable[[Reading, str], Record]
    # The records' class, a dataclass that pydantic converts to JSON and back; None if there is no
    # JSON form, so that records are made in this process and are not cached.
    record_type: Any = None
    # Adds a number of lines to every line number in a record.
    move: Callable[[Record, int], Record] | None = None

    def encode(self, records: list[Record], left_out: list[LeftOut]) -> str:
        """Return the JSON of a chunk's records."""
        return _json_adapter(self.record_type).dump_json((records, left_out)).decode()

    def decode(self, text: str) -> tuple[list[Record], list[LeftOut]]:
        """Return the records that ``encode`` was given.

        Raises:
            ValueError: if the text is not the result of ``encode``.
        """
        records: list[Record]
        left_out: list[LeftOut]
        records, left_out = _json_adapter(self.record_type).validate_json(text)
        return records, left_out


@cache
def _json_adapter(record_type: Any) -> TypeAdapter[Any]:
    # Three times faster than the json module and checks in Python.
    return TypeAdapter(
        tuple[list[record_type], list[LeftOut]],
        config=ConfigDict(strict=True, ser_json_bytes="base64", val_json_bytes="base64"),
    )


@dataclass(frozen=True, slots=True)
class ChunkRecords(Generic[Record]):
    """The records of the tunes of a chunk, in order."""

    path: Path
    records: list[Record] = field(default_factory=list)
    skipped: list[SkippedTune] = field(default_factory=list)
    key: str = ""  # in the cache; empty if nothing could be read
    size: int = 0  # of the chunk, in bytes


@dataclass(frozen=True, slots=True)
class _EndOfFile:
    """The end of a file."""

    path: Path
    bytes_so_far: int  # size of all files up to here


def read_files(
    files: Sequence[Path],
    readers: Mapping[str, Reader],
    record_format: RecordFormat[Record],
    text_cache: TextCache,
    *,
    processes: int = 0,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Iterator[ChunkRecords[Record]]:
    """Yield the records of files chunk by chunk, in the order of the files.

    Every file yields at least one record or skipped tune. Only a few chunks are in memory at a
    time, so memory does not grow with the amount read.

    Args:
        files: The files.
        readers: Readers by suffix.
        record_format: The kind of record to keep of every tune.
        text_cache: Holds earlier results and receives new ones.
        processes: Number of processes; 0 for one per core if there is enough to read.
        on_progress: Called with the bytes read so far and the total.
    """
    # 1) Choose the number of processes. Starting them must be worth the time.
    total = sum(map(size_of, files))
    if record_format.record_type is None:
        processes = 1
    elif not processes:
        cost = sum(size_of(path) * reader_for(path, readers).cost for path in files)
        processes = 1 if cost < PARALLEL_BYTES else cores()
    # 2) Read chunks ahead, and yield their records in order.
    with WorkerPool(processes, fallback=True) as workers:
        chunk_reader = ChunkReader(record_format, text_cache, workers)
        done, is_empty = 0, True
        for result in workers.in_order(_calls(files, readers, chunk_reader)):
            if isinstance(result, ChunkRecords):
                is_empty &= not result.records and not result.skipped
                done += result.size
                yield result
            else:
                if is_empty:
                    yield ChunkRecords(
                        result.path, skipped=[SkippedTune(result.path, whole_file(NO_TUNE))]
                    )
                # The size of the chunks may differ from the file's, for example in UTF-16.
                done, is_empty = result.bytes_so_far, True
            on_progress(min(done, total), total)
    # 3) Make room in the cache if it has grown too large.
    text_cache.trim()


def _calls(
    files: Sequence[Path], readers: Mapping[str, Reader], chunk_reader: ChunkReader[Record]
) -> Iterator[Callable[[], ChunkRecords[Record] | _EndOfFile]]:
    """Start to read every chunk, and yield calls that return the results and the ends of files."""
    bytes_so_far = 0
    for path in files:
        for chunk in chunks_of(path, reader_for(path, readers)):
            if isinstance(chunk, LeftOut):
                yield partial(ChunkRecords, path, skipped=[SkippedTune(path, chunk)])
            else:
                yield chunk_reader.start(chunk)
        bytes_so_far += size_of(path)
        yield partial(_EndOfFile, path, bytes_so_far)


class ChunkReader(Generic[Record]):
    """Reads chunks from the cache or, if it does not have them, in a worker process."""

    def __init__(
        self, record_format: RecordFormat[Record], text_cache: TextCache, workers: WorkerPool
    ) -> None:
        self._format = record_format
        self._cache = text_cache
        self._workers = workers

    def start(self, chunk: Chunk) -> Callable[[], ChunkRecords[Record]]:
        """Start to read a chunk, and return a call that waits for the result."""
        if self._format.record_type is None:
            return lambda: self._result(chunk, "", *read_chunk(chunk, self._format))
        # The key does not contain the line, so that later chunks stay cached if a tune is inserted.
        key = key_of(
            version_of(_READING_PACKAGES),
            self._format.name,
            chunk.reader.name,
            chunk.reader.versions,
            chunk.path.name,
            chunk.data,
        )
        cached = self._cache.get(key)
        if cached is None:
            read = self._workers.submit(read_chunk_as_json, chunk, self._format)
        else:
            read = partial(read_chunk_as_json, chunk, self._format)
        return partial(self._finish, chunk, key, cached, read)

    def _finish(
        self, chunk: Chunk, key: str, cached: str | None, read: Callable[[], str]
    ) -> ChunkRecords[Record]:
        if cached is not None:
            # If the entry is not ours, the chunk is read again and the entry replaced.
            with suppress(ValueError):
                return self._result(chunk, key, *self._format.decode(cached))
        text = read()
        self._cache.put(key, text)
        return self._result(chunk, key, *self._format.decode(text))

    def _result(
        self, chunk: Chunk, key: str, records: list[Record], left_out: list[LeftOut]
    ) -> ChunkRecords[Record]:
        """Return the result with lines counted from the beginning of the file."""
        before = chunk.line - 1
        move = self._format.move
        if before and move:
            records = [move(record, before) for record in records]
        skipped = [
            SkippedTune(chunk.path, replace(cause, line=moved(cause.line, before)))
            for cause in left_out
        ]
        return ChunkRecords(chunk.path, records, skipped, key, len(chunk.data))


def moved(line: int, before: int) -> int:
    """Return a chunk's line as a line of its file; 0 means no line, and stays."""
    return line + before if line else 0


def read_chunk(
    chunk: Chunk, record_format: RecordFormat[Record]
) -> tuple[list[Record], list[LeftOut]]:
    """Return the records of a chunk and the tunes skipped, with lines counted from its first."""
    name = "" if chunk.path == STDIN else printable(chunk.path.name)
    records: list[Record] = []
    left_out: list[LeftOut] = []
    for result in chunk.reader.read(chunk.data, name):
        if isinstance(result, LeftOut):
            left_out.append(result)
            continue
        try:
            records.append(record_format.make(result, name))
        except NotationError as error:  # it has no such record
            tune = result.tune
            left_out.append(LeftOut(result.line, str(tune.number), tune.title, error.reason))
    return records, left_out


def read_chunk_as_json(chunk: Chunk, record_format: RecordFormat[Record]) -> str:
    """Return the records of a chunk as JSON for the cache; runs in worker processes."""
    return record_format.encode(*read_chunk(chunk, record_format))


def nothing_read(skipped: Sequence[SkippedTune]) -> InputError:
    """Return the error for files from which not a single tune could be read."""
    more = f" (and {len(skipped) - 1} more left out)" if len(skipped) > 1 else ""
    return InputError(f"no tune could be read: {skipped[0]}{more}")


@dataclass(frozen=True, slots=True)
class FileTunes:
    """The tunes of one file, in order, and those skipped."""

    path: Path
    tunes: tuple[Tune, ...]
    skipped: tuple[SkippedTune, ...]
    repaired: tuple[RepairedTune, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """The tunes of files and folders, file by file."""

    files: tuple[FileTunes, ...]

    @property
    def tunes(self) -> tuple[Tune, ...]:
        """All tunes, in the order of the files and within them."""
        return tuple(tune for file in self.files for tune in file.tunes)

    @property
    def skipped(self) -> tuple[SkippedTune, ...]:
        """All tunes and files skipped."""
        return tuple(tune for file in self.files for tune in file.skipped)

    @property
    def repaired(self) -> tuple[RepairedTune, ...]:
        """All that was repaired or ignored."""
        return tuple(repair for file in self.files for repair in file.repaired)


def load_corpus(
    paths: Sequence[Path],
    *,
    readers: Mapping[str, Reader] = READERS,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Corpus:
    """Read every tune in files and folders.

    Args:
        paths: Files and folders.
        readers: Readers by suffix.
        on_progress: Called with the bytes read so far and the total.

    Raises:
        InputError: if a path does not exist, or not a single tune could be read.
    """
    # Tunes have no JSON form, so they are read in this process.
    tune_format = RecordFormat("tunes", lambda reading, _name: reading, move=_moved_reading)
    files = find_files(paths, readers)
    readings: dict[Path, list[Reading]] = {path: [] for path in files}
    skipped: dict[Path, list[SkippedTune]] = {path: [] for path in files}
    for chunk in read_files(files, readers, tune_format, NO_CACHE, on_progress=on_progress):
        readings[chunk.path] += chunk.records
        skipped[chunk.path] += chunk.skipped
    corpus = Corpus(
        tuple(
            FileTunes(
                path,
                tuple(reading.tune for reading in readings[path]),
                tuple(skipped[path]),
                tuple(
                    RepairedTune(path, reading.tune, repair)
                    for reading in readings[path]
                    for repair in reading.repairs
                ),
            )
            for path in files
        )
    )
    if not corpus.tunes:
        raise nothing_read(corpus.skipped)
    return corpus


def _moved_reading(reading: Reading, before: int) -> Reading:
    repairs = (replace(repair, line=moved(repair.line, before)) for repair in reading.repairs)
    return replace(reading, line=moved(reading.line, before), repairs=tuple(repairs))
