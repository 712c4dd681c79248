"""Measure the gain from fine-tuning a trained network with few tunes.

Run from the project's root:

    python -m benchmarks.finetuning.run CHECKPOINT --sizes 20,60 --draws 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.collections import collection_files, collection_named
from abcgen.corpus.families import families_by_intervals, split_tunes
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.extending import extended
from abcgen.model.scoring import measure
from abcgen.pipeline.checkpoints import checkpoint_hash, examples_for, step_network
from abcgen.pipeline.training import (
    TrainPlan,
    plan_fine_tuning,
    prepare_data,
    train_network,
)
from abcgen.presets import FINE_TUNING, FINE_TUNING_SPLIT, PRESETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.corpus.records import Extract
    from abcgen.model.checkpoint import Checkpoint

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results.jsonl", HERE / "table.md"
# Files of the Essen collection, none of it in the base network's training.
REGIONS = {"erk20": "German songs", "han1": "Chinese songs", "kinder0": "German children's songs"}
MAX_TEST_TUNES = 80
# The best of a few settings tried for a network trained from scratch.
SCRATCH = FINE_TUNING.replace(epochs=80, patience=10, learning_rate=4e-3)


@dataclass(frozen=True)
class DrawResult:
    """Bits per note of one draw."""

    region: str
    # Number of tunes in the folder
    size: int
    draw: int
    settings: str
    # Bits per note of the folder's held-out tunes: before, after, from scratch
    own: tuple[float, ...]
    # The same of other families of the region
    others: tuple[float, ...]
    # Processor time of fine-tuning
    seconds: float


def main() -> None:
    """Measure and save draw by draw, then write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--sizes", default="20,60")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--regions", default=",".join(REGIONS))
    parser.add_argument(
        "--try", dest="tried", default="", help="other settings, as learning_rate=3e-3"
    )
    parser.add_argument("--no-scratch", action="store_true", help="train no network from scratch")
    options = parser.parse_args()
    changes = dict(item.split("=") for item in options.tried.split())
    settings = {name: json.loads(value) for name, value in changes.items()}
    for size in map(int, options.sizes.split(",")):
        for region in options.regions.split(","):
            for draw in range(options.draws):
                trial = Trial(options.checkpoint, region, size, draw)
                result = trial.run(settings, scratch=not options.no_scratch)
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
                print(result, flush=True)
    TABLE.write_text(table(options.checkpoint), encoding="utf-8")


class Trial:
    """A folder of tunes drawn from a region, and others of that region to measure.

    Args:
        base: The checkpoint to fine-tune.
        region: The tunes' file in the Essen collection.
        size: Number of tunes in the folder.
        draw: Number of the draw, the seed of its choice.
    """

    def __init__(self, base: Path, region: str, size: int, draw: int) -> None:
        self._base, self._region, self._size, self._draw = base, region, size, draw
        files = collection_files(collection_named("essen"))
        self._corpus = extract_corpus(
            [file for file in files if file.stem == region], READERS, NO_CACHE
        )
        tunes = list(self._corpus.tunes)
        random.Random(draw).shuffle(tunes)  # noqa: S311 - guards no secret
        families = families_by_intervals(
            [tune.intervals for tune in tunes], FINE_TUNING_SPLIT.similarity
        )
        own = set(families[:size])
        self._own = tunes[:size]
        others = zip(tunes[size:], families[size:], strict=True)
        self._others = [tune for tune, family in others if family not in own][:MAX_TEST_TUNES]

    def run(self, settings: dict[str, float], *, scratch: bool) -> DrawResult:
        """Fine-tune, and train from scratch for comparison."""
        with tempfile.TemporaryDirectory() as name:
            plan = plan_fine_tuning(self._base, Path(name), settings)
            start = time.process_time()
            tuned = self._train(plan, Path(name))
            seconds = time.process_time() - start
        small = PRESETS["small"].network
        plan = TrainPlan(small, SCRATCH, "from scratch", split=FINE_TUNING_SPLIT)
        with tempfile.TemporaryDirectory() as name:
            from_scratch = self._train(plan, Path(name)) if scratch else tuned
        texts = [tune.example.text for tune in self._own + self._others]
        checkpoints = [extended(load_checkpoint(self._base), texts), tuned, from_scratch]
        split = split_tunes(self._own, FINE_TUNING_SPLIT)
        own, others = (
            tuple(round(bits_per_note(checkpoint, tunes), 4) for checkpoint in checkpoints)
            for tunes in ([*split.validation, *split.test], self._others)
        )
        names = " ".join(f"{key}={value}" for key, value in settings.items())
        return DrawResult(
            self._region, self._size, self._draw, names, own, others, round(seconds, 1)
        )

    def _train(self, plan: TrainPlan, folder: Path) -> Checkpoint:
        corpus = replace(self._corpus, tunes=tuple(self._own))
        data, split = prepare_data(corpus, plan.split, plan.base)
        train_network(data, split, plan, folder, lambda _event: None)
        return load_checkpoint(folder)


def bits_per_note(checkpoint: Checkpoint, tunes: Sequence[Extract]) -> float:
    """Return the bits per note of tunes."""
    network = step_network(checkpoint)
    examples = examples_for(checkpoint.network, (tune.example for tune in tunes))
    return measure(network, checkpoint.vocabulary, examples).per_note


def table(base: Path) -> str:
    """Return the saved results as a table."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    results = [DrawResult(**json.loads(line)) for line in lines]
    groups = sorted({(result.settings, result.size, result.region) for result in results})
    rows = "".join(_row(group, results) for group in groups)
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow"))
    return (
        f"Base network {checkpoint_hash(base)}. Python {platform.python_version()}, {versions}; "
        f"{os.cpu_count()} cores of {platform.machine()}.\n\n"
        "| settings | tunes | region | draws | before | after | from scratch | gain per draw "
        "| folder's held-out tunes: before | after | CPU seconds |\n"
        f"|{'---|' * 11}\n{rows}"
    )


def _row(group: tuple[str, int, str], results: list[DrawResult]) -> str:
    settings, size, region = group
    draws = [draw for draw in results if (draw.settings, draw.size, draw.region) == group]
    before, after, scratch = (
        _mean_and_spread([draw.others[n] for draw in draws]) for n in range(3)
    )
    own_before, own_after = (_mean_and_spread([draw.own[n] for draw in draws]) for n in range(2))
    gains = ", ".join(f"{draw.others[0] - draw.others[1]:.2f}" for draw in draws)
    seconds = statistics.mean(draw.seconds for draw in draws)
    cells = [settings or "usual", size, f"{region}, {REGIONS[region]}", len(draws), before, after]
    cells += [scratch, gains, own_before, own_after, f"{seconds:.0f}"]
    return f"| {' | '.join(map(str, cells))} |\n"


def _mean_and_spread(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


if __name__ == "__main__":
    main()
