"""What a run needs to be resumed, written so that a kill at any moment cannot spoil it.

Weights, optimizer, dropout's random state and progress are written together, in one file, so that
not even a power cut can leave parts of different moments. That file comes first and holds the
measurement of that moment too; the best weights and the metrics follow from it. If they are not
there yet when the run is resumed, they are written then.
"""

from __future__ import annotations

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
    from abcgen.model.compiled import CompiledNetwork


STATE = "training/state.safetensors"
WEIGHTS_PREFIX = "weights/"
# What safetensors and NumPy raise on damaged files; AttributeError for number types that NumPy
# lacks.
UNREADABLE = (
    SafetensorError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)


class Progress(Schema):
    """How far a run is."""

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


class TrainingState(NamedTuple):
    """The progress of a run, and the measurement made at that moment, if any."""

    progress: Progress
    measurement: Measurement | None


class CheckpointWriter:
    """Writes the files of a run in an order that a kill cannot spoil.

    Raises OutputError if one cannot be written.
    """

    def __init__(self, network: CompiledNetwork, folder: Path) -> None:
        self._network, self._folder = network, folder
        # All measurements in the metrics file.
        self.measurements: list[Measurement] = []
        # When the state was saved last.
        self.saved_at = time.monotonic()
        # A measurement that is part of the saved state, but perhaps not of the metrics yet.
        self._pending: Measurement | None = None

    def restore(self, state: TrainingState, measurements: list[Measurement]) -> None:
        """Continue with the files of a run that is resumed."""
        self.measurements = measurements
        # A process that was killed may have saved the state but not its line of the metrics.
        written = measurements[-1].steps if measurements else -1
        if state.measurement and state.measurement.steps > written:
            self._pending = state.measurement

    def last(self) -> Measurement | None:
        """Return the last measurement, written to the metrics or not."""
        return self._pending or (self.measurements[-1] if self.measurements else None)

    def save(self, progress: Progress) -> None:
        """Save the state of training."""
        save_state(self._network.model, TrainingState(progress, self._pending), self._folder)
        self.saved_at = time.monotonic()

    def add(self, measurement: Measurement) -> None:
        """Add a measurement, which the next save will have."""
        # After an interrupt, the last measurement may already be in the metrics.
        if measurement not in self.measurements:
            self._pending = measurement

    def save_measured(self, measurement: Measurement, progress: Progress) -> None:
        """Save the state with its measurement, then the best weights and the metrics."""
        self.add(measurement)
        self.save(progress)
        self.write_pending()

    def write_pending(self) -> None:
        """Write the measurement that only the state has, and the weights if they are the best."""
        if self._pending is None:
            return
        measurements = [*self.measurements, self._pending]
        # The weights before their line: a kill in between only writes the same weights again.
        if best(measurements) is self._pending:
            write_weights(self._network.weights, self._folder)
        write_metrics(measurements, self._folder)
        self.measurements, self._pending = measurements, None

    def write_first_weights(self, weights: Weights) -> None:
        """Write weights to sample from if there are none."""
        if weights and not (self._folder / WEIGHTS).exists():
            write_weights(weights, self._folder)


def save_state(model: Any, state: TrainingState, folder: Path) -> None:
    """Write the state of training; keep the last one if a number is not finite.

    Raises:
        OutputError: if it cannot be written.
    """
    arrays = {name: to_numpy(variable) for name, variable in _variables(model).items()}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return
    parts = {"position": state.progress, "measurement": state.measurement}
    metadata = {name: part.to_json() for name, part in parts.items() if part}
    write_atomically(_state_path(folder), dump(arrays, metadata), durable=True)


def check_state(shapes: Shapes, folder: Path) -> None:
    """Check that there is a state for weights of these shapes, before a network is built.

    Raises:
        CheckpointError: if there is none, or it is damaged or of another network.
    """
    path = _state_path(folder)
    if not path.exists():
        raise CheckpointError(
            f"{folder} has no state of training to resume",
            hint="train a new network with another --out, or fine-tune this one with --from",
        )
    with open_arrays(path) as file:
        found = shapes_in(file)
    weights = {
        weight_name(name.removeprefix(WEIGHTS_PREFIX)): shape
        for name, shape in found.items()
        if name.startswith(WEIGHTS_PREFIX)
    }
    if weights != shapes:
        raise damaged(path, "it belongs to another network or optimizer")


def restore_state(model: Any, folder: Path) -> TrainingState:
    """Give a compiled model the saved state.

    Raises:
        CheckpointError: if there is none, or it is damaged or of another network.
    """
    path = _state_path(folder)
    variables = _variables(model)
    # 1) Read arrays and progress.
    try:
        with open_arrays(path) as file:
            metadata = file.metadata() or {}
            if shapes_in(file) != {name: tuple(item.shape) for name, item in variables.items()}:
                raise damaged(path, "it belongs to another network or optimizer")
            arrays: dict[str, NDArray[Any]] = {name: file.get_tensor(name) for name in variables}
    except UNREADABLE as error:
        raise damaged(path, f"no state of training: {str(error)[:200]}") from error
    try:
        measurement = metadata.get("measurement")
        state = TrainingState(
            Progress.from_json(metadata.get("position", "")),
            Measurement.from_json(measurement) if measurement else None,
        )
    except InputError as error:
        raise damaged(path, f"no state of training: {error.message}") from error
    # 2) Check the numbers.
    for name, variable in variables.items():
        array = arrays[name]
        if array.dtype.name != variable.dtype:
            # Backends count in integers of different sizes.
            integers = array.dtype.kind in "iu" and np.dtype(variable.dtype).kind in "iu"
            arrays[name] = array.astype(variable.dtype) if integers else array
            if not integers or not np.array_equal(arrays[name], array):
                raise damaged(path, f"{name} is {array.dtype}, not {variable.dtype}")
        if variable.dtype.startswith("float") and not np.isfinite(array).all():
            raise damaged(path, f"{name} holds numbers that are not finite")
    # 3) Only now change the model, so that a damaged file changes nothing.
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return state


def check_same_run(progress: Progress, expected: Progress, folder: Path) -> None:
    """Check that a run is resumed with the same texts in the same order.

    Raises:
        CheckpointError: if it is not.
    """
    if (progress.fingerprint, progress.seed) != (expected.fingerprint, expected.seed):
        raise CheckpointError(
            f"{folder} was trained on other tunes, in other batches or with another seed",
            hint="resume with the same corpus, batch size and seed, or begin a new run",
        )


def check_steps(progress: Progress, steps: int, batches: int, folder: Path) -> None:
    """Check that the optimizer's count of steps lies within the current epoch of some batches.

    Raises:
        CheckpointError: if it does not.
    """
    # Every epoch has at least one step.
    if progress.epoch > progress.first_step or not 0 <= steps - progress.first_step <= batches:
        raise damaged(
            folder / STATE,
            f"epoch {progress.epoch + 1}, begun after {progress.first_step} steps, does not fit "
            f"{steps} steps",
        )


def set_weights(model: Any, weights: Weights) -> None:
    """Give a model its first weights; all must be there."""
    for variable in model.trainable_variables:
        variable.assign(weights[weight_name(variable.path)])


def _state_path(folder: Path) -> Path:
    path = folder / STATE
    if path.parent.is_symlink():
        raise CheckpointError(
            f"{path.parent} is a link that leads out of the checkpoint",
            hint="put the folder itself there",
        )
    return path


def _variables(model: Any) -> dict[str, Any]:
    """Return everything that changes in training, by names that are the same in every process."""
    variables = {
        f"{WEIGHTS_PREFIX}{variable.path}": variable for variable in model.trainable_variables
    }
    # Keras numbers the random generators and optimizers of a process, so that their paths differ
    # from one process to the next.
    for number, variable in enumerate(model.non_trainable_variables, 1):
        variables[f"random/{number}"] = variable
    for variable in model.optimizer.variables:
        variables[f"optimizer/{variable.path.split('/', 1)[-1]}"] = variable
    return variables
