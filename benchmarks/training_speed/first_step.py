"""``abcgen train`` up to its first step; its arguments are the tunes and a folder to write to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from abcgen.model import training
from abcgen.model.events import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.model.events import Event, TrainResult

_train = training.train


class _FirstStepError(Exception):
    """It has been made."""


def _until_the_first_step(
    *arguments: Any, on_event: Callable[[Event], None], **options: Any
) -> TrainResult:
    def stop(event: Event) -> None:
        on_event(event)
        if isinstance(event, Step):
            raise _FirstStepError

    return _train(*arguments, on_event=stop, **options)


def main() -> None:
    """Let the command run as it is, but for its end."""
    import abcgen.pipeline.training as pipeline  # noqa: PLC0415 - after it is known what to change
    from abcgen import cli  # noqa: PLC0415 - likewise

    setattr(pipeline, "train", _until_the_first_step)  # noqa: B010 - it is another signature
    tunes, folder = sys.argv[1:3]
    sys.argv = ["abcgen", "train", tunes, "--epochs", "1", "--out", folder]
    try:
        cli.main()
    except _FirstStepError:
        return
    except SystemExit as ended:
        sys.exit(ended.code or "training ended before its first step")


if __name__ == "__main__":
    main()
