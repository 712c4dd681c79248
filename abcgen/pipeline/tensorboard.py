"""Logs of a training run for TensorBoard, which needs its package but not TensorFlow."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.files import check_writable
from abcgen.model.events import EpochEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from abcgen.model.events import Event


FIGURES = (
    "training_bits",
    "bits_per_character",
    "bits_per_note",
    "training_accuracy",
    "accuracy",
    "characters_per_second",
)


@contextmanager
def log_to(
    folder: Path | None, on_event: Callable[[Event], None]
) -> Iterator[Callable[[Event], None]]:
    """Log the figures of every epoch to ``folder``, and pass all events on.

    Args:
        folder: The folder for TensorBoard; None for no logs.
        on_event: Called with all events.

    Raises:
        InputError: if the package is not installed.
        OutputError: if the folder cannot be written to.
    """
    if folder is None:
        yield on_event
        return
    try:
        from tensorboard.summary import Writer  # noqa: PLC0415 - only for those who use it
    except ImportError as error:
        raise InputError(
            "--tensorboard needs a package that is not installed",
            hint="pip install tensorboard",
        ) from error
    check_writable(folder)
    writer = Writer(str(folder))

    def log(event: Event) -> None:
        if isinstance(event, EpochEnd):
            for name in FIGURES:
                value = getattr(event, name)
                if value is not None:
                    writer.add_scalar(name, value, step=event.epoch)
            writer.flush()
        on_event(event)

    try:
        yield log
    finally:
        writer.close()
