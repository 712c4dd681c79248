"""How fast abcgen reads tunes, beside music21 and abcnotes, and in how much memory.

One tune after another on one core; then whole collections by the command line, with and without
its cache; then ever more tunes, made by exchanging bars between those of the collections. Run from
the project's root:

    python -m benchmarks.reading_speed.run [--every N] [--sizes N,N,...]
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.corpus.collections import COLLECTIONS, collection_blocks, install_collection
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.transpose import pitches_of
from abcgen.notation.writer import write_abc
from benchmarks.reading_speed.memory import Watched, watch
from benchmarks.reading_speed.synthetic import write_synthetic

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.notation.reader import TuneBlock

HERE = Path(__file__).parent


@dataclass
class Times:
    """How one reader fared.

    Attributes:
        seconds: For every tune.
        notes: How many notes it found in every tune; None where it gave up.
    """

    seconds: list[float] = field(default_factory=list)
    notes: list[int | None] = field(default_factory=list)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=20, help="only every Nth tune, one by one")
    parser.add_argument("--sizes", default="25000,100000,250000", help="synthetic tunes; 0: none")
    parser.add_argument("--write", action="store_true", help="write table.md")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",") if int(size)]
    lines = [_machine(), "", "## Tune by tune, one core", "", *_one_by_one(arguments.every)]
    with tempfile.TemporaryDirectory() as folder:
        lines += ["", "## All 12,947 tunes by `abcgen normalise`", "", *_collections(Path(folder))]
        if sizes:
            lines += ["", "## Tunes with one another's bars", "", *_growing(sizes, Path(folder))]
    report = "\n".join(lines) + "\n"
    print(report)
    if arguments.write:
        (HERE / "table.md").write_text(report, encoding="utf-8")


def _machine() -> str:
    packages = ", ".join(f"{name} {_version(name)}" for name in ("abcgen", "music21", "abcnotes"))
    return (
        f"Python {platform.python_version()}, {packages}; {os.cpu_count()} cores of "
        f"{platform.machine()}; load {os.getloadavg()[0]:.1f} at the start."
    )


def _one_by_one(every: int) -> list[str]:
    blocks = [found.block for found in collection_blocks()][::every]
    readers: dict[str, Callable[[TuneBlock], int]] = {"abcgen, to canonical ABC": _ours}
    if _version("abcnotes") != "missing":
        readers["abcnotes"] = _abcnotes
    readers["music21"] = _music21
    times = {name: Times() for name in readers}
    for name, read in readers.items():
        for block in blocks:
            _time(read, block, times[name])
        gc.collect()  # what one leaves behind is not to slow the next
    ours = next(iter(times.values()))
    base = statistics.median(ours.seconds)
    lines = [
        f"{len(blocks)} tunes, every {every}th of the five collections.",
        "",
        "| reader | ms a tune, median | mean | 95% under | times ours | read | notes as ours |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [_row(name, own, base, ours) for name, own in times.items()]


def _time(read: Callable[[TuneBlock], int], block: TuneBlock, times: Times) -> None:
    began = time.process_time()  # not what others do on a busy machine
    try:
        notes: int | None = read(block)
    except Exception:  # noqa: BLE001 - whatever makes another reader give up
        notes = None
    times.seconds.append(time.process_time() - began)
    times.notes.append(notes)


def _row(name: str, times: Times, base: float, ours: Times) -> str:
    seconds = sorted(times.seconds)
    median = statistics.median(seconds)
    read = [notes for notes in times.notes if notes is not None]
    both = [pair for pair in zip(times.notes, ours.notes, strict=True) if None not in pair]
    alike = sum(theirs == own for theirs, own in both)
    return (
        f"| {name} | {1000 * median:.2f} | {1000 * statistics.mean(seconds):.2f} | "
        f"{1000 * seconds[int(0.95 * len(seconds))]:.2f} | {median / base:.1f} | "
        f"{100 * len(read) / len(seconds):.1f}% | {100 * alike / max(1, len(both)):.1f}% |"
    )


def _ours(block: TuneBlock) -> int:
    reading = read_block(block)
    if not isinstance(reading, Reading):
        raise TypeError(reading.reason)
    write_abc(reading.tune)
    return len(pitches_of(reading.tune))


def _abcnotes(block: TuneBlock) -> int:
    abcnotes: Any = import_module("abcnotes")  # which may be missing
    return len(abcnotes.Tune(block.text).notes)


def _music21(block: TuneBlock) -> int:
    from music21 import converter  # noqa: PLC0415 - slow to load

    score: Any = converter.parseData("%abc-2.1\n" + block.text, format="abc")
    return sum(len(note.pitches) for note in score.flatten().notes)


def _collections(folder: Path) -> list[str]:
    source = folder / "corpora"
    for collection in COLLECTIONS.values():
        install_collection(collection, source)
    cache = folder / "cache"
    cold = _normalise(source, folder / "cold", cache)
    warm = _normalise(source, folder / "warm", cache)
    one = _normalise(source, folder / "one", folder / "another", "taskset", "-c", "0")
    same = all(
        path.read_bytes() == (folder / "warm" / path.name).read_bytes()
        for path in (folder / "cold").iterdir()
    )
    rows = [("first run", cold), ("second run, from the cache", warm), ("first run, one core", one)]
    return [
        "| | seconds | peak memory of all processes, MB |",
        "|---|---|---|",
        *(f"| {name} | {run.seconds:.1f} | {run.megabytes:.0f} |" for name, run in rows),
        "",
        f"The second run wrote {'the same, byte for byte' if same else 'SOMETHING ELSE'}.",
    ]


def _growing(sizes: list[int], folder: Path) -> list[str]:
    lines = [
        "| tunes | MB of ABC | seconds | ms a tune | peak memory of all processes, MB |",
        "|---|---|---|---|---|",
    ]
    for size in sizes:
        source = folder / f"{size}.abc"
        write_synthetic(source, size, random.Random(1))  # noqa: S311 - guards no secret
        run = _normalise(source, folder / f"{size}-out.abc", None)
        lines.append(
            f"| {size:,} | {source.stat().st_size / 1e6:.0f} | {run.seconds:.0f} | "
            f"{1000 * run.seconds / size:.2f} | {run.megabytes:.0f} |"
        )
        print(lines[-1], file=sys.stderr)
        source.unlink()
    return lines


def _normalise(source: Path, out: Path, cache: Path | None, *under: str) -> Watched:
    """Run the command line, if need be under another program."""
    command = [*under, sys.executable, "-m", "abcgen", "normalise", str(source), "--out", str(out)]
    environment = os.environ | {"ABCGEN_CACHE": str(cache) if cache else "off"}
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return watch(process)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


if __name__ == "__main__":
    main()
