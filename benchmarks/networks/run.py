"""What each option of the network buys: equal time, one family split, beside PyTorch.

Run from the project's root, as few or as many at a time as suits; results add up in a file:

    python -m benchmarks.networks.run corpora/ --minutes 20 [--only small,pytorch-plain]
    python -m benchmarks.networks.run corpora/ --minutes 20 --study
    python -m benchmarks.networks.run --table
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shlex
import statistics
import tempfile
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.config import PRESETS, NetworkConfig, SplitConfig, TrainConfig
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.families import split_tunes
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.grammar.positions import PositionTracker
from abcgen.model.checkpoint import Checkpoint, load_checkpoint
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import dataset_of
from abcgen.model.events import EpochEnd, Event
from abcgen.model.network import weight_name
from abcgen.model.training import TrainData, train
from abcgen.model.vocabulary import Vocabulary
from abcgen.system import cores

if TYPE_CHECKING:
    from abcgen.example import Example

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results.json", HERE / "table.md"
REFEREES = ("pytorch-plain", "pytorch-attention", "pytorch-folkrnn")
# A window network reads a hundred characters for one; measuring all places of all tunes would
# take longer than training. Every eighth place stands for them.
MEASURED_WINDOWS = 8
ON_THE_WAY = (5, 10)  # minutes

Settings = tuple[NetworkConfig, TrainConfig]


def contestants() -> dict[str, Settings]:
    """Networks by name: the presets, and what the options make of the smallest."""
    small, options = PRESETS["small"].network, PRESETS["small"].training
    window = small.replace(kind="window", positions=False)
    strided = options.replace(batch_size=64, stride=50, optimizer="adamw", learning_rate=2e-3)
    paper = PRESETS["paper"].training.replace(stride=50)
    named = {name: (preset.network, preset.training) for name, preset in PRESETS.items()}
    named["paper"] = PRESETS["paper"].network, paper
    for base, name, training in (
        (small, "stream", options),
        (window, "window", strided),
    ):
        for attention in (False, True):
            for both in (False, True):
                words = ["attention"] * attention + ["bidirectional"] * both or ["plain"]
                shape = base.replace(attention=attention, bidirectional=both)
                named["-".join([name, *words])] = shape, training
    return named


def study() -> dict[str, Settings]:
    """Units 128 to 1024 by layers 1 to 3, which the published network's authors asked for."""
    small, options = PRESETS["small"].network, PRESETS["small"].training
    return {
        f"{layers}x{units}": (small.replace(layers=layers, units=units, dropout=0.1), options)
        for layers in (1, 2, 3)
        for units in (128, 256, 512, 1024)
    }


def main() -> None:
    """Run what was asked for and write the table."""
    arguments = _arguments()
    chosen = study() if arguments.study else contestants()
    names = arguments.only.split(",") if arguments.only else [*chosen, *REFEREES]
    if arguments.table:
        names = []
    parts = _parts(arguments.paths) if names else {}
    for name in names:
        print(name, flush=True)
        result = _referee(name, parts, arguments) if name in REFEREES else None
        result = result or _contest(chosen[name], parts, arguments)
        _keep(name, result, arguments)
        print(json.dumps(result), flush=True)
    TABLE.write_text(_table(_read()), encoding="utf-8")
    print(f"wrote {RESULTS} and {TABLE}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[Path("corpora")])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--passes", type=int, help="so many passes instead of minutes")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--study", action="store_true", help="units by layers")
    parser.add_argument("--table", action="store_true", help="write the table, run nothing")
    parser.add_argument("--set", default="", help="settings other than usual, as NAME=VALUE ...")
    parser.add_argument("--label", default="", help="added to the name in the results")
    return parser.parse_args()


def _parts(paths: list[Path]) -> dict[str, list[Example]]:
    """The examples of each part of abcgen's own split."""
    split = split_tunes(extract_corpus(paths, READERS, NO_CACHE).tunes, SplitConfig())
    names = ("training", "validation", "test")
    return {name: [tune.text for tune in getattr(split, name)] for name in names}


def _contest(
    settings: Settings, parts: dict[str, list[Example]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train one of ours and measure its best weights on the test tunes."""
    network, options = _changed(settings, arguments.set)
    length = {"epochs": arguments.passes} if arguments.passes else {"minutes": arguments.minutes}
    options = options.replace(**length)
    vocabulary = Vocabulary.of(item.text for part in parts.values() for item in part)
    speeds: list[float] = []
    curve: list[tuple[float, float]] = []

    def watch(event: Event) -> None:
        if isinstance(event, EpochEnd):
            speeds.append(event.characters_per_second)
            bits = event.bits_per_note or 0
            curve.append((event.seconds, bits))
            print(f"  {event.epoch} passes, {event.seconds:.0f} s: {bits:.3f}", flush=True)

    tracker = PositionTracker(vocabulary.tokens)
    data = TrainData(parts["training"], parts["validation"], vocabulary, tracker)
    with tempfile.TemporaryDirectory() as folder:
        result = train(data, network, options, Path(folder), on_event=watch)
        checkpoint = load_checkpoint(Path(folder))
    compiled = _compiled(checkpoint)
    measured = options.replace(stride=MEASURED_WINDOWS, batch_size=64)
    bits = compiled.measure(
        dataset_of(parts["test"], vocabulary, network, measured, measuring=True, tracker=tracker)
    )
    return {
        "bits_per_note": bits.per_note,
        "characters_per_second": statistics.median(speeds),
        "parameters": compiled.parameters,
        "passes": result.epochs,
        "seconds": result.seconds,
        "curve": curve,
        "network": network.model_dump(),
        "training": options.model_dump(),
    }


def _changed(settings: Settings, changes: str) -> Settings:
    network, options = settings
    for change in shlex.split(changes):
        name, value = change.split("=")
        item = {name: json.loads(value)}
        if hasattr(network, name):
            network = network.replace(**item)
        else:
            options = options.replace(**item)
    return network, options


def _compiled(checkpoint: Checkpoint) -> CompiledNetwork:
    compiled = CompiledNetwork(checkpoint.network, checkpoint.vocabulary.size, checkpoint.training)
    for variable in compiled.model.trainable_variables:
        variable.assign(checkpoint.weights[weight_name(variable.path)])
    return compiled


def _referee(
    name: str, parts: dict[str, list[Example]], arguments: argparse.Namespace
) -> dict[str, Any]:
    from benchmarks.networks.referees import referee  # noqa: PLC0415 - only where it is installed

    return asdict(referee(name, parts, arguments.minutes, arguments.passes, cores()))


def _keep(name: str, result: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Add a result to those of other runs, with where and how it came about."""
    length = f"{arguments.passes} passes" if arguments.passes else f"{arguments.minutes:g} minutes"
    result |= {
        "name": name + (f" {arguments.label}" if arguments.label else ""),
        "length": length,
        "study": arguments.study,
        "machine": f"{cores()} cores of {_processor()}",
        "versions": {item: _version(item) for item in ("tensorflow", "keras", "torch")},
    }
    same = ("name", "length", "study")
    others = [old for old in _read() if any(old[key] != result[key] for key in same)]
    RESULTS.write_text(json.dumps([*others, result], indent=1) + "\n", encoding="utf-8")


def _read() -> list[dict[str, Any]]:
    if not RESULTS.exists():
        return []
    results: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _table(results: list[dict[str, Any]]) -> str:
    """All results, those of equal length together, the best first."""
    lines = ["# Bits per note on held-out tunes", ""]
    for length in sorted({(item["study"], item["length"]) for item in results}):
        rows = [item for item in results if (item["study"], item["length"]) == length]
        lines += [f"## {'units by layers, ' * length[0]}{length[1]}", ""]
        lines += ["| network | bits/note | characters/s | parameters | passes | minutes |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [
            f"| {item['name']} | {item['bits_per_note']:.3f} | {item['characters_per_second']:,.0f}"
            f" | {item['parameters']:,} | {item['passes']:.2f} | {item['seconds'] / 60:.1f} |"
            for item in sorted(rows, key=lambda item: item["bits_per_note"])
        ]
        lines += ["", *_curves(rows)]
    machines = sorted({f"{item['machine']}, {item['versions']}" for item in results})
    return "\n".join([*lines, *(f"Measured on {machine}." for machine in machines), ""])


def _curves(rows: list[dict[str, Any]]) -> list[str]:
    """What the networks had reached on the way, where that was long enough to say."""
    rows = [item for item in rows if item.get("curve") and item["seconds"] > 60 * ON_THE_WAY[-1]]
    if not rows:
        return []
    lines = ["Bits per note of the *validation* tunes on the way, as last measured by then:", ""]
    lines += [f"| network | {' | '.join(f'{m} minutes' for m in ON_THE_WAY)} | at the end |"]
    lines += ["|---|" + "---|" * (len(ON_THE_WAY) + 1)]
    for item in sorted(rows, key=lambda item: min(bits for _, bits in item["curve"])):
        reached = (
            [bits for seconds, bits in item["curve"] if seconds <= 60 * minutes]
            for minutes in (*ON_THE_WAY, math.inf)
        )
        best = (f"{min(bits):.3f}" if bits else "" for bits in reached)
        lines += [f"| {item['name']} | {' | '.join(best)} |"]
    return [*lines, ""]


if __name__ == "__main__":
    main()
