"""Tell other programs how to play a MusicXML document: its instruments and its tempo."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from abcgen.score.layout import parts_of, staves_of
from abcgen.score.performance import beat_of, opening_tempo, program_of

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune
    from abcgen.score.performance import PlaybackOptions

# The id of a tempo that is only usual, which no tune says.
USUAL_TEMPO = "usual-tempo"
# Of MIDI's sixteen channels, the tenth is for drums.
CHANNELS = (*range(1, 10), *range(11, 17))


def tell_playback(document: Element, tune: Tune, options: PlaybackOptions) -> None:
    """Write the instrument of every part, and the tempo unless the tune says it."""
    parts = list(document.iter("score-part"))
    voices = parts_of(tune)
    for number, (part, staff) in enumerate(zip(parts, staves_of(tune), strict=True)):
        voice = voices[staff.voices[0]].voices[0]
        program = program_of(voice, options)
        is_chosen = program == options.instrument.program
        name = "" if is_chosen else voice.name
        name = name or options.instrument.name.replace("-", " ").capitalize()
        printed = part.find("part-name")
        if printed is not None and not printed.text and len(parts) == 1:
            # For the mixer of other programs; a single staff has no name in print.
            printed.text = name
            printed.set("print-object", "no")
        identity = f"{part.get('id')}-I1"
        SubElement(SubElement(part, "score-instrument", id=identity), "instrument-name").text = name
        midi = SubElement(part, "midi-instrument", id=identity)
        SubElement(midi, "midi-channel").text = str(CHANNELS[number % len(CHANNELS)])
        SubElement(midi, "midi-program").text = str(program + 1)
    measure = document.find("part/measure")
    if measure is not None and measure.find("direction/sound[@tempo]") is None:
        tempo = opening_tempo(tune) if options.tempo is None else options.tempo
        quarters = tempo * float(beat_of(tune.metre)) * 4
        place = 1 if measure.find("attributes") is not None else 0
        sound = Element("sound", id=USUAL_TEMPO, tempo=f"{quarters:g}")
        measure.insert(place, sound)
