"""Tunes to files that people print, play and pass on."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from abcgen.config import PageConfig, SoundConfig
from abcgen.errors import InputError
from abcgen.files import make_folder, write_atomically
from abcgen.notation.instruments import Instrument, instrument_named
from abcgen.notation.writer import write_tunebook
from abcgen.score.engrave import engrave_svg
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.pages import write_pdf, write_pngs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
class _Target:
    """Tunes on their way into a folder; ``on_tune`` is called after each, in each format."""

    tunes: Sequence[Tune]
    folder: Path
    stem: str
    look: Look
    on_tune: Callable[[], None]

    def book(self, suffix: str) -> Path:
        """The file that holds all tunes."""
        return self.folder / f"{self.stem}.{suffix}"

    def single(self, number: int, suffix: str) -> Path:
        """The file of one tune."""
        if len(self.tunes) == 1:
            return self.book(suffix)
        width = len(str(len(self.tunes)))
        name = slug(self.tunes[number].title)
        parts = [self.stem, f"{number + 1:0{width}}", *([name] if name else [])]
        return self.folder / f"{'-'.join(parts)}.{suffix}"


def _abc(target: _Target) -> list[Path]:
    path = target.book("abc")
    write_atomically(path, write_tunebook(target.tunes).encode())
    for _ in target.tunes:
        target.on_tune()
    return [path]


def _pdf(target: _Target) -> list[Path]:
    path, look = target.book("pdf"), target.look
    write_pdf(target.tunes, path, look.page, composer=look.composer, on_tune=target.on_tune)
    return [path]


def _png(target: _Target) -> list[Path]:
    path, look = target.book("png"), target.look
    return write_pngs(target.tunes, path, look.page, composer=look.composer, on_tune=target.on_tune)


def _svg(target: _Target) -> list[Path]:
    return _singles(
        target, "svg", lambda tune: engrave_svg(musicxml_of(tune, composer=target.look.composer))
    )


def _midi(target: _Target) -> list[Path]:
    return _singles(target, "mid", lambda tune: midi_of(tune, instrument=target.look.instrument))


def _musicxml(target: _Target) -> list[Path]:
    return _singles(
        target, "musicxml", lambda tune: musicxml_of(tune, composer=target.look.composer)
    )


def _singles(target: _Target, suffix: str, make: Callable[[Tune], str | bytes]) -> list[Path]:
    paths = []
    for number, tune in enumerate(target.tunes):
        made = make(tune)
        path = target.single(number, suffix)
        write_atomically(path, made.encode() if isinstance(made, str) else made)
        paths.append(path)
        target.on_tune()
    return paths


SUFFIXES = {"midi": "mid"}  # where it is not the format's name
FORMATS: dict[str, Callable[[_Target], list[Path]]] = {
    "abc": _abc,
    "pdf": _pdf,
    "png": _png,
    "svg": _svg,
    "midi": _midi,
    "musicxml": _musicxml,
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


def render_tunes(
    tunes: Sequence[Tune],
    formats: Sequence[str],
    folder: Path,
    stem: str,
    look: Look,
    *,
    on_progress: OnProgress | None = None,
) -> list[Path]:
    """Write tunes in several formats.

    ABC and PDF make one book of all tunes and PNG its pages; the other formats have a file to
    each tune.

    Args:
        tunes: The tunes.
        formats: Names from ``FORMATS``.
        folder: Where to.
        stem: What the files' names begin with.
        look: How to print and play them.
        on_progress: Called with the tunes done and in all, counted once for each format.

    Returns:
        The files written.

    Raises:
        OutputError: if one cannot be written.
    """
    target = _Target(tunes, folder, stem, look, _counter(len(tunes) * len(formats), on_progress))
    return [path for name in formats for path in FORMATS[name](target)]


def render_files(
    corpus: Corpus,
    formats: Sequence[str],
    out: Path,
    look: Look,
    *,
    on_progress: OnProgress | None = None,
) -> list[Path]:
    """Write the tunes of files in several formats.

    Args:
        corpus: The tunes.
        formats: Names from ``FORMATS``.
        out: A folder, for files named after those read; or a file whose ending fits the only
            format, for all tunes together.
        look: How to print and play them.
        on_progress: As in ``render_tunes``.

    Returns:
        The files written.

    Raises:
        InputError: if ``out`` is a file whose ending fits no single format.
        OutputError: if a file cannot be written.
    """
    if out.suffix and not out.is_dir():
        _check_suffix(out, formats)
        return render_tunes(
            corpus.tunes, formats, out.parent, out.stem, look, on_progress=on_progress
        )
    make_folder(out)
    files = [file for file in corpus.files if file.tunes]
    on_tune = _counter(len(corpus.tunes) * len(formats), on_progress)
    return [
        path
        for file, stem in zip(files, _stems(files), strict=True)
        for name in formats
        for path in FORMATS[name](_Target(file.tunes, out, stem, look, on_tune))
    ]


def _counter(total: int, on_progress: OnProgress | None) -> Callable[[], None]:
    """A function that reports one more done each time it is called."""
    numbers = count(1)

    def one_more() -> None:
        done = next(numbers)
        if on_progress:
            on_progress(done, total)

    return one_more


def _check_suffix(out: Path, formats: Sequence[str]) -> None:
    fitting = [name for name in formats if SUFFIXES.get(name, name) == out.suffix[1:].lower()]
    if len(formats) > 1 or not fitting:
        raise InputError(
            f"{out} cannot hold {','.join(formats)}", way_out="give a folder, or the fitting ending"
        )


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
