"""Wishes for what may sound, as rules of the grammar (``narrowed``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.grammar.melody import EVERY_DEGREE, Melody
from abcgen.notation.fields import read_key
from abcgen.notation.tune import MIDDLE_C_STEP, Pitch
from abcgen.wishes.levels import LEVELS, Level
from abcgen.wishes.moods import mood_of
from abcgen.wishes.ragas import raga_named
from abcgen.wishes.sounding import (
    foreign_degrees,
    mode_of,
    read_note_values,
    read_scale,
    widest_gap,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from abcgen.config import Request
    from abcgen.grammar import Rules
    from abcgen.grammar.melody import PitchRange
    from abcgen.notation.tune import Mode
    from abcgen.wishes.sounding import Scale

LENGTHS = 128  # to a whole note, in the grammar
ACCIDENTALS, TIE = frozenset("^_="), frozenset("-")


def level_of(request: Request) -> Level | None:
    """Return the requested level of sight-reading.

    Raises:
        InputError: if there is no such level.
    """
    if request.level and request.level not in LEVELS:
        raise InputError(f"there is no level {request.level}", hint=f"1 to {max(LEVELS)}")
    return LEVELS.get(request.level)


def scales_of(request: Request) -> Mapping[Mode, Scale]:
    """Return the requested scale by mode; empty if there is none.

    Raises:
        InputError: if there is no such scale, or not in the requested mode.
    """
    if request.raga:
        scale = raga_named(request.raga).scale
        return {mode_of(scale): scale}
    if not request.scale:
        return {}
    key = read_key(request.key) if request.key else None
    scales, _ = read_scale(request.scale, key)
    if key and key.mode not in scales:
        known = ", ".join(mode.abbreviation for mode in scales)
        raise InputError(
            f"there is no {request.scale} scale in {key.mode.abbreviation}", hint=f"known: {known}"
        )
    return scales


def narrowed(rules: Rules, request: Request) -> Rules:
    """Return rules that also keep what may sound; unchanged if nothing is wished for it.

    Raises:
        InputError: if a wish is impossible, or two of them.
    """
    level, scales, mood = level_of(request), scales_of(request), mood_of(request)
    max_leap = request.max_leap or (level.max_leap if level else 0)
    rhythms = request.rhythms or (level.rhythms if level else "")
    plain = request.no_accidentals or bool(level and not level.accidentals and not scales)
    if not (level or scales or max_leap or rhythms or plain or request.end_on_tonic or mood):
        return rules

    # 1) Modes and metres.
    modes = tuple(mode for mode in rules.modes if not scales or mode in scales)
    if level and not (request.key or scales):
        modes = level.modes
    if mood and mood.modes and not (request.key or scales):
        modes = tuple(mode for mode in modes if mode in mood.modes)
        if not modes:
            raise InputError("the level has no mode of this mood")
    if plain and scales:
        modes = tuple(mode for mode in modes if not foreign_degrees(scales[mode], mode))
    if not modes:
        raise InputError("the scale needs accidentals in every mode")
    metres = level.metres if level and not rules.metres else rules.metres

    # 2) Notes.
    for scale in scales.values():
        if max_leap and widest_gap(scale) > max_leap:
            raise InputError("the scale has a gap that is wider than the widest leap")
    melodies = {mode: _melody(scales.get(mode), max_leap, request) for mode in modes}
    unwritten = ACCIDENTALS if plain else frozenset[str]()
    if level and not level.ties:
        unwritten |= TIE
    values = read_note_values(rhythms) if rhythms else frozenset()
    return replace(
        rules,
        alphabet=rules.alphabet - unwritten,
        modes=modes,
        metres=metres,
        changes=False,
        chords=not (max_leap or level or request.raga)
        and not any(melody.depends_on_last_note for melody in melodies.values()),
        melodies={mode: melody for mode, melody in melodies.items() if melody != Melody()},
        lengths=frozenset(int(value * LENGTHS) for value in values),
        ranges=rules.ranges if request.range else _within_compass(level, rules.ranges),
    )


def _melody(scale: Scale | None, max_leap: int, request: Request) -> Melody:
    if scale:
        return Melody(scale.rising, scale.falling, max_leap, request.end_on_tonic)
    # An interval with a double sharp or flat looks narrower than it is.
    degrees = frozenset(d for d in EVERY_DEGREE if abs(d[1]) < 2) if max_leap else EVERY_DEGREE
    return Melody(degrees, degrees, max_leap, request.end_on_tonic)


def _within_compass(
    level: Level | None, ranges: Mapping[Mode, tuple[PitchRange, ...]]
) -> Mapping[Mode, tuple[PitchRange, ...]]:
    """Return a level's compass, in the octaves of the staff that lie within pitch ranges.

    Where there is none, these ranges are returned.
    """
    if not level:
        return ranges
    low, high = (Pitch(MIDDLE_C_STEP + step).midi for step in level.compass)
    octaves = [(low + 12 * octave, high + 12 * octave) for octave in (0, 1)]
    return {
        mode: tuple(
            octave
            for octave in octaves
            if any(lowest <= octave[0] and octave[1] <= highest for lowest, highest in limits)
        )
        or limits
        for mode, limits in ranges.items()
    }
