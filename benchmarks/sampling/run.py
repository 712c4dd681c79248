"""How many sampled tunes are right, with and without the grammar, by three readers.

Texts are drawn from a checkpoint, the same numbers with the grammar and without. Each is judged
by our checker, and those that pass by music21 and abc2midi: do they read, from the canonical ABC,
the notes that we mean? Run from the project's root:

    python -m benchmarks.sampling.run CHECKPOINT [--count 10000] [--temperature 1.0] [--write]

What is done is kept in a file as it comes; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import track

from abcgen.corpus.cache import version_of
from abcgen.pipeline.checkpoints import checkpoint_hash
from benchmarks.sampling.judging import PORTION, Outcome, Task, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
CONFIDENT = 1.96  # standard deviations to 95%
FOLK_RNN = (58, 64)  # published samples with all bars right, of those looked at
SHOWN = 12  # reasons in the table

_worker: list[Worker] = []  # the one of this process


@dataclass
class Totals:
    """What came of all texts with the grammar, and without."""

    bound: Outcome
    free: Outcome

    def add(self, portion: dict[str, Outcome]) -> None:
        """Count a portion in."""
        self.bound.add(portion["bound"])
        self.free.add(portion["free"])


class Kept:
    """The portions that are done, in a file; a later run goes on from it.

    Args:
        path: The file.
        key: What the portions are of; a file of anything else is refused.
    """

    def __init__(self, path: Path, key: dict[str, object]) -> None:
        self._path = path
        self.done: dict[int, dict[str, Outcome]] = {}
        if not path.exists():
            path.write_text(json.dumps(key) + "\n", encoding="utf-8")
            return
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        if json.loads(first) != key:
            raise SystemExit(f"{path} is of another run: remove it, or name another --keep")
        for line in lines:
            data = json.loads(line)
            parts = {name: Outcome.from_json(data[name]) for name in ("bound", "free")}
            self.done[data["start"]] = parts

    def add(self, start: int, portion: dict[str, Outcome]) -> None:
        """Keep a portion."""
        self.done[start] = portion
        line = {"start": start} | {name: vars(outcome) for name, outcome in portion.items()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def main() -> None:
    """Run it and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=Path, help="where what is done is kept")
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    task = Task(str(options.checkpoint), options.temperature, options.seed, options.count)
    key = asdict(task) | {"folder": checkpoint_hash(options.checkpoint), "portion": PORTION}
    key["code"] = version_of(("notation", "model"))  # what another build drew is another run's
    name = f"abcgen-sampling-{key['folder']}-{options.count}-{options.temperature}-{options.seed}"
    path = options.keep or Path(tempfile.gettempdir()) / f"{name}.jsonl"
    kept = Kept(path, key)
    print(f"what is done is kept in {path}")
    starts = [start for start in range(0, options.count, PORTION) if start not in kept.done]
    for start, portion in track(_portions(task, starts, options.processes), total=len(starts)):
        kept.add(start, portion)
    totals = Totals(Outcome(), Outcome())
    for portion in kept.done.values():
        totals.add(portion)
    report = _report(options, totals)
    print(report)
    for number, abc in totals.bound.fallen:
        print(f"text {number}, with the grammar, is not read alike:\n{abc}")
    if options.write:
        (HERE / "table.md").write_text(report, encoding="utf-8")


def _portions(
    task: Task, starts: list[int], processes: int
) -> Iterator[tuple[int, dict[str, Outcome]]]:
    # Each process works on texts of its own, so that it need not divide what it does too.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")  # NumPy reads that when it is imported
    with ProcessPoolExecutor(processes, context, _begin, (task,)) as pool:
        for done in as_completed([pool.submit(_portion, start) for start in starts]):
            yield done.result()


def _begin(task: Task) -> None:
    _worker.append(Worker(task))


def _portion(start: int) -> tuple[int, dict[str, Outcome]]:
    return start, _worker[0].portion(start)


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95% confidence interval of a share.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    22, 1927.
    """
    share, square = part / whole, CONFIDENT**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    spread = CONFIDENT / (1 + square / whole)
    spread *= math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    return max(0.0, middle - spread), min(1.0, middle + spread)


def _report(options: argparse.Namespace, totals: Totals) -> str:
    bound, free = totals.bound, totals.free
    rows = {
        "right by our checker": ("right", "texts", f"{_share(*FOLK_RNN)} with all bars right"),
        "of these, music21 reads the same notes": ("music21", "right", ""),
        "of these, abc2midi plays the same notes": ("abc2midi", "right", ""),
        "of all, right by all three": ("all_three", "texts", ""),
    }
    lines = [
        (
            f"{bound.texts:,} texts of {options.checkpoint.name} at temperature "
            f"{options.temperature:g}, seed {options.seed}. Python {platform.python_version()}, "
            f"{platform.machine()}. In brackets 95% confidence (Wilson)."
        ),
        "",
        "| | with the grammar | without | folk-rnn's published samples |",
        "|---|---|---|---|",
    ]
    for title, (part, whole, beside) in rows.items():
        shares = [_share(getattr(one, part), getattr(one, whole)) for one in (bound, free)]
        lines.append(f"| {title} | {shares[0]} | {shares[1]} | {beside} |")
    lines += [
        "",
        (
            f"The grammar replaced {bound.forced:,} of {bound.drawn:,} characters "
            f"({bound.forced / bound.drawn:.2%}) and took {bound.removed / bound.drawn:.2%} of "
            f"probability. In {_share(bound.unforced, bound.texts)} of the tunes it replaced "
            "none: they are the same without it."
        ),
        "",
    ]
    return "\n".join(lines + _reasons("With", bound) + _reasons("Without", free))


def _reasons(name: str, outcome: Outcome) -> list[str]:
    fell = [f"- {count} {reason}" for reason, count in outcome.reasons.most_common(SHOWN)]
    return [f"{name} the grammar:", "", *(fell or ["- nothing fell"]), ""]


def _share(part: int, whole: int) -> str:
    if not whole:
        return "none"
    low, high = wilson(part, whole)
    return f"{part:,} of {whole:,}, {part / whole:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
