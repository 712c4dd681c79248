"""The voices of a tune as parts that run side by side, bar by bar.

Voices come from strangers' files and need not agree. The first voice that has a bar says what
bar line, repeat sign, ending and metre it has; whoever is short of a bar rests.

Which clef a voice is written in.

What is known of every bar before anything is drawn: number, key, metre, place in the line.

Where a line of music ends: at sections, and about every four bars where they fit.

Lengths are in staff heights (the distance from the lowest to the highest line of a staff), so
that nothing here depends on the size of the print.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Bar, BarLine, Metre, Note, Rest, Tune, opens_section, timed
from abcgen.score.symbols import printed_accidentals, printed_fifths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import Key, Voice
    from abcgen.score.pieces import Piece


def parts_of(tune: Tune) -> tuple[Tune, ...]:
    """Every voice as a tune of one voice.

    All have equally many bars; bars of one number are equally long in all of them, filled up
    with invisible rests, and agree in all that concerns the order of playing.

    Args:
        tune: The tune; one of a single voice is its own only part.
    """
    if not tune.others:
        return (tune,)
    voices = [voice for voice in tune.voices if voice.bars]
    number = max((len(voice.bars) for voice in voices), default=0)
    frames = [_frame(voices, index) for index in range(number)]
    lengths = [
        max(voice.bars[index].duration for voice in voices if index < len(voice.bars))
        for index in range(number)
    ]
    return tuple(_part(tune, voice, frames, lengths) for voice in voices)


def _frame(voices: list[Voice], index: int) -> Bar:
    """What all voices are to have around the notes of a bar."""
    return next(voice.bars[index] for voice in voices if index < len(voice.bars))


def _part(tune: Tune, voice: Voice, frames: list[Bar], lengths: list[Fraction]) -> Tune:
    bars = []
    for index, (frame, length) in enumerate(zip(frames, lengths, strict=True)):
        own = voice.bars[index] if index < len(voice.bars) else Bar(())
        missing = length - own.duration
        rest = (Rest(missing, visible=not own.items),) if missing else ()
        bars.append(replace(frame, items=own.items + rest, key=own.key or frame.key))
    return replace(tune, bars=tuple(bars), voice=voice.name, others=())


class Clef(NamedTuple):
    """A clef.

    Attributes:
        name: Its class in music21.
        lowest: Diatonic number of the staff's lowest line.
    """

    name: str
    lowest: int

    @property
    def highest(self) -> int:
        """Diatonic number of the staff's highest line."""
        return self.lowest + 8


TREBLE = Clef("TrebleClef", 30)
TREBLE_8 = Clef("Treble8vbClef", 23)
BASS = Clef("BassClef", 18)
LOW_STEP = 26  # A below middle C


def clef_of(tune: Tune) -> Clef:
    """Treble, unless half the notes lie at A below middle C or deeper.

    A fiddle tune on the low strings stays in treble; for what lies deeper the bass clef or the
    octave treble clef is taken, whichever needs fewer ledger lines.

    Args:
        tune: A tune of one voice.
    """
    notes = [note.item for note in timed(tune.bars) if isinstance(note.item, Note)]
    steps = [pitch.step for note in notes for pitch in note.pitches]
    if not steps or median(steps) > LOW_STEP:
        return TREBLE
    return min((BASS, TREBLE_8), key=lambda clef: _beyond(clef, steps))


def _beyond(clef: Clef, steps: list[int]) -> int:
    """How far notes lie above or below a staff, in all."""
    return sum(max(clef.lowest - step, step - clef.highest, 0) for step in steps)


SECTION_ENDS = frozenset({BarLine.DOUBLE, BarLine.FINAL, BarLine.REPEAT})


@dataclass(frozen=True, slots=True)
class PlannedBar:
    """A bar and what holds in it.

    Attributes:
        bar: The bar.
        key: The key that holds.
        metre: The metre that holds.
        new_key: Whether a key signature is printed.
        new_metre: Whether a time signature is printed.
        number: Its number; a bar that is not counted has the number of the one before.
        counted: Whether it has a number of its own: pickups and second halves have none.
        offset: How much of a full bar is missing before it, in whole notes.
        starts_section: Whether it begins a part of the tune.
    """

    bar: Bar
    key: Key
    metre: Metre
    new_key: bool
    new_metre: bool
    number: int
    counted: bool
    offset: Fraction
    starts_section: bool

    @property
    def beat(self) -> Fraction:
        """The duration of a beat in whole notes; 0 in free metre."""
        if self.metre.is_free or self.metre.is_compound:
            return self.metre.beam_duration
        return Fraction(1, self.metre.unit)


class PlayedBar(NamedTuple):
    """A bar, each time it is played.

    Attributes:
        onset: When it begins, in whole notes from the start.
        place: Index of the bar in the tune.
        planned: The bar.
    """

    onset: Fraction
    place: int
    planned: PlannedBar


def played_bars(tune: Tune, order: tuple[int, ...]) -> tuple[PlayedBar, ...]:
    """The bars of a tune in the order they are played."""
    plan, onset, played = plan_bars(tune), Fraction(0), []
    for index in order:
        played.append(PlayedBar(onset, index, plan[index]))
        onset += plan[index].bar.duration
    return tuple(played)


def plan_bars(tune: Tune) -> tuple[PlannedBar, ...]:
    """Work out number, key, metre and place of every bar of a tune."""
    return tuple(_planned(tune))


def _planned(tune: Tune) -> Iterator[PlannedBar]:
    key, metre, number = tune.key, tune.metre, 0
    for index, bar in enumerate(tune.bars):
        key, metre = bar.key or key, bar.metre or metre
        starts = opens_section(tune.bars, index)
        missing = _missing_before(bar, metre) if starts else Fraction(0)
        number += not missing
        yield PlannedBar(
            bar=bar,
            key=key,
            metre=metre,
            new_key=index == 0 or bar.key is not None,
            new_metre=index == 0 or bar.metre is not None,
            number=number,
            counted=not missing,
            offset=missing,
            starts_section=starts,
        )


def _missing_before(bar: Bar, metre: Metre) -> Fraction:
    """What a pickup, or the second half of a divided bar, lacks to be full; else 0."""
    if metre.is_free or not bar.items:
        return Fraction(0)
    return max(metre.bar_duration - bar.duration, Fraction(0))


def ending_spans(bars: tuple[Bar, ...]) -> list[tuple[int, int]]:
    """First and last bar of every ending.

    An ending goes on to the next one, to a bar line that ends a section or to a repeat sign.
    """
    starts = [index for index, bar in enumerate(bars) if bar.ending]
    return [(start, _ending_end(bars, start)) for start in starts]


def _ending_end(bars: tuple[Bar, ...], start: int) -> int:
    for index in range(start, len(bars) - 1):
        following = bars[index + 1]
        if bars[index].line in SECTION_ENDS or following.ending or following.repeat_start:
            return index
    return len(bars) - 1


LINE_WIDTH = 180 / 6.5
"""Width of a line in staff heights where none is asked for: 180 mm of staves 6.5 mm high."""

USUAL_BARS = 4

# Least-squares estimates of what the engraver needs before it justifies, in staff heights.
CLEF_WIDTH = 1.2
SIGN_WIDTH = 0.15
METRE_WIDTH = 0.7
REPEAT_WIDTH = 0.4
BAR_LINE_WIDTH = 0.36
SIXTEENTH_WIDTH = 0.45
GRACE_WIDTH = 0.35
NOTE_GROWTH = 0.55


def line_starts(
    plan: tuple[PlannedBar, ...], widths: list[float], line_width: float = LINE_WIDTH
) -> frozenset[int]:
    """Which bars, by index, begin a line of music; the first bar is among them.

    Args:
        plan: The bars of a tune.
        widths: The width that each needs, in staff heights.
        line_width: Width of a line in staff heights.
    """
    starts: set[int] = set()
    for first, end in sections(plan):
        room = line_width - CLEF_WIDTH - SIGN_WIDTH * abs(printed_fifths(plan[first].key))
        starts |= _best_breaks(plan, widths, first, end, room)
    return frozenset(starts)


def bar_width(planned: PlannedBar, pieces: list[Piece]) -> float:
    """About how wide the engraver sets a bar before it justifies the line, in staff heights."""
    printed = printed_accidentals(pieces, planned.key)
    accidentals = sum(len(signs.grace) + len(signs.notes) for signs in printed)
    notes = sum(_piece_width(piece) for piece in pieces)
    graces = sum(len(piece.grace) for piece in pieces) * GRACE_WIDTH
    signs = planned.new_metre * METRE_WIDTH + planned.bar.repeat_start * REPEAT_WIDTH
    return BAR_LINE_WIDTH + notes + graces + accidentals * SIGN_WIDTH + signs


def _piece_width(piece: Piece) -> float:
    """A note's width grows with its duration, but more slowly."""
    return SIXTEENTH_WIDTH * math.pow(piece.duration * 16, NOTE_GROWTH)


def sections(plan: tuple[PlannedBar, ...]) -> list[tuple[int, int]]:
    """Sections as (first bar, bar after the last); one of under four bars joins a neighbour."""
    starts = [0]
    for index, planned in enumerate(plan):
        before, after = plan[starts[-1] : index], plan[index:]
        if planned.starts_section and min(_counted(before), _counted(after)) >= USUAL_BARS:
            starts.append(index)
    return list(zip(starts, [*starts[1:], len(plan)], strict=True))


def _counted(bars: tuple[PlannedBar, ...]) -> int:
    return sum(planned.counted for planned in bars)


def _best_breaks(
    plan: tuple[PlannedBar, ...], widths: list[float], first: int, end: int, room: float
) -> set[int]:
    """The breaks of one section that cost least in all, by dynamic programming."""
    best: dict[int, tuple[float, set[int]]] = {end: (0.0, set())}
    for start in range(end - 1, first - 1, -1):
        choices: list[tuple[float, set[int]]] = []
        for stop in range(start + 1, end + 1):
            width = sum(widths[start:stop])
            if width > room and stop > start + 1:
                break
            cost, starts = best[stop]
            cost += _line_cost(width / room, _counted(plan[start:stop]), is_last=stop == end)
            choices.append((cost, {start} | starts))
        best[start] = min(choices, key=lambda choice: choice[0])
    return best[first][1]


def _line_cost(fill: float, bars: int, *, is_last: bool) -> float:
    """How ill a line looks: stretched, or not of four bars, or at least of an even number.

    What is left over stands best on the last line of a section.
    """
    stretched = 0.5 * max(0.0, 1.0 - fill) ** 2
    uneven = 0.1 * (bars - USUAL_BARS) ** 2 + 0.2 * (bars % 2)
    return 0.1 + stretched + (0.5 * uneven if is_last else uneven)
