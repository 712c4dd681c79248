"""Run ``abcgen train`` up to its first step.

python -m benchmarks.training_speed.first_step TUNES FOLDER
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from abcgen.model.events import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.model.events import Event


class _FirstStepDone(Exception):  # noqa: N818 - not an error
    """Ends training after its first step."""


def main() -> None:
    """Run the command itself, with a training function that stops."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tunes", help="what to train on")
    parser.add_argument("folder", help="the checkpoint to write")
    arguments = parser.parse_args()
    import abcgen.pipeline.training as pipeline  # noqa: PLC0415 - slow to import
    from abcgen import cli  # noqa: PLC0415 - likewise

    train = getattr(pipeline, "train")  # noqa: B009 - imported there, not exported

    def train_one_step(*data: Any, on_event: Callable[[Event], None], **options: Any) -> Any:
        def stop_after_step(event: Event) -> None:
            on_event(event)
            if isinstance(event, Step):
                raise _FirstStepDone

        return train(*data, on_event=stop_after_step, **options)

    setattr(pipeline, "train", train_one_step)  # noqa: B010 - likewise
    sys.argv = ["abcgen", "train", arguments.tunes, "--epochs", "1", "--out", arguments.folder]
    try:
        cli.main()
    except _FirstStepDone:
        return
    except SystemExit as end:
        sys.exit(end.code or "training ended before its first step")


if __name__ == "__main__":
    main()
