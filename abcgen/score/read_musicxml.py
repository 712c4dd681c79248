"""Reads MusicXML by way of music21: every part and voice, with repeats, endings and triplets.

Source: MusicXML 4.0 (https://www.w3.org/2021/06/musicxml40/), as music21 understands it.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.notation.reader import LeftOut, Reading, Repair
from abcgen.notation.tune import (
    LETTERS,
    Bar,
    BarLine,
    Item,
    Key,
    Metre,
    Mode,
    Note,
    Pitch,
    Rest,
    Tune,
    Tuplet,
    Voice,
    key_at,
)
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

music21 = LazyModule("music21")

MAX_BYTES = 4_000_000  # of XML, unpacked
_MODES = {mode.name.lower(): mode for mode in Mode} | {"ionian": Mode.MAJOR, "aeolian": Mode.MINOR}
_LINES = {"final": BarLine.FINAL, "double": BarLine.DOUBLE, "light-light": BarLine.DOUBLE}
# What the zip module raises where an archive is not what it should be.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, LookupError)
_QUARTERS = 4  # in a whole note
_LARGEST_ALTER, _HIGHEST_STEP = 2, 75


def read_musicxml_file(data: bytes, name: str) -> Iterator[Reading | LeftOut]:
    """Read the piece of a MusicXML file, packed (``.mxl``) or not.

    Args:
        data: The file's content.
        name: Its name, the piece's title if it has no other.
    """
    try:
        yield read_musicxml(data, title=name.rsplit(".", 1)[0])
    except NotationError as error:
        yield LeftOut(0, "", "", error.reason)


def read_musicxml(data: bytes, *, title: str = "") -> Reading:
    """Read a MusicXML file as a tune of as many voices as it has.

    Args:
        data: The file's content.
        title: What the tune is called if the file names no title.

    Raises:
        NotationError: if it is no MusicXML, too large, or has nothing in it that can be written.
    """
    xml = _unpacked(data)
    if re.search(rb"<!(?:ENTITY|ELEMENT|ATTLIST)", xml):
        raise NotationError("XML that defines entities of its own")
    if not re.search(rb"<score-(?:partwise|timewise)", xml):
        raise NotationError("not MusicXML")
    try:
        score = music21.converter.parseData(xml.decode("utf-8-sig"), format="musicxml")
    except Exception as error:
        # music21 raises all kinds of exceptions where a file is not as it expects.
        raise NotationError("MusicXML that music21 cannot read") from error
    return _Piece(score).reading(title)


def _unpacked(data: bytes) -> bytes:
    """The XML of a file, which may be packed."""
    if not data.startswith(b"PK"):
        if len(data) > MAX_BYTES:
            raise NotationError(f"larger than {MAX_BYTES // 1_000_000} MB")
        return data
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _score_in(archive)
    except _DAMAGE as error:
        raise NotationError("a damaged packed file") from error


def _score_in(archive: zipfile.ZipFile) -> bytes:
    for entry in archive.infolist():
        inside = entry.filename.startswith("META-INF") or entry.is_dir()
        if inside or not entry.filename.lower().endswith((".xml", ".musicxml")):
            continue
        with archive.open(entry) as file:
            xml = file.read(MAX_BYTES + 1)
        if len(xml) > MAX_BYTES:
            raise NotationError(f"larger than {MAX_BYTES // 1_000_000} MB when unpacked")
        return xml
    raise NotationError("a packed file without a score in it")


class _Piece:
    """Makes a tune of a music21 score."""

    def __init__(self, score: Any) -> None:
        self._score = score
        self._remarks: dict[str, None] = {}

    def reading(self, title: str) -> Reading:
        """The tune, and what of the score it leaves out."""
        parts = [part for part in self._score.parts if list(part.recurse().notesAndRests)]
        if not parts or not any(list(part.recurse().notes) for part in parts):
            raise NotationError("no notes")
        voices = [voice for part in parts for voice in self._voices(part)]
        first = parts[0].getElementsByClass("Measure").first()
        names = _names([name for name, _ in voices])
        tune = Tune(
            bars=voices[0][1],
            key=_key_in(first) or Key(),
            metre=_metre_in(first) or Metre(4, 4),
            title=_title(self._score) or title,
            voice=names[0] if len(voices) > 1 else "",
            others=tuple(
                Voice(name, bars) for name, (_, bars) in list(zip(names, voices, strict=True))[1:]
            ),
        )
        return Reading(tune, 0, tuple(Repair(0, remark) for remark in self._remarks))

    def _voices(self, part: Any) -> list[tuple[str, tuple[Bar, ...]]]:
        """The voices of a part, all of as many bars."""
        measures = list(part.getElementsByClass("Measure"))
        if len(measures) > LIMITS.bars:
            raise NotationError(f"more than {LIMITS.bars} bars")
        frames = [_Frame(measure, part) for measure in measures]
        rows = [self._contents(measure) for measure in measures]
        numbered = zip_longest(*rows, fillvalue=None)
        voices = []
        for contents in numbered:
            bars = self._bars(contents, frames, measures)
            voices.append((part.partName or "", bars))
        return voices

    def _contents(self, measure: Any) -> list[Any]:
        return list(measure.voices) or [measure]

    def _bars(
        self, contents: Sequence[Any], frames: Sequence[_Frame], measures: Sequence[Any]
    ) -> tuple[Bar, ...]:
        bars: list[Bar] = []
        key = metre = None
        for content, frame, measure in zip(contents, frames, measures, strict=True):
            items = tuple(self._items(content, Fraction(measure.duration.quarterLength) / 4))
            new_key, new_metre = _key_in(measure), _metre_in(measure)
            bars.append(
                Bar(
                    items,
                    line=frame.line,
                    repeat_start=frame.repeat_start,
                    ending=frame.ending,
                    key=new_key if bars and new_key != key else None,
                    metre=new_metre if bars and new_metre != metre else None,
                )
            )
            key, metre = new_key or key, new_metre or metre
        if bars[-1].line is BarLine.SINGLE:
            bars[-1] = replace(bars[-1], line=BarLine.FINAL)
        return tuple(bars)

    def _items(self, content: Any, full: Fraction) -> Iterator[Item]:
        """The notes and rests of one voice in one bar, filled up with silence."""
        time, group, sounding = Fraction(0), list[Note | Rest](), Fraction(0)
        ratio = Fraction(1)
        elements = [] if content is None else content.notesAndRests
        for element in elements:
            duration = Fraction(element.duration.quarterLength) / _QUARTERS
            if "Harmony" in element.classes:
                self._remarks["chord symbols were left out"] = None
                continue
            if not duration:
                self._remarks["grace notes were left out"] = None
                continue
            onset = Fraction(element.offset) / _QUARTERS
            if onset > time and not group:
                yield from _plain(Rest(onset - time, visible=False))
                time = onset
            own = Fraction(element.duration.aggregateTupletMultiplier())
            if not group and own == 1:
                yield self._note(element, duration)
            else:
                ratio = ratio if group and own == 1 else own
                group.append(self._note(element, duration / ratio))
                sounding += duration
                if not _odd(sounding):
                    yield Tuplet(ratio.denominator, ratio.numerator, tuple(group))
                    group, sounding = [], Fraction(0)
            time += duration
        if group:
            yield Tuplet(ratio.denominator, ratio.numerator, tuple(group))
        if time < full:
            yield from _plain(Rest(full - time, visible=not list(elements)))

    def _note(self, element: Any, duration: Fraction) -> Note | Rest:
        if element.isRest or not getattr(element, "pitches", ()):
            return Rest(duration)
        pitches = tuple(sorted({_pitch(pitch) for pitch in element.pitches}))
        notes = element.notes if element.isChord else [element]
        tied = any(note.tie and note.tie.type in {"start", "continue"} for note in notes)
        return Note(
            pitches,
            duration,
            tied or bool(element.tie and element.tie.type in {"start", "continue"}),
        )


class _Frame:
    """What stands at the edges of a bar: repeat signs, endings, double lines."""

    def __init__(self, measure: Any, part: Any) -> None:
        left, right = measure.leftBarline, measure.rightBarline
        self.repeat_start = getattr(left, "direction", "") == "start"
        ends = getattr(right, "direction", "") == "end"
        self.line = (
            BarLine.REPEAT if ends else _LINES.get(getattr(right, "type", ""), BarLine.SINGLE)
        )
        self.ending = _ending(measure, part)


def _ending(measure: Any, part: Any) -> tuple[int, ...]:
    """The endings that begin at a bar."""
    del part
    for bracket in measure.getSpannerSites("RepeatBracket"):
        if bracket.isFirst(measure):
            return tuple(bracket.numberRange)
    return ()


def _plain(rest: Rest) -> Iterator[Item]:
    """A rest of any length: of one that divides in threes, a tuplet of one."""
    odd = _odd(rest.duration)
    if not odd:
        yield rest
        return
    normal = 1 << odd.bit_length() - 1
    yield Tuplet(odd, normal, (replace(rest, duration=rest.duration * Fraction(odd, normal)),))


def _odd(duration: Fraction) -> int:
    """The odd part of a duration's denominator; 0 where there is none."""
    odd = duration.denominator // (duration.denominator & -duration.denominator)
    return 0 if odd == 1 else odd


def _pitch(pitch: Any) -> Pitch:
    alter = pitch.alter
    step = 7 * pitch.implicitOctave + LETTERS.index(pitch.step)
    if alter != int(alter) or abs(alter) > _LARGEST_ALTER:
        raise NotationError("a pitch between the semitones", text=pitch.nameWithOctave)
    if not 0 <= step <= _HIGHEST_STEP:
        raise NotationError("a note out of range", text=pitch.nameWithOctave)
    return Pitch(step, int(alter))


def _key_in(measure: Any) -> Key | None:
    signature = measure.getElementsByClass("KeySignature").first() if measure else None
    if signature is None or signature.sharps is None or abs(signature.sharps) > 7:
        return None
    mode = _MODES.get(str(getattr(signature, "mode", "") or "major"), Mode.MAJOR)
    return key_at(signature.sharps, mode)


def _metre_in(measure: Any) -> Metre | None:
    signature = measure.getElementsByClass("TimeSignature").first() if measure else None
    if signature is None:
        return None
    symbol = {"common": "C", "cut": "C|"}.get(signature.symbol, "")
    metre = Metre(signature.numerator, signature.denominator, symbol)
    if metre.bar_duration > LIMITS.duration:
        raise NotationError("a bar too long", text=str(metre))
    return metre


def _title(score: Any) -> str:
    data = score.metadata
    title = (data.title or data.movementName or "") if data else ""
    return " ".join(sign for sign in title.split() if sign.isprintable())


def _names(names: Sequence[str]) -> list[str]:
    """Voices' names as ABC can hold them, each unlike the others."""
    taken: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        plain = "".join(sign for sign in name if sign.isascii() and sign.isalnum())[:12]
        taken[plain if plain and plain not in taken else f"{plain}{number}"] = None
    return list(taken)
