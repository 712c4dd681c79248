"""Compare the options of the network after the same training time, on one split, with PyTorch.

Run from the project's root, any number of networks at a time; results are collected in a file:

    python -m benchmarks.networks.run corpora/ --minutes 20 [--only small,pytorch-plain]
    python -m benchmarks.networks.run corpora/ --minutes 20 --study
    python -m benchmarks.networks.run --table
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.config import NetworkConfig, SplitConfig, TrainConfig
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.families import split_tunes
from abcgen.corpus.records import extract_corpus
from abcgen.corpus.tune_files import READERS
from abcgen.grammar.positions import PositionTracker
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import dataset_of
from abcgen.model.events import EpochEnd, Event
from abcgen.model.network import weight_name
from abcgen.model.positions import feature_tables
from abcgen.model.training import TrainData, train
from abcgen.model.vocabulary import Vocabulary
from abcgen.presets import PRESETS
from abcgen.system import cores
from benchmarks.machine import package_version, processor

if TYPE_CHECKING:
    from abcgen.example import Example

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results.json", HERE / "table.md"
TORCH_NETWORKS = ("pytorch-plain", "pytorch-attention", "pytorch-folkrnn")
# A window network reads a hundred characters for one: measuring every position would take longer
# than training, so every eighth is measured.
MEASURING_STRIDE = 8
CURVE_MINUTES = (5, 10)

Settings = tuple[NetworkConfig, TrainConfig]


def contestants() -> dict[str, Settings]:
    """Return networks by name: the presets, and every option of the smallest."""
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
            for bidirectional in (False, True):
                words = ["attention"] * attention + ["bidirectional"] * bidirectional or ["plain"]
                shape = base.replace(attention=attention, bidirectional=bidirectional)
                named["-".join([name, *words])] = shape, training
    return named


def study() -> dict[str, Settings]:
    """Return networks of 128 to 1024 units and 1 to 3 layers, as Joshi et al. suggest to study."""
    small, options = PRESETS["small"].network, PRESETS["small"].training
    return {
        f"{layers}x{units}": (small.replace(layers=layers, units=units, dropout=0.1), options)
        for layers in (1, 2, 3)
        for units in (128, 256, 512, 1024)
    }


def main() -> None:
    """Train and measure the networks, and write the table."""
    arguments = _arguments()
    networks = study() if arguments.study else contestants()
    names = arguments.only.split(",") if arguments.only else [*networks, *TORCH_NETWORKS]
    if arguments.table:
        names = []
    parts = _parts(arguments.paths) if names else {}
    for name in names:
        print(name, flush=True)
        if name in TORCH_NETWORKS:
            # Imports torch.
            from benchmarks.networks.pytorch import train_and_measure  # noqa: PLC0415

            result = asdict(
                train_and_measure(name, parts, arguments.minutes, arguments.epochs, cores())
            )
        else:
            result = _train_and_measure(networks[name], parts, arguments)
        _save(name, result, arguments)
        print(json.dumps(result), flush=True)
    TABLE.write_text(_table(_results()), encoding="utf-8")
    print(f"wrote {RESULTS} and {TABLE}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, default=[Path("corpora")])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--epochs", type=int, help="number of epochs, instead of minutes")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--study", action="store_true", help="compare units by layers")
    parser.add_argument("--table", action="store_true", help="only write the table")
    parser.add_argument("--set", default="", help="other settings, as NAME=VALUE ...")
    parser.add_argument("--label", default="", help="added to the name in the results")
    return parser.parse_args()


def _parts(paths: list[Path]) -> dict[str, list[Example]]:
    """Return the examples of each part of abcgen's own split."""
    split = split_tunes(extract_corpus(paths, READERS, NO_CACHE).tunes, SplitConfig())
    names = ("training", "validation", "test")
    return {name: [tune.example for tune in getattr(split, name)] for name in names}


def _train_and_measure(
    settings: Settings, parts: dict[str, list[Example]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train one of abcgen's networks and measure its best weights on the test tunes."""
    network, options = settings
    for change in shlex.split(arguments.set):
        key, value = change.split("=")
        setting = {key: json.loads(value)}
        if hasattr(network, key):
            network = network.replace(**setting)
        else:
            options = options.replace(**setting)
    length = {"epochs": arguments.epochs} if arguments.epochs else {"minutes": arguments.minutes}
    options = options.replace(**length)
    vocabulary = Vocabulary.of(item.text for part in parts.values() for item in part)
    speeds: list[float] = []
    curve: list[tuple[float, float]] = []

    def record(event: Event) -> None:
        if isinstance(event, EpochEnd):
            speeds.append(event.characters_per_second)
            bits = event.bits_per_note or 0
            curve.append((event.seconds, bits))
            print(f"  {event.epoch} epochs, {event.seconds:.0f} s: {bits:.3f}", flush=True)

    tracker = PositionTracker(vocabulary.tokens, tuple(feature_tables(network)))
    data = TrainData(parts["training"], parts["validation"], vocabulary, tracker)
    with tempfile.TemporaryDirectory() as folder:
        result = train(data, network, options, Path(folder), on_event=record)
        checkpoint = load_checkpoint(Path(folder))
    compiled = CompiledNetwork(network, vocabulary.size, options, tracker.token_heights)
    for variable in compiled.model.trainable_variables:
        variable.assign(checkpoint.weights[weight_name(variable.path)])
    measured = options.replace(stride=MEASURING_STRIDE, batch_size=64)
    bits = compiled.measure(
        dataset_of(parts["test"], vocabulary, network, measured, measuring=True, tracker=tracker)
    )
    return {
        "bits_per_note": bits.per_note,
        "characters_per_second": statistics.median(speeds),
        "parameters": compiled.parameters,
        "epochs": result.epochs,
        "seconds": result.seconds,
        "curve": curve,
        "network": network.model_dump(),
        "training": options.model_dump(),
    }


def _save(name: str, result: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Add a result to those of other runs, with its length, machine and versions."""
    length = f"{arguments.epochs} epochs" if arguments.epochs else f"{arguments.minutes:g} minutes"
    result |= {
        "name": name + (f" {arguments.label}" if arguments.label else ""),
        "length": length,
        "study": arguments.study,
        "machine": f"{cores()} cores of {processor()}",
        "versions": {item: package_version(item) for item in ("tensorflow", "keras", "torch")},
    }
    # A network measured again replaces its earlier result.
    keys = ("name", "length", "study")
    others = [old for old in _results() if any(old[key] != result[key] for key in keys)]
    RESULTS.write_text(json.dumps([*others, result], indent=1) + "\n", encoding="utf-8")


def _results() -> list[dict[str, Any]]:
    if not RESULTS.exists():
        return []
    results: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def _table(results: list[dict[str, Any]]) -> str:
    """Return all results, grouped by length, the best first."""
    lines = ["# Bits per note on held-out tunes", ""]
    for length in sorted({(item["study"], item["length"]) for item in results}):
        rows = [item for item in results if (item["study"], item["length"]) == length]
        lines += [f"## {'units by layers, ' * length[0]}{length[1]}", ""]
        lines += ["| network | bits/note | characters/s | parameters | epochs | minutes |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [
            f"| {item['name']} | {item['bits_per_note']:.3f} | {item['characters_per_second']:,.0f}"
            f" | {item['parameters']:,} | {item['epochs']:.2f} | {item['seconds'] / 60:.1f} |"
            for item in sorted(rows, key=lambda item: item["bits_per_note"])
        ]
        lines += ["", *_curves(rows)]
    machines = sorted({f"{item['machine']}, {item['versions']}" for item in results})
    return "\n".join([*lines, *(f"Measured on {machine}." for machine in machines), ""])


def _curves(rows: list[dict[str, Any]]) -> list[str]:
    """Return a table of what the networks of long runs had reached after some minutes."""
    rows = [item for item in rows if item.get("curve") and item["seconds"] > 60 * CURVE_MINUTES[-1]]
    if not rows:
        return []
    lines = ["Bits per note of the *validation* tunes on the way, the best measured by then:", ""]
    lines += [f"| network | {' | '.join(f'{m} minutes' for m in CURVE_MINUTES)} | at the end |"]
    lines += ["|---|" + "---|" * (len(CURVE_MINUTES) + 1)]
    for item in sorted(rows, key=lambda item: min(bits for _, bits in item["curve"])):
        reached = (
            [bits for seconds, bits in item["curve"] if seconds <= 60 * minutes]
            for minutes in (*CURVE_MINUTES, math.inf)
        )
        best = (f"{min(bits):.3f}" if bits else "" for bits in reached)
        lines += [f"| {item['name']} | {' | '.join(best)} |"]
    return [*lines, ""]


if __name__ == "__main__":
    main()
