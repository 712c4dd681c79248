"""Count the correct tunes among samples, with and without the grammar, by three readers.

The same numbered texts are sampled with and without the grammar. abcgen checks each; of those that
pass, music21 and abc2midi must read the intended notes from the canonical ABC. Run from the
project's root:

    python -m benchmarks.sampling.run CHECKPOINT [--count 10000] [--temperature 1.0] [--write]

Finished chunks are saved in a file; after an interruption the same command continues.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import track

from abcgen.corpus.cache import version_of
from abcgen.evaluation.statistics import wilson
from abcgen.pipeline.checkpoints import checkpoint_hash
from benchmarks.sampling.checking import CHUNK, CheckSettings, Counts, SampleChecker

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
FOLK_RNN = (58, 64)  # published samples with all bars right, of those checked
MAX_REASONS = 12  # in the table

_checkers: list[SampleChecker] = []  # of this process


class SavedChunks:
    """The finished chunks, in a file from which a later run continues.

    Args:
        path: The file.
        key: The settings of the run; a file of other settings is refused.
    """

    def __init__(self, path: Path, key: dict[str, object]) -> None:
        self._path = path
        self.chunks: dict[int, dict[str, Counts]] = {}
        if not path.exists():
            path.write_text(json.dumps(key) + "\n", encoding="utf-8")
            return
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        if json.loads(first) != key:
            raise SystemExit(f"{path} is of another run: remove it, or choose another --save")
        for line in lines:
            data = json.loads(line)
            start = data.pop("start")
            self.chunks[start] = {name: Counts.from_json(counts) for name, counts in data.items()}

    def add(self, start: int, chunk: dict[str, Counts]) -> None:
        """Save a chunk."""
        self.chunks[start] = chunk
        line = {"start": start} | {name: vars(counts) for name, counts in chunk.items()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def main() -> None:
    """Sample, check, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--save", type=Path, help="file of the finished chunks")
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    settings = CheckSettings(
        str(options.checkpoint), options.temperature, options.seed, options.count
    )
    key = asdict(settings) | {"folder": checkpoint_hash(options.checkpoint), "chunk": CHUNK}
    # Other code may sample other texts.
    key["code"] = version_of(("notation", "grammar", "model"))
    name = f"abcgen-sampling-{key['folder']}-{options.count}-{options.temperature}-{options.seed}"
    path = options.save or Path(tempfile.gettempdir()) / f"{name}.jsonl"
    saved = SavedChunks(path, key)
    print(f"finished chunks are saved in {path}")
    starts = [start for start in range(0, options.count, CHUNK) if start not in saved.chunks]
    for start, chunk in track(
        _check_chunks(settings, starts, options.processes), total=len(starts)
    ):
        saved.add(start, chunk)
    with_grammar, without = Counts(), Counts()
    for chunk in saved.chunks.values():
        with_grammar.add(chunk["with_grammar"])
        without.add(chunk["without"])
    report = _report(options, with_grammar, without)
    print(report)
    for number, abc in with_grammar.differing:
        print(f"text {number}, sampled with the grammar, is read differently:\n{abc}")
    if options.write:
        (HERE / "table.md").write_text(report, encoding="utf-8")


def _check_chunks(
    settings: CheckSettings, starts: list[int], processes: int
) -> Iterator[tuple[int, dict[str, Counts]]]:
    # The processes keep all cores busy, so each needs one thread only.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")  # NumPy reads that when it is imported
    with ProcessPoolExecutor(processes, context, _start_worker, (settings,)) as pool:
        for future in as_completed([pool.submit(_check_chunk, start) for start in starts]):
            yield future.result()


def _start_worker(settings: CheckSettings) -> None:
    _checkers.append(SampleChecker(settings))


def _check_chunk(start: int) -> tuple[int, dict[str, Counts]]:
    return start, _checkers[0].check_chunk(start)


def _report(options: argparse.Namespace, with_grammar: Counts, without: Counts) -> str:
    rows = {
        "valid by abcgen's checks": ("valid", "texts", f"{_share(*FOLK_RNN)} with all bars right"),
        "of these, music21 reads the same notes": ("music21", "valid", ""),
        "of these, abc2midi plays the same notes": ("abc2midi", "valid", ""),
        "of all, the same to all three": ("all_three", "texts", ""),
    }
    lines = [
        (
            f"{with_grammar.texts:,} texts of {options.checkpoint.name} at temperature "
            f"{options.temperature:g}, seed {options.seed}. Python {platform.python_version()}, "
            f"{platform.machine()}. 95% intervals (Wilson) in brackets."
        ),
        "",
        "| | with the grammar | without | folk-rnn's published samples |",
        "|---|---|---|---|",
    ]
    for title, (part, whole, folk_rnn) in rows.items():
        shares = [
            _share(getattr(counts, part), getattr(counts, whole))
            for counts in (with_grammar, without)
        ]
        lines.append(f"| {title} | {shares[0]} | {shares[1]} | {folk_rnn} |")
    characters = with_grammar.characters
    lines += [
        "",
        (
            f"The grammar replaced {with_grammar.forced:,} of {characters:,} characters "
            f"({with_grammar.forced / characters:.2%}) and removed "
            f"{with_grammar.removed / characters:.2%} of the probability. It replaced none in "
            f"{_share(with_grammar.untouched, with_grammar.texts)} of the tunes, which are the "
            "same without it."
        ),
        "",
    ]
    for name, counts in (("With", with_grammar), ("Without", without)):
        reasons = [f"- {n} {reason}" for reason, n in counts.reasons.most_common(MAX_REASONS)]
        lines += [f"{name} the grammar:", "", *(reasons or ["- no failures"]), ""]
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    if not whole:
        return "none"
    estimate = wilson(part, whole)
    interval = f"{estimate.low:.1%} to {estimate.high:.1%}"
    return f"{part:,} of {whole:,}, {estimate.value:.1%} ({interval})"


if __name__ == "__main__":
    main()
