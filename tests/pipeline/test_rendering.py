from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abcgen.errors import InputError
from abcgen.pipeline.rendering import FORMATS, Look, formats_named, render_tunes, slug
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Tailor's Goose", "the-tailors-goose"),
        ("Ó Dubhthaigh's — 2nd", "o-dubhthaighs-2nd"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\nb\0c", "a-b-c"),
        ("日本", ""),
        ("x" * 500, "x" * 60),
    ],
)
def test_a_title_is_harmless_in_a_file_name(title: str, name: str) -> None:
    assert slug(title) == name


def test_formats_are_named_once_each() -> None:
    assert formats_named("pdf, MIDI,pdf") == ["pdf", "midi"]
    for names in ("", ",", "pdf,docx"):
        with pytest.raises(InputError):
            formats_named(names)


def test_books_hold_all_tunes_and_the_rest_one_each(tmp_path: Path) -> None:
    paths = render_tunes([JIG, REEL], list(FORMATS), tmp_path, "set", Look())
    assert sorted(path.name for path in paths) == sorted(
        [
            "set.abc",
            "set.pdf",
            "set.png",
            *(f"set-1-the-pickup-jig.{suffix}" for suffix in ("mid", "musicxml", "svg")),
            *(f"set-2-tuplets-in-d.{suffix}" for suffix in ("mid", "musicxml", "svg")),
        ]
    )
    assert all(path.stat().st_size for path in paths)


def test_progress_counts_every_tune_in_every_format(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    render_tunes(
        [JIG, REEL],
        ["abc", "midi", "pdf"],
        tmp_path,
        "set",
        Look(),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(number, 6) for number in range(1, 7)]
