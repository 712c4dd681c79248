"""Tunes to files that people print, play and pass on."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.errors import InputError
from abcgen.files import check_writable, refuse_to_overwrite, write_atomically
from abcgen.pipeline.formats import FORMATS, Format, Look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from abcgen.corpus.loading import Corpus, FileReading
    from abcgen.notation.tune import Tune

    OnProgress = Callable[[int, int], None]

MAX_SLUG = 60


@dataclass(frozen=True, slots=True)
class Rendering:
    """What came of rendering tunes.

    Attributes:
        files: The files written.
        left_out: A line for every tune and format that could not be made of it: which, and why.
    """

    files: list[Path]
    left_out: list[str]


def render_tunes(  # noqa: PLR0913 - what, where to, how
    tunes: Sequence[Tune],
    formats: Sequence[str],
    folder: Path,
    stem: str,
    look: Look,
    *,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Rendering:
    """Write tunes in several formats.

    ABC and PDF make one book of all tunes and PNG its pages; the other formats have a file to
    each tune. A tune that a format cannot hold is left out of it and reported.

    Args:
        tunes: The tunes.
        formats: Names from ``FORMATS``.
        folder: Where to.
        stem: What the files' names begin with.
        look: How to print and play them.
        force: Whether to write over files that are there. None is ever removed.
        on_progress: Called with the tunes done and in all, counted once for each format.

    Raises:
        InputError: if nothing at all can be written.
        OutputError: if a file is there already or cannot be written.
    """
    target = _Target([_Entry(tune) for tune in tunes], folder, stem)
    press = _Press(look, force, len(tunes) * len(formats), on_progress)
    return press.render([target], formats)


def render_files(
    corpus: Corpus,
    formats: Sequence[str],
    out: Path,
    look: Look,
    *,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Rendering:
    """Write the tunes of files in several formats.

    Args:
        corpus: The tunes.
        formats: Names from ``FORMATS``.
        out: A folder, for files named after those read; or a file whose ending fits the only
            format, for all tunes together. Only if they fill several PNG pages these are
            numbered: ``out-1.png``, ``out-2.png`` ….
        look: How to print and play them.
        force: As in ``render_tunes``.
        on_progress: As in ``render_tunes``.

    Raises:
        InputError: if ``out`` is a file that cannot hold all that is asked for, if two results
            would have one name, or if nothing at all can be written.
        OutputError: if a file is there already or cannot be written.
    """
    in_folder = out.is_dir() or not out.suffix
    targets = _targets(corpus, out) if in_folder else [_one_file(corpus, formats, out)]
    press = _Press(look, force, len(corpus.tunes) * len(formats), on_progress)
    return press.render(targets, formats)


class _Entry(NamedTuple):
    """A tune and the file it comes from, if any."""

    tune: Tune
    path: Path | None = None

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}X:{self.tune.number} {self.tune.title!r}"


@dataclass(frozen=True, slots=True)
class _Target:
    """Tunes on their way into a folder under one stem, or into one file.

    Attributes:
        entries: The tunes.
        folder: The folder.
        stem: What names begin with.
        suffix: The file's own ending with its dot; empty for that of each format.
    """

    entries: Sequence[_Entry]
    folder: Path
    stem: str
    suffix: str = ""

    def single(self, place: int, form: Format) -> Path:
        """The file of one tune."""
        if len(self.entries) == 1:
            return self._named("", form)
        width = len(str(len(self.entries)))
        name = slug(self.entries[place].tune.title)
        return self._named("-".join(["", f"{place + 1:0{width}}", *([name] if name else [])]), form)

    def books(self, number: int, form: Format) -> list[Path]:
        """The files of all tunes together: one, or that many pages."""
        extras = [""] if number == 1 else [f"-{page}" for page in range(1, number + 1)]
        return [self._named(extra, form) for extra in extras]

    def foreseen(self, form: Format) -> list[Path]:
        """The files that are sure to be written; how many PNG pages there are shows later."""
        if form.bind is None:
            return [self.single(place, form) for place in range(len(self.entries))]
        return [] if form.has_pages else self.books(1, form)

    def _named(self, extra: str, form: Format) -> Path:
        return self.folder / f"{self.stem}{extra}{self.suffix or f'.{form.suffix}'}"


@dataclass(slots=True)
class _Press:
    """A rendering under way.

    Attributes:
        look: How tunes are printed and played.
        force: Whether to write over what is there.
        total: How many tunes there are, counted once for each format.
        on_progress: Called with the number done and ``total``.
        files: What is written so far.
        left_out: What could not be.
        done: How many tunes are done.
    """

    look: Look
    force: bool
    total: int
    on_progress: OnProgress | None
    files: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    done: int = 0

    def render(self, targets: Sequence[_Target], formats: Sequence[str]) -> Rendering:
        """Write every target in every format, having seen first that nothing is in the way.

        Raises:
            InputError: if nothing can be written.
        """
        for folder in {target.folder for target in targets}:
            check_writable(folder)
        forms = [FORMATS[name] for name in formats]
        self._check_free(
            [path for target in targets for form in forms for path in target.foreseen(form)]
        )
        for target in targets:
            for name in formats:
                self._write(target, name)
        if not self.files:
            raise InputError(self._nothing_written())
        return Rendering(self.files, self.left_out)

    def _nothing_written(self) -> str:
        if not self.left_out:
            return "there is no tune to write"
        others = len(self.left_out) - 1
        more = f" (and {others} more left out)" if others else ""
        return f"nothing could be written: {self.left_out[0]}{more}"

    def _write(self, target: _Target, name: str) -> None:
        form = FORMATS[name]
        made = self._made(target, name)
        if form.bind is None:
            for place, content in made:
                self._put(target.single(place, form), content)
            return
        documents = form.bind((part for _, part in made), self.look)
        paths = target.books(len(documents), form)
        self._check_free(paths)
        for path, document in zip(paths, documents, strict=True):
            self._put(path, document)

    def _made(self, target: _Target, name: str) -> Iterator[tuple[int, Any]]:
        """Every tune in a format, with its place; those it cannot hold are left out."""
        for place, entry in enumerate(target.entries):
            try:
                made = FORMATS[name].make(entry.tune, self.look)
            except InputError as error:
                self.left_out.append(f"{entry}: not in {name}: {error}")
            else:
                yield place, made
            self.done += 1
            if self.on_progress:
                self.on_progress(self.done, self.total)

    def _put(self, path: Path, content: bytes) -> None:
        write_atomically(path, content)
        self.files.append(path)

    def _check_free(self, paths: Sequence[Path]) -> None:
        """See that a file is neither there already nor asked for twice."""
        taken = set(self.files)
        for path in paths:
            if path in taken:
                raise InputError(f"two files would be called {path}", way_out="render them apart")
            taken.add(path)
            refuse_to_overwrite(path, force=self.force)


def _targets(corpus: Corpus, folder: Path) -> list[_Target]:
    """Every file read that has tunes, under a stem of its own."""
    files = [file for file in corpus.files if file.tunes]
    return [
        _Target([_Entry(tune, file.path) for tune in file.tunes], folder, stem)
        for file, stem in zip(files, _stems(files), strict=True)
    ]


def _one_file(corpus: Corpus, formats: Sequence[str], out: Path) -> _Target:
    """All tunes together in one file.

    Raises:
        InputError: if it cannot hold them.
    """
    fitting = [name for name in formats if FORMATS[name].suffix == out.suffix[1:].lower()]
    if len(formats) > 1 or not fitting:
        raise InputError(
            f"{out} cannot hold {','.join(formats)}", way_out="give a folder, or the fitting ending"
        )
    if FORMATS[fitting[0]].bind is None and len(corpus.tunes) > 1:
        raise InputError(
            f"{out} can hold one tune, not {len(corpus.tunes)}",
            way_out="give a folder, for a file to each",
        )
    entries = [_Entry(tune, file.path) for file in corpus.files for tune in file.tunes]
    return _Target(entries, out.parent, out.stem, out.suffix)


def _stems(files: Sequence[FileReading]) -> list[str]:
    """A name for each file, unlike all others."""
    stems: list[str] = []
    for file in files:
        stem, number = file.path.stem, 2
        while stem in stems:
            stem, number = f"{file.path.stem}-{number}", number + 1
        stems.append(stem)
    return stems


def slug(title: str) -> str:
    """A title as part of a file name: small letters, digits and hyphens of plain ASCII."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower().replace("'", "")).strip("-")[:MAX_SLUG]
