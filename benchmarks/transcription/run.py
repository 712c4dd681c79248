"""How well MIDI is transcribed: tunes are played by abc2midi and read back, by us and by others.

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
from benchmarks.transcription.measures import Outcome, judged
from benchmarks.transcription.truths import (
    Manner,
    Truth,
    all_truths,
    draw,
    made,
    without_repeats,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
MANNERS = (
    Manner("as abc2midi makes it", accents=True),
    Manner("as abc2midi makes it, repeats played", expanded=True, accents=True),
    Manner("no metre, no key", events=False, accents=True),
    Manner("no metre, no key, repeats played", expanded=True, events=False, accents=True),
    Manner("without accents"),
    Manner("without accents, metre or key", events=False),
    Manner("without accents, metre or key, repeats played", expanded=True, events=False),
    Manner("jitter of 20 ticks", jitter=20),
    Manner("jitter of 30 ticks", jitter=30),
    Manner("notes 15% short", gate=0.85),
)
HEADS = ("notes", "bar lines", "bar length", "class", "pickup", "key", "refused", "files/s")


def main() -> None:
    """Draw, play, transcribe, compare; write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunes", type=int, default=300, help="how many tunes")
    parser.add_argument("--only", default="", help="only this converter")
    parser.add_argument("--chorales", type=int, default=40, help="how many Bach chorales")
    parser.add_argument("--out", type=Path, default=HERE / "table.md", help="where to")
    arguments = parser.parse_args()
    began = time.monotonic()
    drawn = draw(all_truths(), arguments.tunes)
    names = [name for name in available() if arguments.only in {"", name}]
    lines = [_counts(drawn), "", "| made so | by | " + " | ".join(HEADS) + " |"]
    lines.append("|---" * (len(HEADS) + 2) + "|")
    with Pool(2) as pool:
        for manner in MANNERS:
            files = pool.starmap(_made, [(truth, manner, n) for n, truth in enumerate(drawn)])
            for name in names:
                lines.append(_row(manner, name, drawn, files, pool))
                print(lines[-1], flush=True)
    lines += ["", _speed([_made(truth, MANNERS[0], n) for n, truth in enumerate(drawn)])]
    if arguments.chorales:
        lines += ["", *chorale_report(arguments.chorales)]
    text = "\n".join(lines) + "\n"
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    print(f"{arguments.out}, {time.monotonic() - began:.0f} s")


def _counts(drawn: Sequence[Truth]) -> str:
    found = Counter(truth.collection for truth in drawn)
    words = ", ".join(f"{count} {name}" for name, count in found.most_common())
    return f"{len(drawn)} tunes: {words}."


def _played(truth: Truth, manner: Manner):  # type: ignore[no-untyped-def]
    return truth.tune if manner.expanded else without_repeats(truth.tune)


def _made(truth: Truth, manner: Manner, seed: int) -> bytes:
    return made(_played(truth, manner), manner, seed=seed)


def _row(manner, name, drawn, files, pool) -> str:  # type: ignore[no-untyped-def]
    converted = available()[name](files)
    jobs = [
        (_played(truth, manner), text) for truth, text in zip(drawn, converted.texts, strict=True)
    ]
    outcomes = pool.starmap(_outcome, jobs)
    cells = [*figures(outcomes), f"{len(files) / converted.seconds:.0f}"]
    return f"| {manner.name} | {name} | " + " | ".join(cells) + " |"


def _outcome(truth, text: str) -> Outcome:  # type: ignore[no-untyped-def]
    try:
        return judged(truth, read_abc(text))
    except NotationError as error:
        return Outcome(refused=str(error) or "nothing")


def _speed(files: Sequence[bytes]) -> str:
    """How fast a folder of files is normalised by two processes, their start included."""
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
    """The means, in the order of ``HEADS``, for a line of the table."""
    keyed = [one for one in outcomes if one.judged_key]
    return [
        f"{fmean(one.notes for one in outcomes):.4f}",
        f"{fmean(one.bar_lines for one in outcomes):.3f}",
        *(
            f"{100 * fmean(getattr(one, name) for one in outcomes):.1f}%"
            for name in ("bar_length", "metre_class", "pickup")
        ),
        f"{100 * fmean(one.key for one in keyed):.1f}%",
        str(sum(bool(one.refused) for one in outcomes)),
    ]


if __name__ == "__main__":
    main()
