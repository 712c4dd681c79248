"""``abcgen render``: convert tunes to sheet music and sound."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    STDOUT,
    BookTitle,
    Force,
    Json,
    KeepLines,
    LargePrint,
    LayoutOption,
    Paper,
    Paths,
    completion,
    display_for,
    format_list,
    load,
    page_config,
    repair_facts,
    skipped_facts,
    target_for,
    to_stdout,
)
from abcgen.config import PageConfig, SoundConfig
from abcgen.errors import InputError, NotationError
from abcgen.notation.fields import read_key
from abcgen.notation.transpose import INSTRUMENTS, instrument_named
from abcgen.system import default_processes
from abcgen.wishes.ragas import DRONES

if TYPE_CHECKING:
    from abcgen.notation.tune import Key

PAGE, SOUND = PageConfig(), SoundConfig()


def render(
    paths: Paths,
    # Data
    semitones: Annotated[
        int,
        typer.Option(
            "--transpose",
            min=-36,
            max=36,
            help="Move tunes by semitones, up or, below 0, down.",
            show_default="as written",
            rich_help_panel="Data",
        ),
    ] = 0,
    key: Annotated[
        str,
        typer.Option(
            help="Move tunes to this tonic, such as G or Bb; their modes stay.",
            show_default="as written",
            rich_help_panel="Data",
        ),
    ] = "",
    # Sheet music
    title: BookTitle = "",
    paper: Paper = PAGE.paper,
    large_print: LargePrint = False,
    page_layout: LayoutOption = PAGE.layout,
    keep_lines: KeepLines = False,
    # Sound
    instrument: Annotated[
        str,
        typer.Option(
            help=f"Instrument to play on: {', '.join(INSTRUMENTS)}.",
            rich_help_panel="Sound",
            **completion(INSTRUMENTS),
        ),
    ] = SOUND.instrument,
    tempo: Annotated[
        float | None,
        typer.Option(
            help="Beats per minute.",
            show_default="typical of rhythm and metre",
            rich_help_panel="Sound",
        ),
    ] = None,
    swing: Annotated[
        bool, typer.Option("--swing", help="Swing hornpipes.", rich_help_panel="Sound")
    ] = False,
    chords: Annotated[
        bool, typer.Option("--chords", help="Play chord symbols too.", rich_help_panel="Sound")
    ] = False,
    drone: Annotated[
        str,
        typer.Option(
            help="Play a tanpura below: the note of its first string, P, m or N above Sa, the "
            "tonic.",
            show_default="none",
            rich_help_panel="Sound",
            **completion(DRONES),
        ),
    ] = "",
    # Output
    to: Annotated[str, format_list()] = "pdf",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="Output folder, or a file if only one is written; - for standard output.",
            show_default="a new folder under output/",
            rich_help_panel="Output",
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Convert tunes to sheet music, sound, MusicXML, or a web page that plays them."""
    from abcgen.pipeline.formats import FORMATS, RenderOptions, formats_named
    from abcgen.pipeline.rendering import render_files

    # 1) Check the options before reading anything.
    display = display_for(out, as_json=as_json)
    if semitones and key:
        raise InputError("--transpose and --key exclude each other")
    formats = formats_named(to)
    options = RenderOptions(
        page=page_config(paper, large_print=large_print, keep_lines=keep_lines, layout=page_layout),
        instrument=instrument_named(instrument),
        title=title,
        tempo=tempo,
        swing=swing,
        chords=chords,
        drone=_drone(drone),
        semitones=semitones,
        key=_tonic(key),
    )
    if out == STDOUT:
        _check_stream(formats)
    target = out if out == STDOUT else target_for(out, "rendered", force=force, may_be_file=True)

    # 2) Read and render.
    corpus = load(paths, display)
    with (
        to_stdout(FORMATS[formats[0]].suffix) if out == STDOUT else nullcontext(target) as place,
        display.progress("engraving") as on_progress,
    ):
        rendering = render_files(
            corpus,
            formats,
            place,
            options,
            force=force,
            processes=default_processes(),
            on_progress=on_progress,
        )

    # 3) Report.
    display.left_out(rendering.left_out, "rendering")
    for note in rendering.notes:
        display.warn(note)
    if out != STDOUT:
        display.files(rendering.files)
    display.result(
        {
            "tunes": len(corpus.tunes),
            "repaired": [repair_facts(repair) for repair in corpus.repaired],
            "left_out": [skipped_facts(tune) for tune in corpus.skipped],
            "not_rendered": rendering.left_out,
            "notes": rendering.notes,
            "files": [str(path) for path in rendering.files],
        }
    )


def _check_stream(formats: list[str]) -> None:
    """Check that the output can go to standard output: one format at a time."""
    if len(formats) > 1:
        raise InputError(
            f"standard output can hold one format, not {','.join(formats)}",
            hint="name a folder with --out",
        )


def _drone(name: str) -> int:
    """Return the semitones above Sa that ``--drone`` names, or 0 if it is empty."""
    if name and name not in DRONES:
        raise InputError(f"unknown drone {name!r}", hint=f"one of {', '.join(DRONES)}")
    return DRONES.get(name, 0)


def _tonic(name: str) -> Key | None:
    """Return the key that ``--key`` names, or None if it is empty."""
    if not name:
        return None
    try:
        return read_key(name[:1].upper() + name[1:])
    except NotationError as error:
        raise InputError(f"unknown key {name!r}", hint="such as G, Bb or F#m") from error
