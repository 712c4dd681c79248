"""The file formats that tunes are written in and read from.

A new output format is a row of ``FORMATS`` and the function that renders it. The table is cheap to
import, so that ``--help`` can list it; libraries that render or read a format are imported with the
first tune.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from abcgen.config import MidiConfig, PageConfig, SoundConfig
from abcgen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from abcgen.corpus.tune_files import Reader
    from abcgen.notation.transpose import Instrument
    from abcgen.notation.tune import Key, Tune
    from abcgen.score.pages import Sheet
    from abcgen.score.performance import PlaybackOptions
    from abcgen.score.web import WebTune


def _default_instrument() -> Instrument:
    from abcgen.notation.transpose import instrument_named

    return instrument_named(SoundConfig().instrument)


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How tunes are printed and played."""

    # Sheet music: PDF and PNG.
    page: PageConfig = field(default_factory=PageConfig)
    composer: str = ""  # printed at the right above every tune
    footer: str = ""  # at the foot of every page; empty for none
    title: str = ""  # of the book; empty for none
    # Sound: MIDI, WAV and HTML.
    instrument: Instrument = field(default_factory=_default_instrument)
    tempo: float | None = None  # beats a minute; None: usual for the rhythm
    swing: bool = False  # swing hornpipes and their like
    chords: bool = False  # play chord symbols too
    drone: int = 0  # instead, a tanpura: the note of its first string, in semitones above Sa
    # Both: to be moved by these semitones, or into the key with this tonic.
    semitones: int = 0
    key: Key | None = None

    def moved(self, tune: Tune) -> Tune:
        """Return the tune in the key wanted."""
        from abcgen.notation.transpose import transpose, transpose_by

        if self.key:
            tune = transpose(tune, self.key)
        return transpose_by(tune, self.semitones) if self.semitones else tune

    @property
    def playback(self) -> PlaybackOptions:
        """The options for playing."""
        from abcgen.score.performance import PlaybackOptions

        return PlaybackOptions(self.instrument, self.tempo, self.swing, self.chords, self.drone)


@dataclass(frozen=True, slots=True)
class Format:
    """An output format, and the functions that render it."""

    # The files' suffix, without its dot.
    suffix: str
    # A few words for ``--help``.
    description: str
    # Renders a tune: to the content of its file or, if there is ``bind``, to its part of a book.
    render: Callable[[Tune, RenderOptions], Any]
    # Joins the parts of all tunes to the contents of a book's files; None if each tune has its own
    # file.
    bind: Callable[[Iterable[Any], RenderOptions], list[bytes]] | None = None
    # Whether a book has a file for each page.
    has_pages: bool = False
    # Whether rendering a tune is slow, some tenths of a second.
    engraves: bool = False


def _bind_abc(tunes: Iterable[Tune], options: RenderOptions) -> list[bytes]:
    from abcgen.notation.writer import write_tunebook

    book = write_tunebook(tunes, keep_lines=options.page.keep_lines)
    return [book.encode()] if book else []


def _render_sheet(tune: Tune, options: RenderOptions) -> Sheet:
    from abcgen.score.pages import sheet_of

    return sheet_of(tune, options.page, composer=options.composer)


def _bind_sheets(
    kind: Literal["pdf", "png"], sheets: Iterable[Sheet], options: RenderOptions
) -> list[bytes]:
    from abcgen.score.pages import set_pages

    return set_pages(sheets, options.page, kind, title=options.title, footer=options.footer)


def _render_svg(tune: Tune, options: RenderOptions) -> bytes:
    from abcgen.score.engrave import engrave_svg
    from abcgen.score.musicxml import musicxml_of

    silent = musicxml_of(tune, composer=options.composer, keep_lines=options.page.keep_lines)
    return engrave_svg(silent).encode()


def _render_web_tune(tune: Tune, options: RenderOptions) -> WebTune:
    from abcgen.score.web import web_tune_of

    keep_lines = options.page.keep_lines
    return web_tune_of(tune, options.playback, composer=options.composer, keep_lines=keep_lines)


def _bind_html(tunes: Iterable[WebTune], options: RenderOptions) -> list[bytes]:
    from abcgen.score.web import web_page

    return web_page(tunes, title=options.title, footer=options.footer)


def _render_midi(tune: Tune, options: RenderOptions) -> bytes:
    from abcgen.score.midi import midi_of

    return midi_of(tune, options.playback)


def _render_wav(tune: Tune, options: RenderOptions) -> bytes:
    from abcgen.score.wav import wav_of

    return wav_of(tune, options.playback)


def _render_musicxml(tune: Tune, options: RenderOptions) -> bytes:
    from abcgen.score.musicxml import musicxml_of

    return musicxml_of(
        tune,
        composer=options.composer,
        keep_lines=options.page.keep_lines,
        playback=options.playback,
    )


FORMATS = {
    "abc": Format("abc", "a tunebook in ABC", lambda tune, _: tune, _bind_abc),
    "pdf": Format(
        "pdf",
        "sheet music to print, one book",
        _render_sheet,
        partial(_bind_sheets, "pdf"),
        engraves=True,
    ),
    "png": Format(
        "png",
        "a picture of each page",
        _render_sheet,
        partial(_bind_sheets, "png"),
        has_pages=True,
        engraves=True,
    ),
    "svg": Format("svg", "a picture of each tune, to embed", _render_svg, engraves=True),
    "html": Format(
        "html", "a web page of sheet music that plays", _render_web_tune, _bind_html, engraves=True
    ),
    "midi": Format("mid", "a MIDI file of each tune", _render_midi),
    "wav": Format("wav", "a sound file of each tune", _render_wav),
    "musicxml": Format(
        "musicxml",
        "each tune for notation programs such as MuseScore",
        _render_musicxml,
        engraves=True,
    ),
}


def formats_named(names: str) -> list[str]:
    """Return the format names in a list such as ``pdf,midi``, without duplicates.

    Raises:
        InputError: if one is unknown, or there is none.
    """
    wanted = list(dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip()))
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        raise InputError(
            f"unknown format {', '.join(unknown) or names!r}", hint=f"any of {', '.join(FORMATS)}"
        )
    return wanted


def all_readers(midi: MidiConfig | None = None) -> Mapping[str, Reader]:
    """Return the readers of ABC, MIDI and MusicXML files by suffix."""
    from abcgen.corpus.tune_files import MIDI_SUFFIXES, READERS, Reader, read_midi_file
    from abcgen.score.read_musicxml import MUSICXML_SUFFIXES, read_musicxml_file

    read = partial(read_midi_file, config=midi or MidiConfig())
    return {
        **READERS,
        **dict.fromkeys(MIDI_SUFFIXES, replace(READERS[".mid"], read=read)),
        **dict.fromkeys(MUSICXML_SUFFIXES, Reader(read_musicxml_file)),
    }


def reader_of(name: str) -> Reader:
    """Return the reader of a file with a name.

    Raises:
        InputError: if files with its suffix hold no tunes.
    """
    reader = all_readers().get(PurePath(name).suffix.lower())
    if reader is None:
        raise InputError(f"{name[:80]!r} is no file of tunes", hint="drop .abc, .mid or .musicxml")
    return reader


def midi_config(texture: str, track: str, fold_range: str) -> MidiConfig:
    """Return the options of MIDI transcription, checked.

    Args:
        texture: ``auto``, ``melody``, ``chords`` or ``voices``.
        track: The only track to write, by number or name; empty for all.
        fold_range: Name of the instrument whose range notes are moved into by octaves; or empty.

    Raises:
        InputError: if there is no such texture or instrument.
    """
    from abcgen.midi.texture import TEXTURES
    from abcgen.notation.transpose import instrument_named

    if texture not in TEXTURES:
        raise InputError(f"unknown texture {texture!r}", hint=f"one of {', '.join(TEXTURES)}")
    instrument = instrument_named(fold_range) if fold_range else None
    keys = (instrument.lowest, instrument.highest) if instrument else None
    return MidiConfig(texture, track, keys)
