"""Measure transcription of tunes with an accompaniment: bar lines, and which part is the tune.

python -m benchmarks.transcription.accompanied [--tunes N] [--only abcgen] [--development]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.reader import read_abc
from benchmarks.transcription.accompaniments import STYLES, accompanied_midi
from benchmarks.transcription.converters import available
from benchmarks.transcription.measures import Outcome, bar_lines, compare, first_bar, sounding
from benchmarks.transcription.truths import (
    BENCHMARK,
    DEVELOPMENT,
    all_truths,
    draw,
    without_repeats,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Tune

HERE = Path(__file__).parent
HEADS = ("bar lines", "all right", "with pickup", "tune", "notes", "files/s")


def main() -> None:
    """Draw, accompany, transcribe, compare; write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunes", type=int, default=300, help="number of tunes")
    parser.add_argument("--only", default="", help="only this converter")
    parser.add_argument("--development", action="store_true", help="tunes looked at while building")
    parser.add_argument(
        "--out", type=Path, default=HERE / "accompanied.md", help="the table's file"
    )
    arguments = parser.parse_args()
    part = DEVELOPMENT if arguments.development else BENCHMARK
    truths = [truth for truth in all_truths() if _is_regular(without_repeats(truth.tune))]
    tunes = [without_repeats(truth.tune) for truth in draw(truths, arguments.tunes, part)]
    pickups = sum(map(bool, map(first_bar, tunes)))
    lines = [f"{len(tunes)} tunes, {pickups} with a pickup.", ""]
    lines += ["| MIDI | program | " + " | ".join(HEADS) + " |", "|---" * (len(HEADS) + 2) + "|"]
    names = [name for name in available() if arguments.only in {"", name}]
    with Pool(2) as pool:
        for style in STYLES:
            for rest in (True, False):
                files = [
                    accompanied_midi(tune, style, rest=rest, seed=seed)
                    for seed, tune in enumerate(tunes)
                ]
                begins = "a rest before the pickup" if rest else "from tick 0"
                for name in names:
                    converted = available()[name](files)
                    outcomes = pool.starmap(_outcome, zip(tunes, converted.texts, strict=True))
                    cells = [*figures(tunes, outcomes), f"{len(files) / converted.seconds:.0f}"]
                    lines.append(f"| {style}, {begins} | {name} | " + " | ".join(cells) + " |")
                    print(lines[-1], flush=True)
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _is_regular(tune: Tune) -> bool:
    """Return whether a file can name all bars: those between the first and the last are full."""
    lines = sorted(bar_lines(tune))
    return all((line - first_bar(tune)) % tune.metre.bar_duration == 0 for line in lines)


def _outcome(truth: Tune, text: str) -> tuple[Outcome, bool]:
    """Return how good the first voice is as a transcription, and whether it is the tune."""
    try:
        tune = replace(read_abc(text), others=())
    except NotationError as error:
        return Outcome(refused=str(error) or "nothing"), False
    outcome = compare(truth, tune)
    wanted = [key for _, _, key in sounding(truth)]
    return outcome, wanted[:20] == [key for _, _, key in sounding(tune)][:20]


def figures(tunes: Sequence[Tune], outcomes: Sequence[tuple[Outcome, bool]]) -> list[str]:
    """Return means in the order of `HEADS`.

    They are F1 of bar lines, the share of tunes with all of them right, the same of those with a
    pickup, the share of tunes in the first voice, and F1 of their notes.
    """
    lines = [outcome.bar_lines for outcome, _ in outcomes]
    with_pickup = [
        line == 1 for tune, line in zip(tunes, lines, strict=True) if first_bar(tune)
    ] or [True]
    return [
        f"{fmean(lines):.3f}",
        f"{100 * fmean(line == 1 for line in lines):.1f}%",
        f"{100 * fmean(with_pickup):.1f}%",
        f"{100 * fmean(is_tune for _, is_tune in outcomes):.1f}%",
        f"{fmean(outcome.notes for outcome, _ in outcomes):.4f}",
    ]


if __name__ == "__main__":
    main()
