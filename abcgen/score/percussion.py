"""Print percussion: notes without pitch, each with its place on the staff and its shape.

``on_page`` puts the notes of a voice where its drums are written; ``write_drums`` turns them, in
the finished MusicXML, into notes without pitch that name their drum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from abcgen.notation.percussion import CHANNEL, PERCUSSION, drums_of, written_bars
from abcgen.notation.tune import LETTERS, Key, Pitch
from abcgen.score.layout import parts_of, staves_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from abcgen.notation.percussion import Drum
    from abcgen.notation.tune import Tune

# What comes before the instrument, and before the head, of a note in MusicXML.
_BEFORE_INSTRUMENT = frozenset({"grace", "chord", "unpitched", "duration", "tie"})
_BEFORE_HEAD = _BEFORE_INSTRUMENT | {"instrument", "voice", "type", "dot", "stem"}
_BEFORE_HEAD |= {"time-modification"}


def on_page(voices: tuple[Tune, ...], tune: Tune) -> tuple[Tune, ...]:
    """Return the voices of a tune as they are printed: percussion where its drums are written."""
    drums = drums_of(tune.voices)
    return tuple(_on_page(voice, drums) if voice.clef == PERCUSSION else voice for voice in voices)


def _on_page(voice: Tune, drums: Mapping[int, Drum]) -> Tune:
    bars = tuple(replace(bar, key=None) for bar in written_bars(voice.bars, drums))
    return replace(voice, bars=bars, key=Key())


def write_drums(document: Element, tune: Tune) -> None:
    """Turn the notes of percussion in a MusicXML document into drums."""
    drums = drums_of(tune.voices)
    if not drums:
        return
    voices = parts_of(tune)
    keys = {drum.written: key for key, drum in drums.items()}
    lists, parts = list(document.iter("score-part")), document.findall("part")
    for staff, listed, part in zip(staves_of(tune), lists, parts, strict=True):
        own = [voices[index] for index in staff.voices]
        if any(voice.clef != PERCUSSION for voice in own):
            continue
        for old in (*listed.findall("score-instrument"), *listed.findall("midi-instrument")):
            listed.remove(old)
        identity = listed.get("id", "")
        played = drums_of(voice.voices[0] for voice in own)
        for key in played:
            instrument = SubElement(listed, "score-instrument", id=f"{identity}-I{key}")
            SubElement(instrument, "instrument-name").text = drums[key].name
        for key in played:
            midi = SubElement(listed, "midi-instrument", id=f"{identity}-I{key}")
            SubElement(midi, "midi-channel").text = str(CHANNEL)
            SubElement(midi, "midi-program").text = str((own[0].program or 0) + 1)
            SubElement(midi, "midi-unpitched").text = str(key + 1)
        for note in part.iter("note"):
            pitch = note.find("pitch")
            if pitch is not None:
                key = keys[_pitch_in(pitch)]
                _write_drum(note, pitch, drums[key], f"{identity}-I{key}")


def _pitch_in(pitch: Element) -> Pitch:
    step, octave = pitch.findtext("step", "C"), int(pitch.findtext("octave", "4"))
    return Pitch(7 * octave + LETTERS.index(step), int(pitch.findtext("alter", "0")))


def _write_drum(note: Element, pitch: Element, drum: Drum, instrument: str) -> None:
    """Turn a note into a drum."""
    place = list(note).index(pitch)
    note.remove(pitch)
    for accidental in note.findall("accidental"):
        note.remove(accidental)
    unpitched = Element("unpitched")
    SubElement(unpitched, "display-step").text = drum.written.letter
    SubElement(unpitched, "display-octave").text = str(drum.written.octave)
    note.insert(place, unpitched)
    _insert(note, Element("instrument", id=instrument), _BEFORE_INSTRUMENT)
    if drum.head != "normal":
        head = Element("notehead")
        head.text = drum.head
        _insert(note, head, _BEFORE_HEAD)


def _insert(note: Element, element: Element, before: frozenset[str]) -> None:
    """Insert an element into a note after the last of those that come before it."""
    places = [at for at, child in enumerate(note, start=1) if child.tag in before]
    note.insert(max(places, default=0), element)
