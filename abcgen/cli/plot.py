"""``abcgen plot``: draw a training run."""

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
            help="A folder that train wrote.",
            show_default="the newest under checkpoints/",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Seed of the tune whose attention is drawn.")
    ] = 0,
    out: NewFolder = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Draw a run as PNG and SVG: its learning curves, weights, network and attention."""
    from abcgen.pipeline.checkpoints import find_checkpoint

    display = Display(as_json=as_json)
    folder = find_checkpoint(run)
    target = target_for(out, "plots", force=force)
    display.say(f"checkpoint {folder}")
    with display.counting("drawing", PICTURES) as count_one:
        from abcgen.pipeline.plotting import plot_run

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
