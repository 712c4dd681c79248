"""The library that Keras computes with: TensorFlow, JAX or PyTorch, loaded without its messages."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.errors import InputError
from abcgen.files import cache_folder, trim_folder
from abcgen.system import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
DEVICES = ("auto", "cpu", "gpu")
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
# Shares of a batch for the cores of a CPU, and the rows that make a share worth its overhead.
MAX_SHARES = 4
MIN_SHARE_ROWS = 4
NVIDIA = Path("/proc/driver/nvidia")  # there if the driver is
# Bytes of compiled programs that are kept from earlier runs.
MOST_COMPILED = 500_000_000
# Optional dependencies of Keras and TensorFlow that abcgen does not need; each takes seconds.
UNUSED = ("sklearn", "matplotlib", "jax")


def load_keras(before_devices: Callable[[Any], None] | None = None) -> Any:
    """Import Keras without the start-up messages of its backend.

    ``before_devices`` is called with Keras before the devices are counted.

    Raises:
        InputError: if the backend is unknown or not installed.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"]
    name = backend_name()
    with quietly():
        try:
            with _not_importable(set(UNUSED) - {name}):
                import keras  # noqa: PLC0415 - seconds that only training should pay
        except (ImportError, ValueError) as error:
            # A half-imported module would pass for the whole one.
            sys.modules.pop("keras", None)
            if name not in NAMES:
                raise InputError(
                    f"Keras computes with {', '.join(NAMES)}, not with {name[:40]!r}",
                    hint="set KERAS_BACKEND to one of these, or to nothing",
                ) from error
            raise InputError(
                f"Keras cannot be loaded with {NAMES[name]}: {str(error)[:200]}",
                hint=f"pip install keras {name}, or keras with torch and set KERAS_BACKEND=torch",
            ) from error
        if name == "jax":
            _keep_compiled_programs()
        if before_devices:
            before_devices(keras)
        if keras.backend.backend() == "tensorflow":
            _limit_threads_per_share()
        # Counting the devices starts the backend, whose messages are suppressed only here.
        _device_names(keras)
    return keras


@contextmanager
def _not_importable(modules: Iterable[str]) -> Iterator[None]:
    """Make modules that are not yet loaded appear as not installed for a while."""
    hidden = {name: None for name in modules if name not in sys.modules}
    # None in sys.modules makes an import raise ImportError.
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def quietly() -> Iterator[None]:
    """Discard the standard error stream, also that of code that is not Python.

    No setting suppresses TensorFlow's C++ start-up messages. Errors are not lost: they are
    exceptions.
    """
    # TensorFlow reads these when it is imported; a user's own setting stays.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        stderr = sys.__stderr__.fileno() if sys.__stderr__ else 2
        saved = os.dup(stderr)
    except (OSError, ValueError):
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stderr)
    try:
        yield
    finally:
        os.dup2(saved, stderr)
        os.close(saved)
        os.close(null)


def backend_name() -> str:
    """Return the name of Keras's backend without loading it."""
    if "keras" in sys.modules:
        return str(load_keras().backend.backend())
    return _named_backend() or "tensorflow"


def _named_backend() -> str:
    """Return the backend that the user named; empty if none."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    # The user's Keras configuration, if there is one.
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        settings = json.loads((Path(home) / "keras.json").read_text(encoding="utf-8"))
        return str(settings.get("backend", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def to_numpy(variable: Any) -> NDArray[Any]:
    """Return a copy of a Keras variable, which later training does not change."""
    return np.array(load_keras().ops.convert_to_numpy(variable))


def use_device(wanted: str) -> None:
    """Compute on a CPU, a GPU, or (``auto``) a GPU if there is one; call before Keras is loaded.

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


def use_precision(wanted: str) -> None:
    """Compute in float32, or in bfloat16 with float32 weights; call before a network is built.

    bfloat16 has the range of float32, so that the loss need not be scaled (Kalamkar et al., "A
    Study of BFLOAT16 for Deep Learning Training", 2019).

    Raises:
        InputError: if it is neither.
    """
    if wanted not in PRECISIONS:
        names = ", ".join(PRECISIONS)
        raise InputError(f"precision must be one of {names}, not {wanted[:40]!r}")
    if wanted != "float32":
        load_keras().config.set_dtype_policy(PRECISIONS[wanted])


def device() -> str:
    """Return the kind of device that computes: ``cpu`` or ``gpu``."""
    return next(iter(_device_names(load_keras())), "cpu").split(":")[0].lower()


def _device_names(keras: Any) -> list[str]:
    """Return names such as ``cpu:0``; only the GPUs if there are any."""
    if keras.backend.backend() == "torch":  # where Keras cannot list them
        import torch  # noqa: PLC0415 - only on this backend

        return [f"gpu:{number}" for number in range(torch.cuda.device_count())] or ["cpu:0"]
    return list(map(str, keras.distribution.list_devices()))


def shares_of(rows: int) -> int:
    """Return the best number of shares for a batch of ``rows``, computed in parallel."""
    if backend_name() != "tensorflow" or device() != "cpu":
        return 1
    return max(1, min(cores(), MAX_SHARES, rows // MIN_SHARE_ROWS))


def _keep_compiled_programs() -> None:
    """Have JAX keep what it compiles in the user's cache folder, unless the user named another."""
    import jax  # noqa: PLC0415 - only on this backend

    folder = cache_folder("compiled")
    if folder is None or jax.config.jax_compilation_cache_dir:
        return
    trim_folder(folder, "*", MOST_COMPILED)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _limit_threads_per_share() -> None:
    """Divide TensorFlow's threads among the shares of a batch, if there is no GPU."""
    import tensorflow as tf  # noqa: PLC0415 - only on this backend

    if tf.config.list_physical_devices("GPU"):
        return
    with suppress(RuntimeError):  # TensorFlow has computed something already
        tf.config.threading.set_intra_op_parallelism_threads(-(-cores() // MAX_SHARES))
        tf.config.threading.set_inter_op_parallelism_threads(cores())


def fused_lstm(precision: str = "float32") -> Callable[..., tuple[Any, Any, Any]] | None:
    """Return an LSTM loop that is faster than Keras's own at this precision here, or None."""
    if backend_name() != "tensorflow" or device() != "cpu" or precision != "float32":
        return None
    from abcgen.model.lstm_cpu import lstm_sequence  # noqa: PLC0415 - loads TensorFlow

    return lstm_sequence


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of any backend tells that the memory of its device is full."""
    kinds = {"OutOfMemoryError", "ResourceExhaustedError"}  # of PyTorch, of TensorFlow
    return type(error).__name__ in kinds or "RESOURCE_EXHAUSTED" in str(error)


def choose_backend() -> None:
    """Compute with a backend that sees a GPU if TensorFlow sees none, unless the user named one.

    Call before Keras is loaded.
    """
    global _chosen  # noqa: PLW0603 - of this process
    if "keras" in sys.modules or _named_backend() or not NVIDIA.exists():
        return
    with quietly():
        seeing = (name for name in _GPU_COUNTS if find_spec(name) and _sees_gpu(name))
        name = next(seeing, "tensorflow")
    if name != "tensorflow":
        os.environ["KERAS_BACKEND"] = name
        _chosen = f"TensorFlow finds no GPU, {NAMES[name]} does: KERAS_BACKEND={name}"


def _sees_gpu(backend: str) -> bool:
    try:
        return bool(_GPU_COUNTS[backend](import_module(backend)))
    except (ImportError, RuntimeError):
        return False


# What tells how many GPUs each backend sees, in the order in which they are asked.
_GPU_COUNTS: dict[str, Callable[[Any], int]] = {
    "tensorflow": lambda tensorflow: len(tensorflow.config.list_physical_devices("GPU")),
    "torch": lambda torch: torch.cuda.device_count(),
    "jax": lambda jax: sum(device.platform == "gpu" for device in jax.devices()),
}
_chosen = ""


def fused_attention() -> bool:
    """Return whether the backend has a kernel for attention; TensorFlow has none."""
    return backend_name() != "tensorflow"


def describe_backend(devices: int = 1) -> str:
    """Describe library, devices, precision and LSTM kernels.

    For example ``TensorFlow 2.21.0 on cpu, float32, own LSTM loop``.
    """
    name, kind = backend_name(), device()
    try:
        number = version(name)
    except PackageNotFoundError:
        number = ""
    library = " ".join(filter(None, [NAMES.get(name, name), number]))
    place = kind if kind == "cpu" else f"gpu ({_gpu_name(name)})"
    where = f"{devices} x {place}" if devices > 1 else place
    precision = load_keras().config.dtype_policy().name
    parts = [f"{library} on {where}", precision, _lstm_kernels()]
    if (name, kind) == ("tensorflow", "gpu"):
        parts.append("a combination abcgen was never tried on")
    if _chosen:
        parts.append(_chosen)
    return ", ".join(parts)


def _gpu_name(backend: str) -> str:
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only on this backend

        gpu = tf.config.list_physical_devices("GPU")[0]
        return str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))
    if backend == "jax":
        import jax  # noqa: PLC0415 - only on this backend

        return str(jax.devices()[0].device_kind)
    import torch  # noqa: PLC0415 - only on this backend

    return str(torch.cuda.get_device_name(0))


def _lstm_kernels() -> str:
    """Name the code that computes an LSTM's steps here; tried, because Keras does not say."""
    keras = load_keras()
    if fused_lstm(keras.config.dtype_policy().compute_dtype):
        return "own LSTM loop"
    try:
        keras.layers.LSTM(1, use_cudnn=True)(np.zeros((1, 1, 1)))
    except (ValueError, RuntimeError, NotImplementedError):
        return "Keras's LSTM loop"
    return "cuDNN's LSTM"
