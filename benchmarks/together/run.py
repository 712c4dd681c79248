"""Run two commands at the same moment in one folder, again and again, and count what is lost.

Run from the project's root:

    python -m benchmarks.together.run --times 100
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abcgen.files import DRAFT
from abcgen.model.checkpoint import load_checkpoint
from abcgen.notation.reader import read_tunebook
from abcgen.notation.tune import Tune
from benchmarks.commands import load_backend, short_tunes, start_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkProcess

HERE = Path(__file__).parent
TUNES = 20
SAMPLE = ("sample", "--candidates=1", "--to=abc", "--count=2")
TRAIN = ("train", "corpus.abc", "--layers=1", "--units=8", "--embedding=8", "--no-attention")
# What a network that has hardly learnt anything can write.
PLAIN = ("--bars=2", "--metre=4/4", "--rhythms=quarter", "--any-end")
SHORT = ("--batch-size=16", "--epochs=2", "--no-critic", "--device=cpu", "--save-minutes=0.001")
# For a run that is read while it goes on.
LONG = ("--batch-size=8", "--epochs=4", "--no-critic", "--device=cpu", "--save-minutes=0.001")
PATIENCE = 600.0  # seconds until a command counts as hanging


class Case(NamedTuple):
    """Two commands, and a check of what they leave: it returns what is wrong, or nothing."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    check: Callable[[Path], str]


def main() -> None:
    """Run every pair and write the table; exit with 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--only", choices=list(CASES), help="only this pair")
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    load_backend()
    lines = ["| at once | times | failed |", "|---|---|---|"]
    failed = 0
    for name, case in CASES.items():
        if options.only in {None, name}:
            problems = [problem for _ in range(options.times) if (problem := _run(case))]
            failed += len(problems)
            lines.append(f"| {name} | {options.times} | {len(problems)} |")
            print(lines[-1], *problems[:3], flush=True)
    table = "\n".join(lines) + "\n"
    if options.write:
        (HERE / "table.md").write_text(table, encoding="utf-8")
    sys.exit(failed > 0)


def _run(case: Case) -> str:
    """Run two commands in a new folder; return what is wrong, or nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus.abc").write_text(short_tunes(TUNES), encoding="utf-8")
        if "--checkpoint=together" in case.second:
            # The run whose checkpoint is read while it goes on.
            begun = _start(folder, (*TRAIN, *SHORT, "--out=together"))
            if problem := _end(*begun):
                return problem
        started = [_start(folder, command) for command in (case.first, case.second)]
        problems = [problem for process in started if (problem := _end(*process))]
        drafts = [path.name for path in folder.rglob(f"*{DRAFT}")]
        return "; ".join(problems) or (f"left {drafts[0]}" if drafts else case.check(folder))


def _start(folder: Path, command: tuple[str, ...]) -> tuple[ForkProcess, Path]:
    log = folder / f"{len(list(folder.glob('*.log')))}.log"
    log.touch()
    return start_command(command, log, folder=folder), log


def _end(process: ForkProcess, log: Path) -> str:
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        return "a command hangs"
    output = log.read_text(encoding="utf-8", errors="replace")
    return f"exit {process.exitcode}: {output[-300:]}" if process.exitcode else ""


def _tunes(path: Path) -> int:
    read = read_tunebook(path.read_text(encoding="utf-8"))
    return sum(isinstance(tune, Tune) for tune in read)


def _sampled(folder: Path) -> str:
    counts = [_tunes(path) for path in folder.glob("output/tunes-*/tunes.abc")]
    return "" if counts == [2, 2] else f"tunes {counts}"


def _trained(folder: Path) -> str:
    runs = sorted((folder / "checkpoints").glob("run-*"))
    sizes = [len(load_checkpoint(run).weights) for run in runs]
    return "" if len(sizes) == 2 and all(sizes) else f"runs {sizes}"


def _sampled_and_trained(folder: Path) -> str:
    counts = [_tunes(path) for path in folder.glob("output/tunes-*/tunes.abc")]
    complete = bool(load_checkpoint(folder / "together").weights)
    return "" if counts == [2] and complete else f"tunes {counts}"


def _normalised(folder: Path) -> str:
    texts = [path.read_bytes() for path in folder.glob("output/normalised-*/corpus.abc")]
    is_whole = len(texts) == 2 and len(set(texts)) == 1 and texts[0]
    return "" if is_whole else f"{len(texts)} files, {len(set(texts))} of them different"


CASES = {
    "sample and sample": Case((*SAMPLE, "--seed=1"), (*SAMPLE, "--seed=2"), _sampled),
    "train and train": Case((*TRAIN, *SHORT), (*TRAIN, *SHORT), _trained),
    "train and sample of its run": Case(
        (*TRAIN, *LONG, "--out=together", "--force"),
        (*SAMPLE, "--checkpoint=together", "--seed=1", *PLAIN),
        _sampled_and_trained,
    ),
    "normalise and normalise": Case(
        ("normalise", "corpus.abc"), ("normalise", "corpus.abc"), _normalised
    ),
}


if __name__ == "__main__":
    main()
