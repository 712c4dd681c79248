"""A network in training: the only place where Keras learns and measures.

The learning rate over a run.

How far a training run is, how fast it goes and when it is over.

The course of a training run: steps, epochs, measurements, and what is saved when.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.errors import InputError, OutputError
from abcgen.model.backend import load_keras, to_numpy
from abcgen.model.checkpoint import WEIGHTS
from abcgen.model.dataset import Bits
from abcgen.model.distribution import devices_for, divisible
from abcgen.model.events import EpochEnd, Interrupted, Step, TakenOver, TrainResult
from abcgen.model.metrics import Measurement, best, epochs_without_better, histograms_of
from abcgen.model.network import blank, build_network, network_inputs, weights_of
from abcgen.model.resume import Keeper, Moment, Position
from abcgen.system import defer_interrupts, sigterm_as_interrupt

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.model.checkpoint import Checkpoint, Weights
    from abcgen.model.dataset import Batch, Dataset, Texts
    from abcgen.model.distribution import Devices
    from abcgen.model.events import Watch


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

    def measure(self, batches: Dataset) -> Bits:
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
    from abcgen.model.layers import Muon  # noqa: PLC0415 - loads Keras

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


def learning_rate(options: TrainConfig, fraction: float) -> float:
    """Linear warm-up to the peak, then half a cosine (Loshchilov & Hutter, 2017).

    Args:
        options: Peak, share of warm-up, and the share of the peak that is left at the end.
        fraction: Share of the run that is done, 0 to 1.
    """
    if fraction < options.warm_up:
        # The first step already learns something.
        return options.learning_rate * max(0.02, fraction / options.warm_up)
    rest = min(1.0, (fraction - options.warm_up) / max(1e-9, 1 - options.warm_up))
    cosine = (1 + math.cos(math.pi * rest)) / 2
    return options.learning_rate * (options.final_rate + (1 - options.final_rate) * cosine)


# Speed is that of so many steps, so that slow first ones are soon forgotten.
RECENT_STEPS = 20
# How much faster measuring is than training, until it has been timed: no gradient is computed.
MEASURING_SPEED = 2.5


class Timing:
    """The clock of a run, which ends after a number of epochs or when its time is up.

    Args:
        options: ``minutes`` decides if it is given, else ``epochs``.
        training: Characters of one pass over the training texts.
        held_out: Characters of the held-out texts.
    """

    def __init__(self, options: TrainConfig, training: int, held_out: int) -> None:
        self.epochs = options.epochs if options.minutes is None else None
        self._budget = 60 * (options.minutes or 0)
        self._training, self._held_out = training, held_out
        self._steps: deque[tuple[int, float]] = deque(maxlen=RECENT_STEPS)
        self._first_step = self._measuring = 0.0
        self.start(0.0)

    def start(self, before: float) -> None:
        """Start the clock, ``before`` seconds having been trained already."""
        self._began = time.monotonic() - before

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._began

    def count_step(self, characters: int, seconds: float) -> None:
        """Take note of a step."""
        self._first_step = self._first_step or seconds
        self._steps.append((characters, seconds))

    def count_measuring(self, seconds: float) -> None:
        """Take note of how long measuring the held-out texts took."""
        self._measuring = seconds

    @property
    def characters_per_second(self) -> float:
        """Speed of recent steps; 0 before the first."""
        seconds = sum(taken for _, taken in self._steps)
        return sum(characters for characters, _ in self._steps) / seconds if seconds else 0.0

    def fraction(self, epochs: float) -> float:
        """Share of the run that is done once ``epochs`` passes are made."""
        if self.epochs is not None:
            return min(1.0, epochs / self.epochs)
        return min(1.0, self.seconds / max(1e-9, self._budget - self._reserve))

    def is_over(self, epochs: float) -> bool:
        """Whether all passes are made or the time is up."""
        return self.out_of_time or (self.epochs is not None and epochs >= self.epochs)

    @property
    def out_of_time(self) -> bool:
        """Whether there is no time for another step and for measuring after it."""
        if self.epochs is not None:
            return False
        step = sum(taken for _, taken in self._steps) / max(1, len(self._steps))
        return self.seconds + step + self._reserve >= self._budget

    def seconds_left(self, epochs: float) -> float:
        """Estimate of the time to the end."""
        if self.epochs is None:
            return max(0.0, self._budget - self.seconds)
        speed = self.characters_per_second
        epoch = self._training / speed + self._reserve if speed else 0.0
        return max(0.0, self.epochs - epochs) * epoch

    @property
    def _reserve(self) -> float:
        """Seconds that measuring at the end will take."""
        if self._measuring or not self._first_step:
            return self._measuring
        # The first time, a backend must compile its graph for it, as it did for the first step.
        speed = MEASURING_SPEED * self.characters_per_second
        return self._first_step + self._held_out / speed


# Until the first weights are written, good ones are remembered this often.
GOOD_SECONDS = 10.0


class Run:
    """One run, from where it stands to its end.

    Args:
        learner: The network.
        texts: What it learns.
        checkpoint: Its description; the options in it say how long to train.
        folder: Where it is kept.
        watch: Who looks on.
    """

    def __init__(
        self,
        learner: Learner,
        texts: Texts,
        checkpoint: Checkpoint,
        folder: Path,
        watch: Watch,
    ) -> None:
        self._learner, self._texts, self._folder = learner, texts, folder
        self._checkpoint, self._options = checkpoint, checkpoint.training
        self._on_event, self._sample_text = watch.on_event, watch.sample_text
        self._timing = Timing(
            checkpoint.training, texts.training.characters, texts.validation.characters
        )
        self._keeper = Keeper(learner, folder)
        self._looked_at = time.monotonic()
        self._good: Weights = {}
        self.stand_at(Moment(Position(), None), [])

    def begin(self, position: Position, *, taken_over: bool) -> None:
        """Begin there, and soon have something saved to go on with.

        Args:
            position: The beginning.
            taken_over: Whether the learner knows something already, which is measured first.
        """
        self.stand_at(Moment(position, None), [], taken_over=taken_over)
        self._keeper.save(self._now())

    def stand_at(
        self, moment: Moment, measurements: list[Measurement], *, taken_over: bool = False
    ) -> None:
        """Go on from there; the learner must already be there.

        Args:
            moment: The moment.
            measurements: What was measured until then.
            taken_over: Whether the learner knew something from the beginning, which is measured
                if that was not done yet.
        """
        self._taken_over = taken_over and not (measurements or moment.measurement)
        self._position = moment.position
        self._keeper.stand_at(moment, measurements)
        self._timing.start(moment.position.seconds)
        self._plan_epoch()

    @property
    def epochs(self) -> float:
        """Passes made, with a fraction."""
        return self._position.epoch + self._done / len(self._plan)

    def to_the_end(self) -> TrainResult:
        """Train until the epochs or the time are used up, or somebody interrupts."""
        self._timing.start(self._position.seconds)
        try:
            interrupted = self._is_interrupted()
        except OutputError as error:
            raise self._unsaved(error) from error
        kept = best(self._keeper.measurements)
        return TrainResult(
            folder=self._folder,
            epochs=self.epochs,
            seconds=self._timing.seconds,
            bits_per_character=kept.bits_per_character if kept else None,
            bits_per_note=kept.bits_per_note if kept else None,
            interrupted=interrupted,
            bits_before=self._bits_before,
        )

    def _is_interrupted(self) -> bool:
        """Do all that is still to be done, or save where somebody stops it; whether they did."""
        try:
            with sigterm_as_interrupt():
                self._passes()
        except KeyboardInterrupt:
            self._stop()
            return True
        return False

    def _passes(self) -> None:
        """All that is still to be done."""
        self._keeper.record()
        if self._taken_over and not self._learner.steps:
            self._measure_first()
        while not (self._timing.is_over(self._position.epoch) or self._out_of_patience):
            self._epoch()

    def _measure_first(self) -> None:
        """What is taken over counts like a pass: it is kept if nothing better comes."""
        self._keeper.keep(self._measured(), self._now())
        self._on_event(TakenOver(self._bits_before))

    @property
    def _bits_before(self) -> float | None:
        first = next(iter(self._keeper.measurements), None)
        return first.bits_per_note if first and not first.steps else None

    @property
    def _out_of_patience(self) -> bool:
        patience = self._options.patience
        return patience is not None and epochs_without_better(self._keeper.measurements) >= patience

    @property
    def _done(self) -> int:
        """Batches of this epoch that were learnt from, by the optimiser's own count."""
        return self._learner.steps - self._position.first_step

    def _plan_epoch(self) -> None:
        epoch = self._position.epoch
        self._plan = self._texts.training.shuffled(self._options.seed, epoch)
        self._worked = (0, 0.0)

    def _epoch(self) -> None:
        for places in self._plan[self._done :]:
            with defer_interrupts():
                self._step(self._texts.training.batch(places))
            self._keep_good()
            self._on_event(self._progress())
            if self._timing.out_of_time:
                break
            if time.monotonic() - self._keeper.saved_at > 60 * self._options.save_minutes:
                self._keeper.save(self._now())
        measurement = self._measured()
        epoch, speed = self._position.epoch + 1, self._speed()
        if self._done >= len(self._plan):
            self._position = Position(
                epoch=epoch,
                first_step=self._learner.steps,
                fingerprint=self._position.fingerprint,
                seed=self._position.seed,
            )
            self._plan_epoch()
        self._keeper.keep(measurement, self._now())
        self._on_event(self._epoch_end(epoch, speed, measurement))

    def _step(self, batch: Batch) -> None:
        began = time.monotonic()
        rate = learning_rate(self._options, self._timing.fraction(self.epochs))
        loss, accuracy = self._learner.learn(batch, rate)
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss}")
        seconds = time.monotonic() - began
        self._timing.count_step(batch.characters, seconds)
        self._worked = (self._worked[0] + batch.characters, self._worked[1] + seconds)
        self._position = self._position.replace(
            nats=self._position.nats + loss * batch.characters,
            characters=self._position.characters + batch.characters,
            hits=self._position.hits + accuracy * batch.characters,
        )

    def _keep_good(self) -> None:
        """Before the first measurement, remember weights now and then in case it goes wrong."""
        if self._keeper.measurements or time.monotonic() - self._looked_at < GOOD_SECONDS * bool(
            self._good
        ):
            return
        self._looked_at, weights = time.monotonic(), self._learner.weights
        if all(np.isfinite(array).all() for array in weights.values()):
            self._good = weights

    def _measured(self) -> Measurement:
        """What the held-out texts are worth to these weights."""
        last = self._keeper.last()
        if last and last.steps == self._learner.steps:
            return last
        began = time.monotonic()
        bits = self._learner.measure(self._texts.validation)
        self._timing.count_measuring(time.monotonic() - began)
        weights = self._learner.weights
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise self._diverged("a weight is no number any more")
        seen = self._position.characters
        return Measurement(
            epochs=round(self.epochs, 4),
            steps=self._learner.steps,
            seconds=round(self._timing.seconds, 2),
            training_bits=self._training_bits() if seen else None,
            bits_per_character=_known(bits.per_character),
            bits_per_note=_known(bits.per_note),
            characters_per_second=round(self._speed(), 1),
            learning_rate=learning_rate(self._options, self._timing.fraction(self.epochs)),
            training_accuracy=round(self._position.hits / seen, 5) if seen else None,
            accuracy=_known(bits.accuracy),
            weights=histograms_of(weights),
        )

    def _stop(self) -> None:
        """Save at once, then see whether these weights are better than those kept."""
        self._keeper.save(self._now())
        try:
            self._keeper.record()
            if self._done:
                self._keeper.keep(self._measured(), self._now())
        except KeyboardInterrupt:
            pass
        self._keeper.keep_some(self._learner.weights)
        self._on_event(Interrupted(epochs=self.epochs, folder=self._folder))

    def _diverged(self, how: str) -> InputError:
        """The error that ends a run whose numbers ran away; the last good weights are kept."""
        kept = self._folder / WEIGHTS
        self._keeper.keep_some(self._good)
        where = f"; the last good weights are in {kept}" if kept.exists() else ""
        return InputError(f"training diverged: {how}{where}", hint="use a lower learning rate")

    def _unsaved(self, error: OutputError) -> OutputError:
        """The error that ends a run which cannot be saved; what was saved before is still there."""
        return OutputError(
            error.message,
            hint="make room there, then go on after the last pass that was saved, with the same "
            f"tunes and --resume --out {self._folder}",
        )

    def _now(self) -> Position:
        return self._position.replace(seconds=self._timing.seconds)

    def _progress(self) -> Step:
        return Step(
            epoch=self._position.epoch + 1,
            epochs=self._timing.epochs,
            fraction=self._timing.fraction(self.epochs),
            characters_per_second=self._timing.characters_per_second,
            seconds_left=self._timing.seconds_left(self.epochs),
            bits_per_character=self._training_bits(),
        )

    def _epoch_end(self, epoch: int, speed: float, measurement: Measurement) -> EpochEnd:
        text = ""
        if self._sample_text:
            text = self._sample_text(replace(self._checkpoint, weights=self._learner.weights))
        return EpochEnd(
            epoch=epoch,
            training_bits=measurement.training_bits or 0.0,
            bits_per_character=measurement.bits_per_character,
            bits_per_note=measurement.bits_per_note,
            characters_per_second=speed,
            seconds=self._timing.seconds,
            sampled=text,
            best=best(self._keeper.measurements) is measurement,
            training_accuracy=measurement.training_accuracy,
            accuracy=measurement.accuracy,
        )

    def _training_bits(self) -> float:
        return self._position.nats / max(1, self._position.characters) / math.log(2)

    def _speed(self) -> float:
        characters, seconds = self._worked
        return characters / seconds if seconds else 0.0


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
