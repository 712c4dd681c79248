"""What going on with training needs, in one file.

Weights, optimiser, dropout's random state and position are written together, so that no
interruption, not even of the power, can leave parts of different moments. What was measured at
that moment stands there too, until it has found its way into the other files.

What a run leaves in its folder, in an order that a kill at any moment cannot spoil.

The state of training comes first and tells of what was measured at that moment. The best weights
and the lines of figures follow from it: whoever goes on writes them if they are not there yet.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors import SafetensorError

from abcgen.config import Amount, Count, Schema, Seconds
from abcgen.errors import CheckpointError, InputError
from abcgen.files import damaged, write_atomically
from abcgen.model.backend import to_numpy
from abcgen.model.checkpoint import WEIGHTS, dump, open_arrays, shapes_in, write_weights
from abcgen.model.metrics import Measurement, best, write_metrics
from abcgen.model.network import weight_name

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from abcgen.model.architecture import Shapes
    from abcgen.model.checkpoint import Weights
    from abcgen.model.trainer import Learner


STATE = "training/state.safetensors"
KEPT = "weights/"
# What safetensors and NumPy raise on files that are not as they should be; AttributeError for
# types of numbers that NumPy lacks.
UNREADABLE = (
    SafetensorError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)


class Position(Schema):
    """A position in a training run."""

    # Epochs completed, and optimizer steps before the current epoch.
    epoch: Count = 0
    first_step: Count = 0
    # Training time so far.
    seconds: Seconds = 0.0
    # Over the current epoch: the sum of the training loss, the characters it was summed over, and
    # how many of them were predicted right.
    nats: Amount = 0.0
    characters: Count = 0
    hits: Amount = 0.0
    # Of the training texts and the batch size, and the seed of their order.
    fingerprint: str = ""
    seed: Count = 0


class Moment(NamedTuple):
    """A moment of a run.

    Attributes:
        position: Where training is.
        measurement: What was measured right then, if anything was.
    """

    position: Position
    measurement: Measurement | None


def save_state(model: Any, moment: Moment, folder: Path) -> None:
    """Write the state of training, unless its numbers ran away: then what was saved before stays.

    Raises:
        OutputError: if it cannot be written.
    """
    arrays = {name: to_numpy(variable) for name, variable in _variables(model).items()}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return
    parts = {"position": moment.position, "measurement": moment.measurement}
    told = {name: json.dumps(part.model_dump()) for name, part in parts.items() if part}
    write_atomically(_path(folder), dump(arrays, told), durable=True)


def check_state(shapes: Shapes, folder: Path) -> None:
    """See that there is a state for a network, before one of its size is built.

    Args:
        shapes: The network's weights.
        folder: The checkpoint.

    Raises:
        CheckpointError: if there is none, or it is damaged or of another network.
    """
    path = _path(folder)
    if not path.exists():
        raise CheckpointError(
            f"{folder} holds no state of training to go on with",
            hint="begin anew with another --out, or learn from its network with --from",
        )
    with open_arrays(path) as file:
        found = shapes_in(file)
    named = {
        weight_name(name.removeprefix(KEPT)): shape
        for name, shape in found.items()
        if name.startswith(KEPT)
    }
    if named != shapes:
        raise damaged(path, "it belongs to another network or optimiser")


def restore_state(model: Any, folder: Path) -> Moment:
    """Give a compiled model the state that ``save_state`` wrote.

    Returns:
        The moment.

    Raises:
        CheckpointError: if there is none, or it is damaged or of another network.
    """
    path = _path(folder)
    variables = _variables(model)
    try:
        with open_arrays(path) as file:
            try:
                moment = _moment(file.metadata() or {})
            except InputError as error:
                raise damaged(path, f"no state of training: {error.message}") from error
            if shapes_in(file) != {name: tuple(one.shape) for name, one in variables.items()}:
                raise damaged(path, "it belongs to another network or optimiser")
            arrays: dict[str, NDArray[Any]] = {name: file.get_tensor(name) for name in variables}
    except UNREADABLE as error:
        raise damaged(path, f"no state of training: {str(error)[:200]}") from error
    for name, variable in variables.items():
        arrays[name] = _fitting(path, name, arrays[name], variable.dtype)
        if variable.dtype.startswith("float") and not np.isfinite(arrays[name]).all():
            raise damaged(path, f"{name} holds numbers that are not finite")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return moment


def _fitting(path: Path, name: str, array: NDArray[Any], wanted: str) -> NDArray[Any]:
    """An array in the type of a variable: whole numbers differ from one backend to the next.

    Raises:
        CheckpointError: if it is of another kind, or its numbers do not fit.
    """
    if array.dtype.name == wanted:
        return array
    if array.dtype.kind in "iu" and np.dtype(wanted).kind in "iu":
        fitting = array.astype(wanted)
        if np.array_equal(fitting, array):
            return fitting
    raise damaged(path, f"{name} is {array.dtype}, not {wanted}")


def give_weights(model: Any, weights: Weights) -> None:
    """Give a model weights to begin with; all must be there."""
    for variable in model.trainable_variables:
        variable.assign(weights[weight_name(variable.path)])


def check_same_run(position: Position, start: Position, folder: Path) -> None:
    """Make sure that going on means going on with the same texts in the same order.

    Raises:
        CheckpointError: if it does not.
    """
    if (position.fingerprint, position.seed) != (start.fingerprint, start.seed):
        raise CheckpointError(
            f"{folder} was trained on other tunes, in other batches or with another seed",
            hint="go on with the same corpus, batch size and seed, or begin a new run",
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


def _path(folder: Path) -> Path:
    """The file, which must lie within the checkpoint.

    Raises:
        CheckpointError: if it would lie elsewhere.
    """
    path = folder / STATE
    if path.parent.is_symlink():
        raise CheckpointError(
            f"{path.parent} is a link that leads out of the checkpoint",
            hint="put the folder itself there",
        )
    return path


def _variables(model: Any) -> dict[str, Any]:
    """Everything that changes in training, by names that are the same in every process."""
    named = {f"{KEPT}{variable.path}": variable for variable in model.trainable_variables}
    # Keras numbers the random generators and optimisers of a process, so that their paths differ
    # from one process to the next.
    for number, variable in enumerate(model.non_trainable_variables, 1):
        named[f"random/{number}"] = variable
    for variable in model.optimizer.variables:
        named[f"optimizer/{variable.path.split('/', 1)[-1]}"] = variable
    return named


def _moment(told: dict[str, str]) -> Moment:
    measurement = told.get("measurement")
    return Moment(
        Position.from_json(told["position"]),
        Measurement.from_json(measurement) if measurement else None,
    )


class Keeper:
    """Writes the files of one run.

    Args:
        learner: The network.
        folder: Where they are kept.

    Attributes:
        measurements: All that is written down.
        saved_at: When the state was saved last, by the monotonic clock.
    """

    def __init__(self, learner: Learner, folder: Path) -> None:
        self._learner, self._folder = learner, folder
        self.measurements: list[Measurement] = []
        self.saved_at = time.monotonic()
        # What the saved state tells of, and the other files perhaps do not yet.
        self._unrecorded: Measurement | None = None

    def stand_at(self, moment: Moment, measurements: list[Measurement]) -> None:
        """Go on from what is in the folder."""
        self.measurements = measurements
        recorded = measurements[-1].steps if measurements else -1
        if moment.measurement and moment.measurement.steps > recorded:
            self._unrecorded = moment.measurement

    def last(self) -> Measurement | None:
        """The last that was measured."""
        return self._unrecorded or (self.measurements[-1] if self.measurements else None)

    def save(self, position: Position) -> None:
        """Save the state of training.

        Raises:
            OutputError: if it cannot be written.
        """
        save_state(self._learner.model, Moment(position, self._unrecorded), self._folder)
        self.saved_at = time.monotonic()

    def keep(self, measurement: Measurement, position: Position) -> None:
        """Save the state with what was measured of it, then write that down.

        Raises:
            OutputError: if it cannot be written.
        """
        if measurement not in self.measurements:
            self._unrecorded = measurement
        self.save(position)
        self.record()

    def record(self) -> None:
        """Write down what the state tells of; the learner must be in that state.

        Raises:
            OutputError: if it cannot be written.
        """
        if self._unrecorded is None:
            return
        lines = [*self.measurements, self._unrecorded]
        if best(lines) is self._unrecorded:
            write_weights(self._learner.weights, self._folder)
        write_metrics(lines, self._folder)
        self.measurements, self._unrecorded = lines, None

    def keep_some(self, weights: Weights) -> None:
        """Write weights to sample from if there are none.

        Raises:
            OutputError: if they cannot be written.
        """
        if weights and not (self._folder / WEIGHTS).exists():
            write_weights(weights, self._folder)
