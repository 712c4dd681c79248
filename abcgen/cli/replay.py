"""``abcgen replay``: sample tunes again from the recipes under them."""

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
    """Sample tunes again from the recipe under each, and compare them with the file.

    Exit with 1 if any differs. The same machine and versions give the same bytes; another
    processor or NumPy may round a number differently and then, rarely, sample another character.
    """
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.sampling import replay_file

    display = Display(as_json=as_json)
    replays = []
    for replayed in replay_file(path, find_checkpoint(checkpoint)):
        replays.append(replayed)
        display.text(str(replayed))
        if not replayed.is_same:
            display.text(replayed.abc)
    same = sum(replayed.is_same for replayed in replays)
    display.text(f"{same} of {counted(len(replays), 'tune')} the same")
    display.result(
        {
            "same": same,
            "tunes": [
                {
                    "number": replayed.recipe.reference,
                    "same": replayed.is_same,
                    "abc": replayed.abc,
                }
                for replayed in replays
            ],
        }
    )
    if same < len(replays):
        raise typer.Exit(1)
