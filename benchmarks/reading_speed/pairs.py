"""Measure reading in pairs with another version of abcgen: each tune by both, one after the other.

Run from the project's root, with the checkout of the other version:

    git worktree add ../before COMMIT
    python -m benchmarks.reading_speed.pairs ../before [--every N] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.collections import collection_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
# Reads the tunes that it is sent, each three times, and answers with the shortest processor time.
READER = """
import json, sys, time
from abcgen.notation.reader import read_abc
from abcgen.notation.writer import write_abc
for line in sys.stdin:
    text, times = json.loads(line), []
    for _ in range(3):
        start = time.process_time()
        try:
            write_abc(read_abc(text))
        except Exception:
            times = [-1.0]
            break
        times.append(time.process_time() - start)
    print(min(times), flush=True)
"""


class Pair(NamedTuple):
    """Seconds for one tune, negative where it is left out."""

    before: float
    after: float


def main() -> None:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="checkout of the other version")
    parser.add_argument("--every", type=int, default=20, help="read every N-th tune only")
    parser.add_argument("--write", action="store_true", help="write pairs.md")
    arguments = parser.parse_args()
    texts = [found.block.text for found in collection_blocks()][:: arguments.every]
    readers = [_reader(arguments.before), _reader(Path())]
    pairs = [Pair(*(_seconds(reader, text) for reader in readers)) for text in texts]
    for reader in readers:
        reader.communicate()
    both = [pair for pair in pairs if min(pair) >= 0]
    commit = subprocess.run(
        ["git", "log", "-1", "--format=%h %s"],
        cwd=arguments.before,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    report = "\n".join(
        [
            f"{len(texts)} tunes, every {arguments.every}th of the five collections, to canonical",
            "ABC; processor time, the best of three.",
            f"Before: {commit}. Load {os.getloadavg()[0]:.1f} at the end.",
            "",
            "| | before | now |",
            "|---|---|---|",
            _row("ms per tune, median", both, statistics.median),
            _row("mean", both, statistics.mean),
            _row("95% below", both, lambda values: sorted(values)[int(0.95 * len(values))]),
            "",
            _summary(pairs),
        ]
    )
    print(report)
    if arguments.write:
        (HERE / "pairs.md").write_text(f"{report}\n", encoding="utf-8")


def _summary(pairs: list[Pair]) -> str:
    ratios = sorted(after / before for before, after in pairs if min(before, after) >= 0)
    only_before = sum(after < 0 <= before for before, after in pairs)
    only_now = sum(before < 0 <= after for before, after in pairs)
    return (
        f"Now over before, tune by tune: median {statistics.median(ratios):.2f}, "
        f"a quarter below {ratios[len(ratios) // 4]:.2f}, "
        f"a quarter above {ratios[3 * len(ratios) // 4]:.2f}. "
        f"Read by both: {len(ratios)}, only before: {only_before}, only now: {only_now}."
    )


def _reader(checkout: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve())}
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", READER],
        cwd=checkout,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _seconds(reader: subprocess.Popen[str], text: str) -> float:
    if not reader.stdin or not reader.stdout:
        raise RuntimeError("no pipes")
    reader.stdin.write(f"{json.dumps(text)}\n")
    reader.stdin.flush()
    return float(reader.stdout.readline())


def _row(name: str, pairs: list[Pair], figure: Callable[[list[float]], float]) -> str:
    before, after = (
        figure([1000 * seconds for seconds in times]) for times in zip(*pairs, strict=True)
    )
    return f"| {name} | {before:.2f} | {after:.2f} |"


if __name__ == "__main__":
    main()
