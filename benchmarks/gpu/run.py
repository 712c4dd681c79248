"""Training on a GPU: every backend beside a plain PyTorch program of the same layers.

    python -m benchmarks.gpu.run [--corpus corpora/] [--only torch] [--write]
    python -m benchmarks.gpu.run --smoke            # a minute on a CPU: that all of it runs

At most eight minutes on one card; nothing is downloaded. Without ``--corpus`` it trains on the
tunes that the network that comes with abcgen held out. Each row is a run of ``abcgen train`` in a
process of its own, the PyTorch program before and after them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.model.metrics import read_metrics
from abcgen.notation.model_text import decode_tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.held_out import read_held_out
from benchmarks.machine import package_version, processor

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
TABLE = HERE / "table.md"
SHIPPED = HERE.parents[1] / "checkpoints" / "pretrained"
BACKENDS = ("torch", "jax", "tensorflow")
MINUTES = (1.0, 2.0, 4.0)  # after which the bits a note are shown
SUITED = ("--batch-size", "128", "--precision", "bfloat16")


@dataclass
class Row:
    """A run, and what was measured of it."""

    name: str
    backend: str
    options: tuple[str, ...]
    minutes: float
    device: str = ""
    speed: float = 0.0
    bits: dict[float, float] = field(default_factory=dict)
    gigabytes: float | None = None
    busy: float | None = None


def rows(only: str, *, smoke: bool) -> list[Row]:
    """Return the runs on the backends that are installed, about seven minutes in all."""
    found = [name for name in BACKENDS if find_spec(name) and name.startswith(only)]
    planned = [Row("base", name, ("--preset", "base"), 0.6) for name in found]
    for name in found[:1]:
        base = "--preset", "base", *SUITED
        planned.append(Row("base, 128 tunes, bfloat16", name, base, 4.0))
        planned.append(Row("large", name, ("--preset", "large"), 0.6))
    if smoke:
        for row in planned:
            # Enough for its first steps; the network is as deep, but narrow.
            row.options, row.minutes = (*row.options, "--units", "16"), 0.3
    return planned


def main() -> None:
    """Run all and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--only", default="", help="first letters of the backends to run")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--write", action="store_true", help="write table.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = arguments.corpus or _held_out_tunes(Path(folder))
        peers = []
        planned = rows(arguments.only, smoke=arguments.smoke)
        for number, row in enumerate(planned):
            if find_spec("torch") and number in {0, len(planned) - 1}:
                peers.append(_peer(corpus, smoke=arguments.smoke))
            _train(row, corpus, Path(folder, str(number)))
            print(row, flush=True)
    text = _table(planned, peers, smoke=arguments.smoke)
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


def _held_out_tunes(folder: Path) -> Path:
    held_out = read_held_out(SHIPPED)
    path = folder / "tunes.abc"
    tunes = (*held_out.validation, *held_out.test)
    texts = [write_abc(decode_tune(tune.text)) for tune in tunes]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def _train(row: Row, corpus: Path, out: Path) -> None:
    command = [sys.executable, "-m", "abcgen", "train", str(corpus), *row.options, "--no-critic"]
    command += ["--minutes", str(row.minutes), "--out", str(out)]
    with _watched(row):
        result = subprocess.run(  # noqa: S603 - our own program
            command,
            env=os.environ | {"KERAS_BACKEND": row.backend},
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        row.device = result.stderr.strip().splitlines()[-1][:100]
        return
    started = [line for line in result.stderr.splitlines() if line.startswith("training ")]
    row.device = "gpu" if " on gpu" in "".join(started) else "cpu"
    measurements = read_metrics(out)
    # The first pass compiles.
    row.speed = max(measurement.characters_per_second for measurement in measurements)
    for minutes in MINUTES:
        bits = [
            measurement.bits_per_note
            for measurement in measurements
            if measurement.bits_per_note and measurement.seconds <= 60 * minutes + 1
        ]
        if bits and row.minutes >= minutes:
            row.bits[minutes] = min(bits)


@contextmanager
def _watched(row: Row) -> Iterator[None]:
    """Note the most memory of the card and how busy it was, if there is one."""
    if not shutil.which("nvidia-smi"):
        yield
        return
    ended, samples = threading.Event(), list[tuple[float, float]]()

    def watch() -> None:
        query = "--query-gpu=memory.used,utilization.gpu"
        while not ended.wait(1.0):
            command = ["nvidia-smi", query, "--format=csv,noheader,nounits", "--id=0"]
            result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            text = result.stdout
            if text.strip():
                memory, busy = map(float, text.split(","))
                samples.append((memory / 1024, busy / 100))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if samples:
        half = samples[len(samples) // 2 :]
        row.gigabytes = max(memory for memory, _ in samples)
        row.busy = sum(busy for _, busy in half) / len(half)


def _peer(corpus: Path, *, smoke: bool) -> dict[str, Any]:
    """Return what the PyTorch program measured."""
    units, seconds = ("16", "10") if smoke else ("0", "30")
    command = [sys.executable, "-m", "benchmarks.gpu.peer", str(corpus), "base", units, seconds]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode:
        raise RuntimeError(result.stderr[-2000:])
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def _table(planned: list[Row], peers: list[dict[str, Any]], *, smoke: bool) -> str:
    versions = (f"{name} {package_version(name)}" for name in (*BACKENDS, "keras"))
    gpus = {row.device for row in planned if row.device == "gpu"}
    lines = ["# Training on a GPU", "", f"{processor()}; {', '.join(versions)}.", ""]
    if not gpus:
        lines += ["**No GPU was at hand**: the columns of one are empty.", ""]
    if smoke:
        lines += ["With `--smoke`: 16 units, some seconds each. The speeds say nothing.", ""]
    lines += [
        "| network | program | on | characters/s | beside PyTorch | GB | busy | bits a note |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    best = max((peer["characters_per_second"] for peer in peers), default=0.0)
    for peer in peers:
        cells = ["base", "plain PyTorch", peer["device"]]
        cells += [f"{peer['characters_per_second']:,.0f}", "1"]
        cells += [_or_empty(peer["gigabytes"], ".1f"), "", f"{peer['bits_per_note']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    for row in planned:
        ratio = f"{row.speed / best:.2f}" if best and row.name.startswith("base") else ""
        bits = ", ".join(f"{bits:.2f} after {at:g} min" for at, bits in row.bits.items())
        cells = [row.name, f"abcgen on {row.backend}", row.device, f"{row.speed:,.0f}", ratio]
        cells += [_or_empty(row.gigabytes, ".1f"), _or_empty(row.busy, ".0%"), bits]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _or_empty(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)


if __name__ == "__main__":
    main()
