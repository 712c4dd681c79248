"""Read the measures of a MusicXML part: what sounds when, in which voice and on which staff.

Durations and times are in whole notes, times from the beginning of the measure. Pitches and keys
are those that sound: the part of a clarinet in B flat is read a tone lower than written.
Source: MusicXML 4.0 (https://www.w3.org/2021/06/musicxml40/).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.body import MAX_SLURS
from abcgen.notation.draft import MAX_MARKS
from abcgen.notation.fields import MAX_TURNS
from abcgen.notation.tune import (
    FREE_METRE,
    HIGHEST_STEP,
    LETTERS,
    MAX_SIGNATURE,
    BarLine,
    Key,
    Marks,
    Metre,
    Mode,
    Pitch,
    key_at,
)
from abcgen.notation.words import MAX_VERSES
from abcgen.score.clefs import CLEFS
from abcgen.score.musicxml_symbols import (
    HAIRPIN_END,
    MAX_DOTS,
    OCTAVE_BRACKET_END,
    UNDOTTED,
    chord_symbol_in,
    decorations_in,
    directions_in,
    number_in,
    number_of,
    syllables_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from xml.etree.ElementTree import Element

    from abcgen.notation.tune import ChordSymbol
    from abcgen.notation.words import Annotation, Syllable, Tempo
    from abcgen.score.musicxml_symbols import PartName

    # Notes in the time of others: 3, 2 in a triplet.
    Ratio = tuple[int, int]

MODES = {mode.name.lower(): mode for mode in Mode} | {"ionian": Mode.MAJOR, "aeolian": Mode.MINOR}
# Of a time; with that of notes and divisions that no program writes it would grow without bound.
MAX_DENOMINATOR = 10**12
MAX_TUPLET, MAX_METRE = 64, 64
LARGEST_ALTER = 2  # a double sharp
BAR_STYLES = {
    "light-light": BarLine.DOUBLE,
    "heavy-heavy": BarLine.DOUBLE,
    "heavy-light": BarLine.DOUBLE,
    "light-heavy": BarLine.FINAL,
}
NO_MARKS = Marks()


@dataclass(slots=True)
class Event:
    """A note, a chord, or a rest where there are no pitches."""

    onset: Fraction
    # As it sounds.
    duration: Fraction
    voice: str = "1"
    staff: int = 1
    pitches: list[Pitch] = field(default_factory=list)
    tied: bool = False
    visible: bool = True
    # The ratio of the tuplet it is in, (1, 1) in none; whether the file marks it as the first and
    # last of it; its note value without dots.
    ratio: Ratio = (1, 1)
    starts_tuplet: bool = False
    stops_tuplet: bool = False
    undotted: Fraction = Fraction(1, 4)
    # Symbols for the player; and grace notes after it, at the end of a bar.
    marks: Marks = NO_MARKS
    after: tuple[Pitch, ...] = ()
    # The syllables sung at it, by verse, and the verses whose syllable is held on.
    lyrics: dict[str, Syllable] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    @property
    def end(self) -> Fraction:
        """When it ends."""
        return self.onset + self.duration

    def decorate(self, names: Iterable[str]) -> None:
        """Add decorations that it does not have."""
        decorations = tuple(dict.fromkeys([*self.marks.decorations, *names]))
        self.marks = replace(self.marks, decorations=decorations[:MAX_MARKS])


class Direction(NamedTuple):
    """A direction at a staff: a decoration by its name, words, a tempo, or the name of a part."""

    time: Fraction
    staff: int
    mark: str | Annotation | Tempo | PartName


@dataclass(slots=True)
class BarSign:
    """A sign at a bar line."""

    line: BarLine | None = None
    repeat_start: bool = False
    ending: tuple[int, ...] = ()


@dataclass(slots=True)
class Measure:
    """A measure of a part."""

    events: list[Event] = field(default_factory=list)
    # Chords for an accompanist, and what stands at a staff.
    chord_symbols: list[tuple[Fraction, ChordSymbol]] = field(default_factory=list)
    directions: list[Direction] = field(default_factory=list)
    # How far its music reaches.
    length: Fraction = Fraction(0)
    # Bar lines at its left, within it and, at ``None``, at its right.
    signs: dict[Fraction | None, BarSign] = field(default_factory=dict)
    # Changes of key by staff (0 is every staff), and of metre.
    keys: dict[int, WrittenKey] = field(default_factory=dict)
    metre: Metre | None = None
    # Clefs by time and staff, as ABC names them.
    clefs: dict[tuple[Fraction, int], str] = field(default_factory=dict)


class WrittenKey(NamedTuple):
    """A key signature."""

    # Its number of sharps, or flats if negative.
    fifths: int
    # None where the file does not say.
    mode: Mode | None
    extra: tuple[tuple[str, int], ...] = ()

    def with_mode(self, mode: Mode) -> Key:
        """Return the key, in a mode where it has none."""
        key = key_at(self.fifths, self.mode or mode)
        return Key(key.letter, key.alter, key.mode, self.extra)


class Transposition(NamedTuple):
    """How far a part sounds from its written notes."""

    steps: int
    semitones: int

    def pitch(self, pitch: Pitch) -> Pitch:
        """Return the pitch that sounds."""
        moved = Pitch(pitch.step + self.steps)
        return Pitch(moved.step, pitch.midi + self.semitones - moved.midi)

    def fifths(self, fifths: int) -> int:
        """Return the signature that sounds; one of more than seven signs is respelled."""
        moved = fifths + 7 * self.semitones - 12 * self.steps
        return moved if abs(moved) <= MAX_SIGNATURE else (moved + 6) % 12 - 6


AS_WRITTEN = Transposition(0, 0)


class PartReader:
    """Reads the measures of one part in order.

    Args:
        passed_over: What is not kept is named in it, with the number of times.
        is_percussion: Whether the part plays the channel of the drums.
    """

    def __init__(self, passed_over: dict[str, int], *, is_percussion: bool = False) -> None:
        self.transposition = AS_WRITTEN
        # Notes with a pitch, and without.
        self.pitched = self.unpitched = 0
        self._passed_over = passed_over
        self._percussion_staves = {0} if is_percussion else set[int]()
        self._divisions = Fraction(4)
        self._metre = Metre(4, 4)
        self._measure = Measure()
        # The time reached, as the file counts it in divisions and exactly: programs round the
        # durations of tuplets.
        self._count, self._now = Fraction(0), Fraction(0)
        self._exact: dict[Fraction, Fraction] = {}
        # The hairpin and the octave bracket that are open, by their kind of end and staff.
        self._passages: dict[tuple[str, int], str] = {}
        # The numbers of the slurs that are open.
        self._slurs: set[str] = set()
        # Grace notes before the next note, by voice.
        self._grace: dict[str, list[Pitch]] = {}

    def measure(self, element: Element) -> Measure:
        """Read the next measure.

        Raises:
            NotationError: if something in it cannot be read faithfully.
        """
        self._measure = Measure()
        self._count, self._now, self._exact = Fraction(0), Fraction(0), {Fraction(0): Fraction(0)}
        for child in element:
            handler = _HANDLERS.get(child.tag)
            if handler:
                handler(self, child)
        for voice, grace in self._grace.items():
            last = next((each for each in self._measure.events[::-1] if each.voice == voice), None)
            if last and last.pitches:
                last.after = tuple(grace[:MAX_MARKS])
            else:
                self._pass_over("grace notes before no note")
        self._grace = {}
        if len(self._measure.events) > LIMITS.bar_notes:
            raise NotationError(f"more than {LIMITS.bar_notes} notes in a bar")
        full = self._metre.bar_duration
        if full and not any(event.pitches for event in self._measure.events):
            # Rests do not say how long a bar is: some programs write one in every metre alike.
            self._measure.length = min(self._measure.length, full)
            if self._measure.length == full:
                self._measure.events = []
        return self._measure

    def _pass_over(self, what: str) -> None:
        self._passed_over[what] = self._passed_over.get(what, 0) + 1

    # Time.

    def _move(self, count: Fraction, duration: Fraction | None = None) -> None:
        """Go forward by a number of divisions, or backward if it is negative."""
        self._count = max(self._count + count, Fraction(0))
        if duration is None:
            self._now = self._exact.get(self._count, self._count / self._divisions / 4)
        else:
            self._now += duration
            self._exact.setdefault(self._count, self._now)
        self._measure.length = max(self._measure.length, self._now)
        if self._now.denominator > MAX_DENOMINATOR:
            raise NotationError("a duration not understood", text=str(count))
        if self._now > LIMITS.duration:
            raise NotationError("a bar too long", text=str(self._now))

    def _backup(self, element: Element) -> None:
        self._move(-number_in(element, "duration"))

    def _forward(self, element: Element) -> None:
        self._move(number_in(element, "duration"))

    def _time_of(self, element: Element) -> Fraction:
        """Return the time of a chord symbol or direction, which may be moved."""
        return max(self._now + number_in(element, "offset") / self._divisions / 4, Fraction(0))

    # Attributes.

    def _attributes(self, element: Element) -> None:
        divisions = number_in(element, "divisions")
        if divisions > 0:
            self._divisions = divisions
        for transpose in element.findall("transpose"):
            octaves = 7 * int(number_in(transpose, "octave-change"))
            semitones = int(number_in(transpose, "chromatic"))
            # Without a number of steps, that of the usual interval.
            steps = int(number_in(transpose, "diatonic", round(Fraction(7 * semitones, 12))))
            moved = Transposition(steps + octaves, semitones + octaves * 12 // 7)
            if max(map(abs, moved)) > 60:
                raise NotationError("a part transposed out of range")
            self.transposition = moved
        for key in element.findall("key"):
            if written := self._key(key):
                self._measure.keys[int(number_of(key.get("number", "0")))] = written
        for time in element.findall("time")[:1]:
            self._measure.metre = self._metre = metre_in(time)
        for clef in element.findall("clef"):
            staff = int(number_of(clef.get("number", "1")))
            if clef.findtext("sign", "").strip() == "percussion":
                self._percussion_staves.add(staff)
            else:
                self._percussion_staves.discard(staff)
            name = clef_in(clef)
            # A clef suits the notes as written.
            if name and self.transposition == AS_WRITTEN:
                self._measure.clefs[self._now, staff] = name

    def _key(self, element: Element) -> WrittenKey | None:
        steps = [step.text or "" for step in element.findall("key-step")]
        alters = [int(number_of(alter.text or "")) for alter in element.findall("key-alter")]
        if steps:
            # A signature letter by letter.
            signs = tuple(
                (step, alter)
                for step, alter in zip(steps, alters, strict=False)
                if step in LETTERS and abs(alter) <= 1
            )
            return WrittenKey(0, Mode.MAJOR, signs)
        if element.find("fifths") is None:
            return None
        fifths = int(number_in(element, "fifths"))
        if abs(fifths) > MAX_SIGNATURE:
            raise NotationError("a key of more than seven sharps or flats", text=str(fifths))
        named = element.findtext("mode", "").strip().lower()
        return WrittenKey(self.transposition.fifths(fifths), MODES.get(named))

    def _barline(self, element: Element) -> None:
        place = element.get("location", "right")
        at = {"left": Fraction(0), "middle": self._now}.get(place)
        sign = self._measure.signs.setdefault(at, BarSign())
        sign.line = BAR_STYLES.get(element.findtext("bar-style", "").strip(), sign.line)
        repeat = element.find("repeat")
        if repeat is not None and repeat.get("direction") == "forward":
            sign.repeat_start = True
        elif repeat is not None:
            sign.line = BarLine.REPEAT
            if number_of(repeat.get("times", "2")) != 2:
                self._pass_over("repeats of more than two times")
        ending = element.find("ending")
        if ending is not None and ending.get("type") == "start":
            turns = {int(turn) for turn in re.findall(r"\d{1,2}", ending.get("number", ""))}
            sign.ending = tuple(sorted(turn for turn in turns if 0 < turn <= MAX_TURNS))

    # Notes.

    def _note(self, element: Element) -> None:
        is_chord = element.find("chord") is not None
        voice = element.findtext("voice", "1").strip()
        staff = int(number_in(element, "staff", 1))
        pitch = self._pitch(element, staff)
        if element.find("grace") is not None:
            if pitch and not is_chord:
                self._grace.setdefault(voice, []).append(pitch)
            elif pitch:
                self._pass_over("grace notes in chords")
            return
        tied = any(tie.get("type") == "start" for tie in element.findall("tie"))
        if is_chord and self._measure.events:
            # A rest stands where a note of the chord has no pitch.
            chord = self._measure.events[-1]
            chord.pitches += [pitch] if pitch and pitch not in chord.pitches else []
            chord.tied |= tied
            self._mark(chord, element)
            return

        count, duration, ratio, undotted = self._value(element)
        if element.find("cue") is not None:
            self._pass_over("cue notes")
            self._move(count, duration)
            return
        tuplets = element.findall("notations/tuplet")
        event = Event(
            self._now,
            duration,
            voice,
            staff,
            [pitch] if pitch else [],
            tied=tied and pitch is not None,
            visible=element.get("print-object") != "no",
            ratio=ratio,
            starts_tuplet=any(tuplet.get("type") == "start" for tuplet in tuplets),
            stops_tuplet=any(tuplet.get("type") == "stop" for tuplet in tuplets),
            undotted=undotted,
            marks=Marks(grace=tuple(self._grace.pop(voice, [])[:MAX_MARKS])),
        )
        self._mark(event, element)
        if duration:
            self._measure.events.append(event)
        self._move(count, duration)

    def _mark(self, event: Event, element: Element) -> None:
        """Add the decorations, slurs and syllables of a ``note`` element."""
        event.decorate(decorations_in(element, self._passed_over))
        # A slur that begins at a grace note, or at another part, ends nothing here.
        for slur in element.findall("notations/slur"):
            number = slur.get("number", "1")
            if slur.get("type") == "start":
                self._slurs.add(number)
                starts = min(event.marks.slur_starts + 1, MAX_SLURS)
                event.marks = replace(event.marks, slur_starts=starts)
            elif slur.get("type") == "stop" and number in self._slurs:
                self._slurs.remove(number)
                ends = min(event.marks.slur_ends + 1, MAX_SLURS)
                event.marks = replace(event.marks, slur_ends=ends)
        for verse, syllable, is_held in syllables_in(element):
            if len(event.lyrics) < MAX_VERSES:
                event.lyrics[verse] = syllable
            if is_held:
                event.held.add(verse)

    def _value(self, element: Element) -> tuple[Fraction, Fraction, Ratio, Fraction]:
        """Return a note's duration in divisions and exactly, its ratio and undotted value."""
        count = number_in(element, "duration")
        duration = count / self._divisions / 4
        change = element.find("time-modification")
        actual, normal = 1, 1
        if change is not None:
            actual = int(number_in(change, "actual-notes", 1))
            normal = int(number_in(change, "normal-notes", 1))
        if not (0 < actual <= MAX_TUPLET and 0 < normal <= MAX_TUPLET):
            raise NotationError("a tuplet of too many notes", text=f"{actual}:{normal}")
        ratio = (1, 1) if actual == normal else (actual, normal)
        undotted = UNDOTTED.get(element.findtext("type", "").strip())
        if undotted is None:
            return count, duration, ratio, Fraction(1, 8)
        dots = min(len(element.findall("dot")), MAX_DOTS)
        exact = undotted * Fraction(2 ** (dots + 1) - 1, 2**dots) * Fraction(normal, actual)
        # Within less than one division the file has rounded; further away its sign says less than
        # its duration, as at the rest of a bar.
        error = abs(exact * 4 * self._divisions - count)
        if error < 1 and (ratio != (1, 1) or 4 * error <= count):
            duration = exact
        return count, duration, ratio, undotted

    def _pitch(self, element: Element, staff: int) -> Pitch | None:
        """Return the pitch that a note sounds; None for a rest or percussion."""
        written = element.find("pitch")
        if written is None or {0, staff} & self._percussion_staves:
            self.unpitched += element.find("rest") is None
            return None
        letter = written.findtext("step", "").strip().upper()
        octave, alter = number_in(written, "octave", -1), number_in(written, "alter")
        name = f"{letter[:1]}{octave}"
        if alter.denominator != 1 or abs(alter) > LARGEST_ALTER:
            raise NotationError("a quarter tone", text=f"{name} altered by {float(alter):g}")
        if len(letter) != 1 or letter not in LETTERS or not 0 <= octave <= 9:
            raise NotationError("a note out of range", text=name)
        pitch = Pitch(7 * int(octave) + LETTERS.index(letter), int(alter))
        pitch = respelled(self.transposition.pitch(pitch))
        if not 0 <= pitch.step <= HIGHEST_STEP:
            raise NotationError("a note out of range", text=name)
        self.pitched += 1
        return pitch

    # Symbols.

    def _harmony(self, element: Element) -> None:
        symbol = chord_symbol_in(element, self.transposition.pitch)
        if symbol:
            self._measure.chord_symbols.append((self._time_of(element), symbol))
        else:
            self._pass_over("chord symbols without a root that can be read")

    def _direction(self, element: Element) -> None:
        staff = int(number_in(element, "staff", 1))
        time = self._time_of(element)
        for mark in directions_in(element, self._passed_over):
            if mark in {HAIRPIN_END, OCTAVE_BRACKET_END}:
                # The end does not say of which passage.
                opened = self._passages.pop((str(mark), staff), "")
                if opened:
                    self._measure.directions.append(Direction(time, staff, f"{opened})"))
                continue
            if isinstance(mark, str) and mark.endswith("("):
                end = OCTAVE_BRACKET_END if mark[0].isdigit() else HAIRPIN_END
                self._passages[end, staff] = mark.removesuffix("(")
            self._measure.directions.append(Direction(time, staff, mark))

    def _figured_bass(self, _element: Element) -> None:
        self._pass_over("figured bass")


_HANDLERS: dict[str, Callable[[PartReader, Element], None]] = {
    "attributes": PartReader._attributes,
    "backup": PartReader._backup,
    "barline": PartReader._barline,
    "direction": PartReader._direction,
    "figured-bass": PartReader._figured_bass,
    "forward": PartReader._forward,
    "harmony": PartReader._harmony,
    "note": PartReader._note,
    "sound": PartReader._direction,
}


def respelled(pitch: Pitch) -> Pitch:
    """Return a pitch with no more than a double accidental, on a neighbouring step if need be."""
    while abs(pitch.alter) > LARGEST_ALTER:
        near = Pitch(pitch.step + (1 if pitch.alter > 0 else -1))
        pitch = Pitch(near.step, pitch.midi - near.midi)
    return pitch


def metre_in(element: Element) -> Metre:
    """Return the metre of a ``time`` element; several are added up (2/4 + 3/8).

    Raises:
        NotationError: if there is no such metre.
    """
    if element.find("senza-misura") is not None:
        return FREE_METRE
    beats = [child.text or "" for child in element.findall("beats")]
    units = [int(number_of(child.text or "")) for child in element.findall("beat-type")]
    named = " + ".join(f"{beat}/{unit}" for beat, unit in zip(beats, units, strict=False))
    if not units or len(beats) != len(units):
        raise NotationError("a metre not understood", text=named)
    if not all(0 < unit <= MAX_METRE and unit & (unit - 1) == 0 for unit in units):
        raise NotationError("a metre not understood", text=named)
    unit = max(units)
    total = sum(
        unit // own * sum(int(part) for part in re.findall(r"\d{1,3}", beat))
        for beat, own in zip(beats, units, strict=True)
    )
    if not 0 < total <= MAX_METRE or Fraction(total, unit) > LIMITS.duration:
        raise NotationError("a metre not understood", text=named)
    symbols = {("common", 4, 4): "C", ("cut", 2, 2): "C|"}
    return Metre(total, unit, symbols.get((element.get("symbol", ""), total, unit), ""))


def clef_in(element: Element) -> str:
    """Return the name that ABC has for a clef; ``""`` if it has none."""
    sign = element.findtext("sign", "").strip()
    line = int(number_in(element, "line", {"G": 2, "F": 4, "C": 3}.get(sign, 0)))
    octave = int(number_in(element, "clef-octave-change"))
    names = {(clef.sign, clef.line): name for name, clef in CLEFS.items()}
    if (sign, line) not in names or abs(octave) > 1:
        return ""
    return names[sign, line] + ("", "+8", "-8")[octave]
