"""Engrave MusicXML as SVG with verovio, for paper or screen.

``engrave_systems`` returns a picture of each line, ``engrave_svg`` one of the whole tune. They show
only the staves; titles are added by ``pages`` and ``web``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from abcgen.errors import InputError
from abcgen.score.layout import LINE_WIDTH
from abcgen.score.metronome import draw_metronome_notes
from abcgen.score.shading import shade_new
from abcgen.system import LazyModule

verovio = LazyModule("verovio")

# Half the distance between two staff lines, in verovio's pixels.
UNIT = 9.0
STAFF_UNITS = 8 * UNIT
BELOW_WORDS = 30
HIGHEST_PAGE = 60_000  # verovio's limit
OPTIONS = {
    "inputFrom": "xml",
    "unit": UNIT,
    "scale": 100,
    "pageHeight": HIGHEST_PAGE,
    "adjustPageHeight": True,
    # Take the line breaks of the MusicXML.
    "breaks": "line",
    "header": "none",
    "footer": "none",
    "svgViewBox": True,
    # Write no line breaks and indentation into the SVG.
    "svgFormatRaw": True,
    "smuflTextFont": "none",
    # Leave a last line of four long notes unstretched.
    "minLastJustification": 0.35,
    "pageMarginLeft": 20,
    "pageMarginRight": 2,
    "pageMarginTop": 0,
    "pageMarginBottom": 0,
    # Derive element ids from the input, so that the same tune gives the same bytes.
    "xmlIdChecksum": True,
}

TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)
# verovio writes the accidentals of chord symbols in a font of its own.
CHORD_ACCIDENTAL = re.compile(r'<tspan font-family="Leipzig"[^>]*>([\ue000-\uf8ff])</tspan>')
CHORD_ACCIDENTALS = {"\uea64": "♭", "\uea65": "♮", "\uea66": "♯"}
CHORD_SIZE = "405px"  # of the letters next to them, at the scale of OPTIONS


def engrave_systems(musicxml: bytes, *, line_width: float = LINE_WIDTH) -> list[str]:
    """Engrave a tune for the page: one SVG document for every line of music.

    The lines are those of the MusicXML, all ``line_width`` staff heights wide.

    Raises:
        InputError: if verovio refuses the MusicXML.
    """
    toolkit = _loaded(musicxml, line_width, systems_per_page=1)
    return [_clean(toolkit.renderToSVG(page)) for page in range(1, toolkit.getPageCount() + 1)]


def engrave_svg(musicxml: bytes, *, line_width: float = LINE_WIDTH) -> str:
    """Engrave a tune for the screen: one SVG document that needs no font and no other file.

    The lines are those of the MusicXML, all ``line_width`` staff heights wide.

    Raises:
        InputError: if verovio refuses the MusicXML, or the tune is too long.
    """
    toolkit = _loaded(musicxml, line_width, systems_per_page=0)
    if toolkit.getPageCount() > 1:
        raise InputError("the tune is too long for one picture", hint="print it as pdf")
    return _clean(toolkit.renderToSVG(1))


def _loaded(musicxml: bytes, line_width: float, *, systems_per_page: int) -> Any:
    """Return verovio's toolkit with a tune in it; ``systems_per_page`` 0 is no limit."""
    toolkit = _toolkit()
    width = round(line_width * STAFF_UNITS)
    # verovio leaves no room for what letters have below their line.
    below = BELOW_WORDS if b"<lyric" in musicxml else OPTIONS["pageMarginBottom"]
    layout = {"pageWidth": width, "systemMaxPerPage": systems_per_page, "pageMarginBottom": below}
    toolkit.setOptions({**OPTIONS, **layout})
    # verovio reads other XML as an empty score without an error.
    if b"<score-partwise" not in musicxml or not toolkit.loadData(musicxml.decode()):
        raise InputError("the engraver cannot read this MusicXML")
    return toolkit


@lru_cache(maxsize=1)
def _toolkit() -> Any:
    """Return verovio's toolkit, created once because that takes longer than engraving a tune."""
    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


def _clean(svg: str) -> str:
    """Remove the title, draw what verovio writes in letters of its music font, shade new bars."""

    def plain(match: re.Match[str]) -> str:
        accidental = CHORD_ACCIDENTALS.get(match[1], match[1])
        return f'<tspan font-size="{CHORD_SIZE}">{accidental}</tspan>'

    return shade_new(CHORD_ACCIDENTAL.sub(plain, draw_metronome_notes(TITLE.sub("", svg))))
