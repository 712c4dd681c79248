"""``abcgen replay``: sample tunes again from the recipes under them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abcgen.cli.common import CHECKPOINT, Json
from abcgen.cli.display import Display, counted


def replay(
    path: Annotated[Path, typer.Argument(readable=False, help="A file written by sample.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            "-c",
            rich_help_panel="Network",
            **CHECKPOINT | {"show_default": "the one with the recipe's hash"},
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Sample tunes again from the recipes in a file, and compare them with those in the file.

    Exits with 1 if any tune differs. On the same machine, with the same versions, all are the same
    byte for byte; another processor or NumPy may round differently and, rarely, change a character.
    """
    from abcgen.pipeline.checkpoints import find_checkpoint
    from abcgen.pipeline.replaying import replay_file

    display = Display(as_json=as_json)
    replays = []
    for replayed in replay_file(path, find_checkpoint(checkpoint) if checkpoint else None):
        replays.append(replayed)
        display.text(str(replayed))
        if not replayed.is_same:
            display.text(replayed.abc)
    same = sum(replayed.is_same for replayed in replays)
    display.text(f"{same} of {counted(len(replays), 'tune')} identical")
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
