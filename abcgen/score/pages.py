"""Sheet music on paper: PDF and PNG pages, set by typst from engraved lines."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from abcgen.errors import InputError
from abcgen.score.engrave import engrave_systems
from abcgen.score.lazy import LazyModule
from abcgen.score.musicxml import musicxml_of
from abcgen.score.text import kind_and_key, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

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
EPOCH = 0
"""The date that a PDF carries, so that the same tunes give the same bytes."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An engraved tune, ready to be set on a page.

    Attributes:
        title: What stands over it.
        kind: What stands at the left above it.
        composer: What stands at the right above it.
        systems: One SVG document for every line of music.
    """

    title: str
    kind: str
    composer: str
    systems: list[str]


def sheet_of(tune: Tune, page: PageConfig, *, composer: str = "") -> Sheet:
    """Engrave a tune for the page.

    Args:
        tune: The tune.
        page: Paper and size.
        composer: What to print at the right above the tune.

    Raises:
        NotationError: if a duration cannot be printed.
        InputError: if the engraver refuses the tune, or the paper or staff height cannot be used.
    """
    line_width = _line_width(page)
    musicxml = musicxml_of(tune, line_width=line_width)
    systems = engrave_systems(musicxml, line_width=line_width)
    return Sheet(one_line(tune.title), kind_and_key(tune), one_line(composer), systems)


def set_pages(
    sheets: Iterable[Sheet], page: PageConfig, form: Literal["pdf", "png"]
) -> list[bytes]:
    """Set tunes on pages, as many to a page as fit.

    Args:
        sheets: The engraved tunes, in order. They are taken one at a time, and none before paper
            and staff height are found good.
        page: Paper, size and, for PNG, resolution.
        form: What the pages become.

    Returns:
        One PDF with its fonts embedded, or a PNG picture for every page; nothing if there is no
        tune. The same tunes give the same bytes.

    Raises:
        InputError: if the paper or staff height cannot be used.
    """
    _line_width(page)
    with tempfile.TemporaryDirectory(prefix="abcgen-") as name:
        root = Path(name)  # the only folder that typst may read
        tunes = [_stored(sheet, number, root) for number, sheet in enumerate(sheets)]
        if not tunes:
            return []
        book = {"paper": page.paper, "margin": MARGIN, "gap": GAP, "tunes": tunes}
        (root / "book.json").write_text(json.dumps(book), encoding="utf-8")
        main = root / "page.typ"
        main.write_bytes(TEMPLATE.read_bytes())
        options = {"timestamp": EPOCH} if form == "pdf" else {"ppi": page.ppi}
        result = typst.compile(main, root=root, ignore_system_fonts=True, format=form, **options)
    return result if isinstance(result, list) else [result]


def _stored(sheet: Sheet, number: int, root: Path) -> dict[str, Any]:
    """What the page is told of a tune, its lines of music put into files."""
    names = [f"{number}-{line}.svg" for line in range(len(sheet.systems))]
    for name, svg in zip(names, sheet.systems, strict=True):
        (root / name).write_text(svg, encoding="utf-8")
    return {
        "title": sheet.title,
        "kind": sheet.kind,
        "composer": sheet.composer,
        "systems": names,
    }


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
