"""Which library Keras computes with, and keeping it quiet."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

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


def describe_backend() -> str:
    """What computes, its version and where: ``TensorFlow 2.21.0 on cpu``."""
    keras = load_keras()
    name = keras.backend.backend()
    try:
        number = version(name)
    except PackageNotFoundError:
        number = ""
    device = str(next(iter(keras.distribution.list_devices()), "cpu")).split(":")[0]
    return f"{NAMES.get(name, name)} {number} on {device}".replace("  ", " ")


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
