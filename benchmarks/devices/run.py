"""Compare the curves of one network trained on one device, on two, and in two processes.

Run from the project's root:

    pip install 'abcgen[jax]'
    python -m benchmarks.devices.run corpora/oneills.abc [--epochs 3] [--only 'JAX']
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "table.md"
# Without dropout, which TensorFlow draws independently on every device.
SETTINGS = ("--preset", "small", "--units", "64", "--dropout", "0", "--device", "cpu")
FIGURES = ("training_bits", "bits_per_note")

Curve = list[dict[str, float]]


@dataclass(frozen=True)
class Setup:
    """Backend, devices and processes of a run."""

    # In the table
    name: str
    # Of Keras
    backend: str
    # Of each process
    devices: int = 1
    # That train together over the loopback
    processes: int = 1


SETUPS = (
    Setup("JAX, one device", "jax"),
    Setup("JAX, two devices in one process", "jax", devices=2),
    Setup("JAX, two processes on the loopback", "jax", processes=2),
    Setup("TensorFlow, one device", "tensorflow"),
    Setup("TensorFlow, two devices in one process", "tensorflow", devices=2),
)


def curve(setup: Setup, paths: list[Path], epochs: int, seconds: float = 3600) -> Curve:
    """Train on the command line, and return the figures of every epoch.

    Args:
        setup: Where to compute.
        paths: Tunes.
        epochs: Number of epochs.
        seconds: Timeout.

    Raises:
        RuntimeError: if a process fails; with its output.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        command = [sys.executable, "-m", "abcgen", "train", *map(str, paths), *SETTINGS]
        command += ["--epochs", str(epochs), "--devices", str(setup.devices)]
        command += ["--out", f"{folder}/run"]
        logs = [
            stack.enter_context(Path(folder, f"{n}.log").open("w+")) for n in range(setup.processes)
        ]
        processes = [
            subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - ours
            for environment, log in zip(_environments(setup), logs, strict=True)
        ]
        try:
            codes = [process.wait(timeout=seconds) for process in processes]
        finally:
            for process in processes:
                process.kill()
        for code, log in zip(codes, logs, strict=True):
            if code:
                log.seek(0)
                raise RuntimeError(f"{setup.name}: exit code {code}\n{log.read()[-3000:]}")
        lines = Path(folder, "run", "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{name: json.loads(line)[name] for name in FIGURES} for line in lines]


def largest_difference(first: Curve, second: Curve) -> float:
    """Return the largest difference between two curves, in bits."""
    pairs = zip(first, second, strict=True)
    return max(abs(a[name] - b[name]) for a, b in pairs for name in FIGURES)


def main() -> None:
    """Train in every setup and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", default="", help="first letters of the setups to run")
    arguments = parser.parse_args()
    curves = {}
    for setup in SETUPS:
        if setup.name.startswith(arguments.only):
            curves[setup] = curve(setup, arguments.paths, arguments.epochs)
            print(setup.name, curves[setup], flush=True)
    TABLE.write_text(_table(curves), encoding="utf-8")
    print(f"wrote {TABLE}")


def _environments(setup: Setup) -> list[dict[str, str]]:
    """Return the environment of every process, with Keras's variables for distributed jobs."""
    common = os.environ | {"KERAS_BACKEND": setup.backend}
    if setup.processes == 1:
        return [common]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    prefix = "KERAS_DISTRIBUTION_"
    common |= {f"{prefix}JOB_ADDRESSES": address, f"{prefix}NUM_PROCESSES": str(setup.processes)}
    return [common | {f"{prefix}PROCESS_ID": str(number)} for number in range(setup.processes)]


def _table(curves: dict[Setup, Curve]) -> str:
    single = {
        setup.backend: points for setup, points in curves.items() if "one device" in setup.name
    }
    lines = [
        "# One device, two devices, two processes",
        "",
        "| | held-out bits per note after each epoch | largest difference from one device, bits |",
        "|---|---|---|",
    ]
    for setup, points in curves.items():
        bits = ", ".join(f"{point['bits_per_note']:.5f}" for point in points)
        difference = largest_difference(single[setup.backend], points)
        lines.append(f"| {setup.name} | {bits} | {difference:.1e} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
