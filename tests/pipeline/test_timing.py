from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abcgen.errors import InputError
from abcgen.limits import LIMITS
from abcgen.pipeline.timing import TimedStages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.pipeline.timing import Progress


def stages(seen: list[int]) -> TimedStages:
    @contextmanager
    def stage(_name: str) -> Iterator[Progress]:
        yield lambda done, _total: seen.append(done)

    return TimedStages(stage)


def test_stages_are_timed_and_tell_progress() -> None:
    seen: list[int] = []
    timed = stages(seen)
    with timed("reading") as on_progress:
        on_progress(1, 2)
    assert seen == [1]
    assert timed.seconds.keys() == {"reading"}


def test_a_stage_that_takes_too_long_for_its_texts_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(LIMITS, step_seconds=-50.0, step_text_seconds=10.0)
    monkeypatch.setattr("abcgen.pipeline.timing.LIMITS", limits)
    seen: list[int] = []
    with stages(seen)("reading") as on_progress:
        on_progress(1, 6)
        with pytest.raises(InputError, match="reading"):
            on_progress(2, 4)
    assert seen == [1]
