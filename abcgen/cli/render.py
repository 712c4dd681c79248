"""``abcgen render``: sheet music and sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import OUTPUT, Force, Json, Paths, load, loss_facts
from abcgen.config import PageConfig, SoundConfig
from abcgen.display import Display
from abcgen.files import check_writable, refuse_to_overwrite, unused_folder

_PAGE, _SOUND = PageConfig(), SoundConfig()


def render(
    paths: Paths,
    to: Annotated[str, typer.Option(help="Any of pdf, svg, png, midi, musicxml, abc.")] = "pdf",
    out: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="A folder, or a file if one format gives one.",
            show_default="a new folder under output/",
        ),
    ] = None,
    paper: Annotated[str, typer.Option(help="a4 or us-letter.")] = _PAGE.paper,
    instrument: Annotated[str, typer.Option(help="What plays in MIDI files.")] = _SOUND.instrument,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Prints tunes as sheet music, or writes them as MIDI or MusicXML."""
    from abcgen.notation.instruments import instrument_named
    from abcgen.pipeline.formats import Look, formats_named
    from abcgen.pipeline.rendering import render_files

    display = Display(as_json=as_json)
    formats = formats_named(to)
    look = Look(page=PageConfig(paper=paper), instrument=instrument_named(instrument))
    target = out or unused_folder(OUTPUT, "rendered")
    refuse_to_overwrite(target, force=force)
    check_writable(target)
    corpus = load(paths, display)
    with display.progress("engraving") as on_progress:
        rendering = render_files(
            corpus, formats, target, look, force=force, on_progress=on_progress
        )
    display.left_out(rendering.left_out, "rendering")
    display.files(rendering.files)
    display.result(
        {
            "tunes": len(corpus.tunes),
            "left_out": [loss_facts(loss) for loss in corpus.losses],
            "not_rendered": rendering.left_out,
            "files": [str(path) for path in rendering.files],
        }
    )
