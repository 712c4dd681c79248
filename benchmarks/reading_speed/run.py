"""Measure the speed and memory of reading, compared with music21 and abcnotes.

First single tunes on one core, then whole collections on the command line, with and without the
cache, then larger and larger files, made by exchanging bars between the tunes of the collections.
Run from the project's root:

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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.corpus.collections import IN_MUSIC21, collection_blocks, install_collection
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.transpose import pitches_of
from abcgen.notation.writer import write_abc
from benchmarks.machine import package_version
from benchmarks.reading_speed.memory import Usage, measure_usage
from benchmarks.reading_speed.synthetic import write_synthetic

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.notation.tunebook import TuneBlock

HERE = Path(__file__).parent


@dataclass
class ReaderResults:
    """Times and note counts of one reader."""

    # Processor time
    seconds: list[float] = field(default_factory=list)
    # Number of notes; None where it failed
    notes: list[int | None] = field(default_factory=list)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--every", type=int, default=20, help="read every N-th tune only in the first part"
    )
    parser.add_argument(
        "--sizes", default="25000,100000,250000", help="numbers of synthetic tunes; 0 for none"
    )
    parser.add_argument("--write", action="store_true", help="write table.md")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",") if int(size)]
    packages = ("abcgen", "music21", "abcnotes")
    versions = ", ".join(f"{name} {package_version(name) or 'missing'}" for name in packages)
    lines = [
        (
            f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores of "
            f"{platform.machine()}; load {os.getloadavg()[0]:.1f} at the start."
        )
    ]
    lines += ["", "## Tune by tune, one core", "", *_single_tunes(arguments.every)]
    with tempfile.TemporaryDirectory() as folder:
        lines += ["", "## `abcgen normalise` of all 12,947 tunes", "", *_collections(Path(folder))]
        if sizes:
            lines += ["", "## Tunes with exchanged bars", "", *_synthetic(sizes, Path(folder))]
    report = "\n".join(lines) + "\n"
    print(report)
    if arguments.write:
        (HERE / "table.md").write_text(report, encoding="utf-8")


def _single_tunes(every: int) -> list[str]:
    blocks = [found.block for found in collection_blocks()][::every]
    readers: dict[str, Callable[[TuneBlock], int]] = {"abcgen, to canonical ABC": _read_with_abcgen}
    if package_version("abcnotes"):
        readers["abcnotes"] = _read_with_abcnotes
    readers["music21"] = _read_with_music21
    results = {name: ReaderResults() for name in readers}
    for name, read in readers.items():
        for block in blocks:
            start = time.process_time()  # not disturbed by other processes
            try:
                notes: int | None = read(block)
            except Exception:  # noqa: BLE001 - any failure of another reader is a result
                notes = None
            results[name].seconds.append(time.process_time() - start)
            results[name].notes.append(notes)
        gc.collect()  # so that one reader's garbage does not slow the next
    ours = next(iter(results.values()))
    lines = [
        f"{len(blocks)} tunes, every {every}th of the five collections.",
        "",
        (
            "| reader | ms per tune, median | mean | 95% below | ratio to abcgen | read "
            "| same note count |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [_row(name, result, ours) for name, result in results.items()]


def _row(name: str, result: ReaderResults, ours: ReaderResults) -> str:
    seconds = sorted(result.seconds)
    median, base = statistics.median(seconds), statistics.median(ours.seconds)
    read = [notes for notes in result.notes if notes is not None]
    both = [pair for pair in zip(result.notes, ours.notes, strict=True) if None not in pair]
    same = sum(theirs == own for theirs, own in both)
    return (
        f"| {name} | {1000 * median:.2f} | {1000 * statistics.mean(seconds):.2f} | "
        f"{1000 * seconds[int(0.95 * len(seconds))]:.2f} | {median / base:.1f} | "
        f"{100 * len(read) / len(seconds):.1f}% | {100 * same / max(1, len(both)):.1f}% |"
    )


def _read_with_abcgen(block: TuneBlock) -> int:
    reading = read_block(block)
    if not isinstance(reading, Reading):
        raise TypeError(reading.reason)
    write_abc(reading.tune)
    return len(pitches_of(reading.tune))


def _read_with_abcnotes(block: TuneBlock) -> int:
    abcnotes: Any = import_module("abcnotes")  # optional
    return len(abcnotes.Tune(block.text).notes)


def _read_with_music21(block: TuneBlock) -> int:
    from music21 import converter  # noqa: PLC0415 - slow to load

    score: Any = converter.parseData("%abc-2.1\n" + block.text, format="abc")
    return sum(len(note.pitches) for note in score.flatten().notes)


def _collections(folder: Path) -> list[str]:
    source = folder / "corpora"
    for collection in IN_MUSIC21.values():
        install_collection(collection, source)
    cache = folder / "cache"
    cold = _normalise(source, folder / "cold", cache)
    warm = _normalise(source, folder / "warm", cache)
    single = _normalise(source, folder / "single", folder / "empty", "taskset", "-c", "0")
    same = all(
        path.read_bytes() == (folder / "warm" / path.name).read_bytes()
        for path in (folder / "cold").iterdir()
    )
    rows = [
        ("first run", cold),
        ("second run, from the cache", warm),
        ("first run, one core", single),
    ]
    return [
        "| | seconds | peak memory of all processes, MB |",
        "|---|---|---|",
        *(f"| {name} | {run.seconds:.1f} | {run.megabytes:.0f} |" for name, run in rows),
        "",
        f"The second run wrote {'the same bytes' if same else 'OTHER BYTES'}.",
    ]


def _synthetic(sizes: list[int], folder: Path) -> list[str]:
    lines = [
        "| tunes | MB of ABC | seconds | ms per tune | peak memory of all processes, MB |",
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


def _normalise(source: Path, out: Path, cache: Path | None, *launcher: str) -> Usage:
    """Run ``abcgen normalise``, optionally through a launcher such as taskset."""
    command = [
        *launcher,
        sys.executable,
        "-m",
        "abcgen",
        "normalise",
        str(source),
        "--out",
        str(out),
    ]
    environment = os.environ | {"ABCGEN_CACHE": str(cache) if cache else "off"}
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return measure_usage(process)


if __name__ == "__main__":
    main()
