"""Which checkpoint is meant when none is named."""

from __future__ import annotations

from pathlib import Path

import abcgen
from abcgen.errors import CheckpointError
from abcgen.files import unused_folder
from abcgen.model.checkpoint import WEIGHTS, newest_checkpoint

RUNS = Path("checkpoints")
SHIPPED = "pretrained"


def find_checkpoint(folder: Path | None) -> Path:
    """The checkpoint to use.

    Args:
        folder: The one named, or None for the newest run under ``./checkpoints``, else the one
            that comes with the package.

    Raises:
        CheckpointError: if there is none.
    """
    if folder is not None:
        return _existing(folder)
    newest = newest_run()
    if newest is not None:
        return newest
    for place in _shipped_places():
        if (place / WEIGHTS).is_file():
            return place
    raise CheckpointError(
        "there is no checkpoint under ./checkpoints yet",
        way_out="train one with: abcgen train corpora/",
    )


def newest_run() -> Path | None:
    """The newest run under ``./checkpoints``; the shipped checkpoint is no run."""
    return newest_checkpoint(RUNS, ignore=SHIPPED)


def new_run() -> Path:
    """A folder for a run that begins now."""
    return unused_folder(RUNS, "run")


def _existing(folder: Path) -> Path:
    if not folder.exists():
        raise CheckpointError(f"checkpoint {folder} does not exist")
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            f"{folder} is no checkpoint: it has no {WEIGHTS}",
            way_out="name a folder that abcgen train wrote",
        )
    return folder


def _shipped_places() -> list[Path]:
    """In an installed package, and in a checkout of the project."""
    package = Path(abcgen.__file__).parent
    return [package / SHIPPED, package.parent / "checkpoints" / SHIPPED]
