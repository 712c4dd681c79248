"""Data-parallel training: every batch is divided among devices, hosts, or the cores of a CPU.

On JAX with ``keras.distribution``, on one host or many; on TensorFlow with ``MirroredStrategy`` on
the devices of one host, or in shares on the cores of its CPU. Like ``backend``, this module may
call the backend itself. ``docs/scaling.md`` says when it is worth it.

The loss of a batch is the mean over all its characters on all devices, and gradients are clipped
by the norm of their sum, so that dividing a batch changes a run by rounding only. On JAX dropout is
the same too. On TensorFlow every device and every share draws its own, so that a run depends on
their number, and with ``MirroredStrategy`` the training accuracy is the mean of the devices'.
"""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.errors import InputError
from abcgen.files import DRAFT, scratch_folder
from abcgen.model.backend import (
    NAMES,
    NVIDIA,
    backend_name,
    choose_backend,
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
    from pathlib import Path

    from numpy.typing import NDArray

    from abcgen.config import TrainConfig

# Keras reads this and two more if a job runs on several hosts (keras.distribution.initialize).
HOSTS = "KERAS_DISTRIBUTION_NUM_PROCESSES"
MAX_DEVICES = 1024


@dataclass(frozen=True)
class Devices:
    """One device; the subclasses override what several do differently."""

    # Number of devices on all hosts.
    count: int = 1
    # Number of processes that train together.
    hosts: int = 1
    # Number of this process, from 0; only the first one's checkpoint is kept.
    host: int = 0

    def describe(self) -> str:
        """Describe library, devices, precision and LSTM kernels."""
        return describe_backend(self.count)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which networks are built."""
        return nullcontext()

    def optimizer(self, kind: Any) -> Any:
        """Return the optimizer class that clips gradients as one device would."""
        return kind

    def model(self, network: Any) -> Any:
        """Return the model to train: the network, or one that computes its layers in shares."""
        return network

    def prepare(self, model: Any, inputs: Any, targets: Any) -> None:
        """Show a compiled model a first batch before one is divided."""

    def share(self, rows: NDArray[Any]) -> Any:
        """Return the part of an array (B, …) that this process gives to a step."""
        return rows

    def check(self, options: TrainConfig) -> None:
        """Check that all hosts will take the same steps.

        Raises:
            InputError: if each would stop by its own clock.
        """
        if self.hosts > 1 and options.minutes is not None:
            raise InputError(
                "several hosts cannot train by the clock, of which each has its own",
                hint="give --epochs instead of --minutes",
            )


class _Cores(Devices):
    """The cores of a CPU with TensorFlow: each computes a share, then gradients are summed.

    Used for one core too: Keras would clip by a norm of the embedding's sparse gradient that
    counts rows that were looked up twice separately.
    """

    def describe(self) -> str:
        backend = describe_backend()
        return f"{backend}, {self.count} shares of a batch at a time" if self.count > 1 else backend

    def model(self, network: Any) -> Any:
        from abcgen.model.lstm_cpu import Shares  # noqa: PLC0415 - loads TensorFlow

        return Shares(network, self.count)


class _Sharded(Devices):
    """Devices with JAX, which sees the shares of all processes as one batch."""

    def share(self, rows: NDArray[Any]) -> NDArray[Any]:
        size = len(rows) // self.hosts
        return rows[self.host * size : (self.host + 1) * size]


class _Mirrored(Devices):
    """Devices with TensorFlow: each computes a share, then gradients are summed."""

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def optimizer(self, kind: Any) -> Any:
        return _clipping_the_sum(kind, self.count)

    def prepare(self, model: Any, inputs: Any, targets: Any) -> None:
        # Keras creates its metrics from the first batch, and cannot do so from a divided one.
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
    # There must be only one strategy: variables of another one are refused.
    import tensorflow as tf  # noqa: PLC0415 - seconds that only training should pay

    return tf.distribute.MirroredStrategy(_tensorflow_devices(count))


# The devices of this process; only ``use_devices`` replaces them.
_used = [Devices()]


def devices() -> Devices:
    """Return the devices that training is divided among."""
    return _used[0]


def devices_for(rows: int) -> Devices:
    """Return ``devices()``, or on a CPU with TensorFlow the cores for batches of ``rows``."""
    alone = devices() == Devices() and backend_name() == "tensorflow" and device() == "cpu"
    return _Cores(shares_of(rows)) if alone else devices()


def compute_on(kind: str, count: int = 1, precision: str = "float32") -> None:
    """Choose devices and precision; call before anything is computed.

    ``kind`` is ``cpu``, ``gpu``, or ``auto`` for a GPU if any backend sees one; ``precision`` is
    ``float32`` or ``bfloat16``. Every batch is divided among ``count`` devices of this host.

    Raises:
        InputError: if one of these is impossible here.
    """
    if kind != "cpu":
        choose_backend()
    if kind == "gpu":  # checking for one starts the devices, which must be divided before
        use_devices(count)
        use_device(kind)
    else:
        use_device(kind)
        use_devices(count)
    use_precision(precision)


def use_devices(count: int) -> None:
    """Divide every batch among ``count`` devices of this host, and of every other host of the job.

    A CPU is divided into devices that compute in parallel. Call before anything is computed.
    Keras's own environment variables describe a job of several hosts:
    ``KERAS_DISTRIBUTION_JOB_ADDRESSES``, ``..._NUM_PROCESSES`` and ``..._PROCESS_ID``.

    Raises:
        InputError: if there are fewer devices, or the backend cannot use several.
    """
    if not 1 <= count <= MAX_DEVICES:
        raise InputError(f"devices must be a whole number from 1 to {MAX_DEVICES}, not {count}")
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
    """Return the batch with rows of padding, which weigh nothing, so that ``count`` divides it."""
    missing = -len(batch.inputs) % count
    if not missing:
        return batch

    def padded(rows: NDArray[Any], value: int) -> NDArray[Any]:
        return np.pad(rows, [(0, missing), *[(0, 0)] * (rows.ndim - 1)], constant_values=value)

    ids = padded(batch.inputs, PADDING), padded(batch.targets, PADDING)
    return Batch(*ids, padded(batch.present, 0), padded(batch.scored, 0))


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """Yield the checkpoint folder, or on any host but the first a temporary copy of it."""
    if devices().host == 0:
        yield folder
        return
    with scratch_folder() as temporary:
        own = temporary / "checkpoint"
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
    # A look for the driver, since JAX could only be asked by starting it.
    if os.environ.get("JAX_PLATFORMS") == "cpu" or not NVIDIA.exists():
        jax.config.update("jax_num_cpu_devices", count)
    keras = load_keras(_join_hosts if several else None)
    local = jax.local_device_count()
    if local < count:
        raise _too_few(local, count)
    # The first ``count`` devices of every host.
    names: dict[int, list[str]] = {}
    for place in jax.devices():
        names.setdefault(place.process_index, []).append(f"{place.platform}:{place.id}")
    used = [name for host in range(jax.process_count()) for name in names.get(host, [])[:count]]
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=used, auto_shard_dataset=False)
    )
    return _Sharded(len(used), jax.process_count(), jax.process_index())


def _join_hosts(keras: Any) -> None:
    """Connect to the other processes of the job; before any device is used."""
    # Otherwise Keras agrees on a seed with the others in a way that JAX no longer supports.
    keras.utils.set_random_seed(0)
    try:
        keras.distribution.initialize()
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"the hosts of this job cannot connect: {str(error)[:200]}",
            hint="set Keras's three variables on each of them; see docs/scaling.md",
        ) from error


def _use_tensorflow(count: int) -> Devices:
    with quietly():
        import tensorflow as tf  # noqa: PLC0415 - seconds that only training should pay

        if not tf.config.list_physical_devices("GPU"):
            # Several logical devices on the CPU, for trying it out.
            cpu = tf.config.list_physical_devices("CPU")[0]
            part = tf.config.LogicalDeviceConfiguration()
            tf.config.set_logical_device_configuration(cpu, [part] * count)
    load_keras()
    available = len(_tensorflow_devices(count))
    if available < count:
        raise _too_few(available, count)
    return _Mirrored(count)


def _tensorflow_devices(count: int) -> list[str]:
    import tensorflow as tf  # noqa: PLC0415 - seconds that only training should pay

    return [place.name for place in tf.config.list_logical_devices(device().upper())[:count]]


def _too_few(available: int, wanted: int) -> InputError:
    return InputError(
        f"there are {available} devices, not {wanted}", hint=f"give --devices {available}"
    )


def _clipping_the_sum(kind: Any, count: int) -> Any:
    """Return an optimizer class that clips the sum of the devices' gradients, not each of them."""
    import tensorflow as tf  # noqa: PLC0415 - seconds that only training should pay

    class Clipping(kind):  # type: ignore[misc]
        def __init__(self, *args: Any, global_clipnorm: float, **options: Any) -> None:
            super().__init__(*args, **options)
            self._max_norm = global_clipnorm

        def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
            """Take a step; Keras calls this on every device and sums the gradients it is given."""
            context = tf.distribute.get_replica_context()
            # An embedding's gradient is sparse: only the rows that were looked up.
            dense = [tf.convert_to_tensor(gradient) for gradient in grads]
            summed = context.all_reduce(tf.distribute.ReduceOp.SUM, dense)
            clipped, _ = tf.clip_by_global_norm(summed, self._max_norm)
            # Every device passes on the same sum, and Keras adds them up.
            return super().apply([gradient / count for gradient in clipped], trainable_variables)

    Clipping.__name__ = kind.__name__
    return Clipping
