"""A Tune as a music21 Score, note by note.

The Score is built here and not by music21's own ABC reader, which loses mid-tune changes of
key and metre; and everything that is to be printed is decided here, because the Score is
written without music21's ``makeNotation``, which would guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abcgen.errors import NotationError
from abcgen.notation.tune import BarLine, Note, Rest, timed
from abcgen.score.accidentals import printed_accidentals, printed_fifths, printed_signature
from abcgen.score.beams import beam_groups, beams_of, tuplet_needs_bracket
from abcgen.score.lazy import LazyModule
from abcgen.score.lines import LINE_WIDTH, line_starts
from abcgen.score.pieces import SIGNS, Piece, pieces_of
from abcgen.score.plan import ending_spans, plan_bars
from abcgen.score.text import one_line

if TYPE_CHECKING:
    from abcgen.notation.key import Key
    from abcgen.notation.tune import Metre, Pitch, Tune, Tuplet
    from abcgen.score.plan import PlannedBar

music21 = LazyModule("music21")

TREBLE_STAFF = (30, 38)
BASS_STAFF = (18, 26)
"""Diatonic numbers of the lowest and highest line."""

SYMBOLS = {"C": "common", "C|": "cut"}
ACCIDENTALS = {-2: "double-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}


def build_score(tune: Tune, *, composer: str = "", line_width: float = LINE_WIDTH) -> Any:
    """Build the Score of a tune, ready to be written with ``makeNotation=False``.

    Args:
        tune: The tune.
        composer: Who made it; empty to say nothing.
        line_width: Width of a line in staff heights, to plan line breaks by.

    Returns:
        A ``music21.stream.Score`` of one part.

    Raises:
        NotationError: if there is no bar, or a duration cannot be printed.
    """
    if not tune.bars:
        raise NotationError("a tune without bars")
    plan = plan_bars(tune)
    pieces = pieces_of(plan)
    measures = [_measure(*bar) for bar in zip(plan, pieces, strict=True)]
    for index in line_starts(plan, pieces, line_width) - {0}:
        measures[index].insert(0, music21.layout.SystemLayout(isNew=True))
    measures[0].insert(0, _clef(tune))
    part = music21.stream.Part(measures, id="P1")
    for first, last in ending_spans(tune.bars):
        numbers = list(tune.bars[first].ending)
        part.insert(0, music21.spanner.RepeatBracket(measures[first : last + 1], number=numbers))
    score = music21.stream.Score([part])
    words = {"title": one_line(tune.title), "composer": one_line(composer)}
    said = {name: text for name, text in words.items() if text}
    score.insert(0, music21.metadata.Metadata(**said))
    return score


def _measure(planned: PlannedBar, pieces: list[Piece]) -> Any:
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
    for place, element in enumerate(_elements(planned, pieces)):
        measure.insert((pieces[place].onset - planned.offset) * 4, element)
    measure.rightBarline = _bar_line(planned.bar.line)
    return measure


def _bar_line(line: BarLine) -> Any:
    if line is BarLine.REPEAT:
        return music21.bar.Repeat(direction="end")
    types = {BarLine.SINGLE: "regular", BarLine.DOUBLE: "double", BarLine.FINAL: "final"}
    return music21.bar.Barline(types[line])


def _clef(tune: Tune) -> Any:
    """Treble, or bass where that takes far fewer ledger lines."""
    notes = [note.item for note in timed(tune.bars) if isinstance(note.item, Note)]
    steps = [pitch.step for note in notes for pitch in note.pitches]
    if _beyond(TREBLE_STAFF, steps) > 2 * _beyond(BASS_STAFF, steps):
        return music21.clef.BassClef()
    return music21.clef.TrebleClef()


def _beyond(staff: tuple[int, int], steps: list[int]) -> int:
    """How far notes lie above or below a staff, in all."""
    lowest, highest = staff
    return sum(max(lowest - step, step - highest, 0) for step in steps)


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
    signature.symbol = SYMBOLS.get(metre.symbol, "")
    return signature


def _elements(planned: PlannedBar, pieces: list[Piece]) -> list[Any]:
    """music21's notes, chords and rests of a bar."""
    if _is_empty(planned):
        return [_full_rest(planned)]
    accidentals = printed_accidentals(pieces, planned.key)
    elements = [_element(*pair) for pair in zip(pieces, accidentals, strict=True)]
    groups = beam_groups(pieces, planned.metre)
    for place, beams in enumerate(beams_of(pieces, planned.metre)):
        for beam in beams:
            elements[place].beams.append(*beam.split("-"))
    for place, piece in enumerate(pieces):
        if piece.tuplet:
            bracket = piece.first and tuplet_needs_bracket(pieces, groups, place)
            tuplet = _tuplet(piece.tuplet, piece, bracket=bracket)
            elements[place].duration.appendTuplet(tuplet)
    return elements


def _is_empty(planned: PlannedBar) -> bool:
    """Whether a bar is one long printed rest."""
    items = planned.bar.items
    rests = len(items) == 1 and isinstance(items[0], Rest) and items[0].visible
    return rests and planned.bar.duration == planned.metre.bar_duration


def _full_rest(planned: PlannedBar) -> Any:
    """The rest of a whole bar, which looks like a whole rest in every metre."""
    length = music21.duration.Duration("whole")
    length.linked = False
    length.quarterLength = planned.bar.duration * 4
    rest = music21.note.Rest(duration=length)
    rest.fullMeasure = True
    return rest


def _tuplet(tuplet: Tuplet, piece: Piece, *, bracket: bool) -> Any:
    kinds = {(True, False): "start", (False, True): "stop", (True, True): "startStop"}
    sign = SIGNS[piece.written][0]
    result = music21.duration.Tuplet(tuplet.actual, tuplet.normal, sign)
    result.type = kinds.get((piece.first, piece.last))
    result.bracket = bracket
    return result


def _element(piece: Piece, accidentals: frozenset[Pitch]) -> Any:
    name, dots = SIGNS[piece.written]
    length = music21.duration.Duration(name, dots=dots)
    if isinstance(piece.item, Rest):
        rest = music21.note.Rest(duration=length)
        rest.style.hideObjectOnPrint = not piece.item.visible
        return rest
    pitches = sorted(set(piece.item.pitches))
    notes = [_note(pitch, piece, printed=pitch in accidentals) for pitch in pitches]
    if len(notes) == 1:
        notes[0].duration = length
        return notes[0]
    return music21.chord.Chord(notes, duration=length)


def _note(pitch: Pitch, piece: Piece, *, printed: bool) -> Any:
    spelled = music21.pitch.Pitch(step=pitch.letter, octave=pitch.octave)
    if printed or pitch.alter:
        spelled.accidental = music21.pitch.Accidental(ACCIDENTALS[pitch.alter])
        spelled.accidental.displayStatus = printed
    result = music21.note.Note(spelled)
    kinds = {(True, False): "stop", (False, True): "start", (True, True): "continue"}
    kind = kinds.get((pitch in piece.tied_from, pitch in piece.tied_to))
    result.tie = music21.tie.Tie(kind) if kind else None
    return result
