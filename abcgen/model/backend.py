"""Which library Keras computes with, and keeping it quiet."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

DEVICES = ("auto", "cpu", "gpu")
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def load_keras() -> Any:
    """Import Keras without the start-up messages of what it computes with.

    The devices are counted at once, because that is when the messages come.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"]
    # Read by TensorFlow when it is imported; a person who sets them keeps their setting.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    with _silence():
        import keras  # noqa: PLC0415 - seconds that only training should pay

        keras.distribution.list_devices()
    return keras


def to_numpy(variable: Any) -> NDArray[Any]:
    """A copy of a Keras variable, which later training does not change."""
    return np.array(load_keras().ops.convert_to_numpy(variable))


def fused_lstm() -> Callable[..., tuple[Any, Any, Any]] | None:
    """A loop over an LSTM's steps that is faster than Keras's own on this backend, if any is."""
    if load_keras().backend.backend() != "tensorflow" or device() != "cpu":
        return None
    from abcgen.model.fused import lstm_sequence  # noqa: PLC0415 - loads TensorFlow

    return lstm_sequence


def describe_backend() -> str:
    """What computes, its version and where: ``TensorFlow 2.21.0 on cpu``."""
    keras = load_keras()
    name = keras.backend.backend()
    try:
        number = version(name)
    except PackageNotFoundError:
        number = ""
    return f"{NAMES.get(name, name)} {number} on {device()}".replace("  ", " ")


def device() -> str:
    """The kind of device that computes: ``cpu`` or ``gpu``."""
    devices = load_keras().distribution.list_devices()
    return str(next(iter(devices), "cpu")).split(":")[0].lower()


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
            f"{describe_backend().split(' on ')[0]} finds no GPU",
            way_out="leave out --device, or install it: pip install 'abcgen[gpu]'",
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Send the standard error stream nowhere, also for code that is not Python.

    TensorFlow's C++ start-up messages heed no setting. Errors raised meanwhile are not lost:
    they are exceptions.
    """
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
