"""What tunes can be written as."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from abcgen.config import PageConfig, SoundConfig
from abcgen.errors import InputError
from abcgen.notation.transpose import Instrument, instrument_named
from abcgen.notation.writer import write_tunebook
from abcgen.score.engrave import engrave_svg
from abcgen.score.midi import midi_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.pages import Sheet, set_pages, sheet_of
from abcgen.score.performance import Playing
from abcgen.score.wav import wav_of
from abcgen.score.web import WebTune, web_page, web_tune_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from abcgen.notation.tune import Tune


@dataclass(frozen=True, slots=True)
class Look:
    """How tunes are printed and played.

    Attributes:
        page: The page.
        composer: What stands at the right above every tune.
        instrument: What plays in MIDI, WAV and HTML files.
        title: What the book is called; empty for no title page.
        tempo: Beats a minute; what is usual for the rhythm if None.
        swing: Whether hornpipes are swung.
        chords: Whether chord symbols are played.
    """

    page: PageConfig = field(default_factory=PageConfig)
    composer: str = ""
    instrument: Instrument = field(
        default_factory=lambda: instrument_named(SoundConfig().instrument)
    )
    title: str = ""
    tempo: float | None = None
    swing: bool = False
    chords: bool = False

    @property
    def playing(self) -> Playing:
        """How tunes are played."""
        return Playing(self.instrument, self.tempo, self.swing, self.chords)


@dataclass(frozen=True, slots=True)
class Format:
    """How tunes become files of one kind.

    Attributes:
        suffix: The ending of the files' names.
        make: What stands for one tune: the content of its file, or its part of the book.
        bind: Makes the book of all parts, file by file; None if every tune has its own file.
        has_pages: Whether the book is a file to each page.
        engraves: Whether making takes an engraver's time, some tenths of a second.
    """

    suffix: str
    make: Callable[[Tune, Look], Any]
    bind: Callable[[Iterable[Any], Look], list[bytes]] | None = None
    has_pages: bool = False
    engraves: bool = False


def _abc_book(tunes: Iterable[Tune], _look: Look) -> list[bytes]:
    book = write_tunebook(tunes)
    return [book.encode()] if book else []


def _pdf_book(sheets: Iterable[Sheet], look: Look) -> list[bytes]:
    return set_pages(sheets, look.page, "pdf", title=look.title)


def _png_pages(sheets: Iterable[Sheet], look: Look) -> list[bytes]:
    return set_pages(sheets, look.page, "png", title=look.title)


def _web_page(tunes: Iterable[WebTune], look: Look) -> list[bytes]:
    return web_page(tunes, title=look.title)


def _tune(tune: Tune, _look: Look) -> Tune:
    return tune


def _sheet(tune: Tune, look: Look) -> Sheet:
    return sheet_of(tune, look.page, composer=look.composer)


def _web_tune(tune: Tune, look: Look) -> WebTune:
    return web_tune_of(tune, look.playing, composer=look.composer)


def _svg(tune: Tune, look: Look) -> bytes:
    return engrave_svg(_musicxml(tune, look)).encode()


def _midi(tune: Tune, look: Look) -> bytes:
    return midi_of(tune, look.playing)


def _wav(tune: Tune, look: Look) -> bytes:
    return wav_of(tune, look.playing)


def _musicxml(tune: Tune, look: Look) -> bytes:
    return musicxml_of(tune, composer=look.composer)


FORMATS = {
    "abc": Format("abc", _tune, _abc_book),
    "pdf": Format("pdf", _sheet, _pdf_book, engraves=True),
    "png": Format("png", _sheet, _png_pages, has_pages=True, engraves=True),
    "svg": Format("svg", _svg, engraves=True),
    "html": Format("html", _web_tune, _web_page, engraves=True),
    "midi": Format("mid", _midi),
    "wav": Format("wav", _wav),
    "musicxml": Format("musicxml", _musicxml, engraves=True),
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
            f"unknown format {', '.join(unknown) or names!r}", hint=f"any of {','.join(FORMATS)}"
        )
    return wanted
