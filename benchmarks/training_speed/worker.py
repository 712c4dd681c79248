"""One process of the benchmark: steps of our network, or of the same layers in PyTorch.

Its arguments are a side, a network, shapes and how many steps; it prints speeds as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
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
# Batches of whole tunes: 32 of like length, in the widths that most tunes of the collections have.
TUNES = ((32, 256), (32, 320), (32, 448))
SHORTEST = 0.85


def main() -> None:
    """Time the shapes that were asked for."""
    side, network, shapes, steps = sys.argv[1:5]
    step = _ours(network) if side == "ours" else _theirs(network)
    print(json.dumps({shape: _speed(step, shape, int(steps)) for shape in shapes.split(",")}))


def _speed(step: Step, shape: str, steps: int) -> tuple[float, float]:
    """Characters by the second and by the second of processor time, of the best step."""
    batches = _batches(shape)
    for batch in batches * 2:  # the first compile
        step(batch)
    characters = sum(batch.characters for batch in batches)
    clock, worked = [], []
    for _ in range(steps):
        began, used = time.perf_counter(), _processor()
        for batch in batches:
            step(batch)
        clock.append(time.perf_counter() - began)
        worked.append(_processor() - used)
    return characters / min(clock), characters / min(worked)


def _batches(shape: str) -> list[Batch]:
    if shape == "tunes":
        return [_batch(rows, width, SHORTEST) for rows, width in TUNES]
    rows, width = map(int, shape.split("x"))
    return [_batch(rows, width, 1.0)]


def _batch(rows: int, width: int, shortest: float) -> Batch:
    """Random characters; the shortest row is filled to that share of the width."""
    random = np.random.default_rng(0)
    ids = random.integers(3, CLASSES, (rows, width + 1)).astype(np.int32)
    lengths = (width * np.linspace(shortest, 1.0, rows)).astype(int)
    present = (np.arange(width) < lengths[:, None]).astype(np.float32)
    return Batch(ids[:, :-1].copy(), ids[:, 1:].copy(), present, present)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _ours(network: str) -> Step:

    from abcgen.model.compiled import CompiledNetwork  # noqa: PLC0415 - likewise

    options = TrainConfig(optimizer="adamw", weight_decay=0.01)
    compiled = CompiledNetwork(NETWORK.replace(**CHANGES[network]), CLASSES, options)
    return lambda batch: compiled.train_step(batch, 1e-3)


def _theirs(network: str) -> Step:
    import torch  # noqa: PLC0415 - likewise

    from benchmarks.training_speed.peer import Network  # noqa: PLC0415 - likewise

    torch.set_num_threads(cores())
    model = Network(NETWORK, CLASSES, **CHANGES[network])
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
