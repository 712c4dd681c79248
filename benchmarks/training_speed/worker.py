"""Time training steps of abcgen's network, or of the same layers in PyTorch, in one process.

Prints the speeds of every batch shape as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.model.dataset import Batch
from abcgen.system import cores

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[Batch], object]

CLASSES = 95
NETWORK = NetworkConfig(layers=2, units=256, embedding=64, dropout=0.3, heads=4, attention=False)
CHANGES: dict[str, Any] = {
    "plain": {},
    "attention": {"attention": True},
    "bidirectional": {"bidirectional": True},
}
# Batches of 32 whole tunes of similar length, in the most common widths of the collections.
TUNES = ((32, 256), (32, 320), (32, 448))
SHORTEST = 0.85  # of the width


def main() -> None:
    """Time steps of every shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=("abcgen", "torch"))
    parser.add_argument("network", choices=tuple(CHANGES))
    parser.add_argument("shapes", help="ROWSxWIDTH or tunes, separated by commas")
    parser.add_argument("steps", type=int)
    arguments = parser.parse_args()
    make_step = _abcgen_step if arguments.program == "abcgen" else _torch_step
    step = make_step(arguments.network)
    shapes = arguments.shapes.split(",")
    print(json.dumps({shape: _speed(step, shape, arguments.steps) for shape in shapes}))


def _speed(step: Step, shape: str, steps: int) -> tuple[float, float]:
    """Return characters per second and per second of processor time, each of the best step."""
    if shape == "tunes":
        batches = [_batch(rows, width, SHORTEST) for rows, width in TUNES]
    else:
        rows, width = map(int, shape.split("x"))
        batches = [_batch(rows, width, 1.0)]
    for batch in batches * 2:  # the first compile
        step(batch)
    characters = sum(batch.characters for batch in batches)
    wall, cpu = [], []
    for _ in range(steps):
        wall_start, cpu_start = time.perf_counter(), _cpu_seconds()
        for batch in batches:
            step(batch)
        wall.append(time.perf_counter() - wall_start)
        cpu.append(_cpu_seconds() - cpu_start)
    return characters / min(wall), characters / min(cpu)


def _batch(rows: int, width: int, shortest: float) -> Batch:
    """Return random characters; rows have lengths from ``shortest`` of the width to all of it."""
    random = np.random.default_rng(0)
    ids = random.integers(3, CLASSES, (rows, width + 1)).astype(np.int32)
    lengths = (width * np.linspace(shortest, 1.0, rows)).astype(int)
    present = (np.arange(width) < lengths[:, None]).astype(np.float32)
    return Batch(ids[:, :-1].copy(), ids[:, 1:].copy(), present, present)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _abcgen_step(network: str) -> Step:
    from abcgen.model.compiled import CompiledNetwork  # noqa: PLC0415 - loads Keras

    options = TrainConfig(optimizer="adamw", weight_decay=0.01)
    compiled = CompiledNetwork(NETWORK.replace(**CHANGES[network]), CLASSES, options)
    return lambda batch: compiled.train_step(batch, 1e-3)


def _torch_step(network: str) -> Step:
    import torch  # noqa: PLC0415 - optional

    from benchmarks.training_speed.peer import TorchNetwork  # noqa: PLC0415 - imports torch

    torch.set_num_threads(cores())
    model = TorchNetwork(NETWORK, CLASSES, **CHANGES[network])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.01)

    def step(batch: Batch) -> float:
        inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets).long()
        present = torch.from_numpy(batch.present)
        logits = model(inputs).transpose(1, 2)
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        loss = (losses * present).sum() / present.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return float(loss)

    return step


if __name__ == "__main__":
    main()
