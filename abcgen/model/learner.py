"""A network in training: the only place where Keras learns and measures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.model.backend import load_keras, to_numpy
from abcgen.model.distribution import devices_for, divisible
from abcgen.model.examples import Bits
from abcgen.model.network import blank, build_network, network_inputs, weights_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.batches import Batch, Deal
    from abcgen.model.distribution import Devices
    from abcgen.model.weights import Weights


class Learnt(NamedTuple):
    """How well a batch was predicted before it was learnt from.

    Attributes:
        loss: Nats per character, padding left out.
        accuracy: Share of characters that were thought the likeliest.
    """

    loss: float
    accuracy: float


class Learner:
    """A network with its optimiser, by default AdamW (Loshchilov & Hutter, 2019).

    Every change of a step, the count of steps included, is made by one call into the backend, so
    that an interruption finds the state before a step or after it.

    Args:
        network: Shape of the network.
        vocabulary_size: Number of ids.
        options: Learning rate, decay, clipping and seed.
    """

    def __init__(self, network: NetworkConfig, vocabulary_size: int, options: TrainConfig) -> None:
        keras = load_keras()
        self._network, self._classes = network, vocabulary_size
        self._devices = devices_for(options.batch_size)
        self._devices.check(options)
        with self._devices.scope():
            self.model = self._devices.model(build_network(network, vocabulary_size, options.seed))
            optimizer = _optimizer(keras, options, self._devices)
            optimizer.build(self.model.trainable_variables)
            # A sum, because the weights that a batch comes with make it a mean over all devices.
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
            accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
            self.model.compile(optimizer=optimizer, loss=loss, weighted_metrics=[accuracy])
        ids = blank(network)
        targets = ids[:, 0] if network.kind == "window" else np.zeros(ids.shape[:2], np.int32)
        self._devices.prepare(self.model, network_inputs(network, vocabulary_size, ids), targets)

    @property
    def backend(self) -> str:
        """What computes, where, how exactly and by which kernels."""
        return self._devices.describe()

    @property
    def steps(self) -> int:
        """Optimiser steps made so far."""
        return int(to_numpy(self.model.optimizer.iterations))

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self.model.count_params())

    @property
    def weights(self) -> Weights:
        """A copy of the weights."""
        return weights_of(self.model)

    def learn(self, batch: Batch, rate: float) -> Learnt:
        """Make one step.

        Returns:
            Loss and accuracy before it.
        """
        self.model.optimizer.learning_rate = rate
        # Keras returns means over the batches since the last reset.
        self.model.reset_metrics()
        batch = divisible(batch, self._devices.count)
        return Learnt(*map(float, self.model.train_on_batch(*self._given(batch, batch.present))))

    def measure(self, batches: Deal) -> Bits:
        """Bits of all scored characters and end marks, without dropout.

        Where the batches hold only some of them, all are taken to be like those.
        """
        nats = hits = measured = 0.0
        for places in batches.in_order():
            batch = batches.batch(places)
            self.model.reset_metrics()
            batch = divisible(batch, self._devices.count)
            weight = float(batch.scored.sum())
            if weight:
                loss, share = self.model.test_on_batch(*self._given(batch, batch.scored))
                nats, hits, measured = (
                    nats + float(loss) * weight,
                    hits + float(share) * weight,
                    measured + weight,
                )
        total = nats / math.log(2) * batches.scored / measured if measured else 0.0
        return Bits(total, batches.scored, batches.notes, hits / measured if measured else math.nan)

    def _given(self, batch: Batch, counted: NDArray[np.float32]) -> tuple[Any, Any, Any]:
        """This process's share of inputs, targets, and the weight of each target in the loss."""
        weights = counted / counted.sum()
        inputs = network_inputs(self._network, self._classes, batch.inputs)
        share = self._devices.share
        return share(inputs), share(batch.targets), share(weights)


def _optimizer(keras: Any, options: TrainConfig, devices: Devices) -> Any:
    from abcgen.model.optimizers import Muon  # noqa: PLC0415 - loads Keras

    kinds = {
        "adamw": keras.optimizers.AdamW,
        "adam": keras.optimizers.Adam,
        "lion": keras.optimizers.Lion,
        "muon": Muon,
        "nadam": keras.optimizers.Nadam,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }
    extras: dict[str, dict[str, Any]] = {
        "muon": {"exclude_layers": ["logits"], "adam_weight_decay": options.weight_decay},
        "sgd": {"momentum": 0.9, "nesterov": True},
    }
    own = extras.get(options.optimizer, {})
    decay = options.weight_decay or None
    optimizer = devices.optimizer(kinds[options.optimizer])(
        options.learning_rate,
        weight_decay=0.0 if decay is None and options.optimizer == "adamw" else decay,
        global_clipnorm=options.clip_norm,
        **own,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer
