"""Read MusicXML with verovio and music21, and validate it against the schema."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from abcgen.notation.walk import Sound, WrittenChord, join_ties
from abcgen.score.engrave import OPTIONS
from abcgen.system import LazyModule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

music21 = LazyModule("music21")
verovio = LazyModule("verovio")
xmlschema = LazyModule("xmlschema")

MEI = "{http://www.music-encoding.org/ns/mei}"
NAME = "{http://www.w3.org/XML/1998/namespace}id"
STRUCTURE = {"beam", "tuplet", "graceGrp", "layer"}
# The schema imports two others by their addresses on the internet; the package has them locally.
REMOTE_LOCATION = re.compile(r'\s*schemaLocation="http://www.musicxml.org/xsd/\w+\.xsd"')


@lru_cache(maxsize=1)
def _schema() -> Any:
    """Return the W3C's MusicXML 4.0 schema from the package ``musicxml``."""
    spec = find_spec("musicxml")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    text = (folder / "generate_classes" / "musicxml_4_0.xsd").read_text(encoding="utf-8")
    return xmlschema.XMLSchema10(REMOTE_LOCATION.sub("", text), allow="local")


def schema_errors(musicxml: bytes) -> list[str]:
    """Return the errors that the MusicXML 4.0 schema finds."""
    return [f"{error.path}: {error.reason}" for error in _schema().iter_errors(musicxml.decode())]


def read_with_music21(musicxml: bytes) -> list[list[Sound]]:
    """Return the notes that music21 reads in each voice, as written, without grace notes."""
    score = music21.converter.parseData(musicxml, format="musicxml")
    return [join_ties(_chords(part)) for part in score.parts]


def _chords(part: Any) -> Iterator[WrittenChord]:
    for note in part.flatten().notes:
        if "Harmony" in note.classes or note.duration.isGrace:
            continue
        singles = list(note.notes) if note.isChord else [note]
        keys = {
            single.pitch.midi: bool(single.tie and single.tie.type != "stop") for single in singles
        }
        yield WrittenChord(Fraction(note.offset) / 4, Fraction(note.quarterLength) / 4, keys)


def read_with_verovio(musicxml: bytes) -> list[list[Sound]]:
    """Return the notes that verovio draws (its MEI) on each staff, ties joined.

    Durations come from the symbols drawn, with their dots and tuplets, and not from the times in
    the MusicXML; pitches from what verovio would play.
    """
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({**OPTIONS, "expandNever": True})
    assert toolkit.loadData(musicxml.decode())
    page = _Page(toolkit, ElementTree.fromstring(toolkit.getMEI()))  # noqa: S314 - verovio's own
    return [join_ties(chords) for chords in page.staves.values()]


@dataclass(slots=True)
class _Page:
    """Walks through the measures of an engraved tune."""

    toolkit: Any
    root: ElementTree.Element
    staves: dict[str, list[WrittenChord]] = field(default_factory=dict)
    ties: set[str] = field(default_factory=set)
    now: Fraction = Fraction(0)
    bar: Fraction = Fraction(0)  # duration of a full bar's rest

    def __post_init__(self) -> None:
        self.ties = {tie.get("startid", "")[1:] for tie in self.root.iter(f"{MEI}tie")}
        for element in self.root.iter():
            if element.tag == f"{MEI}meterSig" and element.get("count"):
                self.bar = Fraction(int(element.get("count", "")), int(element.get("unit", "")))
            elif element.tag == f"{MEI}measure":
                self._measure(element)

    def _measure(self, measure: ElementTree.Element) -> None:
        for metre in measure.iter(f"{MEI}meterSig"):
            self.bar = Fraction(int(metre.get("count", "")), int(metre.get("unit", "")))
        ends = []
        for staff in measure.findall(f"{MEI}staff"):
            chords = self.staves.setdefault(staff.get("n", ""), [])
            (layer,) = staff.findall(f"{MEI}layer")
            ends.append(self._walk(layer, self.now, Fraction(1), chords))
        self.now = max(ends)

    def _walk(
        self,
        parent: ElementTree.Element,
        now: Fraction,
        ratio: Fraction,
        chords: list[WrittenChord],
    ) -> Fraction:
        """Read the symbols inside an element; return the time after the last."""
        for element in parent:
            kind = element.tag.removeprefix(MEI)
            if kind in STRUCTURE:
                inner = ratio
                if kind == "tuplet":
                    inner *= Fraction(int(element.get("numbase", "")), int(element.get("num", "")))
                now = self._walk(element, now, inner, chords)
            elif kind == "mRest":
                now += self.bar
            elif kind in {"note", "chord", "rest", "space"} and not element.get("grace"):
                duration = _drawn(element) * ratio
                if keys := self._keys(element):
                    chords.append(WrittenChord(now, duration, keys))
                now += duration
        return now

    def _keys(self, element: ElementTree.Element) -> dict[int, bool]:
        chord_tied = element.get(NAME) in self.ties
        names = [note.get(NAME, "") for note in element.iter(f"{MEI}note")]
        pitches = (self.toolkit.getMIDIValuesForElement(name)["pitch"] for name in names)
        return {
            key: chord_tied or name in self.ties for key, name in zip(pitches, names, strict=True)
        }


def _drawn(element: ElementTree.Element) -> Fraction:
    """Return the duration of a symbol, in whole notes."""
    value = element.get("dur", "")
    undotted = Fraction(2) if value == "breve" else Fraction(1, int(value))
    dots = int(element.get("dots", "0"))
    return undotted * Fraction(2 ** (dots + 1) - 1, 2**dots)


def merge_voices(voices: Iterable[list[Sound]]) -> list[Sound]:
    """Return the notes of all voices together, in order of time."""
    return sorted(sound for voice in voices for sound in voice)
