"""The signs of one bar as music21's notes, chords and rests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.notation.tune import Rest
from abcgen.score.accidentals import printed_accidentals
from abcgen.score.beams import beam_groups, beams_of, tuplet_needs_bracket
from abcgen.score.decorations import chord_symbol_of, decorate, signs_beside
from abcgen.score.lazy import LazyModule
from abcgen.score.pieces import SIGNS, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from abcgen.notation.tune import Marks, Pitch, Tuplet
    from abcgen.score.accidentals import Printed
    from abcgen.score.plan import PlannedBar

music21 = LazyModule("music21")

ACCIDENTALS = {-2: "double-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}


class Symbol(NamedTuple):
    """One sign on the staff.

    Attributes:
        onset: Its place in the full bar, in whole notes.
        element: music21's note, chord or rest.
        marks: What is written at it, or None.
    """

    onset: Fraction
    element: Any
    marks: Marks | None

    @property
    def companions(self) -> list[Any]:
        """music21's elements that stand at the same place, before the note."""
        if self.marks is None:
            return []
        symbol = self.marks.chord_symbol
        harmony = [chord_symbol_of(symbol)] if symbol else []
        return [*harmony, *signs_beside(self.marks.decorations)]


def symbols_of(planned: PlannedBar, pieces: list[Piece], name: str) -> list[Symbol]:
    """The signs of a bar, in order, graces among them.

    Args:
        planned: The bar.
        pieces: What is printed in it.
        name: What the names of its notes begin with.
    """
    if _is_empty(planned):
        marks = pieces[0].marks
        rest = _full_rest(planned)
        decorate(rest, marks.decorations if marks else ())
        return [Symbol(pieces[0].onset, rest, marks)]
    accidentals = printed_accidentals(pieces, planned.key)
    elements = [_element(*pair) for pair in zip(pieces, accidentals, strict=True)]
    _beam(elements, pieces, planned)
    return list(_dressed(elements, pieces, accidentals, name))


def _dressed(
    elements: list[Any], pieces: list[Piece], accidentals: list[Printed], name: str
) -> Iterator[Symbol]:
    """The signs with their names, decorations and grace notes."""
    for element, piece, printed in zip(elements, pieces, accidentals, strict=True):
        own_name = name + note_name(*piece.name)
        _set_name(element, own_name)
        marks = piece.marks
        for number, grace in enumerate(_graces(piece, printed)):
            grace.id = f"{own_name}g{number}"
            yield Symbol(piece.onset, grace, None)
        if marks:
            decorate(element, marks.decorations)
        yield Symbol(piece.onset, element, marks)


def note_name(note: int, piece: int = 0) -> str:
    """What a sign is called within its bar, in MusicXML and SVG.

    Args:
        note: Which note or rest of the bar, counted from 0.
        piece: Which of the tied signs that it is written with.
    """
    return f"n{note}" + (f".{piece}" if piece else "")


def _set_name(element: Any, name: str) -> None:
    element.id = name
    if element.isChord:
        for number, note in enumerate(element.notes):
            note.id = f"{name}k{number}"


def _beam(elements: list[Any], pieces: list[Piece], planned: PlannedBar) -> None:
    """Join the notes of a bar by beams, and its tuplets by brackets."""
    groups = beam_groups(pieces, planned.metre)
    for place, beams in enumerate(beams_of(pieces, planned.metre)):
        for beam in beams:
            elements[place].beams.append(*beam.split("-"))
    for place, piece in enumerate(pieces):
        if piece.tuplet:
            bracket = piece.first and tuplet_needs_bracket(pieces, groups, place)
            tuplet = _tuplet(piece.tuplet, piece, bracket=bracket)
            elements[place].duration.appendTuplet(tuplet)


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


def _element(piece: Piece, accidentals: Printed) -> Any:
    name, dots = SIGNS[piece.written]
    length = music21.duration.Duration(name, dots=dots)
    if isinstance(piece.item, Rest):
        rest = music21.note.Rest(duration=length)
        rest.style.hideObjectOnPrint = not piece.item.visible
        return rest
    pitches = sorted(set(piece.item.pitches))
    notes = [_note(pitch, piece, printed=pitch in accidentals.notes) for pitch in pitches]
    if len(notes) == 1:
        notes[0].duration = length
        return notes[0]
    return music21.chord.Chord(notes, duration=length)


def _graces(piece: Piece, accidentals: Printed) -> list[Any]:
    """Grace notes: an eighth if there is one, else beamed sixteenths."""
    pitches = piece.grace
    graces = []
    for place, pitch in enumerate(pitches):
        sign = "16th" if len(pitches) > 1 else "eighth"
        plain = music21.note.Note(_spelled(pitch, printed=pitch in accidentals.grace), type=sign)
        grace = plain.getGrace()
        grace.duration.slash = False
        if len(pitches) > 1:
            kind = {0: "start", len(pitches) - 1: "stop"}.get(place, "continue")
            grace.beams.fill("16th", type=kind)
        graces.append(grace)
    return graces


def _note(pitch: Pitch, piece: Piece, *, printed: bool) -> Any:
    result = music21.note.Note(_spelled(pitch, printed=printed))
    kinds = {(True, False): "stop", (False, True): "start", (True, True): "continue"}
    kind = kinds.get((pitch in piece.tied_from, pitch in piece.tied_to))
    result.tie = music21.tie.Tie(kind) if kind else None
    return result


def _spelled(pitch: Pitch, *, printed: bool) -> Any:
    spelled = music21.pitch.Pitch(step=pitch.letter, octave=pitch.octave)
    if printed or pitch.alter:
        spelled.accidental = music21.pitch.Accidental(ACCIDENTALS[pitch.alter])
        spelled.accidental.displayStatus = printed
    return spelled
