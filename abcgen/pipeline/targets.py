"""Which files tunes go into: their folders, stems and names."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from abcgen.errors import InputError
from abcgen.pipeline.formats import FORMATS, Format

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from abcgen.corpus.loading import Corpus, FileReading
    from abcgen.notation.tune import Tune

MAX_SLUG = 60


class Entry(NamedTuple):
    """A tune and the file it comes from, if any."""

    tune: Tune
    path: Path | None = None

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}X:{self.tune.number} {self.tune.title!r}"


@dataclass(frozen=True, slots=True)
class Target:
    """Tunes on their way into a folder under one stem, or into one file.

    Attributes:
        entries: The tunes.
        folder: The folder.
        stem: What names begin with.
        suffix: The file's own ending with its dot; empty for that of each format.
    """

    entries: Sequence[Entry]
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


def targets_in(corpus: Corpus, folder: Path) -> list[Target]:
    """Every file read that has tunes, under a stem of its own."""
    files = [file for file in corpus.files if file.tunes]
    return [
        Target([Entry(tune, file.path) for tune in file.tunes], folder, stem)
        for file, stem in zip(files, _stems(files), strict=True)
    ]


def target_file(corpus: Corpus, formats: Sequence[str], out: Path) -> Target:
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
    entries = [Entry(tune, file.path) for file in corpus.files for tune in file.tunes]
    return Target(entries, out.parent, out.stem, out.suffix)


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
