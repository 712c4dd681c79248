"""The staves of a score: which voices share one, their clefs and names, a keyboard's brace.

Voices of one part or hand share a staff, the two staves of a keyboard are joined by a brace, and
each staff has the clef that suits its notes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from abcgen.midi.names import instrument
from abcgen.notation.ensemble import singer_named
from abcgen.notation.melody import names_any, words_in
from abcgen.notation.staves import Staff
from abcgen.notation.tune import Bar, Note, Rest, Voice, notes_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.midi.performance import Part
    from abcgen.midi.texture import MidiVoice

LONGEST_NAME = 40
# A staff of more voices than this cannot be read; each then has one of its own.
MAX_VOICES = 4
# The programs of pianos, celesta, organs and harp.
KEYBOARDS = (*range(9), *range(16, 21), 46)
KEYBOARD_WORDS = words_in(
    """
    piano pianoforte klavier pno keyboard keyboards keys harpsichord clavinet celesta organ harp
    right left hand rh lh rechte linke droite gauche upper lower
    """
)
GUITARS, GUITAR_WORDS = range(24, 32), words_in("guitar guitars gitarre guitare chitarra gtr")
# MIDI key numbers of the lowest and highest lines of the staves.
TREBLE, BASS = (64, 77), (43, 57)
# A pianist's lower staff keeps its bass clef up to here.
HIGHEST_LEFT = 64


def staff_name(part: Part, title: str) -> str:
    """Return the name of a part: its track's, unless that is the title; else its instrument's."""
    name = part.name[:LONGEST_NAME].strip()
    if name and name != title and not name.isdecimal():
        return name
    return "" if part.program is None else instrument(part.program).capitalize()


def usual_clef(part: Part) -> str:
    """Return the clef of a singer or a guitar; none if it follows from the notes."""
    singer = singer_named(part.name)
    if singer:
        return "" if singer.clef == "treble" else singer.clef
    is_guitar = part.program in GUITARS or names_any(part.name, GUITAR_WORDS)
    return "treble-8" if is_guitar else ""


def is_keyboard(part: Part, title: str) -> bool:
    """Return whether a part is one that pianists play, as one without a name and program may be."""
    name = "" if part.name in {title, str(part.track)} else part.name
    return (part.program or 0) in KEYBOARDS and (not name or names_any(name, KEYBOARD_WORDS))


def staves_of(voices: Sequence[MidiVoice]) -> tuple[Staff, ...]:
    """Return the staves from the top; none if each voice has its own and none are joined."""
    groups = [
        [index for index, _ in group]
        for _, group in groupby(enumerate(voices), key=lambda pair: pair[1].staff)
    ]
    groups = [
        part
        for group in groups
        for part in ([group] if len(group) <= MAX_VOICES else [[index] for index in group])
    ]
    keyboard = [at for at, group in enumerate(groups) if voices[group[0]].is_keyboard]
    braced: set[int] = set()
    if len(keyboard) == 2 and keyboard[1] == keyboard[0] + 1:
        upper, lower = (median(_keys(voices, groups[at])) for at in keyboard)
        braced = set(keyboard) if upper > lower else set()
    if not braced and len(groups) == len(voices):
        return ()
    return tuple(Staff(tuple(group), int(at in braced)) for at, group in enumerate(groups))


def clef_for(keys: Sequence[int], *, is_left_hand: bool = False) -> str:
    """Return ``bass`` if notes need fewer ledger lines so, or a pianist expects it; else no clef.

    Args:
        keys: The MIDI key numbers of the notes of a staff.
        is_left_hand: Whether it is the lower staff of a keyboard.
    """

    def outside(staff: tuple[int, int]) -> int:
        lowest, highest = staff
        return sum(max(lowest - key, key - highest, 0) for key in keys)

    is_low = outside(BASS) < outside(TREBLE)
    return "bass" if is_low or (is_left_hand and median(keys) <= HIGHEST_LEFT) else ""


def _keys(voices: Sequence[MidiVoice], members: Sequence[int]) -> list[int]:
    return [key for at in members for note in voices[at].notes for key in note.pitches]


def on_staves(
    voices: Sequence[MidiVoice], bars: Sequence[tuple[Bar, ...]], staves: Sequence[Staff]
) -> list[Voice]:
    """Return voices with bars and clefs; on a staff where one sounds, silent ones are hidden."""
    written = [
        Voice(voice.name, own, program=voice.program)
        for voice, own in zip(voices, bars, strict=True)
    ]
    staves = staves or [Staff((at,)) for at in range(len(voices))]
    for number, staff in enumerate(staves):
        is_left_hand = bool(staff.brace and number and staves[number - 1].brace)
        clef = voices[staff.voices[0]].clef or clef_for(
            _keys(voices, staff.voices), is_left_hand=is_left_hand
        )
        together = zip(*(bars[at] for at in staff.voices), strict=True)
        sounds = [any(map(_sounds, same)) for same in together]
        for at in staff.voices:
            own = tuple(
                _hidden(bar) if has_notes and not _sounds(bar) else bar
                for bar, has_notes in zip(bars[at], sounds, strict=True)
            )
            written[at] = replace(written[at], bars=own, clef=clef)
    return written


def _sounds(bar: Bar) -> bool:
    return any(isinstance(note, Note) for note in bar.notes)


def _hidden(bar: Bar) -> Bar:
    """Return a silent bar without signs of its silence."""
    rests = [note for item in bar.items for note in notes_in(item)]
    if len(rests) != len(bar.items) or any(rest.marks for rest in rests):
        return bar
    return replace(bar, items=tuple(Rest(rest.duration, visible=False) for rest in rests))
