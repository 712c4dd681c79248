from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.corpus.loading import load_corpus
from abcgen.pipeline.normalising import write_normalised

if TYPE_CHECKING:
    from pathlib import Path

TUNE = "X:1\nT:A tune\n{source}M:4/4\nL:1/8\nK:C\nCDEF GABc |]\n"


def test_a_tune_without_a_source_gets_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "session.abc").write_text(
        TUNE.format(source="") + "\n" + TUNE.format(source="S:Mary\n"), encoding="utf-8"
    )
    (written,) = write_normalised(load_corpus([tmp_path / "session.abc"]), tmp_path / "out.abc")
    text = written.read_text(encoding="utf-8")
    first, second = TUNE.format(source="S:session.abc\n"), TUNE.format(source="S:Mary\n")
    # Both are number 1, so that they are numbered anew.
    assert text == first + "\n" + second.replace("X:1", "X:2")


def test_normalising_twice_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nK:C\nc>d|e8|\n", encoding="utf-8")
    (once,) = write_normalised(load_corpus([tmp_path / "a.abc"]), tmp_path / "once.abc")
    (twice,) = write_normalised(load_corpus([once]), tmp_path / "twice.abc")
    assert once.read_bytes() == twice.read_bytes()
    assert "\nT:\n" in once.read_text(encoding="utf-8")
