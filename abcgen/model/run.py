"""The course of a training run: steps, epochs, measurements, and what is saved when."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from abcgen.errors import InputError, OutputError
from abcgen.interrupts import asked_to_end, uninterrupted
from abcgen.model.checkpoint import WEIGHTS
from abcgen.model.events import EpochEnd, Interrupted, Step, TakenOver, TrainResult
from abcgen.model.histograms import histograms_of
from abcgen.model.keeping import Keeper
from abcgen.model.metrics import Measurement, best, passes_without_better
from abcgen.model.schedule import learning_rate
from abcgen.model.state import Moment, Position
from abcgen.model.timing import Timing

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.model.batches import Batch, Texts
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.events import Watch
    from abcgen.model.learner import Learner
    from abcgen.model.weights import Weights

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
            with asked_to_end():
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
        return patience is not None and passes_without_better(self._keeper.measurements) >= patience

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
            with uninterrupted():
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
        self._position = replace(
            self._position,
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
        return InputError(f"training diverged: {how}{where}", way_out="use a lower learning rate")

    def _unsaved(self, error: OutputError) -> OutputError:
        """The error that ends a run which cannot be saved; what was saved before is still there."""
        return OutputError(
            error.message,
            way_out="make room there, then go on after the last pass that was saved, with the same "
            f"tunes and --resume --out {self._folder}",
        )

    def _now(self) -> Position:
        return replace(self._position, seconds=self._timing.seconds)

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
