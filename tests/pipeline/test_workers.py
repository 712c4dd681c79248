from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.config import PageConfig
from abcgen.pipeline.formats import RenderOptions
from abcgen.pipeline.rendering import WORTHWHILE, render_each, render_tunes
from abcgen.workers import WorkerPool
from tests.tunes import JIG, REEL, tune

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = RenderOptions(PageConfig(ppi=30), composer="somebody")
TOO_SHORT = tune("A/64 |]", title="Too short")
MANY = [JIG, REEL, TOO_SHORT] * (WORTHWHILE // 3)


def test_several_processes_write_the_same_book_in_the_same_order(tmp_path: Path) -> None:
    seen: list[int] = []
    alone = render_tunes(MANY, ["pdf"], tmp_path / "alone", "book", OPTIONS)
    together = render_tunes(
        MANY,
        ["pdf"],
        tmp_path / "together",
        "book",
        OPTIONS,
        processes=2,
        on_progress=lambda done, _: seen.append(done),
    )
    assert together.left_out == alone.left_out
    assert len(alone.left_out) == MANY.count(TOO_SHORT)
    assert together.files[0].read_bytes() == alone.files[0].read_bytes()
    assert seen == list(range(1, len(MANY) + 1))


def test_few_tunes_and_quick_formats_start_no_process() -> None:
    with WorkerPool(8) as workers:
        assert len(list(render_each([JIG], "svg", OPTIONS, workers))) == 1
        assert len(list(render_each(MANY, "midi", OPTIONS, workers))) == len(MANY)
        assert not workers.is_started


def test_what_cannot_be_made_says_why() -> None:
    with WorkerPool(1) as workers:
        good, bad = render_each([JIG, TOO_SHORT], "musicxml", OPTIONS, workers)
    assert (good.error, bad.content) == ("", None)
    assert "1/512" in bad.error
