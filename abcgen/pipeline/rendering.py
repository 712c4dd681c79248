"""Tunes to files that people print, play and pass on."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.config import PageConfig, SoundConfig
from abcgen.errors import InputError, OutputError
from abcgen.files import check_writable, refuse_to_overwrite, write_atomically
from abcgen.notation.instruments import Instrument, instrument_named
from abcgen.notation.writer import write_tunebook
from abcgen.score.engrave import engrave_svg
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.pages import Sheet, set_pages, sheet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from abcgen.corpus.loading import Corpus, FileReading
    from abcgen.notation.tune import Tune

    OnProgress = Callable[[int, int], None]

MAX_SLUG = 60


@dataclass(frozen=True, slots=True)
class Look:
    """How tunes are printed and played.

    Attributes:
        page: The page.
        composer: What stands at the right above every tune.
        instrument: What plays in MIDI files.
    """

    page: PageConfig = field(default_factory=PageConfig)
    composer: str = ""
    instrument: Instrument = field(
        default_factory=lambda: instrument_named(SoundConfig().instrument)
    )


@dataclass(frozen=True, slots=True)
class Rendering:
    """What came of rendering tunes.

    Attributes:
        files: The files written.
        left_out: A line for every tune and format that could not be made of it: which, and why.
    """

    files: list[Path]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Format:
    """How tunes become files of one kind.

    Attributes:
        suffix: The ending of the files' names.
        make: What stands for one tune: the content of its file, or its part of the book.
        bind: Makes the book of all parts, file by file; None if every tune has its own file.
        extras: What may stand between a file name's stem and ending, as a regular expression.
    """

    suffix: str
    make: Callable[[Tune, Look], Any]
    bind: Callable[[Iterable[Any], Look], list[bytes]] | None = None
    extras: str = ""


def _abc_book(tunes: Iterable[Tune], _look: Look) -> list[bytes]:
    book = write_tunebook(tunes)
    return [book.encode()] if book else []


def _pdf_book(sheets: Iterable[Sheet], look: Look) -> list[bytes]:
    return set_pages(sheets, look.page, "pdf")


def _png_pages(sheets: Iterable[Sheet], look: Look) -> list[bytes]:
    return set_pages(sheets, look.page, "png")


def _tune(tune: Tune, _look: Look) -> Tune:
    return tune


def _sheet(tune: Tune, look: Look) -> Sheet:
    return sheet_of(tune, look.page, composer=look.composer)


def _svg(tune: Tune, look: Look) -> bytes:
    return engrave_svg(_musicxml(tune, look)).encode()


def _midi(tune: Tune, look: Look) -> bytes:
    return midi_of(tune, instrument=look.instrument)


def _musicxml(tune: Tune, look: Look) -> bytes:
    return musicxml_of(tune, composer=look.composer)


PAGE_NUMBER = r"(-\d+)?"
TUNE_NUMBER = r"(-\d+(-[a-z0-9-]+)?)?"
FORMATS = {
    "abc": Format("abc", _tune, _abc_book),
    "pdf": Format("pdf", _sheet, _pdf_book),
    "png": Format("png", _sheet, _png_pages, PAGE_NUMBER),
    "svg": Format("svg", _svg, extras=TUNE_NUMBER),
    "midi": Format("mid", _midi, extras=TUNE_NUMBER),
    "musicxml": Format("musicxml", _musicxml, extras=TUNE_NUMBER),
}


def formats_named(names: str) -> list[str]:
    """The formats in a list such as ``pdf,midi``.

    Raises:
        InputError: if one is not known, or there is none.
    """
    wanted = list(dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip()))
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        raise InputError(
            f"unknown format {', '.join(unknown) or names!r}", way_out=f"any of {','.join(FORMATS)}"
        )
    return wanted


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
        force: Whether to write over what is there. What an earlier run left is then removed when
            all is written: in these formats, files of the names that runs with this stem give
            (``stem.pdf``, ``stem-12-the-title.mid``, ``stem-2.png``), and no others.
        on_progress: Called with the tunes done and in all, counted once for each format.

    Raises:
        InputError: if nothing at all can be written.
        OutputError: if a file is there already or cannot be written.
    """
    target = _Target([_Entry(tune) for tune in tunes], folder, stem)
    press = _Press(look, force, len(tunes) * len(formats), on_progress)
    rendering = press.render([target], formats)
    if force:
        _remove_leftovers([target], formats, keep=rendering.files)
    return rendering


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
        force: As in ``render_tunes``; files that were read are never removed, and beside an
            ``out`` that is a file nothing is.
        on_progress: As in ``render_tunes``.

    Raises:
        InputError: if ``out`` is a file that cannot hold all that is asked for, if two results
            would have one name, or if nothing at all can be written.
        OutputError: if a file is there already or cannot be written.
    """
    in_folder = out.is_dir() or not out.suffix
    targets = _targets(corpus, out) if in_folder else [_one_file(corpus, formats, out)]
    press = _Press(look, force, len(corpus.tunes) * len(formats), on_progress)
    rendering = press.render(targets, formats)
    if force and in_folder:
        read = [file.path for file in corpus.files]
        _remove_leftovers(targets, formats, keep=[*rendering.files, *read])
    return rendering


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
        return [] if form.extras else self.books(1, form)

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


def _remove_leftovers(
    targets: Sequence[_Target], formats: Sequence[str], keep: Iterable[Path]
) -> None:
    """Remove what earlier runs wrote under the same stems and formats, so that runs do not mix."""
    kept = {path.resolve() for path in keep}
    for target in targets:
        endings = "|".join(rf"{FORMATS[name].extras}\.{FORMATS[name].suffix}" for name in formats)
        ours = re.compile(f"{re.escape(target.stem)}(?:{endings})")
        for path in target.folder.iterdir():
            is_file = path.is_file() and not path.is_symlink()
            if ours.fullmatch(path.name) and is_file and path.resolve() not in kept:
                _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot remove {path}, left by an earlier run: {reason}") from error


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
