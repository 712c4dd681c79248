"""How far harmonised tunes agree with the chords of those who harmonised them.

The tunes are held-out chorales of a network of several voices, of which only the soprano is given;
or, from files, tunes with chord symbols. The chord of each half bar is that of the symbol in
force; where there are voices instead, the major or minor triad that most of what sounds belongs
to. Three harmonies are compared with the tunes' own: the tonic throughout, chord symbols by rule,
and the voices that the network draws. Run from the project's root:

    python -m benchmarks.harmonising.run [FILE.abc ...] [--checkpoint FOLDER] [--write]
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.config import SampleConfig
from abcgen.corpus.reading import load_corpus
from abcgen.errors import AbcgenError
from abcgen.evaluation.statistics import wilson
from abcgen.notation.harmony import harmonised
from abcgen.notation.model_text import decode_tune
from abcgen.notation.tune import Mode, Note, Pitch
from abcgen.notation.walk import walk_bars, walk_notes, walk_tune
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.harmonising import Harmoniser, harmony_of
from abcgen.pipeline.held_out import read_held_out
from benchmarks.machine import processor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from abcgen.notation.tune import ChordSymbol, Tune

HERE = Path(__file__).parent
SEED = 1
MINOR = frozenset({Mode.MINOR, Mode.DORIAN, Mode.PHRYGIAN})
# Root as a pitch class, and whether the third is minor.
Chord = tuple[int, bool]


def main() -> None:
    """Harmonise, compare, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/chorales"))
    parser.add_argument("--write", action="store_true", help="write the table next to this file")
    wanted = parser.parse_args()

    network = None if wanted.files else LoadedNetwork(wanted.checkpoint)
    if network:
        held_out = read_held_out(wanted.checkpoint)
        examples = (*held_out.test, *held_out.validation)
        tunes = [decode_tune(example.text) for example in examples]
    else:
        tunes = [tune for tune in load_corpus(wanted.files).tunes if any(marked(tune))]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for tune in tunes:
        melody = replace(tune, others=(), staves=())
        own = chords_of_voices(tune) if network else chords_of_symbols(tune)
        tonic = tune.key.tonic_pitch_class, tune.key.mode in MINOR
        harmonies = {
            "tonic throughout": dict.fromkeys(own, tonic),
            "by rule": chords_of_symbols(harmonised(melody)),
        }
        if network:
            harmonies["the network's voices"] = chords_of_voices(with_voices(network, melody))
        for name, chords in harmonies.items():
            for time, (root, is_minor) in own.items():
                found = chords.get(time)
                counts[name]["all"] += 1
                counts[name]["root"] += found is not None and found[0] == root
                counts[name]["quality"] += found is not None and found[1] == is_minor
                counts[name]["both"] += found == (root, is_minor)
        print(f"{tune.title or 'a chorale'}: {len(own)} half bars", flush=True)

    rows = ["| | root | major or minor | both | 95% interval |", "|---|---:|---:|---:|---:|"]
    for name, count in counts.items():
        shares = [count[what] / count["all"] for what in ("root", "quality", "both")]
        interval = wilson(count["both"], count["all"])
        cells = [f"{share:.1%}" for share in shares]
        rows.append(f"| {name} | {' | '.join(cells)} | {interval.low:.1%} to {interval.high:.1%} |")
    about = (
        f"{len(tunes)} tunes, {counts['by rule']['all']:,} half bars, seed {SEED}. {processor()}"
    )
    table = "\n".join(rows) + f"\n\n{about}\n"
    print(table)
    if wanted.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")


def with_voices(network: LoadedNetwork, melody: Tune) -> Tune:
    """Return a tune with the voices that a network draws first of all."""
    config = SampleConfig(count=1, candidates=1)
    harmoniser = Harmoniser(network, config, SEED, harmony_of(melody, "auto"))
    for sampled in harmoniser.sample(range(config.max_attempts), batch_size=1):
        tune = harmoniser.candidate(sampled)
        if not isinstance(tune, str):
            return tune
    raise AbcgenError(f"no voices for {melody.title!r}")


def marked(tune: Tune) -> Iterator[ChordSymbol]:
    """Yield the chord symbols of a tune that name a chord."""
    for timed in walk_tune(tune):
        if timed.note.marks and timed.note.marks.chord_symbol:
            yield timed.note.marks.chord_symbol


def half_bars(tune: Tune) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield the beginning and the end of each half bar, or of each bar of an odd metre."""
    for timed in walk_bars(tune.bars, tune.key, tune.metre):
        length = timed.metre.bar_duration
        step = length / 2 if timed.metre.beats % 2 == 0 else length
        end = timed.onset + timed.bar.duration
        begin = timed.onset
        while step and begin < end:
            yield begin, min(begin + step, end)
            begin += step


def chords_of_symbols(tune: Tune) -> dict[Fraction, Chord]:
    """Return the chord in force at the beginning of each half bar, from the first symbol on."""
    symbols = [
        (timed.onset, timed.note.marks.chord_symbol)
        for timed in walk_tune(tune)
        if timed.note.marks and timed.note.marks.chord_symbol
    ]
    chords: dict[Fraction, Chord] = {}
    for begin, _ in half_bars(tune):
        past = [symbol for onset, symbol in symbols if onset <= begin]
        if past and past[-1].root:
            letter, alter = past[-1].root
            kind = past[-1].kind
            is_minor = kind.startswith(("m", "dim", "-")) and not kind.startswith("maj")
            chords[begin] = Pitch("CDEFGAB".index(letter), alter).midi % 12, is_minor
    return chords


def chords_of_voices(tune: Tune) -> dict[Fraction, Chord]:
    """Return the triad that most of what sounds in each half bar belongs to."""
    sounding = [
        (timed.onset, timed.onset + timed.duration, pitch.midi, voice is tune.voices[-1])
        for voice in tune.voices
        for timed in walk_notes(voice.bars, tune.key, tune.metre)
        if isinstance(timed.note, Note)
        for pitch in timed.note.pitches
    ]
    chords: dict[Fraction, Chord] = {}
    for begin, end in half_bars(tune):
        weights: dict[int, float] = defaultdict(float)
        first_bass = None
        for onset, offset, key, is_bass in sounding:
            inside = min(offset, end) - max(onset, begin)
            if inside > 0:
                weights[key % 12] += float(inside)
                if is_bass and first_bass is None:
                    first_bass = key % 12
        if weights:
            chords[begin] = nearest_triad(weights, first_bass)
    return chords


def nearest_triad(weights: dict[int, float], bass: int | None) -> Chord:
    """Return the triad to which most belongs; of equals, that whose root is in the bass."""

    def fit(chord: Chord) -> tuple[float, bool, float]:
        root, is_minor = chord
        tones = {root, (root + (3 if is_minor else 4)) % 12, (root + 7) % 12}
        belongs = sum(weight for key, weight in weights.items() if key in tones)
        return belongs, root == bass, weights.get(root, 0.0)

    return max(((root, minor) for root in range(12) for minor in (False, True)), key=fit)


if __name__ == "__main__":
    main()
