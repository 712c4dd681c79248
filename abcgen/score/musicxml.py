"""A Tune as a music21 Score, note by note.

The Score is built here and not by music21's own ABC reader, which loses mid-tune changes of
key and metre; and everything that is to be printed is decided here, because the Score is
written without music21's ``makeNotation``, which would guess.

A tune as MusicXML, the same bytes every time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from abcgen.errors import NotationError
from abcgen.notation.tune import BarLine
from abcgen.score.decorations import hairpins_of
from abcgen.score.layout import (
    LINE_WIDTH,
    bar_width,
    clef_of,
    ending_spans,
    line_starts,
    parts_of,
    plan_bars,
)
from abcgen.score.pieces import pieces_of
from abcgen.score.symbols import printed_fifths, printed_signature, symbols_of
from abcgen.score.text import one_line
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from abcgen.notation.tune import Key, Metre, Tune
    from abcgen.score.layout import PlannedBar
    from abcgen.score.pieces import Piece
    from abcgen.score.symbols import Symbol

    Bars = list[tuple[PlannedBar, list[Piece]]]


music21 = LazyModule("music21")

LONGEST_NAME = 20
UNTITLED = "Untitled"
METRE_SYMBOLS = {"C": "common", "C|": "cut"}


def build_score(tune: Tune, *, composer: str = "", line_width: float = LINE_WIDTH) -> Any:
    """Build the Score of a tune, ready to be written with ``makeNotation=False``.

    Args:
        tune: The tune.
        composer: Who made it; empty to say nothing.
        line_width: Width of a line in staff heights, to plan line breaks by.

    Returns:
        A ``music21.stream.Score`` of one part to each voice. Its notes are called
        ``v0b3n2``: the third note of the fourth bar of the first voice.

    Raises:
        NotationError: if there is no bar, or a duration cannot be printed.
    """
    if not tune.bars:
        raise NotationError("a tune without bars")
    voices = parts_of(tune)
    plans = [plan_bars(voice) for voice in voices]
    drawn = [list(zip(plan, pieces_of(plan), strict=True)) for plan in plans]
    parts = [_part(number, *each) for number, each in enumerate(zip(voices, drawn, strict=True))]
    stacks = zip(*drawn, strict=True)
    widths = [max(bar_width(*bar) for bar in stack) for stack in stacks]
    for index in line_starts(plans[0], widths, line_width) - {0}:
        parts[0].getElementsByClass("Measure")[index].insert(
            0, music21.layout.SystemLayout(isNew=True)
        )
    score = music21.stream.Score(parts)
    if len(parts) > 1:
        for part, voice in zip(parts, voices, strict=True):
            part.partName = one_line(voice.voice, LONGEST_NAME)
        group = music21.layout.StaffGroup(parts, symbol="bracket", barTogether=True)
        score.insert(0, group)
    # Without a title music21 would give it one of its own.
    metadata = music21.metadata.Metadata(title=one_line(tune.title) or UNTITLED)
    if made_by := one_line(composer):
        metadata.composer = made_by
    score.insert(0, metadata)
    return score


def _part(number: int, voice: Tune, drawn: Bars) -> Any:
    """One voice."""
    bars = [
        (planned, symbols_of(planned, pieces, f"v{number}b{index}"))
        for index, (planned, pieces) in enumerate(drawn)
    ]
    measures = [_measure(*bar) for bar in bars]
    measures[0].insert(0, getattr(music21.clef, clef_of(voice).name)())
    part = music21.stream.Part(measures, id=f"P{number + 1}")
    if number == 0:  # the others have the same endings, and one bracket is enough
        for first, last in ending_spans(voice.bars):
            numbers = list(voice.bars[first].ending)
            bracketed = measures[first : last + 1]
            part.insert(0, music21.spanner.RepeatBracket(bracketed, number=numbers))
    decorated = [
        (symbol.element, symbol.marks.decorations)
        for _, symbols in bars
        for symbol in symbols
        if symbol.marks
    ]
    for hairpin in hairpins_of(decorated):
        part.insert(0, hairpin)
    return part


def _measure(planned: PlannedBar, symbols: list[Symbol]) -> Any:
    measure = music21.stream.Measure(number=planned.number)
    if not planned.counted:
        measure.paddingLeft = planned.offset * 4
        measure.numberSuffix = "a" if planned.number else None
        measure.showNumber = music21.stream.enums.ShowNumber.NEVER
    if planned.new_key:
        measure.keySignature = _key_signature(planned.key)
    if planned.new_metre and not planned.metre.is_free:
        measure.timeSignature = _time_signature(planned.metre)
    if planned.bar.repeat_start:
        measure.leftBarline = music21.bar.Repeat(direction="start")
    for symbol in symbols:
        offset = (symbol.onset - planned.offset) * 4
        for element in (*symbol.companions, symbol.element):
            measure.insert(offset, element)
    measure.rightBarline = _bar_line(planned.bar.line)
    return measure


def _bar_line(line: BarLine) -> Any:
    if line is BarLine.REPEAT:
        return music21.bar.Repeat(direction="end")
    types = {BarLine.SINGLE: "regular", BarLine.DOUBLE: "double", BarLine.FINAL: "final"}
    return music21.bar.Barline(types[line])


def _key_signature(key: Key) -> Any:
    """The printed signature; with accidentals of its own, sign by sign."""
    if not key.extra:
        return music21.key.KeySignature(printed_fifths(key))
    signature = music21.key.KeySignature(None)
    signs = {1: "#", -1: "-", 2: "##", -2: "--"}
    signature.alteredPitches = [
        letter + signs[alter] for letter, alter in printed_signature(key).items() if alter
    ]
    return signature


def _time_signature(metre: Metre) -> Any:
    signature = music21.meter.TimeSignature(f"{metre.beats}/{metre.unit}")
    signature.symbol = METRE_SYMBOLS.get(metre.symbol, "")
    return signature


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
