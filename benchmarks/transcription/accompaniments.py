"""Give a tune an accompaniment, so that its MIDI file has several parts.

A harmony for each bar is chosen from the triads of the key by the notes of the tune in that bar;
then it is played as block chords, as broken chords, or by bass and drums.
"""

from __future__ import annotations

import random
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import mido

from abcgen.notation.tune import Mode
from benchmarks.transcription.measures import bar_lines, first_bar, sounding
from benchmarks.transcription.truths import TICKS, VELOCITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from abcgen.notation.tune import Metre, Tune


# Degrees of the scale on which triads are built, the likeliest first, in major and in minor modes.
TRIADS = {
    "major": ((0, 4, 7), (7, 11, 14), (5, 9, 12), (9, 12, 16), (2, 5, 9), (4, 7, 11)),
    "minor": ((0, 3, 7), (10, 14, 17), (5, 8, 12), (3, 7, 10), (8, 12, 15), (7, 10, 14)),
}
MAJOR_MODES = frozenset({Mode.MAJOR, Mode.MIXOLYDIAN, Mode.LYDIAN})
# What the rarer triads cost, in whole notes of tune outside the chord.
RANK_COST = Fraction(1, 32)
STYLES = ("block chords", "broken chords", "bass and drums")
LOWEST_ROOT, LOWEST_BASS = 48, 36
KICK, SNARE, HI_HAT = 36, 38, 42


class Sound(NamedTuple):
    """A note of an accompaniment: onset and duration in whole notes, and MIDI key number."""

    onset: Fraction
    duration: Fraction
    key: int


class Chord(NamedTuple):
    """A harmony of one bar."""

    onset: Fraction
    duration: Fraction
    # MIDI key numbers of its root, third and fifth, from the root up.
    keys: tuple[int, ...]


def harmonise(tune: Tune) -> list[Chord]:
    """Return a triad for every full bar of a tune without repeats."""
    notes = sounding(tune)
    end = max(onset + duration for onset, duration, _ in notes)
    begin = first_bar(tune)
    lines = sorted({begin, *(line for line in bar_lines(tune) if line > begin), end})
    tonic = tune.key.tonic_pitch_class
    kind = "major" if tune.key.mode in MAJOR_MODES else "minor"
    chords = []
    for onset, offset in pairwise(lines):
        inside = [
            (min(on + length, offset) - max(on, onset), key % 12)
            for on, length, key in notes
            if on < offset and on + length > onset
        ]

        def cost(rank: int, inside: Sequence[tuple[Fraction, int]] = inside) -> Fraction:
            classes = {(tonic + degree) % 12 for degree in TRIADS[kind][rank]}
            return RANK_COST * rank + sum(
                (length for length, pitch in inside if pitch not in classes), Fraction(0)
            )

        # The last chord is the tonic's.
        rank = 0 if offset == end else min(range(len(TRIADS[kind])), key=cost)
        root, *others = TRIADS[kind][rank]
        low = LOWEST_ROOT + (tonic + root - LOWEST_ROOT) % 12
        keys = (low, *(low + degree - root for degree in others))
        chords.append(Chord(onset, offset - onset, keys))
    return chords


def accompaniment(tune: Tune, style: str) -> list[list[Sound]]:
    """Return the parts of an accompaniment in one of the styles; drums come last."""
    chords = harmonise(tune)
    if style == "block chords":
        return [[Sound(c.onset, c.duration, key) for c in chords for key in c.keys]]
    if style == "broken chords":
        return [[sound for chord in chords for sound in _broken(chord, tune.metre)]]
    beat = Fraction(3 if tune.metre.is_compound else 1, tune.metre.unit)
    bass = [sound for chord in chords for sound in _bass(chord, beat)]
    drums = [sound for chord in chords for sound in _drums(chord, beat)]
    return [bass, drums]


def _broken(chord: Chord, metre: Metre) -> Iterator[Sound]:
    """Yield a chord note by note in eighths, upward in compound metres."""
    eighth = Fraction(1, 8)
    root, third, fifth = chord.keys
    if metre.is_compound:
        pattern: tuple[int, ...] = (root, third, fifth)
    elif metre.beats % 3 == 0:
        pattern = (root, fifth, third, fifth, third, fifth)
    else:
        pattern = (root, fifth, third, fifth)
    for place in range(int(chord.duration / eighth)):
        yield Sound(chord.onset + place * eighth, eighth, pattern[place % len(pattern)])


def _beats(chord: Chord, beat: Fraction) -> int:
    return max(1, int(chord.duration / beat))


def _bass(chord: Chord, beat: Fraction) -> Iterator[Sound]:
    """Yield the root on the first beat, and the fifth on the middle one of an even number."""
    root = LOWEST_BASS + (chord.keys[0] - LOWEST_BASS) % 12
    beats = _beats(chord, beat)
    if beats % 2 == 0:
        half = beats // 2 * beat
        yield Sound(chord.onset, half, root)
        yield Sound(chord.onset + half, half, root - 5)
    else:
        yield Sound(chord.onset, chord.duration, root)


def _drums(chord: Chord, beat: Fraction) -> Iterator[Sound]:
    """Yield a bass drum on the first beat, a snare on the others, a hi-hat on all."""
    for place in range(_beats(chord, beat)):
        onset, length = chord.onset + place * beat, Fraction(1, 16)
        is_strong = place % 2 == 0 if _beats(chord, beat) % 2 == 0 else place == 0
        yield Sound(onset, length, KICK if is_strong else SNARE)
        yield Sound(onset, length, HI_HAT)


def accompanied_midi(tune: Tune, style: str, *, rest: bool, seed: int = 0) -> bytes:
    """Return a MIDI file of a tune without repeats and its accompaniment, all equally loud.

    Args:
        tune: The tune.
        style: One of the styles.
        rest: Whether a silence makes a pickup's bar full, so that the file's bars are the tune's;
            else the file begins with the pickup.
        seed: Decides the order of the tracks, none of which has a name.
    """
    pickup = first_bar(tune)
    lead = tune.metre.bar_duration - pickup if rest and pickup else Fraction(0)
    melody = [Sound(*note) for note in sounding(tune)]
    parts = [(melody, 0), *((part, 1 + at) for at, part in enumerate(accompaniment(tune, style)))]
    if style == "bass and drums":
        parts[-1] = parts[-1][0], 9
    random.Random(seed).shuffle(parts)  # noqa: S311 - no secret
    conductor = mido.MidiTrack(
        [
            mido.MetaMessage(
                "time_signature", numerator=tune.metre.beats, denominator=tune.metre.unit
            ),
            mido.MetaMessage("key_signature", key=_key_name(tune)),
        ]
    )
    tracks = [conductor, *(_track(sounds, channel, lead) for sounds, channel in parts)]
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS, tracks=tracks)
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _key_name(tune: Tune) -> str:
    """Return the major key with the tune's signature."""
    names = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
    return names[max(-7, min(7, tune.key.fifths)) + 7]


def _track(sounds: Iterable[Sound], channel: int, lead: Fraction) -> mido.MidiTrack:
    events = []
    for onset, duration, key in sounds:
        start, end = ((lead + time) * 4 * TICKS for time in (onset, onset + duration))
        note = {"note": key, "channel": channel}
        events.append((round(start), 1, mido.Message("note_on", velocity=VELOCITY, **note)))
        events.append((round(end), 0, mido.Message("note_off", **note)))
    track, before = mido.MidiTrack(), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    return track
