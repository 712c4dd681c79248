"""A network compiled for training: the only place where Keras trains and measures."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.model.backend import load_keras, to_numpy
from abcgen.model.dataset import Bits
from abcgen.model.distribution import devices_for, divisible
from abcgen.model.network import build_network, network_inputs, weights_of
from abcgen.model.positions import feature_tables
from abcgen.model.steps import steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.checkpoint import Weights
    from abcgen.model.dataset import Batch, Dataset
    from abcgen.model.distribution import Devices


class StepResult(NamedTuple):
    """How well a batch was predicted before it was learned."""

    # Nats per character, padding not counted.
    loss: float
    # Share of characters that were predicted right.
    accuracy: float


class CompiledNetwork:
    """A network with its loss and optimizer.

    All changes of a step, the count of steps included, are made by one call into the backend, so
    that an interruption finds the state before a step or after it.

    A network with relative pitch needs the ``token_heights`` of its ``PositionFeatures``.
    """

    def __init__(
        self,
        network: NetworkConfig,
        vocabulary_size: int,
        config: TrainConfig,
        token_heights: NDArray[np.int32] | None = None,
    ) -> None:
        keras = load_keras()
        self._config, self._vocabulary_size = network, vocabulary_size
        self._devices = devices_for(config.batch_size)
        self._devices.check(config)
        with self._devices.scope():
            built = build_network(
                network, vocabulary_size, config.seed, token_heights, packed=config.packed
            )
            model = self._model = self._devices.model(built)
            optimizer = _optimizer(keras, config, self._devices)
            optimizer.build(model.trainable_variables)
            # A sum, because the weights that a batch comes with make it a mean over all devices.
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
            accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
            model.compile(optimizer=optimizer, loss=loss, weighted_metrics=[accuracy])
        # A first batch: one row of padding.
        shape = 1, network.chunk_length or 2
        features = len(feature_tables(network))
        ids = np.zeros((*shape, 1 + features) if features else shape, np.int32)
        targets = np.zeros(shape[:1] if network.kind == "window" else shape, np.int32)
        self._devices.prepare(model, network_inputs(network, vocabulary_size, ids), targets)
        self._steps = steps_of(model, self._devices.count)

    @property
    def model(self) -> Any:
        """The Keras model, its variables up to date."""
        self._steps.settle()
        return self._model

    @property
    def backend(self) -> str:
        """Library, devices, precision and LSTM kernels, in words."""
        return self._devices.describe()

    @property
    def steps(self) -> int:
        """Optimizer steps so far."""
        return int(to_numpy(self.model.optimizer.iterations))

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self.model.count_params())

    @property
    def weights(self) -> Weights:
        """A copy of the weights."""
        return weights_of(self.model)

    def train_step(
        self, batch: Batch, rate: float, weights: NDArray[np.float32] | None = None
    ) -> StepResult:
        """Make one step; return loss and accuracy before it.

        The loss is the mean over all targets, or with ``weights`` (B, T) their weighted sum.
        """
        (result,) = self.read([self.begin_step(batch, rate, weights)])
        return result

    def begin_step(
        self, batch: Batch, rate: float, weights: NDArray[np.float32] | None = None
    ) -> Any:
        """Make one step without waiting for it; ``read`` says how well the batch was predicted."""
        if weights is None:
            weights = batch.present / batch.present.sum()
        return self._steps.take(*self._arguments(batch, weights), rate)

    def read(self, results: Sequence[Any]) -> list[StepResult]:
        """Wait for some steps, and return how well their batches were predicted."""
        return [StepResult(*pair) for pair in self._steps.read(results).tolist()]

    def log_probabilities(self, batch: Batch) -> NDArray[np.float64]:
        """Return the log probability of the scored part of each text (B,), without dropout."""
        padded = divisible(batch, self._devices.count)
        inputs = network_inputs(self._config, self._vocabulary_size, padded.inputs)
        logits = self.model.predict_on_batch(inputs)[: len(batch.inputs)]  # (B, T, classes)
        logits -= logits.max(axis=-1, keepdims=True)
        of_targets = np.take_along_axis(logits, batch.targets[..., None], axis=-1)[..., 0]  # (B, T)
        logs = (of_targets - np.log(np.exp(logits).sum(axis=-1))).astype(np.float64)
        summed: NDArray[np.float64] = (logs * batch.scored).sum(axis=1)
        return summed

    def measure(self, dataset: Dataset) -> Bits:
        """Return the bits of all scored characters and end marks, without dropout.

        Where the batches hold only some of them, as windows with a stride do, the total is
        extrapolated.
        """
        nats = hits = measured = 0.0
        for indices in dataset.in_order():
            batch = dataset.batch(indices)
            self.model.reset_metrics()
            scored = float(batch.scored.sum())
            if scored:
                arguments = self._arguments(batch, batch.scored / batch.scored.sum())
                loss, accuracy = self.model.test_on_batch(*arguments)
                nats += float(loss) * scored
                hits += float(accuracy) * scored
                measured += scored
        total = nats / math.log(2) * dataset.scored / measured if measured else 0.0
        return Bits(total, dataset.scored, dataset.notes, hits / measured if measured else math.nan)

    def _arguments(self, batch: Batch, weights: NDArray[np.float32]) -> tuple[Any, Any, Any]:
        """Return this process's share of inputs, targets, and each target's weight in the loss."""
        batch = divisible(batch, self._devices.count)
        missing = len(batch.inputs) - len(weights)
        weights = np.pad(weights, [(0, missing), *[(0, 0)] * (weights.ndim - 1)])
        inputs = network_inputs(self._config, self._vocabulary_size, batch.inputs)
        share = self._devices.share
        return share(inputs), share(batch.targets), share(weights)


def seconds_per_epoch(
    network: NetworkConfig,
    config: TrainConfig,
    vocabulary_size: int,
    dataset: Dataset,
    token_heights: NDArray[np.int32] | None = None,
) -> float:
    """Estimate the length of an epoch from a few steps on a batch of middling length."""
    compiled = CompiledNetwork(network, vocabulary_size, config, token_heights)
    in_order = dataset.in_order()
    batch = dataset.batch(in_order[len(in_order) // 2])
    # At learning rate 0. The first step compiles and is not timed.
    compiled.train_step(batch, 0.0)
    steps = 2
    start = time.monotonic()
    for _ in range(steps):
        compiled.train_step(batch, 0.0)
    seconds = (time.monotonic() - start) / steps
    return seconds * dataset.characters / max(1, batch.characters)


def _optimizer(keras: Any, config: TrainConfig, devices: Devices) -> Any:
    from abcgen.model.layers import Muon  # noqa: PLC0415 - loads Keras

    kinds = {
        "adamw": keras.optimizers.AdamW,  # Loshchilov & Hutter, 2019
        "adam": keras.optimizers.Adam,
        "lion": keras.optimizers.Lion,
        "muon": Muon,
        "nadam": keras.optimizers.Nadam,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }
    extras: dict[str, dict[str, Any]] = {
        "muon": {
            "exclude_layers": ["logits", "intervals"],
            "adam_weight_decay": config.weight_decay,
        },
        "sgd": {"momentum": 0.9, "nesterov": True},
    }
    # Keras: None is no decay, for all but AdamW, which wants a number.
    decay = config.weight_decay or None
    optimizer = devices.optimizer(kinds[config.optimizer])(
        config.learning_rate,
        weight_decay=0.0 if decay is None and config.optimizer == "adamw" else decay,
        global_clipnorm=config.clip_norm,
        **extras.get(config.optimizer, {}),
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer
