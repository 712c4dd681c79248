"""Which checkpoint is meant when none is named, and how its tunes were divided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import abcgen
from abcgen.config import SplitConfig
from abcgen.errors import CheckpointError, InputError
from abcgen.files import damaged, unused_folder
from abcgen.grammar.positions import PositionTracker
from abcgen.model.checkpoint import CONFIG, WEIGHTS, newest_checkpoint
from abcgen.model.inference import StepNetwork

if TYPE_CHECKING:
    from abcgen.model.checkpoint import Checkpoint

RUNS = Path("checkpoints")
SHIPPED = "pretrained"


def find_checkpoint(folder: Path | None) -> Path:
    """The checkpoint to use.

    Args:
        folder: The one named, ``pretrained`` for the one that comes with the package, or None for
            the newest run under ``./checkpoints``, else the one that comes with the package.

    Raises:
        CheckpointError: if there is none.
    """
    named = folder is not None and (folder != Path(SHIPPED) or folder.exists())
    if folder is not None and named:
        return _existing(folder)
    newest = newest_run()
    if newest is not None and folder is None:
        return newest
    for place in _shipped_places():
        if (place / WEIGHTS).is_file():
            return place
    raise CheckpointError(
        "there is no checkpoint under ./checkpoints yet",
        hint="train one with: abcgen train corpora/",
    )


def step_network(checkpoint: Checkpoint) -> StepNetwork:
    """Return the network of a checkpoint, ready to read texts character by character."""
    tracker = PositionTracker(checkpoint.vocabulary.tokens)
    return StepNetwork(checkpoint.network, checkpoint.weights, tracker)


def newest_run(part: str = WEIGHTS) -> Path | None:
    """The newest run under ``./checkpoints``; the shipped checkpoint is no run.

    Args:
        part: The file of a run that is gone by.
    """
    return newest_checkpoint(RUNS, ignore=SHIPPED, part=part)


def new_run() -> Path:
    """A folder for a run that begins now."""
    return unused_folder(RUNS, "run")


def _existing(folder: Path) -> Path:
    if not folder.exists():
        raise CheckpointError(f"checkpoint {folder} does not exist")
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            f"{folder} is no checkpoint: it has no {WEIGHTS}",
            hint="name a folder that abcgen train wrote",
        )
    return folder


def _shipped_places() -> list[Path]:
    """In an installed package, and in a checkout of the project."""
    package = Path(abcgen.__file__).parent
    return [package / SHIPPED, package.parent / "checkpoints" / SHIPPED]


def split_config_of(checkpoint: Checkpoint, folder: Path) -> SplitConfig:
    """How the tunes of a checkpoint were divided.

    Raises:
        CheckpointError: if it says something impossible.
    """
    told = checkpoint.about.get("split")
    found = told if isinstance(told, dict) else {}
    try:
        return SplitConfig(
            **{name: found[name] for name in SplitConfig.model_fields if name in found}
        )
    except InputError as error:
        raise damaged(folder / CONFIG, f"split: {error.message}") from error
