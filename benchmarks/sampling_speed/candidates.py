"""What should make the steps of sampling: plain NumPy, or ONNX Runtime?

Both step networks of every option through abcgen's own sampler, so that only the step differs.
Needs ``pip install onnx onnxruntime``, which abcgen itself does not. Run from the project's root:

    python -m benchmarks.sampling_speed.candidates [--steps 300] [--threads 2] [--write]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.system import limit_blas_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from abcgen.config import NetworkConfig

HERE = Path(__file__).parent
BATCHES = (1, 16, 64)
REPEATS = 5
SIGNS = "\nABCDEFGKLMabcdefgxyz0123456789/|:[](){}<>^_=,' \"!~.-"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="write candidates.md")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    limit_blas_threads()
    lines = [
        (
            f"One layer of 256 units, random weights, {options.steps} steps, "
            f"{options.threads} threads; Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in ("numpy", "onnxruntime"))
            + f". Characters/s in all, median of {REPEATS} runs in turn."
        ),
        "",
        (
            "| network | batch | NumPy | ONNX Runtime | NumPy / ONNX | logits differ by "
            "| NumPy: the same alone | ONNX: the same alone |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, network in _networks().items():
        for batch in BATCHES:
            lines.append(_row(name, network, batch, options))
            print(lines[-1], flush=True)
    imports = [_import_time(name) for name in ("numpy", "onnxruntime")]
    lines += ["", "Import: NumPy {:.2f} s, ONNX Runtime {:.2f} s (NumPy with it).".format(*imports)]
    report = "\n".join([*lines, ""])
    print(report)
    if options.write:
        (HERE / "candidates.md").write_text(report, encoding="utf-8")


def _networks() -> dict[str, NetworkConfig]:
    """Every option of a network that reads as it goes."""
    from abcgen.config import PRESETS  # noqa: PLC0415 - after the environment

    plain = PRESETS["base"].network.replace(attention=False, positions=False)
    return {
        "plain": plain,
        "attention": (attention := plain.replace(attention=True)),
        "attention, positions": attention.replace(positions=True),
        "both ways": plain.replace(bidirectional=True),
        "attention, both ways": attention.replace(bidirectional=True),
    }


def _row(name: str, network: NetworkConfig, batch: int, options: argparse.Namespace) -> str:
    from benchmarks.sampling_speed.exported import both  # noqa: PLC0415 - after the environment

    ours, theirs, difference, same = both(network, SIGNS, batch, options.threads)
    contestants = [_drawing(step, batch, options.steps) for step in (ours, theirs)]
    times: list[list[float]] = [[] for _ in contestants]
    for number in range(REPEATS + 1):  # the first warms up
        for contestant, taken in zip(contestants, times, strict=True):
            began = time.perf_counter()
            contestant()
            if number:
                taken.append(time.perf_counter() - began)
    speeds = [batch * options.steps / statistics.median(taken) for taken in times]
    told = " | ".join("yes" if one else "no" for one in same)
    cells = [name, str(batch), *(f"{speed:,.0f}" for speed in speeds)]
    return f"| {' | '.join(cells)} | {speeds[0] / speeds[1]:.2f} | {difference:.0e} | {told} |"


def _drawing(network: Any, batch: int, steps: int) -> Callable[[], None]:
    from abcgen.config import SampleConfig  # noqa: PLC0415 - after the environment
    from abcgen.model.sampling import sample  # noqa: PLC0415
    from abcgen.model.vocabulary import Vocabulary  # noqa: PLC0415
    from benchmarks.sampling_speed.run import Endless, draw  # noqa: PLC0415

    vocabulary = Vocabulary.of(SIGNS)
    config = SampleConfig(batch_size=batch, max_characters=steps - 1, temperature=1.0)

    return lambda: draw(
        sample(Endless(network), vocabulary, enumerate([""] * batch), config, 1), batch
    )


def _import_time(name: str) -> float:
    """Seconds to import a module in a new process, Python's own start left out."""
    program = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", program]
    return statistics.median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603
        for _ in range(REPEATS)
    )


if __name__ == "__main__":
    main()
