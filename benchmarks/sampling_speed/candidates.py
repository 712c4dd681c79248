"""Compare NumPy with ONNX Runtime for the steps of sampling.

Both networks run in abcgen's own sampler, so that only the step differs. Needs
``pip install onnx onnxruntime``, which abcgen itself does not. Run from the project's root:

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
CHARACTERS = "\nABCDEFGKLMabcdefgxyz0123456789/|:[](){}<>^_=,' \"!~.-"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--write", action="store_true", help="write candidates.md")
    options = parser.parse_args()
    # Before NumPy is imported, which reads them.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    limit_blas_threads()
    lines = [
        (
            f"One layer of 256 units, random weights, {options.steps} steps, "
            f"{options.threads} threads; Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in ("numpy", "onnxruntime"))
            + f". Characters per second of the whole batch, median of {REPEATS} alternating runs."
        ),
        "",
        (
            "| network | batch | NumPy | ONNX Runtime | NumPy / ONNX | largest difference of "
            "logits | NumPy: batch = single | ONNX: batch = single |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, network in _networks().items():
        for batch in options.batches:
            lines.append(_row(name, network, batch, options))
            print(lines[-1], flush=True)
    imports = [_import_seconds(name) for name in ("numpy", "onnxruntime")]
    lines += [
        "",
        "Import: NumPy {:.2f} s, ONNX Runtime {:.2f} s (NumPy included).".format(*imports),
    ]
    report = "\n".join([*lines, ""])
    print(report)
    if options.write:
        (HERE / "candidates.md").write_text(report, encoding="utf-8")


def _networks() -> dict[str, NetworkConfig]:
    """Return every option of a stream network by name."""
    from abcgen.presets import PRESETS  # noqa: PLC0415 - after the environment

    plain = PRESETS["base"].network.replace(attention=False, positions=False)
    attention = plain.replace(attention=True)
    return {
        "plain": plain,
        "attention": attention,
        "attention, positions": attention.replace(positions=True),
        "bidirectional": plain.replace(bidirectional=True),
        "attention, bidirectional": attention.replace(bidirectional=True),
    }


def _row(name: str, network: NetworkConfig, batch: int, options: argparse.Namespace) -> str:
    # After the environment.
    from benchmarks.sampling_speed.exported import compare_steps  # noqa: PLC0415

    pair = compare_steps(network, CHARACTERS, batch, options.threads)
    samplers = [_sampler(step, batch, options.steps) for step in (pair.numpy, pair.onnx)]
    times: list[list[float]] = [[] for _ in samplers]
    for repeat in range(REPEATS + 1):
        for sampler, seconds in zip(samplers, times, strict=True):
            start = time.perf_counter()
            sampler()
            if repeat:  # the first warms up
                seconds.append(time.perf_counter() - start)
    speeds = [batch * options.steps / statistics.median(seconds) for seconds in times]
    cells = [name, str(batch), *(f"{speed:,.0f}" for speed in speeds)]
    cells += [f"{speeds[0] / speeds[1]:.2f}", f"{pair.difference:.0e}"]
    cells += ["yes" if same else "no" for same in pair.same_in_batch]
    return f"| {' | '.join(cells)} |"


def _sampler(network: Any, batch: int, steps: int) -> Callable[[], None]:
    """Return a function that samples one batch of texts without end."""
    from abcgen.config import SampleConfig  # noqa: PLC0415 - after the environment
    from abcgen.model.sampling import sample  # noqa: PLC0415 - likewise
    from abcgen.model.vocabulary import Vocabulary  # noqa: PLC0415 - likewise
    from benchmarks.sampling_speed.run import EndlessNetwork, take  # noqa: PLC0415 - likewise

    vocabulary = Vocabulary.of(CHARACTERS)
    config = SampleConfig(batch_size=batch, max_characters=steps - 1, temperature=1.0)
    texts = [""] * batch

    return lambda: take(
        sample(EndlessNetwork(network), vocabulary, enumerate(texts), config, 1), batch
    )


def _import_seconds(name: str) -> float:
    """Return the seconds to import a module in a new process, without Python's own start."""
    program = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", program]
    return statistics.median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - ours
        for _ in range(REPEATS)
    )


if __name__ == "__main__":
    main()
