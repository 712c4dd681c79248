"""Write what music21 leaves out of MusicXML: lines after held syllables, tempi with words.

The score holds placeholders for them, texts with a character that no printed text can have
(``one_line`` removes it); ``complete`` replaces them in the document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import SubElement

from abcgen.score.printed_notes import NOTE_VALUES
from abcgen.score.text import one_line

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from abcgen.notation.words import Tempo

# A character for private use.
MARK = "\ue0ff"
LONGEST_WORDS = 80


def tempo_placeholder(tempo: Tempo) -> str:
    """Return the placeholder of a tempo in the score."""
    words, after = one_line(tempo.words, LONGEST_WORDS), one_line(tempo.after, LONGEST_WORDS)
    beat, *others = tempo.beats or (None,)
    if others or (beat and beat not in NOTE_VALUES):
        # No metronome mark has a beat of several notes: it is spelled out.
        beats = "+".join(f"{each.numerator}/{each.denominator}" for each in tempo.beats)
        words, beat = f"{words} {beats} = {tempo.per_minute:g}".strip(), None
    name, dots = NOTE_VALUES[beat] if beat else ("", 0)
    quarters = f"{tempo.whole_notes * 4:g}"
    return MARK.join(["", words, name, str(dots), f"{tempo.per_minute:g}", after, quarters])


def complete(document: Element) -> None:
    """Replace the placeholders in a MusicXML document."""
    for direction in document.iter("direction"):
        words = direction.find("direction-type/words")
        if words is not None and (words.text or "").startswith(MARK):
            _write_tempo(direction, (words.text or "").split(MARK)[1:])
    for lyric in document.iter("lyric"):
        text = lyric.find("text")
        if text is not None and (text.text or "").endswith(MARK):
            text.text = (text.text or "").removesuffix(MARK)
            SubElement(lyric, "extend")


def _write_tempo(direction: Element, parts: list[str]) -> None:
    words, name, dots, per_minute, after, quarters = parts
    per_minute = f"{per_minute} {after}".strip()
    for child in direction.findall("direction-type"):
        direction.remove(child)
    offset = direction.find("offset")
    if offset is not None:
        direction.remove(offset)
    direction.set("placement", "above")
    if words:
        text = SubElement(SubElement(direction, "direction-type"), "words")
        text.set("font-style", "normal")
        text.set("font-weight", "bold")
        text.text = words
    if name:
        metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
        metronome.set("parentheses", "no")
        SubElement(metronome, "beat-unit").text = name
        for _ in range(int(dots)):
            SubElement(metronome, "beat-unit-dot")
        SubElement(metronome, "per-minute").text = per_minute
    elif after:
        SubElement(SubElement(direction, "direction-type"), "words").text = after
    if offset is not None:
        direction.append(offset)
    if float(quarters):
        SubElement(direction, "sound").set("tempo", quarters)
