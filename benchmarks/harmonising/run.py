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

from abcgen.corpus.reading import load_corpus
from abcgen.evaluation.part_writing import chords_of_symbols, chords_of_voices
from abcgen.evaluation.statistics import wilson
from abcgen.notation.harmony import harmonised
from abcgen.notation.model_text import decode_tune
from abcgen.notation.walk import walk_tune
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.evaluating_voices import MINOR, with_voices
from abcgen.pipeline.held_out import read_held_out
from benchmarks.machine import processor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import ChordSymbol, Tune

HERE = Path(__file__).parent
SEED = 1


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
            harmonies["the network's voices"] = chords_of_voices(with_voices(network, melody, SEED))
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


def marked(tune: Tune) -> Iterator[ChordSymbol]:
    """Yield the chord symbols of a tune that name a chord."""
    for timed in walk_tune(tune):
        if timed.note.marks and timed.note.marks.chord_symbol:
            yield timed.note.marks.chord_symbol


if __name__ == "__main__":
    main()
