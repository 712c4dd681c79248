"""Whether all bars of all voices are right: many pieces drawn from a network of several voices.

    python -m benchmarks.voices.run [CHECKPOINT] [--count 1000] [--texts TEXTS.jsonl] [--parallels]
        [--write]

Every text that is drawn counts, not only those that would be kept. It is decoded, and each voice
is looked at by itself: bars that do not add up, repeats that do not pair, bars of another length
than the first voice's, notes out of the voice's range once the piece is in its key. A run that was
interrupted goes on from TEXTS; with --count 0 those that are there are looked at. The part writing
is set beside that of the held-out pieces.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.config import Request, SampleConfig
from abcgen.evaluation.part_writing import measured
from abcgen.evaluation.statistics import ratio
from abcgen.evaluation.voice_measures import VOICE_MEASURES
from abcgen.notation.model_text import decode_tune
from abcgen.notation.transpose import pitches_of
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.pipeline.checkpoints import LoadedNetwork
from abcgen.pipeline.held_out import read_held_out
from abcgen.pipeline.sampling import Composer
from abcgen.pipeline.voices import recorded_ranges
from benchmarks.machine import processor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.evaluation.statistics import Estimate
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.voices import NamedRange

HERE = Path(__file__).parent
SEED = 1
BATCH = 16


def main() -> None:
    """Draw the pieces that are missing, look at all, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", type=Path, default=Path("checkpoints/chorales"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--texts", type=Path, default=Path("texts.jsonl"))
    parser.add_argument("--parallels", action="store_true", help="do not avoid them")
    parser.add_argument("--write", action="store_true", help="write the table next to this file")
    wanted = parser.parse_args()

    network = LoadedNetwork(wanted.checkpoint)
    ranges = recorded_ranges(network.about, network.config.voices)
    config = SampleConfig(batch_size=BATCH, parallels=wanted.parallels)
    composer = Composer(network, config, SEED, Request())
    lines = wanted.texts.read_text(encoding="utf-8").splitlines() if wanted.texts.exists() else []
    with wanted.texts.open("a", encoding="utf-8") as file:
        while len(lines) < wanted.count:
            begun = time.process_time()
            numbers = range(len(lines), min(wanted.count, len(lines) + BATCH))
            for sampled in composer.sample(numbers):
                lines.append(json.dumps({"text": sampled.text, "ended": sampled.ended_freely}))
                file.write(f"{lines[-1]}\n")
            file.flush()
            print(f"{len(lines)} ({time.process_time() - begun:.1f} s)", flush=True)

    counts = counted(lines, composer, ranges)
    rows = [f"| of {len(lines):,} pieces | |", "|---|---:|"]
    rows += [f"| {name} | {count:,} |" for name, count in counts.items()]
    held_out = read_held_out(wanted.checkpoint)
    drawn = [
        decode_in_range(composer, json.loads(line)["text"], at) for at, line in enumerate(lines)
    ]
    real = [
        decode_in_range(composer, example.text, at)
        for at, example in enumerate((*held_out.test, *held_out.validation))
    ]
    rows += ["", f"| part writing | {len(drawn):,} drawn | {len(real)} held out |", "|---|---|---|"]
    columns = [[measured(tune) for tune in tunes] for tunes in (drawn, real)]
    for name in columns[0][0]:
        estimates = [ratio([piece[name] for piece in column]) for column in columns]
        label = VOICE_MEASURES[name].label
        rows.append(f"| {label} | {' | '.join(map(shown, estimates))} |")
    table = "\n".join(rows) + f"\n\n{processor()}, seed {SEED}, batches of {BATCH}.\n"
    print(table)
    if wanted.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")


def decode_in_range(composer: Composer, text: str, number: int) -> Tune:
    """Return the tune of a text in one of a choir's keys."""
    return composer.arranged(decode_tune(text), number)


def shown(estimate: Estimate | None) -> str:
    """Return a mean with its 95% interval over the pieces."""
    if estimate is None:
        return ""
    return f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"


def counted(lines: Iterable[str], composer: Composer, ranges: Iterable[NamedRange]) -> Counter[str]:
    """Return in how many pieces everything is right, and how many bars and notes they have."""
    counts: Counter[str] = Counter()
    ranges = list(ranges)
    for number, line in enumerate(lines):
        drawn = json.loads(line)
        counts["ended by themselves"] += drawn["ended"]
        tune = decode_in_range(composer, drawn["text"], number)
        voices = [replace(tune, bars=voice.bars, others=()) for voice in tune.voices]
        lengths = [[bar.duration for bar in voice.bars] for voice in tune.voices]
        counts["all bars of all voices add up"] += not any(map(bar_problems, voices))
        counts["all repeats pair"] += not any(map(repeat_problems, voices))
        counts["bars of all voices are equally long"] += all(own == lengths[0] for own in lengths)
        counts["all voices in their ranges"] += all(
            limits.lowest <= key <= limits.highest
            for voice, limits in zip(voices, ranges, strict=True)
            for key in pitches_of(voice)
        )
        counts["bars"] += sum(map(len, lengths))
        counts["notes"] += sum(len(pitches_of(voice)) for voice in voices)
    return counts


if __name__ == "__main__":
    main()
