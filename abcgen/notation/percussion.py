"""Percussion: a voice in the clef ``perc``, whose pitches are the keys of General MIDI's drums.

On the page, and in ABC, a drum has a place on the staff instead, and a shape of note head. Those of
a drum kit are near the usual ones; other drums get places that are free. ABC says which drum a note
stands for (``%%MIDI drummap F 36``), and that the voice sounds on the drums' channel
(``%%MIDI channel 10``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import NATURAL_SEMITONES, Note, Pitch, Rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from abcgen.notation.tune import Bar, Voice

PERCUSSION = "perc"
CHANNEL = 10  # of the drums, counted from 1
KEYS = 128
OTHER_HEAD = "triangle"
# Places, as MIDI key numbers.
NEAR_STAFF, SNARE = range(62, 82), 72
_SHARPENED = {1: 0, 3: 1, 6: 3, 8: 4, 10: 5}


class Drum(NamedTuple):
    """How a drum is written."""

    name: str
    # The note that stands for it, by its MIDI key number; no two drums share one.
    place: int
    # The shape of its note head, as MusicXML calls it.
    head: str = "normal"

    @property
    def written(self) -> Pitch:
        """The note that stands for it."""
        return plain_pitch(self.place)


# By key of General MIDI.
KIT = {
    35: Drum("Acoustic bass drum", 64),
    36: Drum("Bass drum", 65),
    37: Drum("Side stick", 73, "x"),
    38: Drum("Snare", 72),
    39: Drum("Hand clap", 70, "x"),
    40: Drum("Electric snare", 75, "square"),
    41: Drum("Low floor tom", 67),
    42: Drum("Closed hi-hat", 80, "x"),
    43: Drum("High floor tom", 69),
    44: Drum("Pedal hi-hat", 63, "x"),
    45: Drum("Low tom", 71),
    46: Drum("Open hi-hat", 79, "circle-x"),
    47: Drum("Low-mid tom", 74),
    48: Drum("High-mid tom", 76),
    49: Drum("Crash cymbal", 82, "x"),
    50: Drum("High tom", 77),
    51: Drum("Ride cymbal", 78, "x"),
    52: Drum("Chinese cymbal", 84, "circle-x"),
    53: Drum("Ride bell", 81, "diamond"),
    54: Drum("Tambourine", 66, OTHER_HEAD),
    55: Drum("Splash cymbal", 85, "x"),
    56: Drum("Cowbell", 68, OTHER_HEAD),
    57: Drum("Second crash cymbal", 83, "x"),
    58: Drum("Vibraslap", 62, "diamond"),
    59: Drum("Second ride cymbal", 87, "x"),
}
_KEYS_BY_PLACE = {drum.place: key for key, drum in KIT.items()}
# The other drums of General MIDI, from 60.
OTHER_NAMES = (
    *("High bongo", "Low bongo", "Mute high conga", "Open high conga", "Low conga"),
    *("High timbale", "Low timbale", "High agogo", "Low agogo", "Cabasa", "Maracas"),
    *("Short whistle", "Long whistle", "Short guiro", "Long guiro", "Claves"),
    *("High wood block", "Low wood block", "Mute cuica", "Open cuica"),
    *("Mute triangle", "Open triangle"),
)


def is_percussion(voice: Voice) -> bool:
    """Return whether a voice's pitches are drums."""
    return voice.clef == PERCUSSION


def plain_pitch(key: int) -> Pitch:
    """Return a MIDI key number spelled without flats."""
    octave, above = divmod(key, 12)
    natural = _SHARPENED.get(above)
    letter = NATURAL_SEMITONES.index(above) if natural is None else natural
    return Pitch(7 * (octave - 1) + letter, int(natural is not None))


def drums_of(voices: Iterable[Voice]) -> dict[int, Drum]:
    """Return the drums that the percussion among some voices plays, by key, lowest first."""
    keys = {
        pitch.midi
        for voice in voices
        if is_percussion(voice)
        for note in voice.notes
        if isinstance(note, Note)
        for pitch in (*note.pitches, *(note.marks.grace if note.marks else ()))
    }
    taken = {KIT[key].place for key in keys if key in KIT}
    free = iter(sorted(set(range(KEYS)) - taken, key=_awkwardness))
    return {
        key: KIT.get(key) or Drum(_name_of(key), next(free), OTHER_HEAD) for key in sorted(keys)
    }


def _awkwardness(place: int) -> tuple[bool, bool, int]:
    """Return a place for sorting: naturals on or near the staff first."""
    return place not in NEAR_STAFF, plain_pitch(place).alter != 0, abs(place - SNARE)


def _name_of(key: int) -> str:
    number = key - max(KIT) - 1
    return OTHER_NAMES[number] if 0 <= number < len(OTHER_NAMES) else f"Drum {key}"


def written_bars(bars: Iterable[Bar], drums: Mapping[int, Drum]) -> tuple[Bar, ...]:
    """Return bars with the notes that stand for their drums."""
    return _changed(bars, lambda key: drums[key].written)


def drum_bars(bars: Iterable[Bar]) -> tuple[Bar, ...]:
    """Return bars with every drum spelled alike, whatever the key."""
    return _changed(bars, plain_pitch)


def sounding(voice: Voice, drum_map: Mapping[int, int], *, by_key: bool) -> Voice:
    """Return a voice as it sounds: if it is percussion, with drums in place of the notes read.

    Args:
        voice: The voice as it is written.
        drum_map: The drums by the notes that stand for them, as far as its source says; both as
            MIDI key numbers.
        by_key: Whether its source names the drums' channel; then notes without a map are the keys
            of drums, elsewhere those that are usual on the page.
    """
    if not by_key and not is_percussion(voice):
        return voice
    usual = {} if by_key else _KEYS_BY_PLACE
    known = drum_map or usual
    bars = _changed(voice.bars, lambda key: plain_pitch(known.get(key, key)))
    return replace(voice, bars=bars, clef=PERCUSSION)


def _changed(bars: Iterable[Bar], pitch_of: Callable[[int], Pitch]) -> tuple[Bar, ...]:
    """Return bars with another pitch for each key."""

    def moved(pitches: Iterable[Pitch]) -> tuple[Pitch, ...]:
        return tuple(dict.fromkeys(pitch_of(pitch.midi) for pitch in pitches))

    def change(note: Note | Rest) -> Note | Rest:
        marks = note.marks
        if marks and marks.grace:
            marks = replace(marks, grace=moved(marks.grace))
        if isinstance(note, Rest):
            return replace(note, marks=marks)
        untied = frozenset(moved(note.untied))
        return replace(note, pitches=moved(note.pitches), marks=marks, untied=untied)

    changed = []
    for bar in bars:
        closing = bar.closing
        if closing and closing.grace:
            closing = replace(closing, grace=moved(closing.grace))
        changed.append(replace(bar.with_notes(change), closing=closing))
    return tuple(changed)
