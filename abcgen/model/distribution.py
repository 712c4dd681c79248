"""Several devices at once: every batch is divided among them, and all learn the same.

On JAX by ``keras.distribution``, on one host or many; on TensorFlow by ``MirroredStrategy``, on
the devices of one host, or in shares on the cores of its CPU. Like ``backend``, this module may
call what Keras computes with.

The loss of a batch is the mean over all its characters wherever they are, and gradients are
clipped by the norm of their sum, so that dividing a batch changes a run by rounding only. Dropout
is the same too on JAX; on TensorFlow every device and every share draws for itself, so that a run
depends on how many there are, and with ``MirroredStrategy`` the accuracy told in training is the
mean of the devices'.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.errors import InputError
from abcgen.files import DRAFT
from abcgen.model.backend import (
    NAMES,
    backend_name,
    describe_backend,
    device,
    load_keras,
    quietly,
    shares_of,
    use_device,
    use_precision,
)
from abcgen.model.dataset import Batch
from abcgen.model.vocabulary import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from abcgen.config import TrainConfig

# Keras reads these where a job runs on several hosts (keras.distribution.initialize).
HOSTS = "KERAS_DISTRIBUTION_NUM_PROCESSES"
MOST = 1024


@dataclass(frozen=True)
class Devices:
    """One device, and what several have to do differently.

    Attributes:
        count: Devices in all, those of other hosts included.
        hosts: Processes that train together.
        host: Number of this one; 0 writes the checkpoint.
    """

    count: int = 1
    hosts: int = 1
    host: int = 0

    def describe(self) -> str:
        """What computes, where, how exactly and by which kernels."""
        return describe_backend(self.count)

    def scope(self) -> AbstractContextManager[Any]:
        """Within it networks are built."""
        return nullcontext()

    def optimizer(self, kind: Any) -> Any:
        """The optimiser class that clips gradients as one device would."""
        return kind

    def model(self, network: Any) -> Any:
        """What is trained: the network, or one that computes with its layers in another way."""
        return network

    def prepare(self, model: Any, inputs: Any, targets: Any) -> None:
        """Let a compiled model see any batch before one is divided."""

    def share(self, rows: NDArray[Any]) -> Any:
        """What this process gives to a step of an array of the whole batch."""
        return rows

    def check(self, options: TrainConfig) -> None:
        """Make sure that all hosts would do the same.

        Raises:
            InputError: if each would decide by its own clock.
        """
        if self.hosts > 1 and options.minutes is not None:
            raise InputError(
                "several hosts cannot train by the clock, of which each has its own",
                hint="give --epochs instead of --minutes",
            )


class _Cores(Devices):
    """The cores of a CPU for TensorFlow: each computes its share, then gradients are summed.

    For one core too, since TensorFlow alone takes the norm of an embedding's gradient
    before the rows that were looked up twice are added up, and would clip otherwise.
    """

    def describe(self) -> str:
        said = describe_backend()
        return f"{said}, {self.count} shares of a batch at a time" if self.count > 1 else said

    def model(self, network: Any) -> Any:
        from abcgen.model.lstm_cpu import Shares  # noqa: PLC0415 - loads TensorFlow

        return Shares(network, self.count)


class _Sharded(Devices):
    """Devices of JAX, which sees the shares of all processes as one batch."""

    def share(self, rows: NDArray[Any]) -> NDArray[Any]:
        size = len(rows) // self.hosts
        return rows[self.host * size : (self.host + 1) * size]


class _Mirrored(Devices):
    """Devices of TensorFlow: each takes its step on its share, then gradients are summed."""

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def optimizer(self, kind: Any) -> Any:
        return _clipping_the_sum(kind, self.count)

    def prepare(self, model: Any, inputs: Any, targets: Any) -> None:
        # Keras makes its metrics from the first batch, and cannot from one that is divided.
        model.test_on_batch(inputs, targets, np.ones(targets.shape, np.float32))

    def share(self, rows: NDArray[Any]) -> Any:
        shares = np.array_split(rows, self.count)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: shares[context.replica_id_in_sync_group]
        )

    @property
    def _strategy(self) -> Any:
        return _mirrored(self.count)


@cache
def _mirrored(count: int) -> Any:
    """The one strategy for so many devices."""
    import tensorflow as tf  # noqa: PLC0415 - seconds that only training should pay

    return tf.distribute.MirroredStrategy(_tensorflow_devices(count))


_used = [Devices()]


def devices() -> Devices:
    """The devices that training is divided among."""
    return _used[0]


def devices_for(rows: int) -> Devices:
    """The same, or for a CPU alone and TensorFlow as many cores as suit batches of such size."""
    alone = devices() == Devices() and backend_name() == "tensorflow" and device() == "cpu"
    return _Cores(shares_of(rows)) if alone else devices()


def compute_on(kind: str, count: int = 1, precision: str = "float32") -> None:
    """Settle where and how exactly all is computed, before anything is.

    Args:
        kind: ``cpu``, ``gpu`` or ``auto`` for whatever there is.
        count: Devices of this host that every batch is divided among.
        precision: ``float32`` or ``bfloat16``.

    Raises:
        InputError: if one of these is impossible here.
    """
    if kind == "gpu":  # which looks at the devices, so that there is no dividing them afterwards
        use_devices(count)
        use_device(kind)
    else:
        use_device(kind)
        use_devices(count)
    use_precision(precision)


def use_devices(count: int) -> None:
    """Divide every batch among so many devices of this host, and of every other one of the job.

    On a CPU it is divided into parts that compute at the same time. To be called before anything
    else is computed. A job of several hosts is described by Keras's own variables,
    ``KERAS_DISTRIBUTION_JOB_ADDRESSES``, ``..._NUM_PROCESSES`` and ``..._PROCESS_ID``.

    Raises:
        InputError: if there are not as many, or the backend cannot.
    """
    if not 1 <= count <= MOST:
        raise InputError(f"devices must be a whole number from 1 to {MOST}, not {count}")
    hosts = os.environ.get(HOSTS, "1")
    if count == 1 and hosts == "1":
        return
    name = backend_name()
    if name == "jax":
        _used[0] = _use_jax(count, several=hosts != "1")
    elif name == "tensorflow" and hosts == "1":
        _used[0] = _use_tensorflow(count)
    else:
        what = "several hosts" if hosts != "1" else "several devices"
        raise InputError(
            f"{NAMES.get(name, name)} trains on one device here, not on {what}",
            hint="set KERAS_BACKEND=jax, after: pip install 'abcgen[jax]'",
        )


def divisible(batch: Batch, count: int) -> Batch:
    """A batch whose number of rows ``count`` divides, by rows of padding that count for nothing."""
    missing = -len(batch.inputs) % count
    if not missing:
        return batch

    def longer(rows: NDArray[Any], value: int) -> NDArray[Any]:
        return np.pad(rows, [(0, missing), *[(0, 0)] * (rows.ndim - 1)], constant_values=value)

    ids = longer(batch.inputs, PADDING), longer(batch.targets, PADDING)
    return Batch(*ids, longer(batch.present, 0), longer(batch.scored, 0))


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """The checkpoint folder itself, or for any host but the first a copy that is thrown away."""
    if devices().host == 0:
        yield folder
        return
    with tempfile.TemporaryDirectory() as place:
        own = Path(place) / "checkpoint"
        if folder.is_dir():
            shutil.copytree(folder, own, ignore=shutil.ignore_patterns(f"*{DRAFT}"))
        yield own


def _use_jax(count: int, *, several: bool) -> Devices:
    try:
        import jax  # noqa: PLC0415 - only where it is the backend
    except ImportError as error:
        raise InputError(
            f"JAX cannot be loaded: {error}", hint="pip install 'abcgen[jax]'"
        ) from error
    if os.environ.get("JAX_PLATFORMS") == "cpu" or not _nvidia():
        jax.config.update("jax_num_cpu_devices", count)
    keras = load_keras(_join_hosts if several else None)
    local = jax.local_device_count()
    if local < count:
        raise _too_few(local, count)
    wanted = [place for host in range(jax.process_count()) for place in _of_host(jax, host)[:count]]
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=wanted, auto_shard_dataset=False)
    )
    return _Sharded(len(wanted), jax.process_count(), jax.process_index())


def _join_hosts(keras: Any) -> None:
    """Find the other processes of the job; before any device is looked at."""
    # Else Keras draws a seed together with the others in a way that JAX has given up.
    keras.utils.set_random_seed(0)
    try:
        keras.distribution.initialize()
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"the hosts of this job do not find one another: {str(error)[:200]}",
            hint="set Keras's three variables on each of them; see docs/scaling.md",
        ) from error


def _of_host(jax: Any, host: int) -> list[str]:
    places = [place for place in jax.devices() if place.process_index == host]
    return [f"{place.platform}:{place.id}" for place in places]


def _use_tensorflow(count: int) -> Devices:
    with quietly():
        import tensorflow as tf  # noqa: PLC0415 - seconds that only training should pay

        if not tf.config.list_physical_devices("GPU"):
            cpu = tf.config.list_physical_devices("CPU")[0]
            part = tf.config.LogicalDeviceConfiguration()
            tf.config.set_logical_device_configuration(cpu, [part] * count)
    load_keras()
    found = len(_tensorflow_devices(count))
    if found < count:
        raise _too_few(found, count)
    return _Mirrored(count)


def _tensorflow_devices(count: int) -> list[str]:
    import tensorflow as tf  # noqa: PLC0415 - likewise

    return [place.name for place in tf.config.list_logical_devices(device().upper())[:count]]


def _too_few(found: int, wanted: int) -> InputError:
    return InputError(f"there are {found} devices, not {wanted}", hint=f"give --devices {found}")


def _nvidia() -> bool:
    """Whether there is a GPU's driver, without waking up what computes."""
    return Path("/proc/driver/nvidia").exists()


def _clipping_the_sum(kind: Any, count: int) -> Any:
    """An optimiser that clips after gradients are summed over devices; Keras clips before."""
    import tensorflow as tf  # noqa: PLC0415 - seconds that only training should pay

    class Clipping(kind):  # type: ignore[misc]
        def __init__(self, *args: Any, global_clipnorm: float, **options: Any) -> None:
            super().__init__(*args, **options)
            self._largest = global_clipnorm

        def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
            """Make a step; Keras calls this on every device and sums what it is given."""
            context = tf.distribute.get_replica_context()
            # That of an embedding comes as the rows that were looked up.
            dense = [tf.convert_to_tensor(gradient) for gradient in grads]
            summed = context.all_reduce(tf.distribute.ReduceOp.SUM, dense)
            clipped, _ = tf.clip_by_global_norm(summed, self._largest)
            return super().apply([gradient / count for gradient in clipped], trainable_variables)

    Clipping.__name__ = kind.__name__
    return Clipping
