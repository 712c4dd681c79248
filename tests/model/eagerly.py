"""Networks that learn without being compiled first."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from abcgen.model.backend import load_keras

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def eagerly() -> Iterator[None]:
    """Let TensorFlow compute as it goes: to compile takes longer than the few steps of a test.

    For tests of the course of a run, which does not depend on how a step is computed.
    """
    load_keras()
    import tensorflow as tf  # noqa: PLC0415 - seconds, when tests are collected

    tf.config.run_functions_eagerly(run_eagerly=True)
    yield
    tf.config.run_functions_eagerly(run_eagerly=False)
