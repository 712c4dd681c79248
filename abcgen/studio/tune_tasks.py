"""The work of the studio's processes on tunes: reading, checking, engraving.

A task takes the body of a request and returns what JSON can hold.
"""

from __future__ import annotations

import base64
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from abcgen.config import LARGE_PRINT, PageConfig, SoundConfig
from abcgen.errors import InputError
from abcgen.notation.encoding import decode_text
from abcgen.notation.reader import LeftOut, Reading, read_abc, read_block
from abcgen.notation.transpose import instrument_named
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.writer import write_abc
from abcgen.pipeline.barnumbers import numbers_of, parts_of
from abcgen.pipeline.formats import FORMATS, RenderOptions, reader_of
from abcgen.pipeline.networks import all_networks, choose_network
from abcgen.pipeline.recipes import drone_in
from abcgen.score.web import web_sheet_of, web_tune_of
from abcgen.studio.bodies import MOST_RENDERED, CheckBody, RenderBody
from abcgen.studio.doctor import messages_of
from abcgen.studio.worker import Tasks

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune
    from abcgen.studio.worker import Connection

WARM_UP = "X:1\nT:Warm-up\nM:4/4\nL:1/8\nK:D\n|: DEFA dfaf | g2 fe d4 :|\n"


class TuneTasks(Tasks):
    """Tasks on tunes: reading, checking, engraving, and the list of networks."""

    def warm_up(self) -> None:
        """Load the engraver."""
        web_sheet_of(read_abc(WARM_UP))

    def do_networks(self, _body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Return the networks that can be named."""
        found = all_networks()
        chosen = choose_network(None).folder if found else None
        return {
            "networks": [
                {
                    "name": one.name,
                    "default": one.folder == chosen,
                    "bits_per_note": one.bits,
                    "tunes": one.tunes,
                    "problem": one.problem,
                }
                for one in found
            ]
        }

    def do_read(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Read an uploaded file, and return its tunes as canonical ABC."""
        name, data = PurePath(body["name"]).name, base64.b64decode(body["data"])
        reader = reader_of(name)
        tunes: list[dict[str, Any]] = []
        left_out: list[dict[str, Any]] = []
        for found in reader.read(data, name):
            if isinstance(found, LeftOut):
                left_out.append(asdict(found))
            elif len(tunes) < MOST_RENDERED:
                tunes.append({"abc": write_abc(found.tune), "title": found.tune.title})
            else:
                reason = f"only {MOST_RENDERED} tunes are taken at once"
                left_out.append(
                    asdict(LeftOut(found.line, str(found.tune.number), found.tune.title, reason))
                )
        return {"tunes": tunes, "left_out": left_out[:MOST_RENDERED]}

    def do_check(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Return what the tune doctor says of ABC as it is typed, by line."""
        return {"messages": messages_of(CheckBody(**body).abc)}

    def do_render(self, body: dict[str, Any], _connection: Connection) -> dict[str, Any]:
        """Show tunes, or write them in a file format."""
        wanted = RenderBody(**body)
        tunes, drones, left_out = _tunes_in(wanted.abc)
        options = _render_options(wanted, tunes[0])
        # A tanpura plays under tunes that were composed in a raga.
        played = [replace(options, drone=drone) for drone in drones]
        if wanted.draft:
            sheet = web_sheet_of(options.moved(tunes[0]), narrow=wanted.narrow)
            return {"svg": sheet.svg, "glyphs": sheet.glyphs, "rules": sheet.rules}
        if wanted.to == "staff":
            return {
                "tunes": [
                    _shown(options.moved(tune), own)
                    for tune, own in zip(tunes, played, strict=True)
                ],
                "left_out": left_out,
            }
        file_format = FORMATS[wanted.to]
        if file_format.bind is None and len(tunes) > 1:
            raise InputError(f"a {file_format.suffix} file holds one tune, not {len(tunes)}")
        parts = [
            file_format.render(options.moved(tune), own)
            for tune, own in zip(tunes, played, strict=True)
        ]
        content: bytes = file_format.bind(parts, options)[0] if file_format.bind else parts[0]
        return {"data": base64.b64encode(content).decode(), "suffix": file_format.suffix}


def _tunes_in(abc: str) -> tuple[list[Tune], list[int], list[dict[str, Any]]]:
    """Return the tunes of a book, the drone under each, and those that cannot be read.

    Raises:
        InputError: if none can be read, or there are too many.
    """
    tunes, drones, left_out = [], [], []
    for block in split_tunebook(decode_text(abc.encode())):
        found = read_block(block)
        if isinstance(found, Reading):
            tunes.append(found.tune)
            drones.append(_drone_in(block.text))
        else:
            left_out.append(asdict(found))
        if len(tunes) > MOST_RENDERED:
            raise InputError(f"more than {MOST_RENDERED} tunes")
    if not tunes:
        if left_out:
            raise InputError(f"line {left_out[0]['line']}: {left_out[0]['reason']}")
        # A fragment without X: is read as one tune.
        tunes, drones = [read_abc(abc)], [0]
    return tunes, drones, left_out


def _drone_in(abc: str) -> int:
    try:
        return drone_in(abc)
    except InputError:  # a damaged recipe is no reason not to show its tune
        return 0


def _render_options(wanted: RenderBody, first: Tune) -> RenderOptions:
    height = LARGE_PRINT if wanted.large_print else PageConfig().staff_height
    page = PageConfig(paper=wanted.paper, staff_height=height, keep_lines=wanted.keep_lines)
    return RenderOptions(
        page=page,
        footer=first.source,
        title=wanted.title,
        tempo=float(wanted.tempo) if wanted.tempo else None,
        semitones=wanted.semitones,
        chords=True,
        instrument=instrument_named(wanted.instrument or SoundConfig().instrument),
    )


def _shown(tune: Tune, options: RenderOptions) -> dict[str, Any]:
    """Return all that the page shows and plays of a tune."""
    shown = web_tune_of(tune, options.playback, keep_lines=options.page.keep_lines)
    return {
        "title": shown.title,
        "bars": numbers_of(tune),
        "parts": [] if tune.others else [name for name, _ in parts_of(tune)],
        "rhythm_and_key": shown.rhythm_and_key,
        "composer": shown.composer,
        "subtitles": shown.subtitles,
        "stanzas": shown.stanzas,
        "wide": shown.wide,
        "narrow": shown.narrow,
        "rules": shown.rules,
        "glyphs": shown.glyphs,
        "slowest": shown.slowest,
        "fastest": shown.fastest,
        "data": shown.data,
    }
