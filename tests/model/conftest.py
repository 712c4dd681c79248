from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.example import Example
from abcgen.model import trainer
from abcgen.model.architecture import weight_shapes
from abcgen.model.training import TrainData, train
from abcgen.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from abcgen.model.checkpoint import Weights
    from abcgen.model.events import TrainResult


@pytest.fixture(scope="package", autouse=True)
def _every_step_is_read() -> Iterator[None]:
    """Have a run report every step, so that tests can interrupt it there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "READ_STEPS", 1)
        yield


@dataclass(frozen=True)
class TinyRun:
    """Data and settings of a run that takes a second."""

    data: TrainData
    network: NetworkConfig
    config: TrainConfig

    def train(self, folder: Path, **options: Any) -> TrainResult:
        return train(self.data, self.network, self.config, folder, **options)

    def with_data(self, **changes: Any) -> TinyRun:
        return replace(self, data=replace(self.data, **changes))

    def with_network(self, **changes: Any) -> TinyRun:
        return replace(self, network=self.network.replace(**changes))

    def with_config(self, **changes: Any) -> TinyRun:
        return replace(self, config=self.config.replace(**changes))


BARS = ("abcd|", "a2bc|", "dcba|", "d2c2|", "abab|")


def _texts(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        "R:reel\nK:C\n" + "".join(random.choice(BARS, int(random.integers(1, 6)))) + "\n"
        for _ in range(count)
    ]


def _examples(count: int, seed: int) -> list[Example]:
    return [
        Example(text, unscored=7, notes=sum(letter in "abcd" for letter in text[7:]))
        for text in _texts(count, seed)
    ]


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    return _examples(20, seed=1)


@pytest.fixture(scope="session")
def held_out() -> list[Example]:
    return _examples(5, seed=2)


@pytest.fixture(scope="session")
def vocabulary(examples: list[Example], held_out: list[Example]) -> Vocabulary:
    return Vocabulary.of(example.text for example in examples + held_out)


@pytest.fixture(scope="session")
def tiny() -> NetworkConfig:
    return NetworkConfig(layers=2, units=8, embedding=6, dropout=0.2, heads=2)


@pytest.fixture(scope="session")
def tiny_run(examples: list[Example], held_out: list[Example], vocabulary: Vocabulary) -> TinyRun:
    # As few rows to a batch as one core takes: a batch in shares has tests of its own.
    config = TrainConfig(epochs=3, batch_size=7, learning_rate=0.05, seed=3)
    # Attention compiles for a second; what the course of a run is does not depend on it.
    network = NetworkConfig(units=8, embedding=6, dropout=0.2, attention=False, heads=2)
    return TinyRun(
        TrainData(examples, held_out, vocabulary, about={"split": "abc"}), network, config
    )


@pytest.fixture(scope="session")
def random_weights() -> Callable[[NetworkConfig, int], Weights]:
    def make(config: NetworkConfig, vocabulary_size: int) -> Weights:
        random = np.random.default_rng(7)
        return {
            name: random.normal(0, 1.5 / math.sqrt(shape[0]), shape).astype(np.float32)
            for name, shape in weight_shapes(config, vocabulary_size).items()
        }

    return make
