"""Render tunes into files of several formats (``render_tunes``, ``render_files``).

A ``Renderer`` writes each ``Target``, one or more files, in every format of ``formats.FORMATS``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.corpus.tune_files import STDIN, STDIN_NAME
from abcgen.errors import InputError
from abcgen.files import check_writable, refuse_to_overwrite, write_atomically
from abcgen.notation.spoken import with_plain_rhythm
from abcgen.pipeline.formats import FORMATS, Format, RenderOptions
from abcgen.score.pages import Sheet
from abcgen.score.performance import with_usual_tempo
from abcgen.workers import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from abcgen.corpus.reading import Corpus
    from abcgen.notation.tune import Tune

    # Called with the tunes done and in all, counted once for each format.
    OnProgress = Callable[[int, int], None]

MAX_SLUG = 60
# Fewer tunes are rendered in this process: workers take a second or two to load their libraries.
MIN_TUNES_FOR_WORKERS = 12


@dataclass(frozen=True, slots=True)
class Rendering:
    """The result of rendering tunes."""

    # The files written.
    files: list[Path]
    # A line for every tune and format that could not be rendered, with the reason.
    left_out: list[str]
    # A line for every tune that is not printed as it should be, with the reason.
    notes: list[str] = field(default_factory=list)


def with_usual_heading(tune: Tune) -> Tune:
    """Return a tune of a network with the rhythm and the tempo that players take for granted.

    Its ABC has neither, so that it stays what the network wrote.
    """
    return with_usual_tempo(with_plain_rhythm(tune))


def render_tunes(
    tunes: Sequence[Tune],
    formats: Sequence[str],
    folder: Path,
    stem: str,
    options: RenderOptions,
    *,
    force: bool = False,
    processes: int = 1,
    on_progress: OnProgress | None = None,
) -> Rendering:
    """Write tunes in several formats.

    ABC, PDF and HTML give one book of all tunes, PNG a file for each page, the other formats a file
    for each tune. A tune that a format cannot represent is only reported.

    Args:
        tunes: The tunes.
        formats: Names from ``FORMATS``.
        folder: The folder of all files; it is created if missing.
        stem: The beginning of all file names.
        options: How to print and play the tunes.
        force: Whether to overwrite existing files.
        processes: Maximum number of worker processes. More than one require a main module that can
            be imported without side effects.
        on_progress: Called with the tunes done and in all, counted once for each format.

    Raises:
        InputError: if no tune can be written.
        OutputError: if a file exists already or cannot be written.
    """
    target = Target([Entry(tune) for tune in tunes], folder, stem)
    with WorkerPool(processes) as workers:
        renderer = Renderer(options, workers, len(tunes) * len(formats), force, on_progress)
        return renderer.render([target], formats)


def render_files(
    corpus: Corpus,
    formats: Sequence[str],
    out: Path,
    options: RenderOptions,
    *,
    force: bool = False,
    processes: int = 1,
    on_progress: OnProgress | None = None,
) -> Rendering:
    """Write the tunes of files in several formats; for most arguments see ``render_tunes``.

    ``out`` is a folder, for files named after the input files, or a file for all tunes, with the
    suffix of the only format. Several PNG pages are numbered: ``out-1.png``, ``out-2.png``.

    Raises:
        InputError: if ``out`` is a file that cannot hold all these tunes and formats, if two
            results would have one name, or if no tune can be written.
        OutputError: if a file exists already or cannot be written.
    """
    in_folder = out.is_dir() or not out.suffix
    targets = targets_in(corpus, out) if in_folder else [target_file(corpus, formats, out)]
    with WorkerPool(processes) as workers:
        renderer = Renderer(options, workers, len(corpus.tunes) * len(formats), force, on_progress)
        return renderer.render(targets, formats)


@dataclass(slots=True)
class Renderer:
    """Writes targets in several formats, and collects the result."""

    options: RenderOptions
    workers: WorkerPool
    # Number of tunes, counted once for each format.
    total: int
    # Whether to overwrite existing files.
    force: bool
    # Called with ``done`` and ``total``.
    on_progress: OnProgress | None
    # The files written so far, and the tunes that could not be.
    result: Rendering = field(default_factory=lambda: Rendering([], []))
    # Number of tunes done, counted like ``total``.
    done: int = 0

    def render(self, targets: Sequence[Target], formats: Sequence[str]) -> Rendering:
        """Write every target in every format.

        Raises:
            InputError: if nothing can be written.
            OutputError: if a file exists already or cannot be written.
        """
        # 1) Check that the files can be written, before the long work starts.
        for folder in {target.folder for target in targets}:
            check_writable(folder)
        file_formats = [FORMATS[name] for name in formats]
        self._check_unused(
            [
                path
                for target in targets
                for file_format in file_formats
                for path in target.known_paths(file_format)
            ]
        )
        # 2) Write.
        for target in targets:
            for name in formats:
                self._write(target, name)
        # 3) Raise an error if nothing was written.
        left_out = self.result.left_out
        if self.result.files:
            return self.result
        if not left_out:
            raise InputError("there is no tune to write")
        more = f" (and {len(left_out) - 1} more left out)" if len(left_out) > 1 else ""
        raise InputError(f"nothing could be written: {left_out[0]}{more}")

    def _write(self, target: Target, name: str) -> None:
        file_format = FORMATS[name]
        rendered = self._rendered(target, name)
        if file_format.bind is None:
            for index, content in rendered:
                self._write_file(target.tune_path(index, file_format), content)
            return
        documents = file_format.bind((part for _, part in rendered), self.options)
        paths = target.book_paths(len(documents), file_format)
        # PNG pages can be counted, and so named, only now.
        self._check_unused(paths)
        for path, document in zip(paths, documents, strict=True):
            self._write_file(path, document)

    def _rendered(self, target: Target, name: str) -> Iterator[tuple[int, Any]]:
        """Yield the index of every tune with its content in a format; report those that fail."""
        tunes = [entry.tune for entry in target.entries]
        rendered = render_each(tunes, name, self.options, self.workers)
        for index, (content, error) in enumerate(rendered):
            entry = target.entries[index]
            if error:
                self.result.left_out.append(f"{entry}: not in {name}: {error}")
            else:
                note = content.note if isinstance(content, Sheet) else ""
                # PDF and PNG have the same note.
                if note and f"{entry}: {note}" not in self.result.notes:
                    self.result.notes.append(f"{entry}: {note}")
                yield index, content
            self.done += 1
            if self.on_progress:
                self.on_progress(self.done, self.total)

    def _write_file(self, path: Path, content: bytes) -> None:
        write_atomically(path, content)
        self.result.files.append(path)

    def _check_unused(self, paths: Sequence[Path]) -> None:
        """Refuse files that exist already, and two results with the same path."""
        used = set(self.result.files)
        for path in paths:
            if path in used:
                raise InputError(f"two files would be called {path}", hint="render them separately")
            used.add(path)
            refuse_to_overwrite(path, force=self.force)


class Entry(NamedTuple):
    """A tune and the file it comes from, if any."""

    tune: Tune
    path: Path | None = None

    def __str__(self) -> str:
        source = f"{self.path}: " if self.path else ""
        return f"{source}X:{self.tune.number} {self.tune.title!r}"


@dataclass(frozen=True, slots=True)
class Target:
    """Tunes to be written into a folder under one stem, or into one file."""

    entries: Sequence[Entry]
    folder: Path
    # The beginning of all file names.
    stem: str
    # The suffix that the user gave the file, with its dot; empty for that of each format.
    suffix: str = ""

    def tune_path(self, index: int, file_format: Format) -> Path:
        """Return the path of one tune: ``stem-07-the-title.mid``."""
        if len(self.entries) == 1:
            return self._path("", file_format)
        width = len(str(len(self.entries)))
        title = slug(self.entries[index].tune.title)
        return self._path(f"-{index + 1:0{width}}" + (f"-{title}" if title else ""), file_format)

    def book_paths(self, number: int, file_format: Format) -> list[Path]:
        """Return the paths of a book in ``number`` files, numbered if there are several."""
        extras = [""] if number == 1 else [f"-{page}" for page in range(1, number + 1)]
        return [self._path(extra, file_format) for extra in extras]

    def known_paths(self, file_format: Format) -> list[Path]:
        """Return the paths known before rendering: all but those of PNG pages."""
        if file_format.bind is None:
            return [self.tune_path(index, file_format) for index in range(len(self.entries))]
        return [] if file_format.has_pages else self.book_paths(1, file_format)

    def _path(self, extra: str, file_format: Format) -> Path:
        return self.folder / f"{self.stem}{extra}{self.suffix or f'.{file_format.suffix}'}"


def targets_in(corpus: Corpus, folder: Path) -> list[Target]:
    """Return a target for every file with tunes, named after it; equal names are numbered."""
    targets: list[Target] = []
    stems: set[str] = set()
    for file in corpus.files:
        if not file.tunes:
            continue
        name = STDIN_NAME if file.path == STDIN else file.path.stem
        stem, number = name, 2
        while stem in stems:
            stem, number = f"{name}-{number}", number + 1
        stems.add(stem)
        targets.append(Target([Entry(tune, file.path) for tune in file.tunes], folder, stem))
    return targets


def target_file(corpus: Corpus, formats: Sequence[str], out: Path) -> Target:
    """Return a target of all tunes together in one file.

    Raises:
        InputError: if it cannot hold them.
    """
    fitting = [name for name in formats if FORMATS[name].suffix == out.suffix[1:].lower()]
    if len(formats) > 1 or not fitting:
        raise InputError(
            f"{out} cannot hold {','.join(formats)}",
            hint="name a folder, or a file with the right suffix",
        )
    if FORMATS[fitting[0]].bind is None and len(corpus.tunes) > 1:
        raise InputError(
            f"{out} can hold one tune, not {len(corpus.tunes)}",
            hint="name a folder, so that each tune gets a file",
        )
    entries = [Entry(tune, file.path) for file in corpus.files for tune in file.tunes]
    return Target(entries, out.parent, out.stem, out.suffix)


def slug(title: str) -> str:
    """Return a title as part of a file name: lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower().replace("'", "")).strip("-")[:MAX_SLUG]


class RenderedTune(NamedTuple):
    """A tune in one format."""

    # The content of its file, or its part of the book; None if it could not be rendered.
    content: Any
    # The reason why it could not be rendered, or empty.
    error: str = ""


def render_each(
    tunes: Sequence[Tune], name: str, options: RenderOptions, workers: WorkerPool
) -> Iterator[RenderedTune]:
    """Yield the results of rendering tunes in the format ``name``, in order.

    Workers are used only for slow formats and many tunes.
    """
    render = partial(_rendered, name=name, options=options)
    if FORMATS[name].engraves and len(tunes) >= MIN_TUNES_FOR_WORKERS:
        return workers.map(render, tunes)
    return map(render, tunes)


def _rendered(tune: Tune, *, name: str, options: RenderOptions) -> RenderedTune:
    try:
        return RenderedTune(FORMATS[name].render(options.moved(tune), options))
    except InputError as error:
        return RenderedTune(None, str(error))
