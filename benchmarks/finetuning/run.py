"""What going on from a trained network gains with few tunes of one's own.

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

from abcgen.config import FINE_TUNING, FINE_TUNING_SPLIT, PRESETS
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.collections import collection_files, collection_named
from abcgen.corpus.families import families_by_intervals, split_tunes
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.extending import extended
from abcgen.model.scoring import measure
from abcgen.pipeline.checkpoints import checkpoint_hash, step_network
from abcgen.pipeline.training import (
    TrainPlan,
    plan_fine_tuning,
    prepare_data,
    train_network,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.corpus.records import Extract
    from abcgen.model.checkpoint import Checkpoint

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results.jsonl", HERE / "table.md"
# Files of the Essen collection, none of it in the base network's training.
REGIONS = {"erk20": "German songs", "han1": "Chinese songs", "kinder0": "German children's songs"}
MOST_TESTED = 80  # tunes
# The best of a few tries for a network that begins with nothing.
SCRATCH = FINE_TUNING.replace(epochs=80, patience=10, learning_rate=4e-3)


@dataclass(frozen=True)
class Outcome:
    """Bits per note of one draw.

    Attributes:
        region: Where the tunes are from.
        size: How many tunes are in the folder.
        draw: Which draw of them.
        settings: What was tried.
        own: Of the folder's own held-out tunes: before, after, from scratch.
        others: Of other families of the same region, likewise.
        seconds: Processor seconds of fine-tuning.
    """

    region: str
    size: int
    draw: int
    settings: str
    own: tuple[float, ...]
    others: tuple[float, ...]
    seconds: float


def main() -> None:
    """Measure draw by draw, each written down when it is done; then the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--sizes", default="20,60")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--regions", default=",".join(REGIONS))
    parser.add_argument("--try", dest="tried", default="", help="settings, as learning_rate=3e-3")
    parser.add_argument("--no-scratch", action="store_true")
    options = parser.parse_args()
    changes = dict(item.split("=") for item in options.tried.split())
    for size in map(int, options.sizes.split(",")):
        for region in options.regions.split(","):
            for draw in range(options.draws):
                settings = {name: json.loads(value) for name, value in changes.items()}
                trial = Trial(options.checkpoint, region, size, draw)
                outcome = trial.run(settings, scratch=not options.no_scratch)
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(outcome)) + "\n")
                print(outcome, flush=True)
    TABLE.write_text(table(options.checkpoint), encoding="utf-8")


class Trial:
    """A folder of tunes drawn from a region, and others of that region to be measured by.

    Args:
        base: The checkpoint to go on from.
        region: The tunes' file in the Essen collection.
        size: How many tunes are in the folder.
        draw: Which draw.
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
        self._others = [tune for tune, family in others if family not in own][:MOST_TESTED]

    def run(self, settings: dict[str, float], *, scratch: bool) -> Outcome:
        """Fine-tune, and train from scratch for comparison."""
        with tempfile.TemporaryDirectory() as name:
            plan = plan_fine_tuning(self._base, Path(name), settings)
            began = time.process_time()
            tuned = self._trained(plan, Path(name))
            seconds = time.process_time() - began
        small = PRESETS["small"].network
        alone = TrainPlan(small, SCRATCH, "from scratch", split=FINE_TUNING_SPLIT)
        with tempfile.TemporaryDirectory() as name:
            fresh = self._trained(alone, Path(name)) if scratch else tuned
        texts = [tune.text.text for tune in self._own + self._others]
        contestants = [extended(load_checkpoint(self._base), texts), tuned, fresh]
        own, others = (
            tuple(round(bits(one, tunes), 4) for one in contestants)
            for tunes in (self._held_out(), self._others)
        )
        what = " ".join(f"{key}={value}" for key, value in settings.items())
        return Outcome(self._region, self._size, self._draw, what, own, others, round(seconds, 1))

    def _held_out(self) -> Sequence[Extract]:
        split = split_tunes(self._own, FINE_TUNING_SPLIT)
        return [*split.validation, *split.test]

    def _trained(self, plan: TrainPlan, folder: Path) -> Checkpoint:
        corpus = replace(self._corpus, tunes=tuple(self._own))
        data, split = prepare_data(corpus, plan.split, plan.base)
        train_network(data, split, plan, folder, lambda _event: None)
        return load_checkpoint(folder)


def bits(checkpoint: Checkpoint, tunes: Sequence[Extract]) -> float:
    """Bits per note of tunes."""
    network = step_network(checkpoint)
    return measure(network, checkpoint.vocabulary, [tune.text for tune in tunes]).per_note


def table(base: Path) -> str:
    """What is in the file of results, as a table."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    outcomes = [Outcome(**json.loads(line)) for line in lines]
    groups = sorted({(one.settings, one.size, one.region) for one in outcomes})
    rows = "".join(_row(group, outcomes) for group in groups)
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow"))
    return (
        f"Base network {checkpoint_hash(base)}. Python {platform.python_version()}, {versions}; "
        f"{os.cpu_count()} cores of {platform.machine()}.\n\n"
        "| settings | tunes | region | draws | before | after | from scratch | gain of each draw "
        "| the folder's own held-out: before | after | processor seconds |\n"
        f"|{'---|' * 11}\n{rows}"
    )


def _row(group: tuple[str, int, str], outcomes: list[Outcome]) -> str:
    mine = [one for one in outcomes if (one.settings, one.size, one.region) == group]
    settings, size, region = group
    before, after, fresh = (_spread([one.others[n] for one in mine]) for n in range(3))
    own_before, own_after = (_spread([one.own[n] for one in mine]) for n in range(2))
    gains = ", ".join(f"{one.others[0] - one.others[1]:.2f}" for one in mine)
    seconds = statistics.mean(one.seconds for one in mine)
    cells = [settings or "usual", size, f"{region}, {REGIONS[region]}", len(mine), before, after]
    cells += [fresh, gains, own_before, own_after, f"{seconds:.0f}"]
    return f"| {' | '.join(map(str, cells))} |\n"


def _spread(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


if __name__ == "__main__":
    main()
