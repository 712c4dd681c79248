"""Which notes share a beam, and how the beams of short notes divide.

The rule of dance tunes: eighths are beamed as the metre asks (halves of the bar in 4/4),
shorter notes by the beat, and a tuplet that fills whole beats stands alone.

Which accidentals are printed: those that the key signature and the bar so far do not say.

An accidental lasts to the end of its bar, on its own line or space. A note tied over from the
bar before needs none and leaves none behind.

The signs of one bar as music21's notes, chords and rests.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.notation.tune import LETTERS, MAX_SIGNATURE, SHARP_ORDER, Key, Metre, Note, Pitch, Rest
from abcgen.score.decorations import chord_symbol_of, decorate, signs_beside
from abcgen.score.pieces import SIGNS, Piece
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abcgen.notation.tune import Marks, Tuplet
    from abcgen.score.layout import PlannedBar


QUARTER = Fraction(1, 4)


def beams_of(pieces: list[Piece], metre: Metre) -> list[list[str]]:
    """The beams of every piece of a bar, outermost first.

    Returns:
        For each piece a list of ``start``, ``continue``, ``stop``, ``partial-left`` and
        ``partial-right``; empty where it has flags or none.
    """
    beams: list[list[str]] = [[] for _ in pieces]
    for group in beam_groups(pieces, metre):
        for level in range(1, 1 + max(pieces[place].flags for place in group)):
            for run in _runs(pieces, group, level, _beat(metre)):
                for place, beam in zip(run, _run_beams(pieces, group, run), strict=True):
                    beams[place].append(beam)
    return beams


def beam_groups(pieces: list[Piece], metre: Metre) -> list[list[int]]:
    """Places of the pieces that share a beam, two or more together."""
    fine = _windows_with_short_notes(pieces, metre)
    groups: list[list[int]] = []
    for place, piece in enumerate(pieces):
        if not piece.flags:
            continue
        joins = groups and groups[-1][-1] == place - 1
        if joins and not _parted(pieces[place - 1], piece, metre, fine):
            groups[-1].append(place)
        else:
            groups.append([place])
    return [group for group in groups if len(group) > 1]


def _beat(metre: Metre) -> Fraction:
    if metre.is_free:
        return QUARTER
    if metre.is_compound:
        return metre.beam_duration
    return min(metre.beam_duration, QUARTER)


def _window(piece: Piece, metre: Metre) -> int:
    return piece.onset // (metre.beam_duration or QUARTER)


def _windows_with_short_notes(pieces: list[Piece], metre: Metre) -> set[int]:
    """Spans of the bar with notes shorter than an eighth, outside tuplets."""
    return {_window(piece, metre) for piece in pieces if piece.flags > 1 and piece.tuplet is None}


def _parted(before: Piece, piece: Piece, metre: Metre, fine: set[int]) -> bool:
    """Whether the beam breaks between two neighbours; within a tuplet it never does."""
    if piece.tuplet is not None and not piece.first:
        return False
    window, beat = _window(piece, metre), _beat(metre)
    if window != _window(before, metre):
        return True
    if window in fine and piece.onset // beat != before.onset // beat:
        return True
    if before.last and piece.first:
        return True
    # A beam that crosses the edge of a tuplet holds all of it, or engravers take both for one.
    if (before.last and _is_broken(before)) or (piece.first and _is_broken(piece)):
        return True
    return (before.last or piece.first) and piece.onset % beat == 0


def _is_broken(piece: Piece) -> bool:
    """Whether no one beam can hold the whole tuplet of a piece: a rest or long note is in it."""
    items = piece.tuplet.items if piece.tuplet else ()
    return any(isinstance(item, Rest) or item.duration >= QUARTER for item in items)


def _runs(pieces: list[Piece], group: list[int], level: int, beat: Fraction) -> list[list[int]]:
    """Neighbours in a group that carry at least ``level`` beams; inner beams part at beats."""
    runs: list[list[int]] = []
    for place in group:
        if pieces[place].flags < level:
            continue
        joins = runs and runs[-1][-1] == place - 1
        if joins and (level == 1 or pieces[place].onset % beat != 0):
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _run_beams(pieces: list[Piece], group: list[int], run: list[int]) -> list[str]:
    if len(run) > 1:
        return ["start", *["continue"] * (len(run) - 2), "stop"]
    if run[0] == group[0]:
        return ["partial-right"]
    if run[0] == group[-1]:
        return ["partial-left"]
    piece = pieces[run[0]]
    return ["partial-left" if piece.onset % (2 * piece.duration) else "partial-right"]


def tuplet_needs_bracket(pieces: list[Piece], groups: list[list[int]], first: int) -> bool:
    """Whether a tuplet's number needs a bracket: unless one beam joins all its notes.

    Args:
        pieces: The pieces of a bar.
        groups: Which of them share beams.
        first: The place of the tuplet's first piece.
    """
    last = next(place for place in range(first, len(pieces)) if pieces[place].last)
    members = range(first, last + 1)
    if any(isinstance(pieces[place].item, Rest) for place in members):
        return True
    return not any(set(members) <= set(group) for group in groups)


class Printed(NamedTuple):
    """The pitches of a piece that are printed with an accidental.

    Attributes:
        grace: Those of its grace notes.
        notes: Its own.
    """

    grace: frozenset[Pitch]
    notes: frozenset[Pitch]


def printed_fifths(key: Key) -> int:
    """Sharps (or flats, if negative) in the printed signature; never more than seven."""
    return max(-MAX_SIGNATURE, min(MAX_SIGNATURE, key.fifths))


def printed_signature(key: Key) -> dict[str, int]:
    """The accidental, in semitones, that the printed signature gives every letter."""
    fifths = printed_fifths(key)
    alters = {letter: (fifths - place + 6) // 7 for place, letter in enumerate(SHARP_ORDER)}
    return {letter: dict(key.extra).get(letter, alters[letter]) for letter in LETTERS}


def printed_accidentals(pieces: list[Piece], key: Key) -> list[Printed]:
    """For every piece of a bar the pitches that are printed with an accidental."""
    signature = printed_signature(key)
    said: dict[int, int] = {}

    def news(pitches: Iterable[Pitch]) -> frozenset[Pitch]:
        """Those of the pitches that nothing has said yet; now it is said."""
        needed = {
            pitch
            for pitch in pitches
            if pitch.alter != said.get(pitch.step, signature[pitch.letter])
        }
        said.update({pitch.step: pitch.alter for pitch in needed})
        return frozenset(needed)

    printed: list[Printed] = []
    for piece in pieces:
        item = piece.item
        fresh = set(item.pitches) - piece.tied_from if isinstance(item, Note) else set()
        printed.append(Printed(news(piece.grace), news(fresh)))
    return printed


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
