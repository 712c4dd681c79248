"""Train networks without compiling them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from abcgen.model.backend import load_keras

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def run_eagerly() -> Iterator[None]:
    """Run TensorFlow eagerly, because compiling takes longer than the few steps of a test.

    For tests of the course of a run, which does not depend on how steps are computed.
    """
    load_keras()
    import tensorflow as tf  # noqa: PLC0415 - seconds, when tests are collected

    tf.config.run_functions_eagerly(run_eagerly=True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(run_eagerly=False)
