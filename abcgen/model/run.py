"""The course of a training run: steps, epochs, measurements, and what is saved when."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from abcgen.errors import InputError
from abcgen.model.checkpoint import WEIGHTS, write_weights
from abcgen.model.events import EpochEnd, Interrupted, Step, TrainResult
from abcgen.model.histograms import histograms_of
from abcgen.model.metrics import Measurement, best, passes_without_better, write_metrics
from abcgen.model.schedule import learning_rate
from abcgen.model.state import Position, save_state
from abcgen.model.timing import Timing

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.model.batches import Batch, Texts
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.events import Watch
    from abcgen.model.learner import Learner
    from abcgen.model.weights import Weights

# A long epoch is saved in between this often, so that even a power cut costs no more.
SAVE_SECONDS = 300.0
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
        self._saved_at = self._looked_at = time.monotonic()
        self._good: Weights = {}
        self.stand_at(Position(), [])

    def stand_at(self, position: Position, measurements: list[Measurement]) -> None:
        """Go on from there; the learner must already be there."""
        self._position, self._measurements = position, measurements
        self._plan_epoch()

    @property
    def epochs(self) -> float:
        """Passes made, with a fraction."""
        return self._position.epoch + self._done / len(self._plan)

    def to_the_end(self) -> TrainResult:
        """Train until the epochs or the time are used up, or somebody interrupts."""
        interrupted = False
        self._timing.start(self._position.seconds)
        try:
            while not (self._timing.is_over(self._position.epoch) or self._out_of_patience):
                self._epoch()
        except KeyboardInterrupt:
            interrupted = True
            self._stop()
        kept = best(self._measurements)
        return TrainResult(
            folder=self._folder,
            epochs=self.epochs,
            seconds=self._timing.seconds,
            bits_per_character=kept.bits_per_character if kept else None,
            bits_per_note=kept.bits_per_note if kept else None,
            interrupted=interrupted,
        )

    @property
    def _out_of_patience(self) -> bool:
        patience = self._options.patience
        return patience is not None and passes_without_better(self._measurements) >= patience

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
            self._step(self._texts.training.batch(places))
            self._keep_good()
            self._on_event(self._progress())
            if self._timing.out_of_time:
                break
            if time.monotonic() - self._saved_at > SAVE_SECONDS:
                self._save()
        measurement = self._measure()
        epoch, speed = self._position.epoch + 1, self._speed()
        if self._done >= len(self._plan):
            self._position = Position(
                epoch=epoch,
                first_step=self._learner.steps,
                fingerprint=self._position.fingerprint,
                seed=self._position.seed,
            )
            self._plan_epoch()
        self._save()
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
        self._position = replace(
            self._position,
            nats=self._position.nats + loss * batch.characters,
            characters=self._position.characters + batch.characters,
            hits=self._position.hits + accuracy * batch.characters,
        )

    def _keep_good(self) -> None:
        """Before the first measurement, remember weights now and then in case it goes wrong."""
        if self._measurements or time.monotonic() - self._looked_at < GOOD_SECONDS * bool(
            self._good
        ):
            return
        self._looked_at, weights = time.monotonic(), self._learner.weights
        if all(np.isfinite(array).all() for array in weights.values()):
            self._good = weights

    def _measure(self) -> Measurement:
        """Measure the held-out texts, write the line, and keep the weights if they are best."""
        past = self._measurements
        if past and past[-1].steps == self._learner.steps:
            return past[-1]
        began = time.monotonic()
        bits = self._learner.measure(self._texts.validation)
        self._timing.count_measuring(time.monotonic() - began)
        weights = self._learner.weights
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise self._diverged("a weight is no number any more")
        measurement = Measurement(
            epochs=round(self.epochs, 4),
            steps=self._learner.steps,
            seconds=round(self._timing.seconds, 2),
            training_bits=self._training_bits(),
            bits_per_character=_known(bits.per_character),
            bits_per_note=_known(bits.per_note),
            characters_per_second=round(self._speed(), 1),
            learning_rate=learning_rate(self._options, self._timing.fraction(self.epochs)),
            training_accuracy=round(self._position.hits / max(1, self._position.characters), 5),
            accuracy=_known(bits.accuracy),
            weights=histograms_of(weights),
        )
        if best([*past, measurement]) is measurement:
            write_weights(weights, self._folder)
        past.append(measurement)
        write_metrics(past, self._folder)
        return measurement

    def _stop(self) -> None:
        """Save at once, then see whether these weights are better than those kept."""
        self._save()
        try:
            if self._done:
                self._measure()
        except KeyboardInterrupt:
            pass
        if not (self._folder / WEIGHTS).exists():
            write_weights(self._learner.weights, self._folder)
        self._on_event(Interrupted(epochs=self.epochs, folder=self._folder))

    def _diverged(self, how: str) -> InputError:
        """The error that ends a run whose numbers ran away; the last good weights are kept."""
        kept = self._folder / WEIGHTS
        if not kept.exists() and self._good:
            write_weights(self._good, self._folder)
        where = f"; the last good weights are in {kept}" if kept.exists() else ""
        return InputError(f"training diverged: {how}{where}", way_out="use a lower learning rate")

    def _save(self) -> None:
        self._position = replace(self._position, seconds=self._timing.seconds)
        save_state(self._learner.model, self._position, self._folder)
        self._saved_at = time.monotonic()

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
            training_bits=measurement.training_bits,
            bits_per_character=measurement.bits_per_character,
            bits_per_note=measurement.bits_per_note,
            characters_per_second=speed,
            seconds=self._timing.seconds,
            sampled=text,
            best=best(self._measurements) is measurement,
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
