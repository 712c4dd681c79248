"""What is kept of what was read: records of tunes, and what was left out, as lines of JSON.

They go through other processes and the cache, and nothing in them is believed on the way back that
is not of its type.

Reads tune files portion by portion, in several processes, asking the cache first.

The portions come back in order, and only a few are held at a time, so that memory does not grow
with what is read.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Generic, TypeVar

from abcgen.config import ReadingConfig
from abcgen.corpus.cache import portion_key
from abcgen.corpus.loading import NO_TUNE, Loss, Portion, portions_of, reader_for, size_of, whole
from abcgen.files import printable
from abcgen.notation.reader import LeftOut, Reading
from abcgen.system import cores, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.loading import Reader


Record = TypeVar("Record")

_LOSS = [int, str, str, str]


@dataclass(frozen=True, slots=True)
class Kind(Generic[Record]):
    """A kind of record; other processes are sent it, so it holds functions of modules only.

    Attributes:
        name: What the cache knows it by.
        make: The record of a tune, given the name of its file.
        fields: A record's fields, for JSON; not as many as those of what was left out.
        read: The record of such fields, and how many lines to add to each that it names. Raises
            ValueError if they are anything else.
    """

    name: str
    make: Callable[[Reading, str], Record]
    fields: Callable[[Record], list[object]]
    read: Callable[[list[object], int], Record]

    def encode(self, entries: Iterable[Record | LeftOut]) -> str:
        """Entries as text, a line of JSON to each."""
        rows = (
            [entry.line, entry.number, entry.title, entry.reason]
            if isinstance(entry, LeftOut)
            else self.fields(entry)
            for entry in entries
        )
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def decode(self, text: str, line: int = 1) -> list[Record | LeftOut]:
        """Entries from text.

        Args:
            text: What ``encode`` made.
            line: Number in the file of what the entries count as line 1.

        Raises:
            ValueError: if it is anything else.
        """
        return [self._entry(json.loads(row), line - 1) for row in text.split("\n") if row]

    def _entry(self, fields: object, before: int) -> Record | LeftOut:
        if not isinstance(fields, list):
            raise ValueError("no entry")  # noqa: TRY004 - whatever is wrong with it, it is no entry
        if len(fields) == len(_LOSS):
            line, number, title, reason = checked(fields, _LOSS)
            return LeftOut(moved(line, before), number, title, reason)
        return self.read(fields, before)


def checked(fields: object, types: list[type]) -> list:  # type: ignore[type-arg] # JSON is anything
    """Fields that are as many as expected and of these types.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(fields, list) or [type(field) for field in fields] != types:
        raise ValueError("no entry")
    return fields


def moved(line: int, before: int) -> int:
    """A line's number, counted from the beginning of the file; 0 is no line."""
    return line + before if line else 0


AHEAD = 3  # portions to a process that are read before they are asked for


@dataclass(frozen=True, slots=True)
class Batch(Generic[Record]):
    """Some of what a file holds, in order.

    Attributes:
        path: The file.
        entries: Records of tunes, and what is left out.
        key: What the cache knows it by; empty if it has no content.
    """

    path: Path
    entries: list[Record | LeftOut]
    key: str = ""


def read_files(
    files: Sequence[Path],
    readers: Mapping[str, Reader],
    kind: Kind[Record],
    cache: TextCache,
    *,
    processes: int = 0,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Batch[Record]]:
    """Read files, a batch of entries at a time.

    Args:
        files: The files.
        readers: What reads them, by suffix.
        kind: What is kept of every tune.
        cache: What was read before, and where to keep what is read now.
        processes: How many to use; 0 for one to each processor, where there is enough to read.
        on_progress: Called with the bytes read so far and in all.

    Yields:
        Batches in the order of the files; every file has at least one entry.
    """
    total = sum(map(size_of, files))
    work = sum(size_of(path) * reader_for(path, readers).cost for path in files)
    done, found = 0, False
    with _pool(processes or _worth_starting(work)) as pool:
        desk = _Desk(kind, cache, pool)
        for step in desk.read(_portions(files, readers)):
            if isinstance(step, _FileEnd):
                if not found:
                    yield Batch(step.path, [whole(NO_TUNE)])
                done, found = step.bytes_so_far, False
            else:
                batch, length = step
                found |= bool(batch.entries)
                done += length
                yield batch
            on_progress(min(done, total), total)
    cache.trim()


@dataclass(frozen=True, slots=True)
class _FileEnd:
    """The end of a file.

    Attributes:
        path: The file.
        bytes_so_far: The size of all files up to here.
    """

    path: Path
    bytes_so_far: int


def _portions(
    files: Sequence[Path], readers: Mapping[str, Reader]
) -> Iterator[Portion | Loss | _FileEnd]:
    done = 0
    for path in files:
        for portion in portions_of(path, reader_for(path, readers)):
            yield Loss(path, portion) if isinstance(portion, LeftOut) else portion
        done += size_of(path)
        yield _FileEnd(path, done)


class _Desk(Generic[Record]):
    """Hands portions out to be read and takes them back in order."""

    def __init__(self, kind: Kind[Record], cache: TextCache, pool: _Pool | None) -> None:
        self._kind = kind
        self._cache = cache
        self._pool = pool

    def read(
        self, steps: Iterable[Portion | Loss | _FileEnd]
    ) -> Iterator[tuple[Batch[Record], int] | _FileEnd]:
        """What the portions hold, each with its length in bytes."""
        waiting: deque[_Waiting | Loss | _FileEnd] = deque()
        for step in steps:
            waiting.append(self._hand_out(step) if isinstance(step, Portion) else step)
            while len(waiting) > (self._pool.ahead if self._pool else 0):
                yield self._take_back(waiting.popleft())
        while waiting:
            yield self._take_back(waiting.popleft())

    def _hand_out(self, portion: Portion) -> _Waiting:
        key = portion_key(portion, self._kind.name)
        text = self._cache.get(key)
        if text is None and self._pool:
            return _Waiting(portion, key, future=self._pool.submit(portion, self._kind))
        return _Waiting(portion, key, text=text)

    def _take_back(self, step: _Waiting | Loss | _FileEnd) -> tuple[Batch[Record], int] | _FileEnd:
        if isinstance(step, _FileEnd):
            return step
        if isinstance(step, Loss):
            return Batch(step.path, [step.cause]), 0
        portion = step.portion
        entries = self._decoded(step.text, portion)
        if entries is None:
            text = self._result(step.future) or read_portion(portion, self._kind)
            self._cache.put(step.key, text)
            entries = self._kind.decode(text, portion.line)
        return Batch(portion.path, entries, step.key), len(portion.data)

    def _decoded(self, text: str | None, portion: Portion) -> list[Record | LeftOut] | None:
        """The entries of a text from the cache, unless it is not what it should be."""
        try:
            return None if text is None else self._kind.decode(text, portion.line)
        except (ValueError, RecursionError):
            return None

    def _result(self, future: Future[str] | None) -> str:
        """What another process read; nothing if none did, for then this one will."""
        try:
            return future.result() if future else ""
        except (BrokenProcessPool, OSError):
            self._pool = None
            return ""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A portion whose entries are there or on their way."""

    portion: Portion
    key: str
    text: str | None = None
    future: Future[str] | None = None


def read_portion(portion: Portion, kind: Kind[Record]) -> str:
    """Read the tunes of a portion: their entries as text."""
    name = printable(portion.path.name)
    return kind.encode(
        kind.make(result, name) if isinstance(result, Reading) else result
        for result in portion.read()
    )


class _Pool:
    """Processes that read portions.

    Args:
        executor: What runs them.
        processes: How many there are.
    """

    def __init__(self, executor: ProcessPoolExecutor, processes: int) -> None:
        self._executor = executor
        self.ahead = AHEAD * processes

    def submit(self, portion: Portion, kind: Kind[Record]) -> Future[str] | None:
        """Have a portion read; None if no process can be started."""
        try:
            with uninterrupted():  # half a start leaves a process that nobody tells what to do
                return self._executor.submit(read_portion, portion, kind)
        except (BrokenProcessPool, OSError):
            return None


@contextmanager
def _pool(processes: int) -> Iterator[_Pool | None]:
    """Processes to read with, started when first used; none for one."""
    if processes <= 1:
        yield None
        return
    try:
        # Forking a process that draws a progress bar from a thread could lock its child up.
        executor = ProcessPoolExecutor(processes, get_context("spawn"), _begin)
    except (OSError, ImportError, NotImplementedError):  # a system without semaphores
        yield None
        return
    try:
        yield _Pool(executor, processes)
    finally:
        executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the process that started this one, and end when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _worth_starting(work: float) -> int:
    """How many processes to read with what takes as long as so many bytes of ABC."""
    return 1 if work < ReadingConfig().parallel_bytes else cores()
