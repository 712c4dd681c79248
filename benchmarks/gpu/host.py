"""Measure what the host does in a training step, with the network's arithmetic made a constant.

    KERAS_BACKEND=torch OMP_NUM_THREADS=1 python -m benchmarks.gpu.host

The network has the layers and variables of ``base``, but narrow ones, and its logits are the sum
of their means. All else is real: batches are moved to the device, the optimizer updates every
variable. Prints milliseconds of the main thread a step, which a GPU waits for, and what does not
depend on how busy the machine is: calls of functions and, on PyTorch, operations.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import abcgen.model.compiled
from abcgen.example import Example
from abcgen.model.architecture import weight_shapes
from abcgen.model.backend import backend_name, load_keras
from abcgen.model.positions import feature_tables
from abcgen.model.training import TrainData, train
from abcgen.model.vocabulary import Vocabulary
from abcgen.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig

BASE = PRESETS["base"]
NETWORK = BASE.network.replace(units=8, ffn=8, embedding=8, heads=4)
TEXTS, SHORTEST, LONGEST = 96, 60, 300
EPOCHS = 5
# The first steps compile; then one each is counted, and the others are timed.
COUNTED = {4: "calls", 6: "operations"}


class NoFeatures:
    """Position features that are all 0."""

    token_heights = np.zeros(5, np.int32)

    def features_of(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the features of every character of one text, (T, F)."""
        return np.zeros((ids.size, len(feature_tables(NETWORK))), np.uint8)


def constant_network(config: NetworkConfig, classes: int, *_rest: Any, **_options: Any) -> Any:
    """Return a model with all variables of a network that computes next to nothing."""
    keras = load_keras()
    ops = keras.ops

    class Layer(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, name: str, shapes: dict[str, tuple[int, ...]]) -> None:
            super().__init__(name=name)
            self.shapes = shapes

        def build(self, _shape: Any) -> None:
            self.all = [self.add_weight(shape, name=name) for name, shape in self.shapes.items()]
            self.built = True

        def call(self, inputs: Any) -> Any:
            logits = ops.cast(inputs[..., :classes], "float32")
            return logits + sum(ops.mean(weight) for weight in self.all)

    layers: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for name, shape in weight_shapes(config, classes).items():
        layer, _, weight = name.rpartition("/")
        layers[layer.replace("/", "_")][weight] = shape
    inputs = keras.Input((None, 1 + len(feature_tables(config))), dtype="int32")
    logits = inputs
    for name, shapes in layers.items():
        logits = Layer(name, shapes)(logits)
    return keras.Model(inputs, logits)


def main() -> None:
    """Train, and print what a step takes."""
    setattr(abcgen.model.compiled, "build_network", constant_network)  # noqa: B010 - not exported
    network = abcgen.model.compiled.CompiledNetwork
    # Versions before had no other name for it.
    name = "begin_step" if hasattr(network, "begin_step") else "train_step"
    step, found, milliseconds = getattr(network, name), dict[str, int](), list[float]()

    def measured(*arguments: Any) -> Any:
        number = len(milliseconds)
        start = time.thread_time()
        if kind := COUNTED.get(number):
            result, found[kind] = COUNTERS[kind](lambda: step(*arguments))
        else:
            result = step(*arguments)
        milliseconds.append(1000 * (time.thread_time() - start))
        return result

    setattr(network, name, measured)
    lengths = np.random.default_rng(0).integers(SHORTEST, LONGEST, TEXTS)
    texts = [Example("a" * int(length)) for length in lengths]
    with tempfile.TemporaryDirectory() as folder:
        train(
            TrainData(texts, [], Vocabulary("a"), NoFeatures()),  # type: ignore[arg-type]
            NETWORK,
            BASE.training.replace(epochs=EPOCHS),
            Path(folder),
        )
    timed = [taken for number, taken in enumerate(milliseconds) if number > max(COUNTED)]
    counts = ", ".join(f"{number:,} {kind}" for kind, number in found.items() if number)
    print(f"{backend_name()}: {statistics.median(timed):.1f} ms a step, {counts}")


def _count_calls(step: Callable[[], Any]) -> tuple[Any, int]:
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        result = step()
    finally:
        sys.setprofile(None)
    return result, calls


def _count_operations(step: Callable[[], Any]) -> tuple[Any, int]:
    if backend_name() != "torch":
        return step(), 0
    from torch.utils._python_dispatch import TorchDispatchMode  # noqa: PLC0415 - loads PyTorch

    class Count(TorchDispatchMode):  # type: ignore[misc]
        operations = 0

        def __torch_dispatch__(
            self, function: Any, _types: Any, arguments: Any = (), options: Any = None
        ) -> Any:
            self.operations += 1
            return function(*arguments, **(options or {}))

    with Count() as counted:
        result = step()
    return result, counted.operations


COUNTERS = {"calls": _count_calls, "operations": _count_operations}


if __name__ == "__main__":
    main()
