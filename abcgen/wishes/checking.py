"""Check a finished tune against the wishes for what may sound, without the grammar that kept them.

``delivered`` says of each wish whether a tune keeps it: in evaluation, and in tests.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from abcgen.notation.tune import LETTERS, MIDDLE_C_STEP, NATURAL_SEMITONES, Note, Pitch
from abcgen.wishes.levels import LEVELS
from abcgen.wishes.moods import mood_of
from abcgen.wishes.ragas import raga_named
from abcgen.wishes.sounding import read_note_values, read_range, read_scale

if TYPE_CHECKING:
    from abcgen.config import Request
    from abcgen.notation.tune import Key, Tune
    from abcgen.wishes.sounding import Degree, Scale


def delivered(tune: Tune, request: Request) -> dict[str, bool]:
    """Return for each wish of a request for notes whether a tune in any key keeps it."""
    chords = [note.pitches for note in tune.notes if isinstance(note, Note)]
    pitches = [pitch for chord in chords for pitch in chord]
    result: dict[str, bool] = {}
    mood = mood_of(request)
    if request.range:
        lowest, highest = read_range(request.range, request.instrument)
        result["range"] = all(lowest <= pitch.midi <= highest for pitch in pitches)
    if request.scale:
        known = read_scale(request.scale, tune.key)[0].get(tune.key.mode)
        result["scale"] = known is not None and keeps_scale(chords, tune.key, known)
    if request.raga:
        scale = raga_named(request.raga).scale
        result["raga"] = all(len(chord) == 1 for chord in chords) and keeps_scale(
            chords, tune.key, scale
        )
    if request.max_leap:
        result["max_leap"] = widest_leap(chords) <= request.max_leap
    if request.rhythms:
        values = read_note_values(request.rhythms)
        result["rhythms"] = all(note.duration in values for note in tune.notes)
    if request.no_accidentals:
        result["no_accidentals"] = is_diatonic(pitches, tune.key)
    if request.end_on_tonic:
        tonic = (tune.key.letter, tune.key.alter)
        ends = chords[-1] if chords else ()
        result["end_on_tonic"] = tonic in {(pitch.letter, pitch.alter) for pitch in ends}
    if mood and mood.modes and not (request.key or request.scale or request.raga):
        result["mood"] = tune.key.mode in mood.modes
    if request.level:
        result["level"] = keeps_level(tune, chords, request)
    return result


def degree_of(pitch: Pitch, key: Key) -> Degree:
    """Return the degree of a pitch above a key's tonic."""
    tonic = Pitch(MIDDLE_C_STEP + LETTERS.index(key.letter), key.alter)
    octaves, steps = divmod(pitch.step - tonic.step, 7)
    return steps, pitch.midi - tonic.midi - 12 * octaves - NATURAL_SEMITONES[steps]


def keeps_scale(chords: list[tuple[Pitch, ...]], key: Key, scale: Scale) -> bool:
    """Return whether all notes are in a scale, and each is left as it allows, up or down."""
    degrees = [{degree_of(pitch, key) for pitch in chord} for chord in chords]
    if not all(notes <= scale.degrees for notes in degrees):
        return False
    if scale.rising == scale.falling:
        return True
    for (before, after), left in zip(pairwise(chords), degrees, strict=False):
        rise = after[0].midi - before[0].midi
        if rise and not left <= (scale.rising if rise > 0 else scale.falling):
            return False
    return True


def widest_leap(chords: list[tuple[Pitch, ...]]) -> int:
    """Return the widest interval between notes that follow one another, 1 for a unison."""
    steps = [abs(after[0].step - before[0].step) for before, after in pairwise(chords)]
    return 1 + max(steps, default=0)


def is_diatonic(pitches: list[Pitch], key: Key) -> bool:
    """Return whether all pitches are those of a key's signature."""
    return all(pitch.alter == key.signature[pitch.letter] for pitch in pitches)


def keeps_level(tune: Tune, chords: list[tuple[Pitch, ...]], request: Request) -> bool:
    """Return whether a tune keeps a level, except for what the request sets otherwise."""
    level = LEVELS[request.level]
    pitches = [pitch for chord in chords for pitch in chord]
    keeps = all(len(chord) == 1 for chord in chords)
    if not request.max_leap:
        keeps &= widest_leap(chords) <= level.max_leap
    if level.rhythms and not request.rhythms:
        values = read_note_values(level.rhythms)
        keeps &= all(note.duration in values for note in tune.notes)
    if not level.accidentals and not (request.scale or request.raga):
        keeps &= is_diatonic(pitches, tune.key)
    if not level.ties:
        keeps &= not any(isinstance(note, Note) and note.tied for note in tune.notes)
    if not request.metre:
        keeps &= tune.metre in level.metres
    if not request.key and not request.scale:
        keeps &= tune.key.mode in level.modes
    return keeps
