"""What going on with training needs, in one file.

Weights, optimiser, dropout's random state and position are written together, so that no
interruption, not even of the power, can leave parts of different moments.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from abcgen.errors import CheckpointError
from abcgen.files import write_atomically
from abcgen.model.backend import to_numpy
from abcgen.model.settings import AMOUNT, COUNT, SECONDS, fits
from abcgen.model.weights import bounded_size, damaged, dump

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

STATE = "training/state.safetensors"
RANGES = {
    "epoch": COUNT,
    "first_step": COUNT,
    "seconds": SECONDS,
    "nats": AMOUNT,
    "characters": COUNT,
    "hits": AMOUNT,
    "seed": COUNT,
}


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a run training is.

    Attributes:
        epoch: Passes completed.
        first_step: Optimiser steps made before the current pass.
        seconds: Training time so far.
        nats: Sum of the training loss over the current pass.
        characters: Characters that it was summed over.
        hits: How many of them were thought the likeliest.
        fingerprint: Of the training texts and the batch size.
        seed: Of their order.
    """

    epoch: int = 0
    first_step: int = 0
    seconds: float = 0.0
    nats: float = 0.0
    characters: int = 0
    hits: float = 0.0
    fingerprint: str = ""
    seed: int = 0


def save_state(model: Any, position: Position, folder: Path) -> None:
    """Write the state of training.

    Raises:
        OutputError: if it cannot be written.
    """
    arrays = {name: to_numpy(variable) for name, variable in _variables(model).items()}
    write_atomically(folder / STATE, dump(arrays, {"position": json.dumps(asdict(position))}))


def restore_state(model: Any, folder: Path) -> Position:
    """Give a compiled model the state that ``save_state`` wrote.

    Returns:
        The position.

    Raises:
        CheckpointError: if there is none, or it is damaged or of another network.
    """
    path = folder / STATE
    bounded_size(path)
    variables = _variables(model)
    try:
        with safe_open(path, framework="numpy") as file:
            position = _position(json.loads((file.metadata() or {})["position"]))
            names = sorted(file.keys())
            found = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            if found != {name: tuple(variable.shape) for name, variable in variables.items()}:
                raise damaged(path, "it belongs to another network or optimiser")
            arrays: dict[str, NDArray[Any]] = {name: file.get_tensor(name) for name in variables}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path, f"no state of training: {str(error)[:200]}") from error
    for name, variable in variables.items():
        if arrays[name].dtype.name != variable.dtype:
            raise damaged(path, f"{name} is {arrays[name].dtype}, not {variable.dtype}")
        variable.assign(arrays[name])
    return position


def check_same_run(position: Position, start: Position, folder: Path) -> None:
    """Make sure that going on means going on with the same texts in the same order.

    Raises:
        CheckpointError: if it does not.
    """
    if (position.fingerprint, position.seed) != (start.fingerprint, start.seed):
        raise CheckpointError(
            f"{folder} was trained on other tunes, in other batches or with another seed",
            way_out="go on with the same corpus, batch size and seed, or begin a new run",
        )


def check_steps(position: Position, steps: int, batches: int, folder: Path) -> None:
    """Make sure that the optimiser's count of steps is one within the current pass.

    Args:
        position: Where training is said to be.
        steps: Optimiser steps made.
        batches: Steps of the current pass.
        folder: The checkpoint.

    Raises:
        CheckpointError: if it is not.
    """
    # Every pass takes a step at least.
    if position.epoch > position.first_step or not 0 <= steps - position.first_step <= batches:
        raise damaged(
            folder / STATE,
            f"after {steps} steps it cannot be in epoch {position.epoch + 1}, "
            f"said to have begun after {position.first_step}",
        )


def _variables(model: Any) -> dict[str, Any]:
    """Everything that changes in training, by names that are the same in every process."""
    named = {f"weights/{variable.path}": variable for variable in model.trainable_variables}
    # Keras numbers the random generators and optimisers of a process, so that their paths differ
    # from one process to the next.
    for number, variable in enumerate(model.non_trainable_variables, 1):
        named[f"random/{number}"] = variable
    for variable in model.optimizer.variables:
        named[f"optimizer/{variable.path.split('/', 1)[-1]}"] = variable
    return named


def _position(data: dict[str, Any]) -> Position:
    position = Position(**data)
    for name, allowed in RANGES.items():
        value = getattr(position, name)
        if not fits(value, allowed):
            raise ValueError(f"{name} is {str(value)[:40]!r}")
    return position
