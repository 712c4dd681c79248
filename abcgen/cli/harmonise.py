"""``abcgen harmonise``: chord symbols above a tune, or further voices below it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from abcgen.cli.common import (
    BookTitle,
    CheckpointOption,
    Force,
    Json,
    LargePrint,
    NewFolder,
    Paper,
    Temperature,
    load,
    option,
    page_config,
    target_for,
)
from abcgen.cli.display import Display
from abcgen.cli.drawing import (
    Candidates,
    Formats,
    Output,
    Parallels,
    Verbose,
    as_it_is,
    draw_tunes,
    formats_to_write,
    numbered,
    render,
    seed_or_random,
)
from abcgen.cli.rewrite import Chosen, File, Seed  # noqa: TC001 - Typer looks at them
from abcgen.config import PageConfig, SampleConfig

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

DEFAULTS, PAGE = SampleConfig(), PageConfig()
PANEL = "How to harmonise"


def harmonise(
    file: File,
    # How to harmonise
    voices: Annotated[
        str,
        typer.Option(
            help="Voices to add below the tune by a network of several, such as alto,tenor,bass; "
            "or auto for all of them. Without it, chord symbols by rule.",
            show_default="chord symbols",
            rich_help_panel=PANEL,
        ),
    ] = "",
    tune: Chosen = "",
    count: Annotated[
        int, option(SampleConfig, "count", "--count", "-n", bounded=True, rich_help_panel=PANEL)
    ] = 1,
    # Network
    checkpoint: CheckpointOption = None,
    # Sampling
    seed: Seed = None,
    temperature: Temperature = DEFAULTS.temperature,
    candidates: Candidates = None,
    parallels: Parallels = DEFAULTS.parallels,
    # Sheet music
    title: BookTitle = "",
    paper: Paper = PAGE.paper,
    large_print: LargePrint = False,
    # Output
    to: Formats = None,
    out: NewFolder = None,
    verbose: Verbose = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Add chord symbols to a tune, or further voices, and keep the tune itself to the note.

    The first version with chord symbols is the likeliest; further ones are drawn.
    """
    from abcgen.pipeline.rewriting import tune_named

    display = Display(as_json=as_json)
    seed = seed_or_random(seed)
    before = tune_named(load([file], display).tunes, tune)

    output = Output(
        folder=target_for(out, "tunes", force=force),
        formats=formats_to_write(to, count),
        page=page_config(paper, large_print=large_print),
        force=force,
        verbose=verbose,
        as_json=as_json,
        title=title,
        printed=numbered if count > 1 else as_it_is,
    )
    if not voices:
        _write_chords(before, count, seed, output, display)
        return
    from abcgen.pipeline.harmonising import Harmoniser, harmony_of
    from abcgen.pipeline.networks import choose_network

    config = SampleConfig(
        temperature=temperature, count=count, candidates=candidates, parallels=parallels
    )
    network = choose_network(checkpoint, voices=voices)
    harmoniser = Harmoniser(network.folder, config, seed, harmony_of(before, voices))
    draw_tunes(harmoniser, network, config, seed, replace(output, footer=harmoniser.note), display)


def _write_chords(tune: Tune, count: int, seed: int, output: Output, display: Display) -> None:
    """Write, show and render versions of a tune with chord symbols."""
    from abcgen.pipeline.harmonising import with_chords
    from abcgen.pipeline.recipes import without_recipe
    from abcgen.pipeline.sampling import TuneStream

    versions = with_chords(tune, count, seed)
    if len(versions) < count:
        display.warn(f"there are {len(versions)} different versions")
    with TuneStream(output.book, force=output.force) as stream:
        for version, abc in versions:
            stream.write(abc)
            shown = abc if output.verbose else without_recipe(abc)
            if output.as_json:
                display.line({"type": "tune", "title": version.title, "abc": abc})
            display.text(f"{shown}\n")
    tunes = [version.tune for version in versions]
    rendering = render(tunes, replace(output, footer=tunes[0].words.named("N")[-1]), display)
    files = [output.book, *rendering.files]
    display.files(files)
    display.line({"type": "result", "seed": seed, "files": [str(path) for path in files]})
