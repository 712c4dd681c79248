"""Set sheet music on PDF and PNG pages with typst.

``sheet_of`` engraves a tune, ``set_pages`` sets several. typst brings a font with Latin, Greek and
Cyrillic letters. For others, such as Chinese, the fonts of this machine are used; a letter that no
font has is printed as a box and reported.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from abcgen.errors import InputError
from abcgen.files import scratch_folder
from abcgen.score.engrave import engrave_systems
from abcgen.score.layout import staves_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.text import (
    LONGEST_TITLE,
    composer_and_origin,
    one_line,
    rhythm_and_key,
    stanzas_of,
    subtitles_of,
)
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.config import PageConfig
    from abcgen.notation.tune import Tune

typst = LazyModule("typst")

TEMPLATE = Path(__file__).with_name("page.typ")

# Millimetres.
PAPER_WIDTHS = {"a4": 210.0, "us-letter": 215.9}
PAPER_HEIGHTS = {"a4": 297.0, "us-letter": 279.4}
STAFF_HEIGHTS = (3.0, 20.0)
MARGIN = 15.0
FOOT = 3.0  # more than the margin
GAP = 8.0  # between tunes
# Of the title with key and composer, and of each further title, at the usual size.
HEADLINE, SUBTITLE = 16.0, 6.0
LAYOUTS = ("book", "sheet")
EXERCISES = 8  # on a page of a sheet
# How often staves are made smaller, at most, so that a line fits the page.
FITTINGS = 4

# Ordinary text is 10 points high on a page with staves of 6.5 mm, and scales with them.
TEXT_SIZE, USUAL_STAFF = 10.0, 6.5
CONTENTS_FROM = 10  # tunes in a book with a table of contents
# The date in a PDF, so that the same tunes give the same bytes.
EPOCH = 0

# The first is the picture's, those inside are of its parts.
VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
# Letters that typst's own font is known to have; for others typst has to be tried.
EUROPEAN = re.compile(r"[ -~\u00a0-\u036f\u0370-\u03ff\u0400-\u045f\u2010-\u2027\u266d-\u266f]*")
PROBE = """
#set document(date: none)
#set text(font: "Libertinus Serif")
#for words in json("words.json") [#words ]
"""
# A PDF standard that typst refuses to write if a letter is missing.
STRICT = ["a-2b"]
MISSING = re.compile(r'the text `"(.*?)"` could not be displayed')


class Fonts(NamedTuple):
    """The fonts that the text of a tune needs."""

    # Whether it needs the machine's own fonts too.
    system: bool = False
    # The first letter that no font has; empty if there is none.
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An engraved tune, ready to be set on a page."""

    # Printed over the tune.
    title: str
    # Such as ``reel · D``, printed at the left.
    rhythm_and_key: str
    # Printed at the right, with the origin.
    composer: str
    # One SVG document for every line of music.
    systems: list[str]
    # Further titles, printed below the first.
    subtitles: list[str] = field(default_factory=list)
    # Words printed below the music, line by line in stanzas.
    stanzas: list[list[str]] = field(default_factory=list)
    # The fonts that its words need.
    fonts: Fonts = field(default_factory=Fonts)

    def data(self, files: list[str]) -> dict[str, Any]:
        """Return what the template prints; ``files`` hold the lines of music."""
        return {
            "title": self.title,
            "subtitles": self.subtitles,
            "kind": self.rhythm_and_key,
            "composer": self.composer,
            "systems": files,
            "stanzas": self.stanzas,
        }

    @property
    def note(self) -> str:
        """A remark on a letter that cannot be printed; empty if all can."""
        if not self.fonts.missing:
            return ""
        return f"no font of this machine has {self.fonts.missing!r}: a box is printed instead"


def sheet_of(tune: Tune, page: PageConfig, *, composer: str = "") -> Sheet:
    """Engrave a tune for the page.

    Raises:
        NotationError: if a duration cannot be printed.
        InputError: if verovio refuses the tune, or the paper or staff height cannot be used.
    """
    systems = _fitting_systems(tune, page)
    title = one_line(tune.title, LONGEST_TITLE)
    under = (rhythm_and_key(tune), composer_and_origin(tune, composer))
    subtitles, stanzas = subtitles_of(tune), stanzas_of(tune)
    fonts = fonts_for([title, *under, *subtitles, *chain(*stanzas), *_words_in_music(tune)])
    return Sheet(title, *under, systems, subtitles, stanzas, fonts)


def _fitting_systems(tune: Tune, page: PageConfig) -> list[str]:
    """Engrave the lines of a tune, with smaller staves if one is higher than the page.

    Raises:
        InputError: if the staves would be too small to read.
    """
    width = _line_width(page) * page.staff_height
    highest = PAPER_HEIGHTS[page.paper] - 2 * MARGIN - FOOT
    headline = HEADLINE + SUBTITLE * len(subtitles_of(tune))
    highest -= headline * page.staff_height / USUAL_STAFF
    staff = page.staff_height
    for _ in range(FITTINGS):
        if staff < STAFF_HEIGHTS[0]:
            break
        line_width = width / staff
        musicxml = musicxml_of(tune, line_width=line_width, keep_lines=page.keep_lines)
        systems = engrave_systems(musicxml, line_width=line_width)
        height = width * max(map(_proportion, systems), default=0.0)
        if height <= highest:
            return systems
        # A little less, for smaller staves move words and slurs.
        staff *= 0.97 * highest / height
    raise InputError(
        f"{len(staves_of(tune))} staves do not fit one above the other on {page.paper} paper",
        hint="write them as svg or html, or fewer voices",
    )


def _proportion(svg: str) -> float:
    """Return the height of a picture over its width."""
    match = VIEW_BOX.search(svg)
    return float(match[2]) / float(match[1]) if match else 0.0


def _words_in_music(tune: Tune) -> set[str]:
    """Return all texts between the staves."""
    notes = [note.marks for voice in tune.voices for note in voice.notes]
    bars = [bar for voice in tune.voices for bar in voice.bars]
    texts = {voice.name for voice in tune.voices} | {bar.part for bar in bars}
    for marks in filter(None, [*notes, *(bar.closing for bar in bars)]):
        texts.update(text for _, text in marks.annotations)
        texts.update(map(str, marks.chord_symbols))
        texts.update(syllable.text for syllable in marks.lyrics if syllable)
        texts.add(str(marks.tempo or ""))
    return set(map(one_line, {*texts, str(tune.words.tempo or "")}))


def set_pages(
    sheets: Iterable[Sheet],
    page: PageConfig,
    file_format: Literal["pdf", "png"],
    *,
    title: str = "",
    footer: str = "",
) -> list[bytes]:
    """Set tunes on pages, several on a page where they fit.

    Args:
        sheets: The engraved tunes, in order; consumed one at a time, after paper and staff height
            have been checked.
        page: Paper, size and, for PNG, resolution.
        file_format: The format of the pages.
        title: The book's title, on its own page if there are four pages or more; empty for none.
        footer: Words at the foot of every page; empty for none.

    Returns:
        One PDF with its fonts embedded, or a PNG picture for every page; nothing if there is no
        tune. The same tunes give the same bytes.

    Raises:
        InputError: if the paper, layout or staff height cannot be used.
    """
    _line_width(page)
    system_fonts = fonts_for([title, footer]).system
    # typst may read nothing outside this folder.
    with scratch_folder() as root:
        # 1) Store the lines of music as files.
        tunes = []
        for number, sheet in enumerate(sheets):
            files = [f"{number}-{line}.svg" for line in range(len(sheet.systems))]
            for file, svg in zip(files, sheet.systems, strict=True):
                (root / file).write_text(svg, encoding="utf-8")
            tunes.append(sheet.data(files))
            system_fonts |= sheet.fonts.system
        if not tunes:
            return []

        # 2) Store the text as data, which the template never reads as markup.
        book = {
            "title": one_line(title),
            "subtitle": "1 tune" if len(tunes) == 1 else f"{len(tunes)} tunes",
            "contents": len(tunes) >= CONTENTS_FROM and page.layout == "book",
            "exercises": EXERCISES if page.layout == "sheet" else 0,
            "paper": page.paper,
            "size": TEXT_SIZE * page.staff_height / USUAL_STAFF,
            "margin": MARGIN,
            "footer": one_line(footer),
            "gap": GAP,
            "tunes": tunes,
        }
        (root / "book.json").write_text(json.dumps(book), encoding="utf-8")

        # 3) Set the pages.
        main = root / "page.typ"
        main.write_bytes(TEMPLATE.read_bytes())
        extra: dict[str, Any] = {"timestamp": EPOCH} if file_format == "pdf" else {"ppi": page.ppi}
        extra["ignore_system_fonts"] = not system_fonts
        pages = typst.compile(main, root=root, format=file_format, **extra)
    # A document of one page is not in a list.
    return pages if isinstance(pages, list) else [pages]


def paper_named(words: str) -> str:
    """Return the paper that people mean, such as ``us-letter`` by ``US Letter``; else the words."""
    name = re.sub(r"[\s_-]+", "-", words.strip().lower())
    name = "us-letter" if name == "letter" else name
    return name if name in PAPER_WIDTHS else words


def check_page(page: PageConfig) -> None:
    """Check that paper, layout and staff height can be used.

    Raises:
        InputError: if one cannot.
    """
    if page.paper not in PAPER_WIDTHS:
        known = ", ".join(PAPER_WIDTHS)
        raise InputError(f"unknown paper {page.paper!r}", hint=f"one of {known}")
    if page.layout not in LAYOUTS:
        raise InputError(f"unknown layout {page.layout!r}", hint=f"one of {', '.join(LAYOUTS)}")
    lowest, highest = STAFF_HEIGHTS
    if not lowest <= page.staff_height <= highest:
        raise InputError(
            f"a staff {page.staff_height} mm high is not between {lowest} and {highest}"
        )


def _line_width(page: PageConfig) -> float:
    """Return the width of a line of music in staff heights."""
    check_page(page)
    return (PAPER_WIDTHS[page.paper] - 2 * MARGIN) / page.staff_height


def fonts_for(texts: Iterable[str]) -> Fonts:
    """Return the fonts that texts need."""
    foreign = [text for text in texts if not EUROPEAN.fullmatch(text)]
    if not foreign or not missing_letter(foreign, system=False):
        return Fonts()
    return Fonts(system=True, missing=missing_letter(foreign, system=True))


def missing_letter(texts: list[str], *, system: bool) -> str:
    """Return the first letter that no font has, or an empty string.

    The machine's own fonts count only if ``system`` is set.
    """
    with scratch_folder() as root:
        (root / "words.json").write_text(json.dumps(texts), encoding="utf-8")
        main = root / "probe.typ"
        main.write_text(PROBE, encoding="utf-8")
        try:
            typst.compile(
                main,
                root=root,
                ignore_system_fonts=not system,
                format="pdf",
                pdf_standards=STRICT,
                timestamp=EPOCH,
            )
        except typst.TypstError as error:
            match = MISSING.search(str(error))
            return match[1] if match else ""
    return ""
