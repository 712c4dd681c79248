"""Write a tune as MusicXML (``musicxml_of``), by building a music21 Score (``build_score``).

music21's own ABC reader is not used, because it loses changes of key and metre within a tune.
Beams, ties and accidentals are set explicitly, and music21's ``makeNotation``, which would guess
them, is off. music21 counts time in quarter notes, abcgen in whole notes. Equal tunes give equal
bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain, count, groupby
from typing import TYPE_CHECKING, Any

from abcgen.errors import NotationError
from abcgen.notation.tune import BarLine
from abcgen.score.additions import complete, tempo_placeholder
from abcgen.score.clefs import clef_element, clef_of
from abcgen.score.layout import (
    LINE_WIDTH,
    bar_width,
    ending_spans,
    line_starts,
    parts_of,
    plan_bars,
    staves_of,
)
from abcgen.score.marks import (
    PITCH_MODIFIERS,
    hairpins_of,
    octave_brackets_of,
    pedals_of,
    sing,
    slurs_of,
    words_above,
)
from abcgen.score.percussion import on_page, write_drums
from abcgen.score.playback import tell_playback
from abcgen.score.printed_notes import printed_notes
from abcgen.score.shading import mark_new
from abcgen.score.symbols import closing_elements, printed_fifths, printed_signature, symbols_of
from abcgen.score.text import one_line
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from abcgen.notation.staves import Staff
    from abcgen.notation.tune import Tune
    from abcgen.score.layout import PlannedBar
    from abcgen.score.performance import PlaybackOptions
    from abcgen.score.printed_notes import PrintedNote
    from abcgen.score.symbols import Symbol

music21 = LazyModule("music21")

LONGEST_NAME = 20
LONGEST_MARK = 2
MELODIC_CHANNELS = 15  # of MIDI's sixteen
UNTITLED = "Untitled"
METRE_SYMBOLS = {"C": "common", "C|": "cut"}
BAR_LINES = {BarLine.SINGLE: "regular", BarLine.DOUBLE: "double", BarLine.FINAL: "final"}

# music21 makes new ones every time: the date and the parts' random names.
ENCODING_DATE = re.compile(rb"\n *<encoding-date>.*?</encoding-date>")
PART_ID = re.compile(rb'<score-part id="(P[0-9a-f]{32})"')


def musicxml_of(
    tune: Tune,
    *,
    composer: str = "",
    line_width: float = LINE_WIDTH,
    keep_lines: bool = False,
    playback: PlaybackOptions | None = None,
) -> bytes:
    """Write a tune as MusicXML in UTF-8, the same bytes for the same tune.

    Args:
        tune: The tune.
        composer: Its composer where the tune names none; empty for none.
        line_width: Width of a line in staff heights, to plan line breaks by.
        keep_lines: Whether lines end where those of the tune's source do.
        playback: How other programs are to play it; None to say nothing of that.

    Raises:
        NotationError: if there is no bar, or a duration cannot be printed.
    """
    score = build_score(tune, composer=composer, line_width=line_width, keep_lines=keep_lines)
    exporter = music21.musicxml.m21ToXml.ScoreExporter(score, makeNotation=False)
    exporter.midiChannelList = _Channels()
    root = exporter.parse()
    complete(root)
    mark_new(root, tune)
    if playback:
        tell_playback(root, tune, playback)
    write_drums(root, tune)
    if not score.metadata.composer:
        # music21 would be named instead.
        for creator in root.findall("identification/creator"):
            root.find("identification").remove(creator)
    document: bytes = exporter.asBytes()
    document = ENCODING_DATE.sub(b"", document)
    for number, name in enumerate(PART_ID.findall(document), start=1):
        document = document.replace(name, b"P%d" % number)
    return document


class _Channels(list[int]):
    """The MIDI channels that parts have; when all are taken, they are reused.

    music21 would warn on the terminal.
    """

    def append(self, channel: int) -> None:
        """Take a channel."""
        super().append(channel)
        if len(self) == MELODIC_CHANNELS:
            self.clear()


def build_score(
    tune: Tune, *, composer: str = "", line_width: float = LINE_WIDTH, keep_lines: bool = False
) -> Any:
    """Build the Score of a tune; for the arguments and errors see ``musicxml_of``.

    It has one part for each staff, and must be written with ``makeNotation=False``. The ids of its
    notes are like ``v0b3n2``: the third note of the fourth bar of the first voice.
    """
    if not tune.bars:
        raise NotationError("a tune without bars")

    # 1) Plan the bars of every voice and divide their notes into printed notes.
    voices = on_page(parts_of(tune), tune)
    plans = [plan_bars(voice) for voice in voices]
    notes = [printed_notes(plan) for plan in plans]

    # 2) Draw the staves.
    drawn = [_DrawnVoice(*each) for each in zip(count(), voices, plans, notes)]
    staves = staves_of(tune)
    parts = [
        _part(number, [drawn[index] for index in staff.voices])
        for number, staff in enumerate(staves)
    ]

    # 3) Break lines. The width of a bar is that of the voice that needs most.
    widths = [
        max(bar_width(*bar) for bar in zip(planned, printed, strict=True))
        for planned, printed in zip(zip(*plans, strict=True), zip(*notes, strict=True), strict=True)
    ]
    for index in line_starts(plans[0], widths, line_width, keep_lines=keep_lines) - {0}:
        measure = parts[0].getElementsByClass("Measure")[index]
        measure.insert(0, music21.layout.SystemLayout(isNew=True))

    # 4) Join the parts into a score.
    score = music21.stream.Score(parts)
    if len(parts) > 1:
        for part, staff in zip(parts, staves, strict=True):
            names = [one_line(voices[index].voice, LONGEST_NAME) for index in staff.voices]
            part.partName = "\n".join(filter(None, names))
        for group in _groups(parts, staves):
            score.insert(0, group)

    # 5) Add the title; by default music21 would write "Music21 Fragment".
    metadata = music21.metadata.Metadata(title=one_line(tune.title) or UNTITLED)
    composers = tune.words.named("C") or (composer,)
    metadata.composers = [name for name in map(one_line, composers) if name]
    score.insert(0, metadata)
    return score


@dataclass(frozen=True, slots=True)
class _DrawnVoice:
    """A voice ready to be drawn."""

    # Its number among all voices, from 0.
    number: int
    voice: Tune
    plan: tuple[PlannedBar, ...]
    notes: list[list[PrintedNote]]

    def symbols(self) -> list[list[Symbol]]:
        """Return its music21 notes and rests, bar by bar."""
        return [
            symbols_of(planned, printed, f"v{self.number}b{index}")
            for index, (planned, printed) in enumerate(zip(self.plan, self.notes, strict=True))
        ]


def _part(number: int, drawn: list[_DrawnVoice]) -> Any:
    """Draw a staff: the measures of its voices, then the brackets and hairpins that span them.

    Args:
        number: The number of the staff from the top, from 0.
        drawn: Its voices, the upper one first.
    """
    first = drawn[0].voice
    symbols = [each.symbols() for each in drawn]
    measures = []
    for index, planned in enumerate(drawn[0].plan):
        closing = [
            element
            for each in drawn
            for element in closing_elements(each.plan[index], each.notes[index])
        ]
        voices = [bars[index] for bars in symbols if len(drawn) == 1 or _is_heard(bars[index])]
        measures.append(_measure(planned, voices or [symbols[0][index]], closing))
    if number == 0 and first.words.tempo:
        measures[0].insert(0, words_above(tempo_placeholder(first.words.tempo)))
    # The clef that one of its voices names, else one that suits all their notes.
    clef = next((each.voice.clef for each in drawn if each.voice.clef), "")
    bars_of_all = tuple(bar for each in drawn for bar in each.voice.bars)
    measures[0].insert(0, clef_element(clef_of(replace(first, bars=bars_of_all, clef=clef))))
    part = music21.stream.Part(measures, id=f"P{number + 1}")
    # All voices have the same endings; one bracket, above the first, is enough.
    if number == 0:
        for begin, end in ending_spans(first.bars):
            endings = list(first.bars[begin].ending)
            bracketed = measures[begin : end + 1]
            part.insert(0, music21.spanner.RepeatBracket(bracketed, number=endings))
    for bars in symbols:
        notes_with_marks = [(symbol.element, symbol.marks) for bar in bars for symbol in bar]
        sing(notes_with_marks)
        for spanners in (hairpins_of, octave_brackets_of, pedals_of, slurs_of):
            for spanner in spanners(notes_with_marks):
                part.insert(0, spanner)
    return part


def _is_heard(symbols: list[Symbol]) -> bool:
    """Return whether a voice of a shared staff has anything but invisible rests in a bar."""
    return any(
        symbol.marks or not symbol.element.isRest or not symbol.element.style.hideObjectOnPrint
        for symbol in symbols
    )


def _groups(parts: list[Any], staves: tuple[Staff, ...]) -> Iterator[Any]:
    """Yield the braces and brackets at the left; all staves have a bracket if the tune has none."""
    groups: list[tuple[str, list[Any]]] = []
    for symbol in ("bracket", "brace"):
        for number, members in groupby(
            zip(parts, staves, strict=True), key=lambda pair: getattr(pair[1], symbol)
        ):
            joined = [part for part, _ in members]
            if number and len(joined) > 1:
                groups.append((symbol, joined))
    covers_all = any(len(joined) == len(parts) for _, joined in groups)
    if not covers_all and not any(symbol == "bracket" for symbol, _ in groups):
        groups.insert(0, ("bracket", parts))
    for symbol, joined in groups:
        # Bar lines through the words below a staff would be hard to read.
        sung = any(note.lyrics for part in joined[:-1] for note in part.recurse().notes)
        yield music21.layout.StaffGroup(joined, symbol=symbol, barTogether=not sung)


def _part_name(text: str) -> Any:
    """Return the name of a part: a letter in a box, or words."""
    if len(text) <= LONGEST_MARK:
        return music21.expressions.RehearsalMark(text)
    words = words_above(text)
    words.style.fontWeight, words.style.fontStyle = "bold", "normal"
    return words


def _measure(
    planned: PlannedBar, voices: list[list[Symbol]], closing: list[tuple[Fraction, Any]]
) -> Any:
    bar, metre = planned.bar, planned.metre
    measure = music21.stream.Measure(number=planned.number)
    if not planned.counted:
        # The second half of bar 8 is 8a, a pickup before bar 1 is 0; neither number is printed.
        measure.paddingLeft = planned.offset * 4
        measure.numberSuffix = "a" if planned.number else None
        measure.showNumber = music21.stream.enums.ShowNumber.NEVER
    if planned.new_key:
        signature = music21.key.KeySignature(printed_fifths(planned.key))
        if planned.key.extra:
            # Extra accidentals make a signature letter by letter.
            signature = music21.key.KeySignature(None)
            signature.alteredPitches = [
                letter + PITCH_MODIFIERS[alter]
                for letter, alter in printed_signature(planned.key).items()
                if alter
            ]
        measure.keySignature = signature
    if planned.new_metre and not metre.is_free:
        signature = music21.meter.TimeSignature(f"{metre.beats}/{metre.unit}")
        signature.symbol = METRE_SYMBOLS.get(metre.symbol, "")
        measure.timeSignature = signature
    if bar.repeat_start:
        measure.leftBarline = music21.bar.Repeat(direction="start")
    if bar.part:
        measure.insert(0, _part_name(one_line(bar.part, LONGEST_NAME)))
    for number, symbols in enumerate(voices):
        # One voice alone needs no stream of its own.
        stream = measure if len(voices) == 1 else music21.stream.Voice(id=str(number + 1))
        for onset, element in chain(*(symbol.elements for symbol in symbols)):
            # Onsets count from the start of the full bar, offsets from the first note of a pickup.
            stream.insert((onset - planned.offset) * 4, element)
            if len(voices) > 1 and isinstance(element, (music21.note.Note, music21.chord.Chord)):
                # Away from the other voice.
                element.stemDirection = "down" if number % 2 else "up"
        if stream is not measure:
            measure.insert(0, stream)
    for onset, element in closing:
        measure.insert((onset - planned.offset) * 4, element)
    measure.rightBarline = (
        music21.bar.Repeat(direction="end")
        if bar.line is BarLine.REPEAT
        else music21.bar.Barline(BAR_LINES[bar.line])
    )
    return measure
