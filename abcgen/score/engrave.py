"""Engraving: MusicXML in, SVG out, by verovio.

Titles and tempo are left to the page; here is only what stands on the staff.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from abcgen.errors import InputError
from abcgen.score.layout import LINE_WIDTH
from abcgen.system import LazyModule

verovio = LazyModule("verovio")

UNIT = 9.0
"""Half the distance between two lines of the staff, in the engraver's own unit."""

STAFF_UNITS = 8 * UNIT
HIGHEST_PAGE = 60_000  # the most that the engraver allows
TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)
CHORD_SIGN = re.compile(r'<tspan font-family="Leipzig"[^>]*>([\ue000-\uf8ff])</tspan>')
CHORD_SIGNS = {"\uea64": "♭", "\uea65": "♮", "\uea66": "♯"}
"""What stands in chord symbols, in the engraver's own font that no other program has."""

CHORD_SIZE = "405px"  # of the letters beside them, at the scale of OPTIONS
OPTIONS = {
    "inputFrom": "xml",
    "unit": UNIT,
    "scale": 100,
    "pageHeight": HIGHEST_PAGE,
    "adjustPageHeight": True,
    "breaks": "line",
    "header": "none",
    "footer": "none",
    "svgViewBox": True,
    "svgFormatRaw": True,  # without line breaks and indentation
    "smuflTextFont": "none",
    "minLastJustification": 0.35,  # a last line of four long notes is not stretched
    "pageMarginLeft": 20,
    "pageMarginRight": 2,
    "pageMarginTop": 0,
    "pageMarginBottom": 0,
    "xmlIdChecksum": True,
}


def engrave_systems(musicxml: bytes, *, line_width: float = LINE_WIDTH) -> list[str]:
    """Engrave a tune for the page.

    Args:
        musicxml: A tune as ``musicxml_of`` writes it, with its line breaks.
        line_width: Width of a line in staff heights.

    Returns:
        One SVG document for every line of music, all of the same width.

    Raises:
        InputError: if the engraver refuses the MusicXML.
    """
    toolkit = _loaded(musicxml, line_width, systems_a_page=1)
    pages = range(1, toolkit.getPageCount() + 1)
    return [_plain(toolkit.renderToSVG(page)) for page in pages]


def engrave_svg(musicxml: bytes, *, line_width: float = LINE_WIDTH) -> str:
    """Engrave a tune for the screen: one SVG document that needs no font and no other file.

    Args:
        musicxml: A tune as ``musicxml_of`` writes it, with its line breaks.
        line_width: Width of a line in staff heights.

    Raises:
        InputError: if the engraver refuses the MusicXML, or the tune is too long.
    """
    toolkit = _loaded(musicxml, line_width, systems_a_page=0)
    if toolkit.getPageCount() > 1:
        raise InputError("the tune is too long for one picture", hint="print it as pdf")
    return _plain(toolkit.renderToSVG(1))


def _plain(svg: str) -> str:
    """The picture without its title and with signs in place of the engraver's own letters."""
    return CHORD_SIGN.sub(_usual_sign, TITLE.sub("", svg))


def _usual_sign(match: re.Match[str]) -> str:
    return f'<tspan font-size="{CHORD_SIZE}">{CHORD_SIGNS.get(match[1], match[1])}</tspan>'


def _loaded(musicxml: bytes, line_width: float, *, systems_a_page: int) -> Any:
    toolkit = _toolkit()
    toolkit.setOptions(
        {
            **OPTIONS,
            "pageWidth": round(line_width * STAFF_UNITS),
            "systemMaxPerPage": systems_a_page,
        }
    )
    if b"<score-partwise" not in musicxml or not toolkit.loadData(musicxml.decode()):
        raise InputError("the engraver cannot read this MusicXML")
    return toolkit


@lru_cache(maxsize=1)
def _toolkit() -> Any:
    """The one engraver of this process; making another costs more than a tune."""
    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()
