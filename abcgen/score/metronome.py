"""Draw the note of a metronome mark in verovio's SVG (``draw_metronome_notes``).

verovio writes it as a letter of its music font, which a page without that font prints as a box.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# A text of verovio's with a note and perhaps a dot in its music font. The empty texts in place of
# staves' names are none.
_MARK = re.compile(
    r'<text x="(?P<x>-?\d+)" y="(?P<y>-?\d+)"(?P<attributes>[^>]*)(?<!/)>'
    r"(?P<before>(?:(?!</text>).)*?)"
    r'<tspan[^>]*class="rend"[^>]*><tspan[^>]*class="text"[^>]*><tspan font-family="Leipzig"[^>]*>'
    r"(?P<note>[\uec00-\uecff])(?P<dots>[\uec00-\uecff \u2009]*)</tspan></tspan></tspan>"
    r"(?P<after>(?:(?!</text>).)*)</text>",
    re.DOTALL,
)
_TAG = re.compile(r"<[^>]*>|&\w+;")
DOT = "\uecb7"
# A letter's mean width, and the height and the gaps of the drawing, in verovio's pixels.
LETTER, STEM, GAP = 195, 330, 80


class _Shape(NamedTuple):
    hollow: bool = False
    stem: bool = True
    flags: int = 0


# The letters of SMuFL's range of metronome marks, stems up.
_SHAPES = {
    "\ueca0": _Shape(hollow=True, stem=False),
    "\ueca2": _Shape(hollow=True, stem=False),
    "\ueca3": _Shape(hollow=True),
    "\ueca5": _Shape(),
    "\ueca7": _Shape(flags=1),
    "\ueca9": _Shape(flags=2),
    "\uecab": _Shape(flags=3),
    "\uecad": _Shape(flags=4),
}


def draw_metronome_notes(svg: str) -> str:
    """Return the SVG with the notes of metronome marks as shapes instead of letters."""
    return _MARK.sub(_drawn, svg) if 'class="tempo"' in svg else svg


def _drawn(match: re.Match[str]) -> str:
    # The words before the note end where it begins, however wide they are; so they cannot collide.
    words = _TAG.sub("", match["before"]).strip()
    left = int(match["x"]) + (LETTER * len(words) + GAP if words else 0)
    baseline = int(match["y"])
    shape = _SHAPES.get(match["note"], _Shape())
    centre, middle = left + 75, baseline - 55
    fill = 'fill="none" stroke="currentColor" stroke-width="24"' if shape.hollow else ""
    parts = [
        (
            f'<ellipse cx="{centre}" cy="{middle}" rx="72" ry="52" {fill}'
            f' transform="rotate(-24 {centre} {middle})"/>'
        )
    ]
    stem, top = centre + 66, middle - STEM
    right = centre + 95
    if shape.stem:
        parts.append(f'<path d="M{stem} {middle - 20} L{stem} {top}" stroke-width="20"/>')
    for flag in range(shape.flags):
        at = top + 75 * flag
        parts.append(
            f'<path d="M{stem} {at} C{stem + 10} {at + 90} {stem + 130} {at + 100}'
            f" {stem + 80} {at + 230} C{stem + 100} {at + 120} {stem + 20} {at + 110}"
            f' {stem} {at + 90} Z"/>'
        )
        right = stem + 120
    for _ in range(match["dots"].count(DOT)):
        right += 40
        parts.append(f'<ellipse cx="{right}" cy="{middle}" rx="24" ry="24"/>')
        right += 30
    attributes = match["attributes"]
    before = (
        f'<text x="{left - GAP}" y="{baseline}" text-anchor="end"{attributes}>'
        f"{match['before'].rstrip()}</text>"
        if words
        else ""
    )
    after = f'<text x="{right}" y="{baseline}"{attributes}>{match["after"]}</text>'
    return f"{before}{''.join(parts)}{after}"
