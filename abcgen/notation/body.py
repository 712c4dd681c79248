"""From signs to bars: the part of the reader that keeps the state of the music.

Accidentals last to the end of the bar in every octave (standard 2.1, section 11.3, the default
of ``propagate-accidentals``) and along ties.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.draft import (
    MAX_TUPLET,
    MOST,
    DraftBar,
    DraftMarks,
    DraftNote,
    DraftTuplet,
    Repair,
    finished,
    with_decorations,
)
from abcgen.notation.fields import read_key, read_metre, read_unit
from abcgen.notation.lexer import NOTE, Kind, Token
from abcgen.notation.tune import ALTERATIONS, LETTERS, Bar, BarLine, Metre, Pitch

if TYPE_CHECKING:
    from abcgen.notation.tune import Key

MIDDLE_C_STEP = 28
HIGHEST_STEP = 69
SHORTEST = Fraction(1, 1024)
MAX_TURNS = 8
_CHORD_NOTE = re.compile(NOTE + r"(?P<tie>-?)")
_CHORD_DRESS = re.compile(r'"[^"]*"|![^!]*!|\{[^}]*\}|[\s.()~HLMPSTuv]')
_LINES = {"|": BarLine.SINGLE, "[|]": BarLine.SINGLE, "|]": BarLine.FINAL}
_STRENGTH = {line: rank for rank, line in enumerate(BarLine)}  # as listed: single to repeat


@lru_cache(maxsize=4096)
def _duration_of(length: str, above: int, below: int) -> Fraction:
    """The duration that a length such as ``3/2`` or ``//`` gives; 0 if out of range.

    The unit comes as numerator and denominator, for a fraction is slow to look up.
    """
    number, *divisors = re.findall(r"^\d*|/\d*", length)
    duration = Fraction(above, below) * int(number[:6] or 1)
    for divisor in divisors[:10]:
        by = int(divisor[1:6] or 2)
        duration = duration / by if by else Fraction(0)
    return duration if SHORTEST <= duration <= LIMITS.duration else Fraction(0)


@lru_cache(maxsize=4096)
def _spelling(accidental: str | None, name: str, octave: str) -> tuple[str, int, int | None]:
    """The letter, step and own accidental, if it has one, of a note as written."""
    letter = name.upper()
    above = name.islower() + octave.count("'") - octave.count(",")
    step = MIDDLE_C_STEP + 7 * above + LETTERS.index(letter)
    return letter, step, ALTERATIONS[accidental] if accidental else None


class BodyBuilder:
    """Takes the signs of a tune's body one by one and makes its bars.

    Args:
        key: The key it opens in.
        metre: The metre it opens in.
        unit: The unit note length, in whole notes.
    """

    def __init__(self, key: Key, metre: Metre, unit: Fraction) -> None:
        self.repairs: list[Repair] = []
        self._opening_metre = metre
        self._metre, self._unit = metre, unit
        self._key, self._signature = key, key.signature
        self._bars: list[DraftBar] = []
        self._bar = DraftBar()
        self._drawn_key, self._drawn_metre = key, metre  # those the bars so far are under
        self._accidentals: dict[str, int] = {}
        self._held: dict[int, int] = {}  # accidentals of tied notes, by step
        self._tuplet: DraftTuplet | None = None
        self._last: DraftNote | None = None
        self._last_is_plain = True  # not of a tuplet
        self._broken: Fraction | None = None  # what the next note is shortened or lengthened by
        self._marks = DraftMarks()
        self._line = 0
        self._take = {
            Kind.NOTE: self._note,
            Kind.CHORD: self._chord,
            Kind.REST: self._rest,
            Kind.BAR_REST: self._bar_rest,
            Kind.BROKEN: self._broken_rhythm,
            Kind.TIE: self._tie,
            Kind.TUPLET: self._open_tuplet,
            Kind.BAR: self._bar_line,
            Kind.ENDING: self._ending,
            Kind.FIELD: self._inline_field,
            Kind.DECORATION: self._decoration,
            Kind.QUOTED: self._quoted,
            Kind.GRACE: self._grace,
        }

    def take(self, token: Token) -> None:
        """Take the next sign.

        Raises:
            NotationError: if it cannot stand here.
        """
        self._line = token.line
        self._take[token.kind](token)

    def change(self, name: str, value: str, line: int) -> None:
        """Take a field that changes key, metre or unit length.

        Notes are read by it at once; a new signature is drawn where the next bar begins.
        """
        if name == "K":
            key = read_key(value, line=line, current=self._key)
            if key != self._key:
                self._key = key
                self._signature = key.signature
                self._accidentals.clear()
        elif name == "M":
            self._metre = read_metre(value, line=line)
        elif name == "L":
            self._unit = read_unit(value, line=line)

    def end_line(self) -> None:
        """Close a bar that a line's end leaves full: files without bar lines there mean it."""
        full = self._metre.bar_duration
        if full and self._tuplet is None and self._bar.duration(self._metre) == full:
            self.repairs.append(Repair(self._line, "the line's end taken for a bar line"))
            self._close(BarLine.SINGLE)

    @property
    def has_music(self) -> bool:
        """Whether it has been given a note or rest."""
        return bool(self._bars or self._bar.items)

    @property
    def is_between_bars(self) -> bool:
        """Whether a bar line was the last thing it was given."""
        return bool(self._bars) and not self._bar.items

    def finish(self) -> tuple[Bar, ...]:
        """The bars of the whole tune.

        Raises:
            NotationError: if something was left open, or nothing was written.
        """
        if self._broken is not None:
            raise NotationError("broken rhythm with no second note", line=self._line)
        if self._bar.items:
            self._close(BarLine.SINGLE)
        return finished(self._bars, self._opening_metre, self.repairs)

    # Notes and rests.

    def _note(self, token: Token) -> None:
        pitch = self._pitch(token.match, token)
        self._add((pitch,), self._duration(token.match["length"], token))

    def _chord(self, token: Token) -> None:
        inside = _CHORD_DRESS.sub("", token.match["notes"])
        notes = list(_CHORD_NOTE.finditer(inside))
        if not notes or "".join(note.group() for note in notes) != inside:
            raise NotationError("chord not understood", line=token.line, text=token.text)
        ties = {note["tie"] for note in notes}
        if len(ties) > 1:
            raise NotationError("chord tied in part", line=token.line, text=token.text)
        if len({note["length"] for note in notes}) > 1:
            what = "notes of a chord with different lengths: all get the first one's"
            self.repairs.append(Repair(token.line, what, token.text))
        pitches = tuple(dict.fromkeys(self._pitch(note, token) for note in notes))
        inner = self._duration(notes[0]["length"], token) / self._unit
        self._add(pitches, inner * self._duration(token.match["length"], token))
        if ties == {"-"}:
            self._tie(token)

    def _rest(self, token: Token) -> None:
        duration = self._duration(token.match["length"], token)
        self._add((), duration, visible=token.match["letter"] == "z")

    def _bar_rest(self, token: Token) -> None:
        count = int(token.match["length"][:5] or 1)
        full = self._metre.bar_duration
        if self._bar.items or not full or not 0 < count <= LIMITS.rest_bars:
            raise NotationError("bars of rest not understood", line=token.line, text=token.text)
        for bar in range(count):
            if bar:
                self._close(BarLine.SINGLE)
            self._add((), full, visible=token.match["letter"] == "Z")

    def _pitch(self, match: re.Match[str], token: Token) -> Pitch:
        letter, step, alter = _spelling(*match.group("accidental", "letter", "octave"))
        if not 0 <= step <= HIGHEST_STEP:
            raise NotationError("note out of range", line=token.line, text=token.text)
        if alter is not None:
            self._accidentals[letter] = alter
        unmarked = self._held.get(step, self._signature[letter])
        return Pitch(step, self._accidentals.get(letter, unmarked))

    def _duration(self, length: str, token: Token) -> Fraction:
        duration = _duration_of(length, self._unit.numerator, self._unit.denominator)
        if not duration:
            raise NotationError("note length out of range", line=token.line, text=token.text)
        return duration

    def _in_range(self, duration: Fraction) -> Fraction:
        """A duration that broken rhythm made, if it can still be written."""
        if not SHORTEST <= duration <= LIMITS.duration:
            raise NotationError("broken rhythm makes a note too short or too long", line=self._line)
        return duration

    def _add(self, pitches: tuple[Pitch, ...], duration: Fraction, *, visible: bool = True) -> None:
        if self._broken is not None:
            if self._last is None or (self._tuplet is None) != self._last_is_plain:
                raise NotationError("broken rhythm into or out of a tuplet", line=self._line)
            duration, self._broken = self._in_range(duration * self._broken), None
        self._held = {}
        marks = self._marks.taken()
        note = self._last = DraftNote(pitches, duration, visible=visible, marks=marks)
        self._last_is_plain = self._tuplet is None
        if self._tuplet is None:
            self._put(note)
            return
        self._tuplet.notes.append(note)
        if len(self._tuplet.notes) == self._tuplet.count:
            self._tuplet = None

    def _put(self, item: DraftNote | DraftTuplet) -> None:
        """Add to the bar; what changed since the bar before takes effect with its first note."""
        if not self._bar.items:
            self._bar.text_line = self._line
            self._draw_changes()
        if len(self._bar.items) >= LIMITS.bar_notes:
            raise NotationError(f"more than {LIMITS.bar_notes} notes in a bar", line=self._line)
        self._bar.items.append(item)

    def _draw_changes(self) -> None:
        """Write down what has changed since the bar before."""
        if self._key != self._drawn_key:
            self._bar.key = self._drawn_key = self._key
        if self._metre != self._drawn_metre:
            self._bar.metre = self._drawn_metre = self._metre

    # Signs at and between notes.

    def _decoration(self, token: Token) -> None:
        self._marks.decorate(token.match["name"])

    def _quoted(self, token: Token) -> None:
        self._marks.quote(token.match["words"])

    def _grace(self, token: Token) -> None:
        """Grace notes; their accidentals are their own."""
        accidentals = dict(self._accidentals)
        notes = list(re.finditer(NOTE, token.match["notes"]))[:MOST]
        self._marks.grace = tuple(self._pitch(note, token) for note in notes)
        self._accidentals = accidentals

    def _broken_rhythm(self, token: Token) -> None:
        if self._broken is not None or self._last is None:
            raise NotationError("broken rhythm without a note before it", line=token.line)
        short = Fraction(1, 2 ** min(len(token.text), 6))
        first, second = (2 - short, short) if token.text[0] == ">" else (short, 2 - short)
        self._last.duration = self._in_range(self._last.duration * first)
        self._broken = second

    def _tie(self, _token: Token) -> None:
        # After a rest, or before any note, it is a slur's sign gone astray: no note changes.
        if self._last is not None and self._last.pitches:
            self._last.tied = True
            self._held = {pitch.step: pitch.alter for pitch in self._last.pitches}

    def _open_tuplet(self, token: Token) -> None:
        actual = int(token.match["actual"])
        normal = int((token.match["normal"] or "0")[:3]) or None
        count = int((token.match["count"] or "0")[:3]) or actual
        if self._tuplet is not None:
            raise NotationError("tuplet within a tuplet", line=token.line, text=token.text)
        if actual < 2 or (normal or 1) > MAX_TUPLET or count > 4 * MAX_TUPLET:
            raise NotationError("tuplet not understood", line=token.line, text=token.text)
        self._tuplet = DraftTuplet(actual, normal, count)
        self._put(self._tuplet)

    # Bar lines, endings and fields.

    def _bar_line(self, token: Token) -> None:
        match = token.match
        if max(len(match["before"]), len(match["after"])) > 1 and match["line"]:
            raise NotationError("section played more than twice", line=token.line, text=token.text)
        repeat = BarLine.REPEAT if match["before"] else None
        self._close(repeat or _LINES.get(match["line"], BarLine.DOUBLE))
        self._bar.repeat_start |= bool(match["after"])
        if match["ending"]:
            self._ending(token)

    def _ending(self, token: Token) -> None:
        if self._bar.items:
            # An ending that begins in mid-bar divides it; its accidentals hold on.
            accidentals = dict(self._accidentals)
            self._close(BarLine.SINGLE)
            self._accidentals = accidentals
        numbers: list[int] = []
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", token.match["ending"]):
            numbers.extend(range(int(first[:3]), int((last or first)[:3]) + 1))
        if not 1 <= len(numbers) <= MAX_TURNS or not 1 <= min(numbers) <= max(numbers) <= MAX_TURNS:
            raise NotationError("ending not understood", line=token.line, text=token.text)
        self._bar.ending = tuple(numbers)

    def _inline_field(self, token: Token) -> None:
        self.change(token.match["field"], token.match["value"], token.line)

    def _close(self, line: BarLine) -> None:
        """End the bar; a bar line after one without notes strengthens the line before it."""
        if self._tuplet is not None:
            raise NotationError("tuplet cut short by a bar line", line=self._line)
        if len(self._bars) >= LIMITS.bars:
            raise NotationError(f"more than {LIMITS.bars} bars", line=self._line)
        self._accidentals.clear()
        if self._bar.items:
            self._leave_marks()
            self._bar.line = line
            self._bars.append(self._bar)
            self._bar = DraftBar()
        elif self._bars and not self._bar.ending and not self._bar.repeat_start:
            before = self._bars[-1]
            before.line = max(before.line, line, key=_STRENGTH.__getitem__)

    def _leave_marks(self) -> None:
        """Give the note that is over what is said at the end of its bar."""
        ended = self._marks.ended()
        if ended and self._last:
            self._last.marks = with_decorations(self._last.marks, ended)
