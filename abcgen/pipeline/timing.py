"""Limit how long the steps of a command take, and tell it (``TimedStages``)."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Progress = Callable[[int, int], None]
    Stage = Callable[[str], AbstractContextManager[Progress]]


class TimedStages:
    """Opens stages, and measures how many seconds each takes, which is limited."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self.seconds = stage, dict[str, float]()

    @contextmanager
    def __call__(self, name: str) -> Iterator[Progress]:
        """Open a stage, which ends with an InputError at its next progress if it takes too long."""
        began = time.monotonic()
        with self._stage(name) as on_progress:

            def on_limited_progress(done: int, total: int) -> None:
                check_time(name, began, total)
                on_progress(done, total)

            yield on_limited_progress
        self.seconds[name] = round(time.monotonic() - began, 1)


def check_time(step: str, began: float, texts: int) -> None:
    """Check that a step of work on some texts does not take too long.

    Args:
        step: What is done, for people.
        began: When it began, by ``time.monotonic``.
        texts: How many texts there are.

    Raises:
        InputError: if it does.
    """
    allowed = LIMITS.step_seconds + LIMITS.step_text_seconds * texts
    if time.monotonic() - began > allowed:
        raise InputError(
            f"{step} took more than {allowed:,.0f} seconds for {texts:,} tunes",
            hint="try fewer; tunes in a checkpoint from elsewhere may be made to be slow",
        )
