"""Plans to go on: with a run that was interrupted, or from a network with tunes of one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from abcgen.config import FINE_TUNING, FINE_TUNING_SPLIT
from abcgen.errors import InputError
from abcgen.model.checkpoint import load_checkpoint, load_description
from abcgen.model.settings import checked
from abcgen.pipeline.borrowing import training_tunes
from abcgen.pipeline.checkpoints import split_config_of
from abcgen.pipeline.recipes import checkpoint_hash
from abcgen.pipeline.training import ORIGIN, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def plan_resuming(folder: Path, changes: Mapping[str, Any]) -> Plan:
    """Plan to go on with a run that was interrupted, or to give one that ended more time.

    Args:
        folder: The checkpoint.
        changes: ``minutes`` or ``epochs`` in all, and ``save_minutes``, if other than planned.

    Raises:
        CheckpointError: if there is no run in the folder, or it is damaged.
        InputError: if a setting is out of range.
    """
    begun = load_description(folder)
    options = replace(begun.training, **changes)
    if "epochs" in changes:
        options = replace(options, minutes=None)
    return Plan(
        begun.network,
        checked(options),
        f"as {folder} was begun",
        resume=True,
        split=split_config_of(begun, folder),
        base=begun,
        about={name: begun.about[name] for name in (ORIGIN,) if name in begun.about},
    )


def plan_fine_tuning(base: Path, folder: Path, changes: Mapping[str, Any]) -> Plan:
    """Plan to go on from a checkpoint with other tunes, into a checkpoint of its own.

    What is learnt is added to what the network knows, so the tunes of both count as those that it
    may copy from.

    Args:
        base: The checkpoint to begin from; it is only read.
        folder: The checkpoint that is to be.
        changes: Settings of the training, and dropout, that are to be other than usual.

    Raises:
        CheckpointError: if the checkpoint cannot be used.
        InputError: if a setting is impossible, or both folders are the same.
    """
    if folder.resolve() == base.resolve():
        raise InputError(
            f"{folder} is the network to begin from, which stays as it is",
            way_out="choose another place with --out",
        )
    found = load_checkpoint(base)
    options = replace(FINE_TUNING, chord_symbols=found.training.chord_symbols)
    shape = {name: changes[name] for name in ("dropout",) if name in changes}
    training = {name: value for name, value in changes.items() if name not in shape}
    return Plan(
        checked(replace(found.network, **shape)),
        checked(replace(options, **training)),
        f"from {base}",
        split=FINE_TUNING_SPLIT,
        base=found,
        about={ORIGIN: {"checkpoint": base.resolve().name, "hash": checkpoint_hash(base)}},
        before=training_tunes(base),
    )
