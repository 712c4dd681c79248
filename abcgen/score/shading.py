"""Print bars whose notes are new on a shade, so that they are seen at once.

``mark_new`` gives their measures an id in MusicXML, which verovio keeps; ``shade_new`` draws the
shade behind them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from abcgen.notation.tune import Tune

SHADE = "#fbe7b0"  # light grey where there is no colour
# verovio's SVG, at the scale of its pictures: a measure, and the lines of its staves.
_MEASURE = re.compile(r'<g id="[^"]*" class="measure">')
_NEW_MEASURE = re.compile(r'<g id="new\d+" class="measure">')
_STAFF_LINE = re.compile(r'<path d="M(-?\d+) (-?\d+) L(\d+) \2" stroke-width="13"/>')
BEYOND_STAFF = 270  # a space and a half


def mark_new(document: Element, tune: Tune) -> None:
    """Give the measures of new bars an id in a MusicXML document."""
    measures = document.findall("part[1]/measure")
    for index, (measure, bar) in enumerate(zip(measures, tune.bars, strict=False)):
        if bar.is_new:
            measure.set("id", f"new{index}")


def shade_new(svg: str) -> str:
    """Return a picture with a shade behind the measures of new bars."""

    def shaded(match: re.Match[str]) -> str:
        following = _MEASURE.search(svg, match.end())
        end = following.start() if following else len(svg)
        lines = list(_STAFF_LINE.finditer(svg, match.end(), end))
        if not lines:
            return match[0]
        left, right = int(lines[0][1]), int(lines[0][3])
        heights = [int(line[2]) for line in lines]
        top, bottom = min(heights) - BEYOND_STAFF, max(heights) + BEYOND_STAFF
        return (
            f'{match[0]}<rect class="new" x="{left}" y="{top}" width="{right - left}" '
            f'height="{bottom - top}" fill="{SHADE}"/>'
        )

    return _NEW_MEASURE.sub(shaded, svg)
