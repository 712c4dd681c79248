"""``abcgen replay``: sampled tunes made again from the recipes under them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import CheckpointOption, Json  # noqa: TC001 - Typer looks them up
from abcgen.cli.display import Display, counted


def replay(
    path: Annotated[Path, typer.Argument(readable=False, help="A file that sample wrote.")],
    checkpoint: CheckpointOption = None,
    as_json: Json = False,
) -> None:
    """Makes tunes again from the recipe under each, and says whether they are the same.

    Exits with 1 if any is not. The same machine and versions give the same bytes, whatever else a
    tune is drawn with; another processor or NumPy may round a number otherwise and then, seldom,
    draw another character.
    """
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.replaying import replay_file

    display = Display(as_json=as_json)
    replays = []
    for made in replay_file(path, find_checkpoint(checkpoint)):
        replays.append(made)
        display.text(str(made))
        if not made.is_same:
            display.text(made.made)
    same = sum(made.is_same for made in replays)
    display.text(f"{same} of {counted(len(replays), 'tune')} the same")
    display.result(
        {
            "same": same,
            "tunes": [
                {"number": m.recipe.reference, "same": m.is_same, "abc": m.made} for m in replays
            ],
        }
    )
    if same < len(replays):
        raise typer.Exit(1)
