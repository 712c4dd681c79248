"""Measure whether a trained network that chooses among metres makes transcriptions better.

On development tunes, not those of the table, from files without accents, metre or key:

    python -m benchmarks.transcription.network CHECKPOINT [--tunes 60]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.example import Example
from abcgen.midi import read_midi
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.scoring import measure
from abcgen.notation.model_text import encode_tune
from abcgen.pipeline.checkpoints import step_network
from benchmarks.transcription.measures import compare
from benchmarks.transcription.run import HEADS, figures
from benchmarks.transcription.truths import (
    DEVELOPMENT,
    Rendition,
    all_truths,
    draw,
    render_midi,
    without_repeats,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.notation.tune import Tune

RENDITION = Rendition("without accents, metre or key", events=False)


def main() -> None:
    """Transcribe with and without, in Essen's tunes and in others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--tunes", type=int, default=60, help="number of tunes")
    arguments = parser.parse_args()
    judge = judge_of(arguments.checkpoint)
    drawn = draw(all_truths(), arguments.tunes, DEVELOPMENT)
    print("| tunes | network | " + " | ".join(HEADS[:-1]) + " |", flush=True)
    groups = {
        "Essen": [truth.tune for truth in drawn if truth.collection == "essen"],
        "others": [truth.tune for truth in drawn if truth.collection != "essen"],
    }
    for name, tunes in groups.items():
        plain = [without_repeats(tune) for tune in tunes]
        files = [render_midi(tune, RENDITION) for tune in plain]
        for label, chooser in (("no", None), ("yes", judge)):
            transcribed = [read_midi(data, judge=chooser).tune for data in files]
            outcomes = [compare(*pair) for pair in zip(plain, transcribed, strict=True)]
            print(f"| {len(tunes)} {name} | {label} | " + " | ".join(figures(outcomes)) + " |")


def judge_of(folder: Path) -> Callable[[Tune], float]:
    """Return a function that gives the bits a checkpoint's network needs for a tune."""
    checkpoint = load_checkpoint(folder)
    network = step_network(checkpoint)

    def bits(tune: Tune) -> float:
        text = encode_tune(tune)
        return measure(network, checkpoint.vocabulary, [Example(text.text, 0, text.notes)]).total

    return bits


if __name__ == "__main__":
    main()
