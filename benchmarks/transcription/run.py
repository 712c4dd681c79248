"""Measure transcription: tunes are played by abc2midi and read back, by us and by others.

LYTK=path/to/lytk python -m benchmarks.transcription.run [--tunes N] [--only abcgen]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from multiprocessing import Pool
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from abcgen.errors import NotationError
from abcgen.notation.reader import read_abc
from abcgen.pipeline.normalising import ReadingOptions, normalise_files
from benchmarks.transcription.chorales import chorale_report
from benchmarks.transcription.converters import available
from benchmarks.transcription.measures import Outcome, compare
from benchmarks.transcription.truths import (
    Rendition,
    Truth,
    all_truths,
    draw,
    render_midi,
    without_repeats,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.notation.tune import Tune

HERE = Path(__file__).parent
RENDITIONS = (
    Rendition("as abc2midi writes it", accents=True),
    Rendition("as abc2midi writes it, repeats played", expanded=True, accents=True),
    Rendition("no metre, no key", events=False, accents=True),
    Rendition("no metre, no key, repeats played", expanded=True, events=False, accents=True),
    Rendition("without accents"),
    Rendition("without accents, metre or key", events=False),
    Rendition("without accents, metre or key, repeats played", expanded=True, events=False),
    Rendition("jitter of 20 ticks", jitter=20),
    Rendition("jitter of 30 ticks", jitter=30),
    Rendition("notes 15% short", gate=0.85),
)
HEADS = ("notes", "bar lines", "bar length", "class", "pickup", "key", "refused", "files/s")


def main() -> None:
    """Draw, play, transcribe, compare; write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunes", type=int, default=300, help="number of tunes")
    parser.add_argument("--only", default="", help="only this converter")
    parser.add_argument("--chorales", type=int, default=40, help="number of Bach chorales")
    parser.add_argument("--out", type=Path, default=HERE / "table.md", help="file of the table")
    arguments = parser.parse_args()
    began = time.monotonic()
    drawn = draw(all_truths(), arguments.tunes)
    names = [name for name in available() if arguments.only in {"", name}]
    collections = Counter(truth.collection for truth in drawn).most_common()
    counts = ", ".join(f"{count} {name}" for name, count in collections)
    lines = [f"{len(drawn)} tunes: {counts}.", ""]
    lines += ["| MIDI | program | " + " | ".join(HEADS) + " |", "|---" * (len(HEADS) + 2) + "|"]
    with Pool(2) as pool:
        for rendition in RENDITIONS:
            tunes = [_rendered(truth, rendition) for truth in drawn]
            jobs = [(tune, rendition, seed) for seed, tune in enumerate(tunes)]
            files = pool.starmap(_render, jobs)
            for name in names:
                converted = available()[name](files)
                outcomes = pool.starmap(_outcome, zip(tunes, converted.texts, strict=True))
                cells = [*figures(outcomes), f"{len(files) / converted.seconds:.0f}"]
                lines.append(f"| {rendition.name} | {name} | " + " | ".join(cells) + " |")
                print(lines[-1], flush=True)
    files = [
        _render(_rendered(truth, RENDITIONS[0]), RENDITIONS[0], seed)
        for seed, truth in enumerate(drawn)
    ]
    lines += ["", _speed(files)]
    if arguments.chorales:
        lines += ["", *chorale_report(arguments.chorales)]
    text = "\n".join(lines) + "\n"
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    print(f"{arguments.out}, {time.monotonic() - began:.0f} s")


def _rendered(truth: Truth, rendition: Rendition) -> Tune:
    return truth.tune if rendition.expanded else without_repeats(truth.tune)


def _render(tune: Tune, rendition: Rendition, seed: int) -> bytes:
    return render_midi(tune, rendition, seed=seed)


def _outcome(truth: Tune, text: str) -> Outcome:
    try:
        return compare(truth, read_abc(text))
    except NotationError as error:
        return Outcome(refused=str(error) or "nothing")


def _speed(files: Sequence[bytes]) -> str:
    """Return the speed of normalising a folder in two processes, their start included."""
    with TemporaryDirectory() as name:
        folder = Path(name, "midi")
        folder.mkdir()
        for number, data in enumerate(files):
            (folder / f"{number}.mid").write_bytes(data)
        began = time.perf_counter()
        normalise_files([folder], Path(name, "all.abc"), ReadingOptions(processes=2))
        speed = len(files) / (time.perf_counter() - began)
    return f"`abcgen normalise` of the {len(files)} files in a folder: {speed:.0f} files/s."


def figures(outcomes: Sequence[Outcome]) -> list[str]:
    """Return means in the order of `HEADS`, for a line of the table."""
    with_key = [one for one in outcomes if one.key_counts]
    return [
        f"{fmean(one.notes for one in outcomes):.4f}",
        f"{fmean(one.bar_lines for one in outcomes):.3f}",
        *(
            f"{100 * fmean(getattr(one, name) for one in outcomes):.1f}%"
            for name in ("bar_length", "metre_class", "pickup")
        ),
        f"{100 * fmean(one.key for one in with_key):.1f}%",
        str(sum(bool(one.refused) for one in outcomes)),
    ]


if __name__ == "__main__":
    main()
