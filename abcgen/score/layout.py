"""Lay out a tune before it is drawn: its parts, their clefs, the plan of their bars, line breaks.

Durations are in whole notes. Widths are in staff heights (the distance from the lowest to the
highest line of a staff), so that nothing here depends on the size of the print.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.staves import Staff
from abcgen.notation.tune import Bar, BarLine, Rest, Tune, opens_section
from abcgen.notation.walk import walk_bars
from abcgen.score.symbols import printed_accidentals, printed_fifths

if TYPE_CHECKING:
    from abcgen.notation.tune import Key, Metre
    from abcgen.score.printed_notes import PrintedNote


def parts_of(tune: Tune) -> tuple[Tune, ...]:
    """Return every voice as a tune of one voice, so that they run in parallel bar by bar.

    The voices of untrusted files may disagree. The first voice that has a bar decides its bar line,
    repeat sign, ending and metre for all; voices with too short a bar, or without one, get rests.
    """
    if not tune.others:
        return (tune,)
    voices = [voice for voice in tune.voices if voice.bars]
    parts: list[list[Bar]] = [[] for _ in voices]
    for index in range(max((len(voice.bars) for voice in voices), default=0)):
        present = [voice.bars[index] for voice in voices if index < len(voice.bars)]
        length = max(bar.duration for bar in present)
        for voice, part in zip(voices, parts, strict=True):
            own = voice.bars[index] if index < len(voice.bars) else Bar(())
            missing = length - own.duration
            # Only a bar without any note shows its rest.
            rest = (Rest(missing, visible=not own.items),) if missing else ()
            key = own.key or present[0].key
            part.append(replace(present[0], items=own.items + rest, key=key))
    return tuple(
        replace(
            tune,
            bars=tuple(bars),
            voice=voice.name,
            clef=voice.clef,
            program=voice.program,
            others=(),
            staves=(),
        )
        for voice, bars in zip(voices, parts, strict=True)
    )


def staves_of(tune: Tune) -> tuple[Staff, ...]:
    """Return the staves of a tune from the top, with its voices as `parts_of` numbers them."""
    indices = [index for index, voice in enumerate(tune.voices) if voice.bars]
    if not tune.staves:
        return tuple(Staff((number,)) for number in range(len(indices)))
    places = {index: number for number, index in enumerate(indices)}
    staves = [
        staff._replace(voices=tuple(places[index] for index in staff.voices if index in places))
        for staff in tune.staves
    ]
    return tuple(staff for staff in staves if staff.voices)


@dataclass(frozen=True, slots=True)
class PlannedBar:
    """A bar with everything that is decided before it is drawn."""

    # The bar.
    bar: Bar
    # The key in force.
    key: Key
    # The metre in force.
    metre: Metre
    # Whether a key signature is printed.
    new_key: bool
    # Whether a time signature is printed.
    new_metre: bool
    # Its number; a bar that is not counted has the number of the one before.
    number: int
    # Whether it has a number; pickups and second halves of divided bars have none.
    counted: bool
    # How much of a full bar is missing at its beginning, in whole notes.
    offset: Fraction
    # Whether it begins a section of the tune.
    starts_section: bool

    @property
    def beat(self) -> Fraction:
        """The duration of a beat in whole notes; 0 in free metre."""
        if self.metre.is_free or self.metre.is_compound:
            return self.metre.beam_duration
        return Fraction(1, self.metre.unit)


def plan_bars(part: Tune) -> tuple[PlannedBar, ...]:
    """Plan every bar of a part: its number, key, metre and offset."""
    plan: list[PlannedBar] = []
    number = 0
    for timed in walk_bars(part.bars, part.key, part.metre):
        bar, metre = timed.bar, timed.metre
        starts = opens_section(part.bars, timed.index)
        # A short bar at the start of a section is a pickup: its beginning is missing.
        missing = Fraction(0)
        if starts and bar.items and not metre.is_free:
            missing = max(metre.bar_duration - bar.duration, missing)
        number += not missing
        plan.append(
            PlannedBar(
                bar=bar,
                key=timed.key,
                metre=metre,
                new_key=timed.index == 0 or bar.key is not None,
                new_metre=timed.index == 0 or bar.metre is not None,
                number=number,
                counted=not missing,
                offset=missing,
                starts_section=starts,
            )
        )
    return tuple(plan)


SECTION_ENDS = frozenset({BarLine.DOUBLE, BarLine.FINAL, BarLine.REPEAT})


def ending_spans(bars: tuple[Bar, ...]) -> list[tuple[int, int]]:
    """Return the first and last bar of every ending, by index.

    An ending reaches to the next one, to a bar line that ends a section or to a repeat sign.
    """
    spans = []
    for start, bar in enumerate(bars):
        if bar.ending:
            end = start
            while (
                end + 1 < len(bars)
                and bars[end].line not in SECTION_ENDS
                and not bars[end + 1].ending
                and not bars[end + 1].repeat_start
            ):
                end += 1
            spans.append((start, end))
    return spans


# 180 mm of staves 6.5 mm high.
LINE_WIDTH = 180 / 6.5
BARS_PER_LINE = 4
# How much wider than its line the music of a line may be that its source has on one.
TIGHTEST = 1.15

# Least-squares estimates of the width that verovio needs before it justifies, in staff heights.
CLEF_WIDTH = 1.2
ACCIDENTAL_WIDTH = 0.15
METRE_WIDTH = 0.7
REPEAT_WIDTH = 0.4
BAR_LINE_WIDTH = 0.36
SIXTEENTH_WIDTH = 0.45
GRACE_WIDTH = 0.35
NOTE_GROWTH = 0.55
# A letter of a lyric and of a chord symbol, and the gap after their texts.
LYRIC_WIDTH = 0.22
CHORD_WIDTH = 0.26
TEXT_GAP = 0.3


def bar_width(planned: PlannedBar, notes: list[PrintedNote]) -> float:
    """Estimate the width of a bar before its line is justified, in staff heights."""
    printed = printed_accidentals(notes, planned.key)
    accidentals = sum(len(each.grace) + len(each.notes) for each in printed)
    spacing = _notes_width(notes)
    graces = sum(len(note.grace) for note in notes) * GRACE_WIDTH
    if planned.bar.closing:
        graces += len(planned.bar.closing.grace) * GRACE_WIDTH
    graces += CLEF_WIDTH * sum(bool(note.marks and note.marks.clef) for note in notes)
    signatures = planned.new_metre * METRE_WIDTH + planned.bar.repeat_start * REPEAT_WIDTH
    return BAR_LINE_WIDTH + spacing + graces + accidentals * ACCIDENTAL_WIDTH + signatures


def _notes_width(notes: list[PrintedNote]) -> float:
    """Return the width of notes with the words and chords that must not collide."""
    width = chord_end = 0.0
    for note in notes:
        # A note's width grows with its duration, but more slowly.
        own = SIXTEENTH_WIDTH * (note.duration * 16) ** NOTE_GROWTH
        if note.marks:
            syllables = [len(each.text) for each in note.marks.lyrics if each]
            own = max(own, TEXT_GAP + LYRIC_WIDTH * max(syllables, default=-1))
            chords = [len(str(each)) for each in note.marks.chord_symbols]
            if chords:
                width = max(width, chord_end)
                chord_end = width + sum(TEXT_GAP + CHORD_WIDTH * length for length in chords)
        width += own
    return max(width, chord_end)


def line_starts(
    plan: tuple[PlannedBar, ...],
    widths: list[float],
    line_width: float = LINE_WIDTH,
    *,
    keep_lines: bool = False,
) -> frozenset[int]:
    """Return the bars, by index, that begin a line of music, the first bar among them.

    Lines end with sections, and about every four bars where these fit.

    Args:
        plan: The bars of a part.
        widths: The width that each needs, in staff heights.
        line_width: Width of a line in staff heights.
        keep_lines: Whether lines end where those of the source do, if it has several; only a
            line too wide for the page is broken.
    """
    starts: set[int] = set()
    ends = [index + 1 for index, planned in enumerate(plan[:-1]) if planned.bar.ends_line]
    spans = list(pairwise([0, *ends, len(plan)])) if keep_lines and ends else section_spans(plan)
    for first, end in spans:
        signature_width = ACCIDENTAL_WIDTH * abs(printed_fifths(plan[first].key))
        available = line_width - CLEF_WIDTH - signature_width
        if keep_lines and ends and sum(widths[first:end]) <= TIGHTEST * available:
            starts.add(first)
            continue
        starts |= _best_breaks(plan, widths, first, end, available)
    return frozenset(starts)


def section_spans(plan: tuple[PlannedBar, ...]) -> list[tuple[int, int]]:
    """Return the first bar of each section and the one after its last, by index.

    A section of fewer than four bars joins its neighbour.
    """
    starts = [0]
    for index, planned in enumerate(plan):
        bars_before, bars_after = _counted(plan[starts[-1] : index]), _counted(plan[index:])
        if planned.starts_section and min(bars_before, bars_after) >= BARS_PER_LINE:
            starts.append(index)
    return list(zip(starts, [*starts[1:], len(plan)], strict=True))


def _counted(bars: tuple[PlannedBar, ...]) -> int:
    return sum(planned.counted for planned in bars)


def _best_breaks(
    plan: tuple[PlannedBar, ...], widths: list[float], first: int, end: int, available: float
) -> set[int]:
    """Return the line breaks of one section with the least total cost, by dynamic programming."""
    # By first bar: the least cost of all bars to the section's end, and the bars that begin lines.
    best: dict[int, tuple[float, set[int]]] = {end: (0.0, set())}
    for start in range(end - 1, first - 1, -1):
        choices: list[tuple[float, set[int]]] = []
        for stop in range(start + 1, end + 1):
            width = sum(widths[start:stop])
            # A bar too wide for any line gets a line to itself.
            if width > available and stop > start + 1:
                break
            # A stretched line looks bad, and so does one of other than four bars, more so with an
            # odd number. Such a line matters less at the end of a section.
            bars = _counted(plan[start:stop])
            stretched = 0.5 * max(0.0, 1.0 - width / available) ** 2
            uneven = 0.1 * (bars - BARS_PER_LINE) ** 2 + 0.2 * (bars % 2)
            line_cost = 0.1 + stretched + (0.5 * uneven if stop == end else uneven)
            cost, starts = best[stop]
            choices.append((cost + line_cost, {start} | starts))
        best[start] = min(choices, key=lambda choice: choice[0])
    return best[first][1]
