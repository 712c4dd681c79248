"""Build the bars of a voice from its symbols (``BodyBuilder``).

Accidentals last to the end of the bar in every octave, unless the file says otherwise (standard
2.1, section 11.3, ``propagate-accidentals``), and along ties.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.draft import (
    MAX_MARKS,
    MAX_TUPLET,
    DraftBar,
    DraftNote,
    DraftTuplet,
    PendingMarks,
    Repair,
    finish_bars,
)
from abcgen.notation.fields import (
    MAX_TURNS,
    read_bar_line,
    read_ending,
    read_key,
    read_metre,
    read_unit,
)
from abcgen.notation.lexer import NOTE, AbcSymbol, SymbolKind, notes_of_chord
from abcgen.notation.lyrics import LyricsAligner
from abcgen.notation.note import SHORTEST, duration_of, spelling
from abcgen.notation.overlays import Layer, Overlays
from abcgen.notation.properties import NO_PROPERTIES, VoiceProperties, read_properties
from abcgen.notation.tune import HIGHEST_STEP, Bar, BarLine, Marks, Metre, Pitch
from abcgen.notation.words import plain_text, read_tempo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Key

STEPS_TO_SOUND = 7  # that are left free above and below, to move notes to sounding pitch
MAX_SLURS = 4
MAX_ENDING_BARS = 16  # of each ending

# The order in which they are defined: single, double, final, repeat.
_STRENGTHS = {line: strength for strength, line in enumerate(BarLine)}


class BodyBuilder:
    """Builds the bars of one voice, symbol by symbol.

    Args:
        key, metre, unit: Those it opens in; the unit note length is in whole notes.
        accidentals: How far accidentals reach within their bar: ``pitch`` for all octaves,
            ``octave``, or ``not`` at all.
    """

    def __init__(self, key: Key, metre: Metre, unit: Fraction, accidentals: str = "pitch") -> None:
        self.repairs: list[Repair] = []
        self.accidentals = accidentals
        # The clef it opens in, if its source names one, and all else that fields say about it.
        self.clef = ""
        self.properties = NO_PROPERTIES
        # Whether a field has named a unit note length.
        self.names_unit = False
        self._octaves = self.semitones = 0
        self._opening_metre = metre
        self._bars: list[DraftBar] = []
        self._bar = DraftBar()
        self._line = 0

        # The key, metre and unit in which notes are read, and the key and metre that the bars so
        # far have announced.
        self._metre, self._unit = metre, unit
        self._key, self._signature = key, key.signature
        self._bars_key, self._bars_metre = key, metre

        # Alterations in force: by letter or step in this bar, and by step of the tied notes before.
        self._altered: dict[str | int, int] = {}
        self._tied_alterations: dict[int, int] = {}

        # The tuplet being filled, and the last note and its tuplet.
        self._tuplet: DraftTuplet | None = None
        self._last: DraftNote | None = None
        self._last_in_tuplet = False
        # Factor that broken rhythm leaves for the next note's duration.
        self._broken: Fraction | None = None
        self._marks = PendingMarks()
        # The notes at which slurs opened that are not closed yet.
        self._open_slurs: list[DraftNote] = []
        # The notes that words (``w:``) may be sung to, each with the number of its bar.
        self._lyrics = LyricsAligner()
        # The name of the part that the next bar begins.
        self._part = ""
        # Whether an ending is open.
        self._in_ending = False
        self._overlays = Overlays()

    def add(self, symbol: AbcSymbol) -> None:
        """Add the next symbol.

        Raises:
            NotationError: if it cannot follow those before it.
        """
        self._line = symbol.line
        _HANDLERS[symbol.kind](self, symbol)

    def change_field(self, name: str, value: str, line: int) -> None:
        """Apply a field that changes key, metre, unit length or tempo, or names a part.

        It applies to the next note; the new signature and the part belong to the next bar.
        """
        if name == "K":
            self.change_properties(read_properties(value, line=line)[0], line)
            key = read_key(value, line=line, current=self._key)
            if key != self._key:
                self._key = key
                self._signature = key.signature
                self._altered.clear()
        elif name == "M":
            self._metre = read_metre(value, line=line)
        elif name == "L":
            self._unit, self.names_unit = read_unit(value, line=line), True
        elif name == "Q":
            self._marks.tempo = read_tempo(value, self._unit) or self._marks.tempo
        elif name == "P":
            self._part = plain_text(value)

    def add_words(self, texts: Sequence[str]) -> int:
        """Set words (``w:``), a text for each verse; return how many syllables found no note."""
        return self._lyrics.add(texts)

    def change_properties(self, properties: VoiceProperties, line: int) -> None:
        """Apply a clef and transposition to the notes that follow.

        Raises:
            NotationError: if the transposition changes within the tune, but for octaves.
        """
        properties = properties.over(self.properties)
        if properties == self.properties:
            return
        if properties.clef and properties.clef != self.properties.clef:
            if self.has_music:
                self._marks.clef = properties.clef
            else:
                self.clef = properties.clef
        octaves, semitones = divmod(properties.transpose or 0, 12)
        if semitones and octaves < 0:
            # Down by less than an octave is nothing but down.
            octaves, semitones = octaves + 1, semitones - 12
        if semitones != self.semitones and self.has_music:
            raise NotationError("transposition that changes within the tune", line=line)
        self._octaves, self.semitones = properties.octaves + octaves, semitones
        self.properties = properties

    def end_line(self) -> None:
        """Close a full bar at the end of a line: some files write no bar line there."""
        self._lyrics.end_line()
        full = self._metre.bar_duration
        main = self._overlays.main
        bar = main.bar if main and not self._overlays.over_bars else self._bar
        if full and self._tuplet is None and bar.duration(self._metre) == full:
            self.repairs.append(Repair(self._line, "the line's end taken for a bar line"))
            self._close_bar(BarLine.SINGLE)
        if self._bars and not self._bar.items:
            self._bars[-1].ends_line = True

    @property
    def has_music(self) -> bool:
        """True once there is a note or rest."""
        return bool(self._bars or self._bar.items)

    @property
    def layers(self) -> int:
        """The number of voices that it makes: itself and its overlays."""
        return 1 + len(self._overlays.bars)

    @property
    def is_between_bars(self) -> bool:
        """True directly after a bar line."""
        return bool(self._bars) and not self._bar.items

    def finish(self) -> tuple[Bar, ...]:
        """Return the bars of the whole voice.

        Raises:
            NotationError: if something was left open.
        """
        if self._broken is not None:
            raise NotationError("broken rhythm with no second note", line=self._line)
        self._end_overlay()
        if self._bar.items:
            self._close_bar(BarLine.SINGLE)
        for note in self._open_slurs:
            note.add_slurs(starts=-1)
        return finish_bars(self._bars, self._opening_metre, self.repairs)

    def add_note(self, symbol: AbcSymbol) -> None:
        """Add a note."""
        pitch = self._read_pitch(symbol.match, symbol)
        self._append((pitch,), self._read_duration(symbol.match["length"], symbol))

    def add_chord(self, symbol: AbcSymbol) -> None:
        """Add a chord: notes within brackets."""
        notes, quoted = notes_of_chord(symbol.match["notes"])
        for words in quoted:
            self._marks.add_quoted(words)
        if not notes:
            raise NotationError("chord not understood", line=symbol.line, text=symbol.text)
        if len({note["length"] for note in notes}) > 1:
            what = "notes of a chord with different lengths: all get the first one's"
            self.repairs.append(Repair(symbol.line, what, symbol.text))
        read = [self._read_pitch(note, symbol) for note in notes]
        pitches = tuple(dict.fromkeys(read))
        # The lengths within and after the brackets multiply.
        inner = self._read_duration(notes[0]["length"], symbol) / self._unit
        self._append(pitches, inner * self._read_duration(symbol.match["length"], symbol))
        tied = {pitch for note, pitch in zip(notes, read, strict=True) if note["tie"]}
        if tied and self._last:
            self._last.tied, self._last.struck_again = True, frozenset(pitches) - tied
            self._tied_alterations = {pitch.step: pitch.alter for pitch in tied}

    def add_rest(self, symbol: AbcSymbol) -> None:
        """Add a rest."""
        duration = self._read_duration(symbol.match["length"], symbol)
        self._append((), duration, visible=symbol.match["letter"] == "z")

    def add_bar_rest(self, symbol: AbcSymbol) -> None:
        """Add whole bars of rest."""
        count = int(symbol.match["length"][:5] or 1)
        full = self._metre.bar_duration
        if self._bar.items or not full or not 0 < count <= LIMITS.rest_bars:
            raise NotationError("bars of rest not understood", line=symbol.line, text=symbol.text)
        for bar in range(count):
            if bar:
                self._close_bar(BarLine.SINGLE)
            self._append((), full, visible=symbol.match["letter"] == "Z")

    def add_grace_notes(self, symbol: AbcSymbol) -> None:
        """Add grace notes, whose accidentals affect no other note."""
        altered = dict(self._altered)
        notes = list(re.finditer(NOTE, symbol.match["notes"]))[:MAX_MARKS]
        self._marks.grace = tuple(self._read_pitch(note, symbol) for note in notes)
        self._altered = altered

    def add_decoration(self, symbol: AbcSymbol) -> None:
        """Add a decoration to the next note."""
        self._marks.add_decoration(symbol.match["name"])

    def add_quoted(self, symbol: AbcSymbol) -> None:
        """Add a chord symbol or annotation to the next note."""
        self._marks.add_quoted(symbol.match["words"])

    def add_slur(self, symbol: AbcSymbol) -> None:
        """Begin a slur at the next note, or end the last one at the last note."""
        if symbol.match["sign"] == "(":
            self._marks.slur_starts = min(self._marks.slur_starts + 1, MAX_SLURS)
        elif self._marks.slur_starts:
            # A slur over grace notes only, ``({AB})``.
            self._marks.slur_starts -= 1
        elif self._open_slurs and self._last:
            # In ``(c d (e) f g)`` the slur that ends at e is not the one that begins there.
            index = len(self._open_slurs) - 1
            while index > 0 and self._open_slurs[index] is self._last:
                index -= 1
            opened = self._open_slurs.pop(index)
            if opened is self._last:
                opened.add_slurs(starts=-1)
            else:
                self._last.add_slurs(ends=1)

    def add_broken_rhythm(self, symbol: AbcSymbol) -> None:
        """Lengthen the last note and shorten the next, or the other way round."""
        if self._broken is not None or self._last is None:
            raise NotationError("broken rhythm without a note before it", line=symbol.line)
        short = Fraction(1, 2 ** min(len(symbol.text), 6))
        first, second = (2 - short, short) if symbol.text[0] == ">" else (short, 2 - short)
        self._last.duration = self._in_range(self._last.duration * first)
        self._broken = second

    def add_tie(self, _symbol: AbcSymbol) -> None:
        """Tie the last note to the next; after a rest, or before any note, it means nothing."""
        if self._last is not None and self._last.pitches:
            self._last.tied = True
            self._tied_alterations = {pitch.step: pitch.alter for pitch in self._last.pitches}

    def open_tuplet(self, symbol: AbcSymbol) -> None:
        """Open a tuplet, which the next notes fill."""
        actual = int(symbol.match["actual"])
        normal = int((symbol.match["normal"] or "0")[:3]) or None
        count = int((symbol.match["count"] or "0")[:3]) or actual
        if self._tuplet is not None:
            raise NotationError("tuplet within a tuplet", line=symbol.line, text=symbol.text)
        if actual < (1 if normal else 2) or (normal or 1) > MAX_TUPLET or count > 4 * MAX_TUPLET:
            raise NotationError("tuplet not understood", line=symbol.line, text=symbol.text)
        self._tuplet = DraftTuplet(actual, normal, count)
        self._append_item(self._tuplet)

    def add_bar_line(self, symbol: AbcSymbol) -> None:
        """Close the bar, and begin an ending where its number follows."""
        match = symbol.match
        before, line, after = match.group("before", "line", "after")
        if ";" in before or line == "}":
            self.repairs.append(Repair(symbol.line, f"{symbol.text} read as :|", symbol.text))
        if max(len(before.rstrip(";")), len(after)) > 1 and line:
            raise NotationError(
                "section played more than twice", line=symbol.line, text=symbol.text
            )
        self._close_bar(read_bar_line(before, line))
        self._bar.repeat_start |= bool(after)
        if match["ending"]:
            self.begin_ending(symbol)

    def begin_ending(self, symbol: AbcSymbol) -> None:
        """Begin an ending, ``1`` or ``1,3`` or ``1-3``."""
        self._divide_bar()
        numbers, remark = read_ending(symbol.match["ending"])
        if not numbers:
            raise NotationError("ending not understood", line=symbol.line, text=symbol.text)
        if remark:
            self.repairs.append(Repair(symbol.line, remark, symbol.text))
        self._bar.ending, self._in_ending = numbers, True

    def begin_named_ending(self, symbol: AbcSymbol) -> None:
        """Begin an ending with words instead of a number: ``["last"``; others are words only."""
        if self._bar.items:
            raise NotationError("bracket that is never closed", line=symbol.line, text=symbol.text)
        words = symbol.match["words"]
        named = re.search(r"[1-8]", words)
        # Without a number, it is the one after the ending that a repeat has just closed.
        endings = [bar.ending for bar in self._bars[-MAX_ENDING_BARS:] if bar.ending]
        follows = endings and self._bars[-1].line is BarLine.REPEAT
        if named or follows:
            number = int(named[0]) if named else min(max(endings[-1]) + 1, MAX_TURNS)
            self._bar.ending, self._in_ending = (number,), True
            what = f"ending {words!r} read as ending {number}"
        else:
            self._marks.add_quoted(f"^{words}")
            what = f"a bracket before {words!r} ignored"
        self.repairs.append(Repair(symbol.line, what, symbol.text))

    def end_ending(self, symbol: AbcSymbol) -> None:
        """End an ending at a bracket: ``[2 d4 ] |``.

        Raises:
            NotationError: if no ending is open.
        """
        if not self._in_ending:
            raise NotationError("bracket that closes nothing", line=symbol.line, text=symbol.text)
        self.repairs.append(
            Repair(symbol.line, "a bracket at an ending's end read as a bar line", "]")
        )
        self._close_bar(BarLine.FINAL)
        self._in_ending = False

    def change_overlay(self, symbol: AbcSymbol) -> None:
        """Begin a further voice at the beginning of the bar or of ``(&``, or end it at ``&)``.

        Raises:
            NotationError: if the music before it cannot end here.
        """
        overlays = self._overlays
        if symbol.text == "(&":
            if self._bar.items or overlays.main or overlays.over_bars:
                raise NotationError("voice overlay (&) not understood", line=symbol.line, text="(&")
            overlays.start, overlays.over_bars = len(self._bars), True
            overlays.opening = self._key, self._metre
            return
        ends = symbol.text == "&)"
        is_empty = not self._bar.items and (not overlays.over_bars or not self._bars)
        if self._tuplet is not None or self._broken is not None or (is_empty and not ends):
            raise NotationError("voice overlay (&) not understood", line=symbol.line, text="&")
        if ends:
            self._end_overlay()
            return
        if overlays.main is None:
            overlays.main = self._layer
            if not overlays.over_bars:
                overlays.start, overlays.opening = len(self._bars), (self._key, self._metre)
        else:
            overlays.add(self._bars_read, self._line)
        key, metre = overlays.opening or (self._key, self._metre)
        self._layer = Layer(
            [], DraftBar(), None, {}, False, overlays.begin(symbol.line), key, metre, key, metre
        )
        self._altered.clear()
        self._follow_key()

    def _follow_key(self) -> None:
        """In an overlay, change the key where the voice itself does."""
        if key := self._overlays.new_key(len(self._bars)):
            self._key, self._signature = key, key.signature

    def finish_overlays(self, bars: tuple[Bar, ...]) -> list[tuple[Bar, ...]]:
        """Return the bars of every overlay, with rests where it is silent."""
        return self._overlays.finish(bars, self._opening_metre, self.repairs)

    def _end_overlay(self) -> None:
        """End the overlays of the bar or bars, and go on in the voice itself."""
        overlays = self._overlays
        if overlays.main:
            overlays.add(self._bars_read, self._line)
            self._layer = overlays.main
        overlays.main, overlays.count, overlays.over_bars = None, 0, False

    @property
    def _bars_read(self) -> list[DraftBar]:
        """The bars of this layer, with the one being read."""
        return [*self._bars, self._bar] if self._bar.items else self._bars

    @property
    def _layer(self) -> Layer:
        """The music being read: the voice itself or an overlay."""
        return Layer(*(getattr(self, f"_{name}") for name in Layer._fields))

    @_layer.setter
    def _layer(self, layer: Layer) -> None:
        for name, value in zip(Layer._fields, layer, strict=True):
            setattr(self, f"_{name}", value)
        self._signature = self._key.signature

    def _divide_bar(self) -> None:
        """Close the bar where an ending begins within it; accidentals stay in force."""
        if self._bar.items:
            altered = dict(self._altered)
            self._close_bar(BarLine.SINGLE)
            self._altered = altered

    def add_inline_field(self, symbol: AbcSymbol) -> None:
        """Apply a field in brackets."""
        self.change_field(symbol.match["field"], symbol.match["value"], symbol.line)

    def _read_pitch(self, match: re.Match[str], symbol: AbcSymbol) -> Pitch:
        letter, step, alter = spelling(*match.group("accidental", "letter", "octave"))
        step += 7 * self._octaves
        margin = STEPS_TO_SOUND if self.semitones else 0
        if not margin <= step <= HIGHEST_STEP - margin:
            raise NotationError("note out of range", line=symbol.line, text=symbol.text)
        unmarked = self._tied_alterations.get(step, self._signature[letter])
        if self.accidentals == "not":
            return Pitch(step, unmarked if alter is None else alter)
        place: str | int = letter if self.accidentals == "pitch" else step
        if alter is not None:
            self._altered[place] = alter
        return Pitch(step, self._altered.get(place, unmarked))

    def _read_duration(self, length: str, symbol: AbcSymbol) -> Fraction:
        duration = duration_of(length, self._unit.numerator, self._unit.denominator)
        if not duration:
            if length.strip("0") == "":
                raise NotationError("note without length", line=symbol.line, text=symbol.text)
            raise NotationError("note length out of range", line=symbol.line, text=symbol.text)
        return duration

    def _in_range(self, duration: Fraction) -> Fraction:
        """Check that a duration changed by broken rhythm can still be written."""
        if not SHORTEST <= duration <= LIMITS.duration:
            raise NotationError("broken rhythm makes a note too short or too long", line=self._line)
        return duration

    def _append(
        self, pitches: tuple[Pitch, ...], duration: Fraction, *, visible: bool = True
    ) -> None:
        """Append a note or rest with its pending marks to the tuplet or bar."""
        if self._broken is not None:
            if self._last is None or (self._tuplet is not None) != self._last_in_tuplet:
                raise NotationError("broken rhythm into or out of a tuplet", line=self._line)
            duration, self._broken = self._in_range(duration * self._broken), None
        self._tied_alterations = {}
        marks = self._marks.pop()
        note = self._last = DraftNote(pitches, duration, visible=visible, marks=marks)
        self._open_slurs += [note] * (marks.slur_starts if marks else 0)
        if not self._overlays.main:
            self._lyrics.add_note(note, len(self._bars))
        self._last_in_tuplet = self._tuplet is not None
        if self._tuplet is None:
            self._append_item(note)
            return
        self._tuplet.notes.append(note)
        if len(self._tuplet.notes) == self._tuplet.count:
            self._tuplet = None

    def _append_item(self, item: DraftNote | DraftTuplet) -> None:
        bar = self._bar
        if not bar.items:
            bar.text_line = self._line
            # Changes since the bar before take effect with the first note.
            if self._key != self._bars_key:
                bar.key = self._bars_key = self._key
            if self._metre != self._bars_metre:
                bar.metre = self._bars_metre = self._metre
            bar.part, self._part = self._part, ""
        if len(bar.items) >= LIMITS.bar_notes:
            raise NotationError(f"more than {LIMITS.bar_notes} notes in a bar", line=self._line)
        bar.items.append(item)

    def _close_bar(self, line: BarLine) -> None:
        """Close the bar; a second bar line without notes between strengthens the first."""
        if self._tuplet is not None:
            raise NotationError("tuplet cut short by a bar line", line=self._line)
        if len(self._bars) >= LIMITS.bars:
            raise NotationError(f"more than {LIMITS.bars} bars", line=self._line)
        self._altered.clear()
        if self._overlays.main and not self._overlays.over_bars:
            self._end_overlay()
        if line is not BarLine.SINGLE:
            self._in_ending = False
        if self._bar.items:
            self._bar.closing, decorations = self._marks.pop_closing()
            if decorations and self._last:
                marks = self._last.marks or Marks()
                names = tuple(dict.fromkeys((*marks.decorations, *decorations)))
                self._last.marks = replace(marks, decorations=names)
            self._bar.line = line
            self._bars.append(self._bar)
            self._bar = DraftBar()
            self._follow_key()
        elif self._bars and not self._bar.ending and not self._bar.repeat_start:
            before = self._bars[-1]
            before.line = max(before.line, line, key=_STRENGTHS.__getitem__)


_HANDLERS = {
    SymbolKind.NOTE: BodyBuilder.add_note,
    SymbolKind.CHORD: BodyBuilder.add_chord,
    SymbolKind.REST: BodyBuilder.add_rest,
    SymbolKind.BAR_REST: BodyBuilder.add_bar_rest,
    SymbolKind.BROKEN: BodyBuilder.add_broken_rhythm,
    SymbolKind.TIE: BodyBuilder.add_tie,
    SymbolKind.TUPLET: BodyBuilder.open_tuplet,
    SymbolKind.BAR: BodyBuilder.add_bar_line,
    SymbolKind.ENDING: BodyBuilder.begin_ending,
    SymbolKind.NAMED_ENDING: BodyBuilder.begin_named_ending,
    SymbolKind.ENDING_END: BodyBuilder.end_ending,
    SymbolKind.OVERLAY: BodyBuilder.change_overlay,
    SymbolKind.FIELD: BodyBuilder.add_inline_field,
    SymbolKind.DECORATION: BodyBuilder.add_decoration,
    SymbolKind.QUOTED: BodyBuilder.add_quoted,
    SymbolKind.GRACE: BodyBuilder.add_grace_notes,
    SymbolKind.SLUR: BodyBuilder.add_slur,
}
