"""Measure how well chord symbols are named: abc2midi plays them, and they are read back.

Tunes are given a harmony of our own, with sevenths, inversions and changes within the bar; or are
read with their own chord symbols from the files named.

python -m benchmarks.transcription.chord_symbols [--tunes N] [FILE.abc ...]
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from abcgen.config import MidiConfig
from abcgen.midi import read_midi
from abcgen.midi.key import spell
from abcgen.notation.encoding import decode_text
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.tune import ChordSymbol, Marks, Tune
from abcgen.notation.tunebook import split_tunebook
from abcgen.notation.walk import walk_tune
from benchmarks.transcription.accompaniments import Chord, harmonise
from benchmarks.transcription.measures import f1
from benchmarks.transcription.truths import (
    Rendition,
    all_truths,
    draw,
    render_midi,
    without_repeats,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from abcgen.notation.tune import Note, Rest

# Every how many chords there is one with its third in the bass.
INVERTED = 5
AS_PLAYED = MidiConfig(repeats=False)


def main() -> None:
    """Measure, and print a line for each kind of tunes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunes", type=int, default=100, help="number of tunes")
    parser.add_argument("files", nargs="*", type=Path, help="ABC with chord symbols")
    arguments = parser.parse_args()
    if arguments.files:
        report("real", [tune for file in arguments.files for tune in real_tunes(file)])
        return
    drawn = draw(all_truths(), arguments.tunes)
    report("harmonised", [harmonised(without_repeats(truth.tune)) for truth in drawn])


def report(name: str, tunes: Sequence[Tune]) -> None:
    """Print the mean F1 of chord symbols; time, root, quality and bass must be right."""
    scores = []
    for tune in tunes:
        reading = read_midi(render_midi(tune, Rendition("")), config=AS_PLAYED)
        true, read = changes(tune), changes(reading.tune)
        shift = _shift(true, read)
        moved: Counter[object] = Counter((time + shift, name) for time, name in read.items())
        scores.append(f1(Counter(true.items()), moved))
    print(f"{len(tunes)} {name} tunes: F1 of chord symbols {fmean(scores):.3f}")


def _shift(true: dict[Fraction, str], read: dict[Fraction, str]) -> Fraction:
    """Return the time by which most chord symbols are where they should be."""
    shifts = Counter(
        a - b for a, one in [*true.items()][:8] for b, other in [*read.items()][:8] if one == other
    )
    return max(shifts, key=lambda shift: (shifts[shift], -abs(shift)), default=Fraction(0))


def changes(tune: Tune) -> dict[Fraction, str]:
    """Return the chord symbols of a tune as written, by their times, where they change."""
    time, before, found = Fraction(0), "", {}
    for note, duration in timed(tune):
        symbol = note.marks.chord_symbol if note.marks else None
        if symbol and str(replace(symbol, text="")) != before:
            found[time] = before = str(replace(symbol, text=""))
        time += duration
    return found


def timed(tune: Tune) -> Iterator[tuple[Note | Rest, Fraction]]:
    """Yield the notes and rests of the first voice with their sounding durations."""
    for item, _, duration, _ in walk_tune(replace(tune, others=())):
        yield item, duration


def harmonised(tune: Tune) -> Tune:
    """Return a tune with a chord symbol at the first note of every bar that has one."""
    symbols = dict(_symbols(harmonise(tune), tune))
    time = Fraction(0)
    bars = []
    for bar in tune.bars:
        durations = iter([duration for _, duration in timed(replace(tune, bars=(bar,)))])

        def mark(note: Note | Rest, durations: Iterator[Fraction] = durations) -> Note | Rest:
            nonlocal time
            symbol = symbols.get(time)
            time += next(durations)
            return replace(note, marks=Marks((symbol,))) if symbol else note

        bars.append(bar.with_notes(mark))
    return replace(tune, bars=tuple(bars))


def _symbols(chords: Sequence[Chord], tune: Tune) -> Iterator[tuple[Fraction, ChordSymbol]]:
    names = {(4, 7): "", (3, 7): "m", (3, 6): "dim"}
    tonic = tune.key.tonic_pitch_class
    for number, chord in enumerate(chords):
        root, third, fifth = chord.keys
        kind = names[third - root, fifth - root]
        following = chords[number + 1].keys[0] % 12 if number + 1 < len(chords) else -1
        if kind == "" and (root - tonic) % 12 == 7 and following == tonic:
            kind = "7"
        bass = third if number % INVERTED == INVERTED - 1 and kind != "7" else root
        named = [spell(60 + pitch % 12, tune.key) for pitch in (root, bass)]
        (letter, alter), low = ((one.letter, one.alter) for one in named)
        yield chord.onset, ChordSymbol((letter, alter), kind, low if bass != root else None)


def real_tunes(file: Path) -> Iterator[Tune]:
    """Yield the tunes of a file that have chord symbols, without repeats and other marks."""
    for block in split_tunebook(decode_text(file.read_bytes())):
        result = read_block(block)
        if isinstance(result, Reading) and len(changes(result.tune)) > 1:
            plain = [bar.with_notes(_chords_only) for bar in result.tune.bars]
            yield without_repeats(replace(result.tune, bars=tuple(plain), others=()))


def _chords_only(note: Note | Rest) -> Note | Rest:
    symbols = note.marks.chord_symbols if note.marks else ()
    return replace(note, marks=Marks(symbols) if symbols else None)


if __name__ == "__main__":
    main()
