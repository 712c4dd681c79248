"""Which library Keras computes with, and keeping it quiet."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.errors import InputError
from abcgen.system import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

DEVICES = ("auto", "cpu", "gpu")
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
# Shares of a batch for the cores of a CPU, and the rows that one must have to be worth its while.
MOST_SHARES, LEAST_ROWS = 4, 4
# What Keras and TensorFlow load where they find it, for seconds, and abcgen does not use of them.
UNUSED = ("sklearn", "matplotlib", "jax")
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def load_keras(before_devices: Callable[[Any], None] | None = None) -> Any:
    """Import Keras without the start-up messages of what it computes with.

    The devices are counted at once, because that is when the messages come.

    Args:
        before_devices: What must be done with Keras before that.

    Raises:
        InputError: if what it is to compute with is not known or not installed.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"]
    with quietly():
        keras = _imported()
        if before_devices:
            before_devices(keras)
        if keras.backend.backend() == "tensorflow":
            _keep_shares_apart()
        _device_names(keras)
    return keras


def _imported() -> Any:
    name = backend_name()
    try:
        with _hidden(set(UNUSED) - {name}):
            import keras  # noqa: PLC0415 - seconds that only training should pay
    except (ImportError, ValueError) as error:
        sys.modules.pop("keras", None)  # half of it, which would pass for the whole
        if name not in NAMES:
            raise InputError(
                f"Keras computes with {', '.join(NAMES)}, not with {name[:40]!r}",
                hint="set KERAS_BACKEND to one of these, or to nothing",
            ) from error
        raise InputError(
            f"Keras is to compute with {NAMES[name]}, which cannot be loaded: {str(error)[:200]}",
            hint=f"pip install 'abcgen[{name}]', or leave KERAS_BACKEND unset",
        ) from error
    return keras


@contextmanager
def _hidden(modules: Iterable[str]) -> Iterator[None]:
    """Let an import pass for not installed what was not loaded before; it can be loaded later."""
    hidden = {name: None for name in modules if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type] # None is how Python marks it
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def to_numpy(variable: Any) -> NDArray[Any]:
    """A copy of a Keras variable, which later training does not change."""
    return np.array(load_keras().ops.convert_to_numpy(variable))


def backend_name() -> str:
    """What Keras computes with, found out before it is loaded."""
    if "keras" in sys.modules:
        return str(load_keras().backend.backend())
    return os.environ.get("KERAS_BACKEND") or _configured() or "tensorflow"


def shares_of(rows: int) -> int:
    """Shares of a batch of so many rows that are best computed at the same time."""
    if backend_name() != "tensorflow" or device() != "cpu":
        return 1
    return max(1, min(cores(), MOST_SHARES, rows // LEAST_ROWS))


def fused_lstm(precision: str = "float32") -> Callable[..., tuple[Any, Any, Any]] | None:
    """A loop over an LSTM's steps that is faster than Keras's own on this backend, if any is.

    Args:
        precision: What it computes in, as Keras calls it.
    """
    if backend_name() != "tensorflow" or device() != "cpu" or precision != "float32":
        return None
    from abcgen.model.lstm_cpu import lstm_sequence  # noqa: PLC0415 - loads TensorFlow

    return lstm_sequence


def lstm_kernels() -> str:
    """What computes an LSTM's steps here, by trying rather than by knowing."""
    keras = load_keras()
    if fused_lstm(keras.config.dtype_policy().compute_dtype):
        return "own LSTM loop"
    try:
        keras.layers.LSTM(1, use_cudnn=True)(np.zeros((1, 1, 1)))
    except (ValueError, RuntimeError, NotImplementedError):
        return "Keras's LSTM loop"
    return "cuDNN's LSTM"


def describe_backend(devices: int = 1) -> str:
    """What computes, where, how exactly and by which kernels.

    ``TensorFlow 2.21.0 on cpu, float32, own LSTM loop``. Nothing was run on TensorFlow's GPUs.

    Args:
        devices: How many compute together.
    """
    name, place = backend_name(), _place()
    try:
        number = version(name)
    except PackageNotFoundError:
        number = ""
    what = " ".join(filter(None, [NAMES.get(name, name), number]))
    where = f"{devices} x {place}" if devices > 1 else place
    precision = load_keras().config.dtype_policy().name
    parts = [f"{what} on {where}", precision, lstm_kernels()]
    if (name, device()) == ("tensorflow", "gpu"):
        parts.append("a combination abcgen was never tried on")
    return ", ".join(parts)


def use_precision(wanted: str) -> None:
    """Compute in float32, or in bfloat16 with weights kept in float32; before a network is built.

    bfloat16 has the range of float32, so that no loss has to be scaled (Kalamkar et al., "A Study
    of BFLOAT16 for Deep Learning Training", 2019).

    Raises:
        InputError: if it is neither.
    """
    if wanted not in PRECISIONS:
        names = ", ".join(PRECISIONS)
        raise InputError(f"precision must be one of {names}, not {wanted[:40]!r}")
    if wanted != "float32":
        load_keras().config.set_dtype_policy(PRECISIONS[wanted])


def device() -> str:
    """The kind of device that computes: ``cpu`` or ``gpu``."""
    return next(iter(_device_names(load_keras())), "cpu").split(":")[0].lower()


def _device_names(keras: Any) -> list[str]:
    """``cpu:0`` and the like; only the GPUs where there are any."""
    if keras.backend.backend() == "torch":  # for which Keras cannot tell
        import torch  # noqa: PLC0415 - only where it is the backend

        return [f"gpu:{number}" for number in range(torch.cuda.device_count())] or ["cpu:0"]
    return list(map(str, keras.distribution.list_devices()))


def use_device(wanted: str) -> None:
    """Compute on a CPU, a GPU, or (``auto``) whatever there is; before Keras is loaded.

    Raises:
        InputError: if there is no such device.
    """
    if wanted not in DEVICES:
        raise InputError(f"device must be one of {', '.join(DEVICES)}, not {wanted[:40]!r}")
    if wanted == "cpu":
        os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    if wanted == "gpu" and device() != "gpu":
        raise InputError(
            f"{NAMES.get(backend_name(), backend_name())} finds no GPU",
            hint="leave out --device, or install it: pip install 'abcgen[gpu]'",
        )


def _keep_shares_apart() -> None:
    """Give each share of a batch threads of its own, where there is no GPU."""
    import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

    if tf.config.list_physical_devices("GPU"):
        return
    with suppress(RuntimeError):  # somebody has computed with it already
        tf.config.threading.set_intra_op_parallelism_threads(-(-cores() // MOST_SHARES))
        tf.config.threading.set_inter_op_parallelism_threads(cores())


def _place() -> str:
    """The device, a GPU with its name."""
    if device() == "cpu":
        return "cpu"
    return f"gpu ({_GPU_NAMES[backend_name()]()})"


def _tensorflow_gpu() -> str:
    import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

    gpu = tf.config.list_physical_devices("GPU")[0]
    return str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))


def _jax_gpu() -> str:
    import jax  # noqa: PLC0415 - only where it is the backend

    return str(jax.devices()[0].device_kind)


def _torch_gpu() -> str:
    import torch  # noqa: PLC0415 - only where it is the backend

    return str(torch.cuda.get_device_name(0))


_GPU_NAMES = {"tensorflow": _tensorflow_gpu, "jax": _jax_gpu, "torch": _torch_gpu}


def _configured() -> str:
    """The backend in the user's Keras configuration, if there is one."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        settings = json.loads((Path(home) / "keras.json").read_text(encoding="utf-8"))
        return str(settings.get("backend", ""))
    except (OSError, ValueError, AttributeError):
        return ""


@contextmanager
def quietly() -> Iterator[None]:
    """Send the standard error stream nowhere, also for code that is not Python.

    TensorFlow's C++ start-up messages heed no setting. Errors raised meanwhile are not lost:
    they are exceptions.
    """
    # Read by TensorFlow when it is imported; a person who sets them keeps their setting.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        target = sys.__stderr__.fileno() if sys.__stderr__ else 2
        kept = os.dup(target)
    except (OSError, ValueError):
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, target)
    try:
        yield
    finally:
        os.dup2(kept, target)
        os.close(kept)
        os.close(nowhere)
