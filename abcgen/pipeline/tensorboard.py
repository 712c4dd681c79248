"""Log a training run for TensorBoard, which needs the tensorboard package but not TensorFlow."""

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


# Fields of ``EpochEnd`` to log.
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
    """Yield a callback that logs the figures of every epoch and forwards all events.

    Args:
        folder: The folder for the logs; None for no logs.
        on_event: The callback that events are forwarded to.

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
            "--tensorboard needs the tensorboard package, which is not installed",
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
