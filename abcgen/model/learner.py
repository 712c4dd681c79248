"""A network in training: the only place where Keras learns and measures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from abcgen.model.backend import load_keras
from abcgen.model.examples import Bits
from abcgen.model.network import build_network, weights_of

if TYPE_CHECKING:
    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.batches import Batch, Batches
    from abcgen.model.weights import Weights


class Learner:
    """The stream network with AdamW (Loshchilov & Hutter, 2019).

    Every change of a step, the count of steps included, is made by one call into the backend, so
    that an interruption finds the state before a step or after it.

    Args:
        network: Shape of the network.
        vocabulary_size: Number of ids.
        options: Learning rate, decay, clipping and seed.
    """

    def __init__(self, network: NetworkConfig, vocabulary_size: int, options: TrainConfig) -> None:
        keras = load_keras()
        self.model = build_network(network, vocabulary_size, options.seed)
        optimizer = keras.optimizers.AdamW(
            options.learning_rate,
            weight_decay=options.weight_decay,
            global_clipnorm=options.clip_norm,
        )
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.build(self.model.trainable_variables)
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        )
        self.model.compile(optimizer=optimizer, loss=loss)

    @property
    def steps(self) -> int:
        """Optimiser steps made so far."""
        return int(self.model.optimizer.iterations)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self.model.count_params())

    @property
    def weights(self) -> Weights:
        """A copy of the weights."""
        return weights_of(self.model)

    def learn(self, batch: Batch, rate: float) -> float:
        """Make one step.

        Returns:
            The loss before it, in nats per character, padding left out.
        """
        self.model.optimizer.learning_rate = rate
        # Keras returns a mean over the batches since the last reset.
        self.model.reset_metrics()
        return float(self.model.train_on_batch(batch.inputs, batch.targets, batch.present))

    def measure(self, batches: Batches) -> Bits:
        """Bits of all scored characters and end marks, without dropout."""
        nats = sum(self._nats(batches.batch(places)) for places in batches.in_order())
        return Bits(nats / math.log(2), batches.scored, batches.notes)

    def _nats(self, batch: Batch) -> float:
        self.model.reset_metrics()
        mean = float(self.model.test_on_batch(batch.inputs, batch.targets, batch.scored))
        return mean * float(batch.scored.sum())
