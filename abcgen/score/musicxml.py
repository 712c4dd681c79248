"""A tune as MusicXML, the same bytes every time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from abcgen.score.build import build_score
from abcgen.score.lazy import LazyModule
from abcgen.score.lines import LINE_WIDTH

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

music21 = LazyModule("music21")

UNSTEADY = re.compile(rb"\n *<encoding-date>.*?</encoding-date>")
PART_ID = re.compile(rb'<score-part id="(P[0-9a-f]{32})"')
"""What music21 writes anew every time: the date and the parts' random names."""


def musicxml_of(tune: Tune, *, composer: str = "", line_width: float = LINE_WIDTH) -> bytes:
    """Write a tune as MusicXML.

    Args:
        tune: The tune.
        composer: Who made it; empty to say nothing.
        line_width: Width of a line in staff heights, to plan line breaks by.

    Returns:
        A MusicXML document in UTF-8, the same for the same tune.

    Raises:
        NotationError: if a duration cannot be printed.
    """
    exporter = music21.musicxml.m21ToXml.GeneralObjectExporter()
    exporter.makeNotation = False
    score = build_score(tune, composer=composer, line_width=line_width)
    document: bytes = exporter.parse(score)
    document = UNSTEADY.sub(b"", document)
    for number, name in enumerate(PART_ID.findall(document), start=1):
        document = document.replace(name, b"P%d" % number)
    return document
