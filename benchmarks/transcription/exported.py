"""Measure files as notation programs export them: metre, pickup, bars; and exact exercises.

``python -m benchmarks.transcription.exported`` writes the table. Sixty tunes of the benchmark's
part of the collections that have a bar shorter than their metre (a pickup, or a bar divided at a
repeat), half of them over block chords, are written as MuseScore exports them: every such bar has a
metre of its own, which each track names, and notes sound for 95% of their length, all equally loud.
Sixty exercises are exact to the tick: thirty-second notes, triplets, quintuplets, sextuplets and
septuplets throughout, and passages in eighths pasted off the grid.
"""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import mido

from abcgen.midi import read_midi
from abcgen.notation.playback import play_order
from abcgen.notation.walk import walk_bars
from benchmarks.transcription.accompaniments import Sound, accompaniment
from benchmarks.transcription.measures import compare, sounding
from benchmarks.transcription.truths import (
    BENCHMARK,
    TICKS,
    VELOCITY,
    all_truths,
    without_repeats,
)
from tests.midi_files import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from abcgen.notation.reader import Reading
    from abcgen.notation.tune import Tune

COUNT = 60
GATE = 0.95
SMALLEST_UNIT, LARGEST_UNIT = 4, 32
# How many equal notes a quarter is divided into, and by how many ticks a repetition is early.
EXERCISES = (
    ("thirty-second notes", 8, 0),
    ("triplets", 3, 0),
    ("quintuplets", 5, 0),
    ("sextuplets", 6, 0),
    ("septuplets", 7, 0),
    ("eighths, repetitions 150 ticks early", 2, 150),
)
PASSAGE = 4  # bars of 4/4
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
HEADS = ("exported scores", "files", "metre", "pickup", "all bars", "played freely")
TABLE = Path(__file__).parent / "exported.md"


def main() -> None:
    """Write the table, and how the exercises were read."""
    tunes = list(islice(_irregular_tunes(), COUNT))
    lines = [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for name, chosen, chords in (("alone", tunes[::2], False), ("over chords", tunes[1::2], True)):
        counts = _counts([(tune, read_midi(exported(tune, chords=chords))) for tune in chosen])
        lines.append(f"| {name} | {len(chosen)} | {' | '.join(map(str, counts))} |")
    lines += ["", "| exercises | files | every note | played freely |", "|---|---|---|---|"]
    for name, parts, early in EXERCISES:
        pieces = [exercise(parts, seed) for seed in range(COUNT // len(EXERCISES))]
        readings = [read_midi(exercise_midi(notes, early)) for notes in pieces]
        exact = [
            sounding(reading.tune) == [*map(tuple, notes)]
            for notes, reading in zip(pieces, readings, strict=True)
        ]
        freely = sum(map(_is_free, readings))
        lines.append(f"| {name} | {len(pieces)} | {sum(exact)} | {freely} |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    TABLE.write_text(text, encoding="utf-8")


def _counts(pairs: Sequence[tuple[Tune, Reading]]) -> tuple[int, int, int, int]:
    """Return how many metres, pickups and bars are right, and how many seem played freely.

    A metre is compared without its sign: ``C`` is 4/4.
    """
    outcomes = [compare(tune, reading.tune) for tune, reading in pairs]
    return (
        sum(_metre_of(tune) == _metre_of(reading.tune) for tune, reading in pairs),
        sum(outcome.pickup for outcome in outcomes),
        sum(outcome.bar_lines == 1 for outcome in outcomes),
        sum(_is_free(reading) for _, reading in pairs),
    )


def _metre_of(tune: Tune) -> tuple[int, int]:
    return tune.metre.beats, tune.metre.unit


def _is_free(reading: Reading) -> bool:
    return any("freely" in what for what in reading.inferences)


def _irregular_tunes() -> Iterator[Tune]:
    """Yield tunes with a short bar that sound from their beginning to their end, in one metre."""
    low, high = BENCHMARK
    for truth in all_truths():
        tune = without_repeats(truth.tune)
        bars = [*walk_bars(tune.bars, tune.key, tune.metre)]
        notes = sounding(tune)
        if (
            low <= truth.hash_position < high
            and any(bar.bar.duration < bar.metre.bar_duration for bar in bars[:-1])
            and not any(bar.bar.metre for bar in bars)
            # As a jump or an order of parts has it, bars would be played in another order.
            and len(play_order(tune)) == len(bars)
            and notes[0][0] == 0
            and max(onset + duration for onset, duration, _ in notes)
            == bars[-1].onset + bars[-1].bar.duration
        ):
            yield tune


def exported(tune: Tune, *, chords: bool) -> bytes:
    """Return a MIDI file of a tune as MuseScore would export it."""
    events = []
    before = None
    for timed in walk_bars(tune.bars, tune.key, tune.metre):
        metre = tune.metre.beats, tune.metre.unit
        length = timed.bar.duration
        if length < tune.metre.bar_duration:
            unit = max(SMALLEST_UNIT, length.denominator)
            metre = int(length * unit), unit
        if metre != before and metre[1] <= LARGEST_UNIT:
            numerator, denominator = before = metre
            signature = mido.MetaMessage(
                "time_signature", numerator=numerator, denominator=denominator
            )
            events.append((round(timed.onset * 4 * TICKS), 0, signature))
    parts = [[Sound(*note) for note in sounding(tune)]]
    parts += accompaniment(tune, "block chords") if chords else []
    return _file(events, parts)


def exercise(parts: int, seed: int) -> list[Sound]:
    """Return a passage of four bars in equal notes, so many to the quarter, four times."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    length, place, notes = Fraction(1, 4 * parts), 0, []
    for number in range(PASSAGE * 4 * parts):
        notes.append(Sound(number * length, length, SCALE[place]))
        place = (place + rng.choice((-2, -1, 1, 2))) % len(SCALE)
    return [note._replace(onset=note.onset + turn * PASSAGE) for turn in range(4) for note in notes]


def exercise_midi(notes: Iterable[Sound], early: int) -> bytes:
    """Return the file of an exercise, each repetition so many ticks earlier than it should be."""
    off = Fraction(early, 4 * TICKS)
    pasted = [note._replace(onset=note.onset - note.onset // PASSAGE * off) for note in notes]
    signature = mido.MetaMessage("time_signature", numerator=4, denominator=4)
    return _file([(0, 0, signature)], [pasted], gate=1)


def _file(
    events: list[tuple[int, int, mido.MetaMessage]],
    parts: Iterable[Iterable[Sound]],
    gate: float = GATE,
) -> bytes:
    tracks = []
    for channel, part in enumerate(parts):
        timed = [*events]
        for onset, duration, key in part:
            start = round(onset * 4 * TICKS)
            end = start + max(1, round(duration * 4 * TICKS * gate))
            note = {"note": key, "channel": channel}
            timed.append((start, 2, mido.Message("note_on", velocity=VELOCITY, **note)))
            timed.append((end, 1, mido.Message("note_off", **note)))
        in_order = sorted(timed, key=lambda event: event[:2])
        tracks.append([(tick, message) for tick, _, message in in_order])
    return written(*tracks, ticks_per_beat=TICKS)


if __name__ == "__main__":
    main()
