"""A network and its training as they would be, before anything is begun."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.model.network import build_network
from abcgen.model.trainer import Learner

if TYPE_CHECKING:
    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.dataset import Dataset

TIMED_STEPS = 2


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a network.

    Attributes:
        name: Its own name.
        kind: What it is: ``LSTM``, ``Dropout``, …
        shape: Of its first output; None stands for the batch and for any length.
        parameters: Number of weights.
        inputs: Names of the layers that it reads.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    inputs: tuple[str, ...]


def layers_of(network: NetworkConfig, classes: int) -> list[Layer]:
    """The layers of a network as Keras builds them, the input first."""
    return [_layer(layer) for layer in build_network(network, classes).layers]


def seconds_a_pass(
    network: NetworkConfig, options: TrainConfig, classes: int, batches: Dataset
) -> float:
    """Estimate of one pass over the texts, from a few steps on batches of middling length."""
    learner = Learner(network, classes, options)
    dealt = batches.in_order()
    batch = batches.batch(dealt[len(dealt) // 2])
    learner.learn(batch, 0.0)  # the first step compiles
    began = time.monotonic()
    for _ in range(TIMED_STEPS):
        learner.learn(batch, 0.0)
    seconds = (time.monotonic() - began) / TIMED_STEPS
    return seconds * batches.characters / max(1, batch.characters)


def _layer(layer: Any) -> Layer:
    output = layer.output[0] if isinstance(layer.output, list | tuple) else layer.output
    kind = type(layer).__name__
    return Layer(
        name=layer.name,
        kind=f"{kind} (softmax)" if layer.name == "logits" else kind,
        shape=tuple(output.shape),
        parameters=sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights),
        inputs=tuple(dict.fromkeys(_sources(layer))),
    )


def _sources(layer: Any) -> list[str]:
    """Names of the layers whose outputs a layer reads."""
    return [
        tensor._keras_history.operation.name
        for node in layer._inbound_nodes
        for tensor in node.input_tensors
    ]
