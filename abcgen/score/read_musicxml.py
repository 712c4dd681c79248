"""Read MusicXML with music21: every part and voice, with repeats, endings and tuplets.

Source: MusicXML 4.0 (https://www.w3.org/2021/06/musicxml40/), as music21 understands it. music21
counts time in quarter notes, abcgen in whole notes.
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
from abcgen.notation.draft import Repair
from abcgen.notation.reader import LeftOut, Reading
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
from abcgen.score.printed_notes import odd_denominator, tuplet_of_one
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterator

music21 = LazyModule("music21")

MAX_BYTES = 4_000_000  # of XML, unpacked
_MODES = {mode.name.lower(): mode for mode in Mode} | {"ionian": Mode.MAJOR, "aeolian": Mode.MINOR}
_BAR_LINES = {"final": BarLine.FINAL, "double": BarLine.DOUBLE, "light-light": BarLine.DOUBLE}
# What the zip module raises where an archive is not what it should be.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, LookupError)
_LARGEST_ALTER, _HIGHEST_STEP = 2, 75  # a double sharp; the A of octave 10
_TIED = frozenset({"start", "continue"})


def read_musicxml_file(data: bytes, name: str) -> Iterator[Reading | LeftOut]:
    """Read the tune of a MusicXML file, packed (``.mxl``) or not.

    Args:
        data: The file's content.
        name: Its name, the tune's title if it has no other.
    """
    try:
        yield read_musicxml(data, title=name.rsplit(".", 1)[0])
    except NotationError as error:
        yield LeftOut(0, "", "", error.reason)


def read_musicxml(data: bytes, *, title: str = "") -> Reading:
    """Read a MusicXML file as a tune with all its voices.

    Args:
        data: The file's content.
        title: The title of the tune if the file names none.

    Raises:
        NotationError: if it is not MusicXML, too large, has no notes, or cannot be written as ABC.
    """
    # 1) Unpack the XML and have music21 read it.
    xml = _unpacked(data)
    # Entities could expand without bound, or name files of this machine.
    if re.search(rb"<!(?:ENTITY|ELEMENT|ATTLIST)", xml):
        raise NotationError("XML that defines entities of its own")
    if not re.search(rb"<score-(?:partwise|timewise)", xml):
        raise NotationError("not MusicXML")
    try:
        score = music21.converter.parseData(xml.decode("utf-8-sig"), format="musicxml")
    except Exception as error:
        # music21 raises all kinds of exceptions where a file is not as it expects.
        raise NotationError("MusicXML that music21 cannot read") from error

    # 2) Read the voices of every part that has notes or rests.
    parts = [part for part in score.parts if list(part.recurse().notesAndRests)]
    if not parts or not any(list(part.recurse().notes) for part in parts):
        raise NotationError("no notes")
    remarks: dict[str, None] = {}
    voices = [(part.partName or "", bars) for part in parts for bars in _voices_of(part, remarks)]

    # 3) Join them to a tune, which opens in the first part's key and metre.
    first_measure = parts[0].getElementsByClass("Measure").first()
    metadata = score.metadata
    own_title = (metadata.title or metadata.movementName or "") if metadata else ""
    # Unique names of the voices, in characters that ABC allows.
    names: dict[str, None] = {}
    for number, (name, _) in enumerate(voices, start=1):
        plain = "".join(letter for letter in name if letter.isascii() and letter.isalnum())[:12]
        names[plain if plain and plain not in names else f"{plain}{number}"] = None
    first_name, *other_names = names
    tune = Tune(
        bars=voices[0][1],
        key=_key_in(first_measure) or Key(),
        metre=_metre_in(first_measure) or Metre(4, 4),
        title=" ".join(word for word in own_title.split() if word.isprintable()) or title,
        voice=first_name if len(voices) > 1 else "",
        others=tuple(
            Voice(name, bars) for name, (_, bars) in zip(other_names, voices[1:], strict=True)
        ),
    )
    return Reading(tune, 0, tuple(Repair(0, remark) for remark in remarks))


def _unpacked(data: bytes) -> bytes:
    """Return the XML of a file, which may be packed."""
    if not data.startswith(b"PK"):
        if len(data) > MAX_BYTES:
            raise NotationError(f"larger than {MAX_BYTES // 1_000_000} MB")
        return data
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.filename.startswith("META-INF") or entry.is_dir():
                    continue
                if entry.filename.lower().endswith((".xml", ".musicxml")):
                    # One byte more than allowed shows that it is too large.
                    with archive.open(entry) as file:
                        xml = file.read(MAX_BYTES + 1)
                    break
            else:
                raise NotationError("a packed file without a score in it")
    except _DAMAGE as error:
        raise NotationError("a damaged packed file") from error
    if len(xml) > MAX_BYTES:
        raise NotationError(f"larger than {MAX_BYTES // 1_000_000} MB when unpacked")
    return xml


def _voices_of(part: Any, remarks: dict[str, None]) -> Iterator[tuple[Bar, ...]]:
    """Yield the voices of a part, all with the same number of bars.

    Args:
        part: A music21 part.
        remarks: A remark on everything omitted is added to these.
    """
    measures = list(part.getElementsByClass("Measure"))
    if len(measures) > LIMITS.bars:
        raise NotationError(f"more than {LIMITS.bars} bars")
    # A measure has its notes in voices only if there is more than one; a voice may be missing.
    contents = [list(measure.voices) or [measure] for measure in measures]
    for voice in zip_longest(*contents):
        bars: list[Bar] = []
        key = metre = None
        for content, measure in zip(voice, measures, strict=True):
            length = Fraction(measure.duration.quarterLength) / 4
            items = tuple(_items(content, length, remarks))
            new_key, new_metre = _key_in(measure), _metre_in(measure)
            endings = (
                tuple(bracket.numberRange)
                for bracket in measure.getSpannerSites("RepeatBracket")
                if bracket.isFirst(measure)
            )
            left, right = measure.leftBarline, measure.rightBarline
            repeats = getattr(right, "direction", "") == "end"
            line = _BAR_LINES.get(getattr(right, "type", ""), BarLine.SINGLE)
            bars.append(
                Bar(
                    items,
                    line=BarLine.REPEAT if repeats else line,
                    repeat_start=getattr(left, "direction", "") == "start",
                    ending=next(endings, ()),
                    # The tune itself opens in the first key and metre; programs repeat both.
                    key=new_key if bars and new_key != key else None,
                    metre=new_metre if bars and new_metre != metre else None,
                )
            )
            key, metre = new_key or key, new_metre or metre
        if bars[-1].line is BarLine.SINGLE:
            bars[-1] = replace(bars[-1], line=BarLine.FINAL)
        yield tuple(bars)


def _items(content: Any, length: Fraction, remarks: dict[str, None]) -> Iterator[Item]:
    """Yield the notes and rests of one voice in one bar, filled up with rests.

    Args:
        content: A music21 voice or measure; None if the voice has nothing in this bar.
        length: The bar's length in whole notes.
        remarks: A remark on everything omitted is added to these.
    """
    time = Fraction(0)
    # The notes of an incomplete tuplet, how long they sound, and the ratio of sounding to written
    # durations: 2/3 in a triplet.
    group, sounding, ratio = list[Note | Rest](), Fraction(0), Fraction(1)
    elements = [] if content is None else content.notesAndRests
    for element in elements:
        duration = Fraction(element.duration.quarterLength) / 4
        # 1) Leave out what has no time.
        if "Harmony" in element.classes:
            remarks["chord symbols were left out"] = None
            continue
        if not duration:
            remarks["grace notes were left out"] = None
            continue
        # 2) Fill a gap before the note: some programs write no rests where a voice is silent.
        onset = Fraction(element.offset) / 4
        if onset > time and not group:
            yield tuplet_of_one(Rest(onset - time, visible=False))
            time = onset
        # 3) Yield a note outside tuplets; collect a tuplet until it needs no tuplet to be filled.
        own_ratio = Fraction(element.duration.aggregateTupletMultiplier())
        if not group and own_ratio == 1:
            yield _note(element, duration)
        else:
            # A plain note within a tuplet belongs to it.
            ratio = ratio if group and own_ratio == 1 else own_ratio
            group.append(_note(element, duration / ratio))
            sounding += duration
            if odd_denominator(sounding) == 1:
                yield Tuplet(ratio.denominator, ratio.numerator, tuple(group))
                group, sounding = [], Fraction(0)
        time += duration
    # 4) Close an incomplete tuplet, and fill the bar.
    if group:
        yield Tuplet(ratio.denominator, ratio.numerator, tuple(group))
    if time < length:
        yield tuplet_of_one(Rest(length - time, visible=not list(elements)))


def _note(element: Any, duration: Fraction) -> Note | Rest:
    # Unpitched percussion has no pitches and is read as rests.
    if element.isRest or not getattr(element, "pitches", ()):
        return Rest(duration)
    pitches = set()
    for pitch in element.pitches:
        step = 7 * pitch.implicitOctave + LETTERS.index(pitch.step)
        if pitch.alter != int(pitch.alter) or abs(pitch.alter) > _LARGEST_ALTER:
            raise NotationError("a pitch between the semitones", text=pitch.nameWithOctave)
        if not 0 <= step <= _HIGHEST_STEP:
            raise NotationError("a note out of range", text=pitch.nameWithOctave)
        pitches.add(Pitch(step, int(pitch.alter)))
    # music21 ties a chord as a whole or note by note.
    notes = [element, *(element.notes if element.isChord else [])]
    tied = any(note.tie and note.tie.type in _TIED for note in notes)
    return Note(tuple(sorted(pitches)), duration, tied)


def _key_in(measure: Any) -> Key | None:
    signature = measure.getElementsByClass("KeySignature").first() if measure else None
    # A signature letter by letter has no number of sharps.
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
