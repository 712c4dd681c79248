"""Sheet music on paper: PDF and PNG pages, set by typst from engraved lines."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from abcgen.errors import InputError
from abcgen.score.engrave import engrave_systems
from abcgen.score.fonts import Fonts, fonts_for
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

TEXT_SIZE, USUAL_STAFF = 10.0, 6.5
"""Points of ordinary text beside a staff of that many millimetres; both grow together."""

LONGEST_TITLE = 160
CONTENTS_FROM = 10
"""As many tunes have a table of contents."""

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
        fonts: What its words need.
    """

    title: str
    kind: str
    composer: str
    systems: list[str]
    fonts: Fonts = field(default_factory=Fonts)

    @property
    def note(self) -> str:
        """What will not be printed as it should be; empty if all will."""
        if not self.fonts.missing:
            return ""
        return f"no font of this machine has {self.fonts.missing!r}: a box is printed instead"


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
    words = (one_line(tune.title, LONGEST_TITLE), kind_and_key(tune), one_line(composer))
    names = [one_line(voice.name) for voice in tune.voices]
    return Sheet(*words, systems, fonts_for([*words, *names]))


def set_pages(
    sheets: Iterable[Sheet], page: PageConfig, form: Literal["pdf", "png"], *, title: str = ""
) -> list[bytes]:
    """Set tunes on pages, as many to a page as fit.

    Args:
        sheets: The engraved tunes, in order. They are taken one at a time, and none before paper
            and staff height are found good.
        page: Paper, size and, for PNG, resolution.
        form: What the pages become.
        title: What stands on a title page; empty for none.

    Returns:
        One PDF with its fonts embedded, or a PNG picture for every page; nothing if there is no
        tune. The same tunes give the same bytes.

    Raises:
        InputError: if the paper or staff height cannot be used.
    """
    _line_width(page)
    of_machine = fonts_for([title]).of_machine
    with tempfile.TemporaryDirectory(prefix="abcgen-") as name:
        root = Path(name)  # the only folder that typst may read
        tunes = []
        for number, sheet in enumerate(sheets):
            tunes.append(_stored(sheet, number, root))
            of_machine |= sheet.fonts.of_machine
        if not tunes:
            return []
        book = {
            "title": one_line(title),
            "subtitle": "1 tune" if len(tunes) == 1 else f"{len(tunes)} tunes",
            "contents": len(tunes) >= CONTENTS_FROM,
            "paper": page.paper,
            "size": TEXT_SIZE * page.staff_height / USUAL_STAFF,
            "margin": MARGIN,
            "gap": GAP,
            "tunes": tunes,
        }
        (root / "book.json").write_text(json.dumps(book), encoding="utf-8")
        main = root / "page.typ"
        main.write_bytes(TEMPLATE.read_bytes())
        options: dict[str, Any] = {"timestamp": EPOCH} if form == "pdf" else {"ppi": page.ppi}
        options["ignore_system_fonts"] = not of_machine
        result = typst.compile(main, root=root, format=form, **options)
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
