"""``abcgen render``: sheet music and sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import Force, Json, Paths, load, loss_facts, target_for
from abcgen.cli.display import Display
from abcgen.config import LARGE_PRINT, PageConfig, SoundConfig
from abcgen.system import default_processes

_PAGE, _SOUND = PageConfig(), SoundConfig()


def render(
    paths: Paths,
    to: Annotated[
        str, typer.Option(help="Any of pdf, png, svg, html, midi, wav, musicxml, abc.")
    ] = "pdf",
    out: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="A folder, or a file if one format gives one.",
            show_default="a new folder under output/",
        ),
    ] = None,
    title: Annotated[
        str, typer.Option(help="What the book is called; gives it a title page.")
    ] = "",
    paper: Annotated[str, typer.Option(help="a4 or us-letter.")] = _PAGE.paper,
    large_print: Annotated[bool, typer.Option("--large-print", help="Larger notes.")] = False,
    instrument: Annotated[str, typer.Option(help="Who plays.")] = _SOUND.instrument,
    tempo: Annotated[
        float | None,
        typer.Option(help="Beats a minute.", show_default="usual for rhythm and metre"),
    ] = None,
    swing: Annotated[bool, typer.Option("--swing", help="Swing hornpipes.")] = False,
    chords: Annotated[bool, typer.Option("--chords", help="Play chord symbols too.")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Prints tunes as sheet music, or writes them as sound, MusicXML or a web page that plays."""
    from abcgen.notation.transpose import instrument_named
    from abcgen.pipeline.formats import RenderOptions, formats_named
    from abcgen.pipeline.rendering import render_files

    display = Display(as_json=as_json)
    formats = formats_named(to)
    staff_height = LARGE_PRINT if large_print else _PAGE.staff_height
    options = RenderOptions(
        page=PageConfig(paper=paper, staff_height=staff_height),
        instrument=instrument_named(instrument),
        title=title,
        tempo=tempo,
        swing=swing,
        chords=chords,
    )
    target = target_for(out, "rendered", force=force)
    corpus = load(paths, display)
    with display.progress("engraving") as on_progress:
        rendering = render_files(
            corpus,
            formats,
            target,
            options,
            force=force,
            processes=default_processes(),
            on_progress=on_progress,
        )
    display.left_out(rendering.left_out, "rendering")
    for note in rendering.notes:
        display.warn(note)
    display.files(rendering.files)
    display.result(
        {
            "tunes": len(corpus.tunes),
            "left_out": [loss_facts(loss) for loss in corpus.losses],
            "not_rendered": rendering.left_out,
            "notes": rendering.notes,
            "files": [str(path) for path in rendering.files],
        }
    )
