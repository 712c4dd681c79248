"""``abcgen plot``: plot a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import Force, Json, NewFolder, target_for
from abcgen.cli.display import Display
from abcgen.config import MAX_SEED

PICTURES = 4


def plot(
    run: Annotated[
        Path | None,
        typer.Argument(
            readable=False,
            help="A network by its name, such as run-1, or its folder.",
            show_default="the newest under checkpoints/, else pretrained",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_SEED,
            help="Random seed of the tune sampled to show the attention.",
            rich_help_panel="Sampling",
        ),
    ] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Plot a training run as PNG and SVG: learning curves, weights, network and attention."""
    from abcgen.pipeline.checkpoints import find_checkpoint, newest_run
    from abcgen.pipeline.networks import name_of

    display = Display(as_json=as_json)
    folder = find_checkpoint(run or newest_run())
    target = target_for(out, "plots", force=force)
    display.say(f"network {name_of(folder)}")
    with display.counting("drawing", PICTURES) as count_one:
        from abcgen.pipeline.plotting import plot_run  # Matplotlib takes a second to import.

        pictures = plot_run(folder, target, seed, on_picture=count_one)
    for line in pictures.left_out:
        display.say(f"not drawn: {line}")
    display.files(pictures.files)
    display.result(
        {
            "checkpoint": str(folder),
            "files": [str(path) for path in pictures.files],
            "left_out": list(pictures.left_out),
        }
    )
