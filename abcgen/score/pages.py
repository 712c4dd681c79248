"""Sheet music on paper: PDF and PNG pages, set by typst from engraved lines."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.errors import InputError
from abcgen.files import write_atomically
from abcgen.score.engrave import engrave_systems
from abcgen.score.lazy import LazyModule
from abcgen.score.musicxml import musicxml_of
from abcgen.score.text import kind_and_key, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from abcgen.config import PageConfig
    from abcgen.notation.tune import Tune

typst = LazyModule("typst")

TEMPLATE = Path(__file__).with_name("page.typ")
PAPER_WIDTHS = {"a4": 210.0, "us-letter": 215.9}
"""Millimetres."""

MARGIN = 15.0
GAP = 8.0
"""Millimetres at the edges of the page and between tunes."""

STAFF_HEIGHTS = (3.0, 20.0)
TITLE_PAGE_OVER = 8
EPOCH = 0
"""The date that a PDF carries, so that the same tunes give the same bytes."""


def _nobody() -> None:
    """Nobody is watching."""


def write_pdf(
    tunes: Sequence[Tune],
    path: Path,
    page: PageConfig,
    *,
    heading: str = "",
    composer: str = "",
    on_tune: Callable[[], None] = _nobody,
) -> None:
    """Print tunes to a PDF with its fonts embedded.

    Args:
        tunes: The tunes, in order; as many to a page as fit.
        path: Where to.
        page: Paper and size.
        heading: Title of a book; a collection of more than a few gets a title page for it.
        composer: What to print at the right above every tune.
        on_tune: Called after each tune is engraved.

    Raises:
        InputError: if there is no tune, or the paper or staff height cannot be used.
        NotationError: if a duration cannot be printed.
        OutputError: if the file cannot be written.
    """
    book = _Book(tunes, page, one_line(heading), one_line(composer), on_tune)
    (document,) = book.compiled(format="pdf", timestamp=EPOCH)
    write_atomically(path, document)


def write_pngs(
    tunes: Sequence[Tune],
    path: Path,
    page: PageConfig,
    *,
    heading: str = "",
    composer: str = "",
    on_tune: Callable[[], None] = _nobody,
) -> list[Path]:
    """Print tunes to PNG pictures, one a page.

    Args:
        tunes: The tunes, in order; as many to a page as fit.
        path: Where to; with several pages ``tune.png`` becomes ``tune-1.png``, ``tune-2.png`` ….
        page: Paper, size and resolution.
        heading: Title of a book; a collection of more than a few gets a title page for it.
        composer: What to print at the right above every tune.
        on_tune: Called after each tune is engraved.

    Returns:
        The files written, in order.

    Raises:
        InputError: if there is no tune, or the paper or staff height cannot be used.
        NotationError: if a duration cannot be printed.
        OutputError: if a file cannot be written.
    """
    book = _Book(tunes, page, one_line(heading), one_line(composer), on_tune)
    pages = book.compiled(format="png", ppi=page.ppi)
    several = len(pages) > 1
    paths = [
        path.with_name(f"{path.stem}-{number}{path.suffix}") if several else path
        for number in range(1, len(pages) + 1)
    ]
    for place, picture in zip(paths, pages, strict=True):
        write_atomically(place, picture)
    return paths


@dataclass(frozen=True)
class _Book:
    """Tunes to be set on pages."""

    tunes: Sequence[Tune]
    page: PageConfig
    heading: str
    composer: str
    on_tune: Callable[[], None]

    def compiled(self, **options: Any) -> list[bytes]:
        """Set the pages in a folder of their own, the only one that typst may read."""
        line_width = _line_width(self.page)
        if not self.tunes:
            raise InputError("there is no tune to print")
        with tempfile.TemporaryDirectory(prefix="abcgen-") as name:
            root = Path(name)
            contents = self._contents(root, line_width)
            (root / "book.json").write_text(json.dumps(contents), encoding="utf-8")
            main = root / "page.typ"
            main.write_bytes(TEMPLATE.read_bytes())
            result = typst.compile(main, root=root, ignore_system_fonts=True, **options)
        return result if isinstance(result, list) else [result]

    def _contents(self, root: Path, line_width: float) -> dict[str, Any]:
        return {
            "title": self.heading or one_line(self.tunes[0].title),
            "heading": self.heading if len(self.tunes) > TITLE_PAGE_OVER else "",
            "composer": self.composer,
            "paper": self.page.paper,
            "margin": MARGIN,
            "gap": GAP,
            "tunes": [
                {
                    "title": one_line(tune.title),
                    "kind": kind_and_key(tune),
                    "composer": self.composer,
                    "systems": self._engraved(number, root, line_width),
                }
                for number, tune in enumerate(self.tunes)
            ],
        }

    def _engraved(self, number: int, root: Path, line_width: float) -> list[str]:
        """Engrave a tune line by line into files; their names."""
        names: list[str] = []
        musicxml = musicxml_of(self.tunes[number], line_width=line_width)
        for line, svg in enumerate(engrave_systems(musicxml, line_width=line_width)):
            names.append(f"{number}-{line}.svg")
            (root / names[-1]).write_text(svg, encoding="utf-8")
        self.on_tune()
        return names


def _line_width(page: PageConfig) -> float:
    """The width of a line of music in staff heights."""
    if page.paper not in PAPER_WIDTHS:
        known = ", ".join(PAPER_WIDTHS)
        raise InputError(f"unknown paper {page.paper!r}", way_out=f"one of {known}")
    lowest, highest = STAFF_HEIGHTS
    if not lowest <= page.staff_height <= highest:
        raise InputError(
            f"a staff {page.staff_height} mm high is not between {lowest} and {highest}"
        )
    return (PAPER_WIDTHS[page.paper] - 2 * MARGIN) / page.staff_height
