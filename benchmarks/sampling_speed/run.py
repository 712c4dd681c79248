"""Compare the speed of sampling with PyTorch, one step at a time, and ``model.predict``.

All run the network of one checkpoint on the same number of threads. abcgen is measured up to the
finished texts, with and without the grammar; the limit is the matrix products of a step alone, in
PyTorch. Run from the project's root:

    python -m benchmarks.sampling_speed.run CHECKPOINT [--steps 280] [--threads 2] [--keras]

PyTorch is not a dependency of abcgen: without it, its columns stay empty.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abcgen.system import collect_garbage_rarely, limit_blas_threads
from benchmarks.machine import processor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from abcgen.model.checkpoint import Checkpoint

HERE = Path(__file__).parent
BATCHES = (1, 16, 64)
WINDOW = 100
REPEATS = 15
HEADINGS = ["batch", "abcgen", "first with grammar", "cost", "later with grammar", "cost"]
HEADINGS += ["PyTorch LSTMCell", "ratio", "PyTorch LSTM", "ratio"]
HEADINGS += ["matrix products only", "model.predict"]
CONTESTANTS = ("ours", "first", "later", "cells", "torch", "limit")
WARMUP_BATCHES = 4


@dataclass(frozen=True)
class Row:
    """Characters per second at one batch size; 0 where not measured."""

    batch: int
    ours: float
    first: float
    later: float
    cells: float
    torch: float
    limit: float
    predict: float


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--steps", type=int, default=280, help="characters per text")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--keras", action="store_true", help="also measure model.predict, which is slow"
    )
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--cpu-time", action="store_true", help="compare CPU time on one thread")
    parser.add_argument("--write", action="store_true", help="write table.md")
    options = parser.parse_args()
    if options.cpu_time:
        options.threads = 1
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # before NumPy is imported, which reads them
    limit_blas_threads()
    collect_garbage_rarely()
    from abcgen.model.checkpoint import load_checkpoint  # noqa: PLC0415 - after the environment

    checkpoint = load_checkpoint(options.checkpoint)
    rows = [_row(checkpoint, batch, options) for batch in options.batches]
    report = _report(checkpoint, options, rows)
    print(report)
    if options.write:
        (HERE / "table.md").write_text(report, encoding="utf-8")


def _row(checkpoint: Checkpoint, batch: int, options: argparse.Namespace) -> Row:
    steps = options.steps
    characters = batch * steps
    ours = _Sampler(checkpoint, batch, steps)
    contestants = {
        "ours": ours.later_batches(),
        "first": ours.first_batch,
        "later": ours.later_batches(grammar=True),
    }
    if find_spec("torch"):
        from benchmarks.sampling_speed.peer import products, torch_sampler  # noqa: PLC0415 - optional

        contestants["limit"] = products(checkpoint, batch, steps, options.threads)
        for name, cells in (("cells", True), ("torch", False)):
            contestants[name] = torch_sampler(
                checkpoint, batch, steps, options.threads, cells=cells
            )
    for contestant in contestants.values():
        contestant()  # fills caches and compiles
    clock = time.process_time if options.cpu_time else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(REPEATS):  # alternating, so that a disturbance affects all
        for name, contestant in contestants.items():
            start = clock()
            contestant()
            times[name].append(clock() - start)
    rate = {name: characters / statistics.median(seconds) for name, seconds in times.items()}
    predict = _predict(checkpoint) if options.keras and batch == 1 else 0.0
    return Row(batch, **{name: rate.get(name, 0.0) for name in CONTESTANTS}, predict=predict)


class EndlessNetwork:
    """A network that never ends a text, so that all batches do the same work."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def start(self, batch: int) -> Any:
        """Return the network's first state."""
        return self._network.start(batch)

    def step(self, ids: Any, state: Any) -> Any:
        """Take the network's step, with the end made impossible."""
        from abcgen.model.vocabulary import END  # noqa: PLC0415 - after the environment

        logits, state = self._network.step(ids, state)
        logits[:, END] = -1e9
        return logits, state


class _Sampler:
    """Samples texts without end from one network."""

    def __init__(self, checkpoint: Checkpoint, batch: int, steps: int) -> None:
        from abcgen.pipeline.checkpoints import step_network  # noqa: PLC0415 - after the environment

        self._network = EndlessNetwork(step_network(checkpoint))
        self._checkpoint, self._batch, self._steps = checkpoint, batch, steps
        self._numbers = count()  # a number of its own for every text

    def later_batches(self, *, grammar: bool = False) -> Callable[[], None]:
        """Return a function that samples the next batch, after a few that fill caches."""
        texts = self._texts(_EndlessGrammar(self._checkpoint) if grammar else None)
        take(texts, WARMUP_BATCHES * self._batch)
        return lambda: take(texts, self._batch)

    def first_batch(self) -> None:
        """Build a grammar and sample its first batch."""
        take(self._texts(_EndlessGrammar(self._checkpoint)), self._batch)

    def _texts(self, constraint: _EndlessGrammar | None) -> Iterator[object]:
        from abcgen.config import SampleConfig  # noqa: PLC0415 - after the environment
        from abcgen.model.sampling import sample  # noqa: PLC0415

        config = SampleConfig(
            batch_size=self._batch, max_characters=self._steps - 1, temperature=1.0
        )
        numbers = ((number, "") for number in self._numbers)
        vocabulary = self._checkpoint.vocabulary
        return sample(self._network, vocabulary, numbers, config, 1, constraint=constraint)


def take(texts: Iterator[object], number: int) -> None:
    """Consume the next ``number`` texts."""
    for _ in islice(texts, number):
        pass


class _EndlessGrammar:
    """The grammar without the end of a text."""

    start = 0

    def __init__(self, checkpoint: Checkpoint) -> None:
        from abcgen.config import Request  # noqa: PLC0415
        from abcgen.grammar import Grammar  # noqa: PLC0415
        from abcgen.pipeline.requests import rules_of  # noqa: PLC0415

        alphabet = frozenset(checkpoint.vocabulary.characters)
        self._grammar = Grammar(rules_of(Request(), alphabet))

    def allowed(self, state_id: int, remaining: int) -> frozenset[str]:
        characters = self._grammar.allowed(state_id, remaining + 1000)
        return characters - {"\n"} or characters

    def advance(self, state_id: int, character: str) -> int:
        return self._grammar.advance(state_id, character)

    def prune(self) -> bool:
        return False

    def max_distance(self, _state_id: int) -> int:
        return -1


def _predict(checkpoint: Checkpoint, characters: int = 20) -> float:
    """Return the characters per second of ``model.predict`` on windows, as tutorials sample."""
    import numpy as np  # noqa: PLC0415

    from abcgen.model.backend import load_keras  # noqa: PLC0415 - seconds to import

    keras = load_keras()
    network, size = checkpoint.network, checkpoint.vocabulary.size
    layers: list[Any] = [keras.layers.Embedding(size, network.embedding)]
    for layer in range(network.layers):
        last = layer == network.layers - 1
        layers.append(keras.layers.LSTM(network.units, return_sequences=not last))
    model = keras.Sequential([*layers, keras.layers.Dense(size, activation="softmax")])
    window = np.ones((1, WINDOW), np.int32)
    model.predict(window, verbose=0)
    start = time.perf_counter()
    for _ in range(characters):
        likeliest = model.predict(window, verbose=0)[0].argmax()
        window = np.concatenate([window[:, 1:], [[likeliest]]], axis=1)
    return characters / (time.perf_counter() - start)


def _report(checkpoint: Checkpoint, options: argparse.Namespace, rows: list[Row]) -> str:
    network = checkpoint.network
    lines = [
        (
            f"{options.checkpoint.name}: {network.layers} x {network.units} LSTM"
            f"{' and attention' if network.attention else ''}, {options.steps} steps, "
            f"{options.threads} threads, Python {platform.python_version()}, {processor()}. "
            f"Characters per second{' of CPU time' if options.cpu_time else ''} of the whole "
            f"batch, median of {REPEATS} alternating runs."
        ),
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---" * len(HEADINGS) + "|",
    ]
    for row in rows:
        costs = [f"{speed:,.0f} | {row.ours / speed - 1:+.1%}" for speed in (row.first, row.later)]
        cells = [str(row.batch), f"{row.ours:,.0f}", *costs]
        for peer in (row.cells, row.torch):
            cells += [f"{peer:,.0f}", f"{row.ours / peer:.1f}"] if peer else ["", ""]
        cells.append(f"{row.limit:,.0f}" if row.limit else "")
        lines.append(
            "| " + " | ".join([*cells, f"{row.predict:.1f}" if row.predict else ""]) + " |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
