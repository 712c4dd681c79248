"""Which fonts the page needs, and which letters none of them has.

typst carries a font with Latin, Greek and Cyrillic letters. For others, Chinese say, the fonts of
this machine are asked; where they cannot help either, a box is printed and people are told.

Sheet music on paper: PDF and PNG pages, set by typst from engraved lines.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from abcgen.errors import InputError
from abcgen.score.engrave import engrave_systems
from abcgen.score.musicxml import musicxml_of
from abcgen.score.text import kind_and_key, one_line
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.config import PageConfig
    from abcgen.notation.tune import Tune


typst = LazyModule("typst")

EUROPEAN = re.compile(r"[ -~\u00a0-\u036f\u0370-\u03ff\u0400-\u045f\u2010-\u2027\u266d-\u266f]*")
PROBE = """
#set document(date: none)
#set text(font: "Libertinus Serif")
#for words in json("words.json") [#words ]
"""
STRICT = ["a-2b"]
"""A kind of PDF that typst refuses to write with a letter missing."""

MISSING = re.compile(r'the text `"(.*?)"` could not be displayed')


class Fonts(NamedTuple):
    """What the words of a tune need.

    Attributes:
        of_machine: Whether the machine's own fonts are needed beside typst's.
        missing: The first letters that no font has; empty if all are there.
    """

    of_machine: bool = False
    missing: str = ""


def fonts_for(texts: Iterable[str]) -> Fonts:
    """See which fonts print some words.

    Args:
        texts: All words of a tune.
    """
    foreign = [text for text in texts if not EUROPEAN.fullmatch(text)]
    if not foreign or not missing_letter(foreign, of_machine=False):
        return Fonts()
    return Fonts(of_machine=True, missing=missing_letter(foreign, of_machine=True))


def missing_letter(texts: list[str], *, of_machine: bool) -> str:
    """The first letter that no font has; empty if there is none.

    Args:
        texts: Words to be printed.
        of_machine: Whether the machine's own fonts may be used.
    """
    with tempfile.TemporaryDirectory(prefix="abcgen-") as name:
        root = Path(name)
        (root / "words.json").write_text(json.dumps(texts), encoding="utf-8")
        main = root / "probe.typ"
        main.write_text(PROBE, encoding="utf-8")
        try:
            typst.compile(
                main,
                root=root,
                ignore_system_fonts=not of_machine,
                format="pdf",
                pdf_standards=STRICT,
                timestamp=0,
            )
        except typst.TypstError as error:
            found = MISSING.search(str(error))
            return found[1] if found else ""
    return ""


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
        raise InputError(f"unknown paper {page.paper!r}", hint=f"one of {known}")
    lowest, highest = STAFF_HEIGHTS
    if not lowest <= page.staff_height <= highest:
        raise InputError(
            f"a staff {page.staff_height} mm high is not between {lowest} and {highest}"
        )
    return (PAPER_WIDTHS[page.paper] - 2 * MARGIN) / page.staff_height
