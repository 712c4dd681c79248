"""Turn one bar into music21's notes, chords and rests, with beams and accidentals (``symbols_of``).

Beams follow the rule of dance tunes: eighths are beamed as the metre says (halves of the bar in
4/4), shorter notes by the beat, and a tuplet that fills whole beats has a beam to itself.

An accidental is printed unless the key signature or an earlier one in the bar implies it. It lasts
to the end of its bar, on its own line or space. A note tied over from the previous bar needs none.
Its alteration does not affect later notes, but the next one on its line or space has an accidental,
for a player cannot be sure.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from abcgen.notation.tune import LETTERS, MAX_SIGNATURE, Key, Metre, Note, Pitch, Rest, signature_at
from abcgen.score.clefs import clef_element, clef_named
from abcgen.score.marks import chord_symbols_of, decorate, directions_of, words_of
from abcgen.score.printed_notes import NOTE_VALUES, PrintedNote
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.notation.tune import Marks
    from abcgen.score.layout import PlannedBar

music21 = LazyModule("music21")

QUARTER = Fraction(1, 4)
# The type of a note's tuplet by whether it is the first of its tuplet, and the last.
TUPLET_TYPES = {(True, False): "start", (False, True): "stop", (True, True): "startStop"}


class Symbol(NamedTuple):
    """A note, chord or rest on the staff."""

    # When it begins in the full bar, in whole notes.
    onset: Fraction
    # music21's note, chord or rest.
    element: Any
    # The marks at it, or None.
    marks: Marks | None
    # Its duration in whole notes.
    duration: Fraction = Fraction(0)

    @property
    def elements(self) -> list[tuple[Fraction, Any]]:
        """The music21 elements with their onsets: words and directions, then the note itself."""
        if self.marks is None:
            return [(self.onset, self.element)]
        chords = chord_symbols_of(self.marks)
        # Several chords share the note's time.
        share = self.duration / max(1, len(chords))
        clef = clef_named(self.marks.clef)
        at_note = [
            *([clef_element(clef)] if clef else []),
            *words_of(self.marks),
            *directions_of(self.marks.decorations),
            self.element,
        ]
        placed = [(self.onset + share * number, chord) for number, chord in enumerate(chords)]
        return [*placed, *((self.onset, element) for element in at_note)]


def symbols_of(planned: PlannedBar, notes: list[PrintedNote], prefix: str) -> list[Symbol]:
    """Return the symbols of a bar in order, grace notes among them.

    Args:
        planned: The bar.
        notes: Its printed notes.
        prefix: The beginning of its notes' names: ``v0b3`` for the fourth bar of the first voice.
    """
    # 1) A bar that is one visible rest prints a full-bar rest.
    items = planned.bar.items
    is_rest = len(items) == 1 and isinstance(items[0], Rest) and items[0].visible
    if is_rest and planned.bar.duration == planned.metre.bar_duration:
        marks = notes[0].marks
        # It looks like a whole rest in every metre, whatever its duration.
        length = music21.duration.Duration("whole")
        length.linked = False
        length.quarterLength = planned.bar.duration * 4
        rest = music21.note.Rest(duration=length)
        rest.fullMeasure = True
        decorate(rest, marks.decorations if marks else ())
        return [Symbol(notes[0].onset, rest, marks, planned.bar.duration)]

    # 2) Notes, chords and rests, with accidentals, beams and tuplets.
    accidentals = printed_accidentals(notes, planned.key)
    elements = [_element(*pair) for pair in zip(notes, accidentals, strict=True)]
    groups = beam_groups(notes, planned.metre)
    for element, beams in zip(elements, beams_of(notes, planned.metre), strict=True):
        for beam in beams:
            # music21 wants "partial-left" as type and direction.
            element.beams.append(*beam.split("-"))
    for index, note in enumerate(notes):
        if note.tuplet:
            bracket = note.first and tuplet_needs_bracket(notes, groups, index)
            value, _ = NOTE_VALUES[note.written]
            tuplet = music21.duration.Tuplet(note.tuplet.actual, note.tuplet.normal, value)
            tuplet.type = TUPLET_TYPES.get((note.first, note.last))
            tuplet.bracket = bracket
            elements[index].duration.appendTuplet(tuplet)

    # 3) Names, grace notes and decorations.
    symbols = []
    for element, note, printed in zip(elements, notes, accidentals, strict=True):
        name = prefix + note_name(*note.name)
        element.id = name
        if element.isChord:
            for number, single in enumerate(element.notes):
                single.id = f"{name}k{number}"
        for number, grace in enumerate(_grace_notes(note.grace, printed.grace)):
            grace.id = f"{name}g{number}"
            symbols.append(Symbol(note.onset, grace, None))
        if note.marks:
            decorate(element, note.marks.decorations)
        symbols.append(Symbol(note.onset, element, note.marks, note.duration))
    return symbols


def closing_elements(planned: PlannedBar, notes: list[PrintedNote]) -> list[tuple[Fraction, Any]]:
    """Return the music21 elements of the marks before a bar line, with their onsets.

    Chords and words stand over the last note, after its beginning; grace notes stand at the end.
    """
    marks = planned.bar.closing
    if not marks or not notes:
        return []
    last = notes[-1]
    words = [*chord_symbols_of(marks), *words_of(marks)]
    share = last.duration / (len(words) + 1)
    placed = [(last.onset + share * (number + 1), each) for number, each in enumerate(words)]

    # An accidental is printed unless the last note on the same line or space had it.
    signature = printed_signature(planned.key)
    sung = [pitch for note in notes for pitch in (*note.grace, *_pitches(note))]
    in_force = {pitch.step: pitch.alter for pitch in sung}
    printed = frozenset(
        pitch
        for pitch in marks.grace
        if pitch.alter != in_force.get(pitch.step, signature[pitch.letter])
    )
    end = last.onset + last.duration
    return placed + [(end, grace) for grace in _grace_notes(marks.grace, printed)]


def _pitches(note: PrintedNote) -> tuple[Pitch, ...]:
    return note.item.pitches if isinstance(note.item, Note) else ()


def note_name(note: int, part: int = 0) -> str:
    """Return the name of a printed note within its bar, in MusicXML and SVG.

    Args:
        note: The number of its note or rest in the bar, from 0.
        part: Its number among the tied printed notes of that note, from 0.
    """
    return f"n{note}" + (f".{part}" if part else "")


def _element(printed: PrintedNote, accidentals: PrintedAccidentals) -> Any:
    name, dots = NOTE_VALUES[printed.written]
    length = music21.duration.Duration(name, dots=dots)
    if isinstance(printed.item, Rest):
        rest = music21.note.Rest(duration=length)
        rest.style.hideObjectOnPrint = not printed.item.visible
        return rest
    notes = []
    for pitch in sorted(set(printed.item.pitches)):
        note = music21.note.Note(_spelled(pitch, printed=pitch in accidentals.notes))
        tied_from, tied_to = pitch in printed.tied_from, pitch in printed.tied_to
        if tied_from or tied_to:
            kind = "continue" if tied_from and tied_to else "stop" if tied_from else "start"
            note.tie = music21.tie.Tie(kind)
        notes.append(note)
    if len(notes) > 1:
        return music21.chord.Chord(notes, duration=length)
    notes[0].duration = length
    return notes[0]


def _grace_notes(pitches: tuple[Pitch, ...], printed: frozenset[Pitch]) -> list[Any]:
    """Return grace notes: an eighth if there is one, else beamed sixteenths.

    Args:
        pitches: Their pitches.
        printed: Those that have an accidental.
    """
    graces = []
    for index, pitch in enumerate(pitches):
        value = "16th" if len(pitches) > 1 else "eighth"
        spelled = _spelled(pitch, printed=pitch in printed)
        grace = music21.note.Note(spelled, type=value).getGrace()
        grace.duration.slash = False
        if len(pitches) > 1:
            kind = {0: "start", len(pitches) - 1: "stop"}.get(index, "continue")
            grace.beams.fill("16th", type=kind)
        graces.append(grace)
    return graces


def _spelled(pitch: Pitch, *, printed: bool) -> Any:
    spelled = music21.pitch.Pitch(step=pitch.letter, octave=pitch.octave)
    if printed or pitch.alter:
        spelled.accidental = music21.pitch.Accidental(pitch.alter)
        # Without a status music21 would decide for itself whether to print it.
        spelled.accidental.displayStatus = printed
    return spelled


def tuplet_needs_bracket(notes: list[PrintedNote], groups: list[list[int]], first: int) -> bool:
    """Return whether a tuplet's number needs a bracket: unless one beam joins all its notes.

    The tuplet begins at index ``first``; ``groups`` are the indices that share beams.
    """
    last = next(index for index in range(first, len(notes)) if notes[index].last)
    members = range(first, last + 1)
    if any(isinstance(notes[index].item, Rest) for index in members):
        return True
    return not any(set(members) <= set(group) for group in groups)


def beams_of(notes: list[PrintedNote], metre: Metre) -> list[list[str]]:
    """Return the beams of every printed note of a bar, outermost first.

    Returns:
        For each note a list of ``start``, ``continue``, ``stop``, ``partial-left`` and
        ``partial-right``; empty where it has flags or none.
    """
    beams: list[list[str]] = [[] for _ in notes]
    beat = _beat(metre)
    for group in beam_groups(notes, metre):
        for level in range(1, 1 + max(notes[index].flags for index in group)):
            # Runs of neighbours that have this beam; inner beams break at beats.
            runs: list[list[int]] = []
            for index in group:
                if notes[index].flags < level:
                    continue
                joins = runs and runs[-1][-1] == index - 1
                if joins and (level == 1 or notes[index].onset % beat != 0):
                    runs[-1].append(index)
                else:
                    runs.append([index])
            for run in runs:
                for index, beam in zip(run, _run_beams(notes, group, run), strict=True):
                    beams[index].append(beam)
    return beams


def _run_beams(notes: list[PrintedNote], group: list[int], run: list[int]) -> list[str]:
    if len(run) > 1:
        return ["start", *["continue"] * (len(run) - 2), "stop"]
    # A lone short note has a stub towards the note that it is grouped with.
    if run[0] == group[0]:
        return ["partial-right"]
    if run[0] == group[-1]:
        return ["partial-left"]
    note = notes[run[0]]
    return ["partial-left" if note.onset % (2 * note.duration) else "partial-right"]


def beam_groups(notes: list[PrintedNote], metre: Metre) -> list[list[int]]:
    """Return the indices of the printed notes that share a beam, two or more in a group."""
    # Spans with notes shorter than an eighth, outside tuplets, are beamed by the beat.
    fine = {_span(note, metre) for note in notes if note.flags > 1 and note.tuplet is None}
    groups: list[list[int]] = []
    for index, note in enumerate(notes):
        if not note.flags:
            continue
        joins = groups and groups[-1][-1] == index - 1
        if joins and not _beam_breaks(notes[index - 1], note, metre, fine):
            groups[-1].append(index)
        else:
            groups.append([index])
    return [group for group in groups if len(group) > 1]


def _beam_breaks(before: PrintedNote, note: PrintedNote, metre: Metre, fine: set[int]) -> bool:
    """Return whether the beam breaks between two neighbours; within a tuplet it never does."""
    if note.tuplet is not None and not note.first:
        return False
    span, beat = _span(note, metre), _beat(metre)
    if span != _span(before, metre):
        return True
    if span in fine and note.onset // beat != before.onset // beat:
        return True
    if before.last and note.first:
        return True
    # verovio mistakes a beam across the edge of a tuplet for a part of the tuplet, unless the beam
    # contains all of it.
    if (before.last and _has_unbeamed(before)) or (note.first and _has_unbeamed(note)):
        return True
    return (before.last or note.first) and note.onset % beat == 0


def _has_unbeamed(note: PrintedNote) -> bool:
    """Return whether the tuplet of a note has a rest or a long note, which cannot be beamed."""
    items = note.tuplet.items if note.tuplet else ()
    return any(isinstance(item, Rest) or item.duration >= QUARTER for item in items)


def _span(note: PrintedNote, metre: Metre) -> int:
    """Return the index of the note's beam span: the part of the bar that may share a beam."""
    return note.onset // (metre.beam_duration or QUARTER)


def _beat(metre: Metre) -> Fraction:
    if metre.is_free:
        return QUARTER
    if metre.is_compound:
        return metre.beam_duration
    return min(metre.beam_duration, QUARTER)


class PrintedAccidentals(NamedTuple):
    """The pitches of a printed note that have an accidental."""

    # Those of its grace notes.
    grace: frozenset[Pitch]
    # Its own.
    notes: frozenset[Pitch]


def printed_accidentals(notes: list[PrintedNote], key: Key) -> list[PrintedAccidentals]:
    """Return for every printed note of a bar the pitches that have an accidental."""
    signature = printed_signature(key)
    in_force: dict[int, int] = {}  # alterations of this bar by diatonic step
    in_doubt: set[int] = set()  # steps on which a tie leads an alteration into the bar

    def need_accidental(pitches: Iterable[Pitch]) -> frozenset[Pitch]:
        """Return the pitches that differ from those in force, and put them in force."""
        needed = {
            pitch
            for pitch in pitches
            if pitch.step in in_doubt
            or pitch.alter != in_force.get(pitch.step, signature[pitch.letter])
        }
        in_doubt.difference_update(pitch.step for pitch in needed)
        in_force.update({pitch.step: pitch.alter for pitch in needed})
        return frozenset(needed)

    printed: list[PrintedAccidentals] = []
    for note in notes:
        struck = set(note.item.pitches) - note.tied_from if isinstance(note.item, Note) else set()
        in_doubt |= {
            pitch.step
            for pitch in note.tied_from
            if pitch.alter != in_force.get(pitch.step, signature[pitch.letter])
        }
        # Grace notes come first, and their accidentals apply to the note too.
        printed.append(PrintedAccidentals(need_accidental(note.grace), need_accidental(struck)))
    return printed


def printed_signature(key: Key) -> dict[str, int]:
    """Return the alteration, in semitones, that the printed signature gives every letter."""
    alterations = {**signature_at(printed_fifths(key)), **dict(key.extra)}
    return {letter: alterations[letter] for letter in LETTERS}


def printed_fifths(key: Key) -> int:
    """Return the sharps (or flats, if negative) of the printed signature, never more than seven."""
    return max(-MAX_SIGNATURE, min(MAX_SIGNATURE, key.fifths))
