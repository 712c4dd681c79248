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
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            readable=False,
            help="A network by its name, such as run-1, or its folder; several to compare.",
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
    """Plot a training run as PNG and SVG: learning curves, weights, network and attention.

    Of several runs, the learning curves are drawn over one another.
    """
    from abcgen.pipeline.checkpoints import find_checkpoint, newest_run
    from abcgen.pipeline.networks import name_of

    display = Display(as_json=as_json)
    folders = [find_checkpoint(run) for run in runs] if runs else [find_checkpoint(newest_run())]
    target = target_for(out, "plots", force=force)
    display.say(f"network {', '.join(map(name_of, folders))}")
    with display.counting("drawing", PICTURES) as count_one:
        # Matplotlib takes a second to import.
        from abcgen.pipeline.plotting import plot_run, plot_runs

        if len(folders) == 1:
            pictures = plot_run(folders[0], target, seed, on_picture=count_one)
        else:
            pictures = plot_runs(folders, target)
    for line in pictures.left_out:
        display.say(f"not drawn: {line}")
    display.files(pictures.files)
    display.result(
        {
            "checkpoints": [str(folder) for folder in folders],
            "files": [str(path) for path in pictures.files],
            "left_out": list(pictures.left_out),
        }
    )
