"""The training loop, its learning rate and its clock."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.errors import InputError, OutputError
from abcgen.model.checkpoint import WEIGHTS
from abcgen.model.events import BaseMeasured, EpochEnd, Interrupted, Step, TrainResult
from abcgen.model.metrics import (
    Measurement,
    best,
    epochs_without_better,
    histograms_of,
    read_metrics,
)
from abcgen.model.resume import (
    CheckpointWriter,
    Progress,
    check_same_run,
    check_steps,
    restore_state,
)
from abcgen.system import defer_interrupts, sigterm_as_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from abcgen.config import TrainConfig
    from abcgen.model.checkpoint import Checkpoint, Weights
    from abcgen.model.compiled import CompiledNetwork, StepResult
    from abcgen.model.dataset import Dataset
    from abcgen.model.events import Event


# Until the first weights are written, finite ones are remembered this often.
GOOD_WEIGHTS_SECONDS = 10.0
# Results of steps are read this often, or after this many steps, so that a device that is faster
# or slower than the host waits for nothing, and is never far behind.
READ_SECONDS = 2.0
READ_STEPS = 64
# Speed is averaged over this many steps, so that slow first ones are soon forgotten.
RECENT_STEPS = 20
# Measuring is about this much faster than training, because no gradient is computed.
MEASURING_SPEED = 2.5


class Trainer:
    """A training run: the loop, and what it reports and saves.

    The settings are those in the checkpoint's description. ``sample_preview`` samples a text from
    a checkpoint, to be shown after every epoch. ``measure_first`` measures the network before its
    first step, as is wanted of one to fine-tune.
    """

    def __init__(
        self,
        network: CompiledNetwork,
        training: Dataset,
        validation: Dataset,
        checkpoint: Checkpoint,
        folder: Path,
        *,
        on_event: Callable[[Event], None],
        sample_preview: Callable[[Checkpoint], str] | None,
        measure_first: bool,
    ) -> None:
        self._network, self._training, self._validation = network, training, validation
        self._checkpoint, self._config, self._folder = checkpoint, checkpoint.training, folder
        self._on_event, self._sample_preview = on_event, sample_preview
        self._measure_first = measure_first
        self._clock = RunClock(self._config, training.characters, validation.characters)
        self._writer = CheckpointWriter(network, folder)
        self._good_weights: Weights = {}
        self._good_weights_at = self._read_at = time.monotonic()
        # Steps of the run, and those whose results were not read yet, with their characters.
        self._steps = network.steps
        self._begun: list[tuple[Any, int]] = []
        self._start_epoch(
            Progress(fingerprint=training.fingerprint(), seed=checkpoint.training.seed)
        )

    def restore(self, *, new_batches: bool = False) -> None:
        """Continue with the run in the folder; with ``new_batches`` its epoch begins anew.

        Raises:
            CheckpointError: if it is damaged or another run.
        """
        state = restore_state(self._network.model, self._folder)
        self._steps = self._network.steps
        if new_batches:
            fresh = self._progress.replace(
                epoch=state.progress.epoch, first_step=self._steps, seconds=state.progress.seconds
            )
            state = state._replace(progress=fresh)
        check_same_run(state.progress, self._progress, self._folder)
        self._start_epoch(state.progress)
        check_steps(state.progress, self._steps, len(self._batches), self._folder)
        # Lines that were written after the state will be written again.
        lines = [line for line in read_metrics(self._folder) if line.steps <= self._steps]
        self._writer.restore(state, lines)

    def save(self) -> None:
        """Save the state of training."""
        self._writer.save(self._progress_now())

    @property
    def epochs(self) -> float:
        """Epochs trained, with a fraction."""
        return self._progress.epoch + self._steps_of_epoch / len(self._batches)

    def run(self) -> TrainResult:
        """Train to the end, or save everything when interrupted.

        Raises:
            InputError: if training diverges.
            OutputError: if the folder cannot be written to.
        """
        self._clock.start(self._progress.seconds)
        interrupted = False
        try:
            try:
                with sigterm_as_interrupt():
                    self.fit()
            except KeyboardInterrupt:
                interrupted = True
                self._save_interrupted()
        except OutputError as error:
            raise OutputError(
                error.message,
                hint="make room there, then resume after the last saved epoch with the same "
                f"tunes and --resume --out {self._folder}",
            ) from error
        kept = best(self._writer.measurements)
        return TrainResult(
            folder=self._folder,
            epochs=self.epochs,
            seconds=self._clock.seconds,
            bits_per_character=kept.bits_per_character if kept else None,
            bits_per_note=kept.bits_per_note if kept else None,
            interrupted=interrupted,
            bits_before=self._bits_before,
        )

    def fit(self) -> None:
        """Train until the epochs, the time or the patience run out."""
        # An earlier process may have been killed before it wrote what it had saved.
        self._writer.write_pending()
        if self._measure_first and not self._steps and not self._writer.last():
            # The network to fine-tune is measured like an epoch: kept if nothing better comes.
            self._writer.save_measured(self._measure(), self._progress_now())
            self._on_event(BaseMeasured(self._bits_before))
        while not self._is_over():
            self._read_at = time.monotonic()
            # A resumed run continues in mid-epoch.
            for indices in self._batches[self._steps_of_epoch :]:
                # An interrupt waits until the step is counted.
                with defer_interrupts():
                    # 1) The next batch.
                    batch = self._training.batch(indices)
                    # 2) Its learning rate.
                    rate = learning_rate(self._config, self._clock.fraction(self.epochs))
                    # 3) Forward, backward, update; the device may work on it for a while.
                    self._begun.append((self._network.begin_step(batch, rate), batch.characters))
                    self._steps += 1
                # 4) Every now and then wait for the results, and report.
                if self._is_time_to_read:
                    self._read_results()
                    self._remember_good_weights()
                    self._on_event(self._step_event())
                # 5) Stop if the time is up.
                if self._clock.out_of_time:
                    break
                # 6) Save, if the last checkpoint is too old.
                if time.monotonic() - self._writer.saved_at > 60 * self._config.save_minutes:
                    self._writer.save(self._progress_now())
            # 7) At the end of the epoch, or of the time, measure the held-out texts ...
            self._read_results()
            measurement = self._measure()
            # From here on an interrupt would save it too.
            self._writer.add(measurement)
            epoch, speed = self._progress.epoch + 1, self._epoch_speed
            if self._steps_of_epoch >= len(self._batches):
                self._start_epoch(
                    Progress(
                        epoch=epoch,
                        first_step=self._steps,
                        fingerprint=self._progress.fingerprint,
                        seed=self._progress.seed,
                    )
                )
            # ... save the state, then the weights if they are the best, then the metrics.
            self._writer.save_measured(measurement, self._progress_now())
            self._on_event(self._epoch_end(epoch, speed, measurement))

    def _is_over(self) -> bool:
        patience = self._config.patience
        if patience is not None and epochs_without_better(self._writer.measurements) >= patience:
            return True
        return self._clock.is_over(self._progress.epoch)

    def _start_epoch(self, progress: Progress) -> None:
        self._progress = progress
        self._batches = self._training.shuffled(self._config.seed, progress.epoch)
        self._epoch_characters, self._epoch_seconds = 0, 0.0

    @property
    def _steps_of_epoch(self) -> int:
        """Steps of this epoch."""
        return self._steps - self._progress.first_step

    @property
    def _is_time_to_read(self) -> bool:
        # The first step compiles, and tells how long steps take.
        is_first = not self._clock.characters_per_second
        waited = time.monotonic() - self._read_at
        return is_first or waited > READ_SECONDS or len(self._begun) >= READ_STEPS

    def _read_results(self) -> None:
        """Wait for all steps that were begun, and count them.

        Raises:
            InputError: if training diverged.
        """
        if not self._begun:
            return
        with defer_interrupts():
            results = self._network.read([result for result, _ in self._begun])
            counts = [characters for _, characters in self._begun]
            seconds = (time.monotonic() - self._read_at) / len(counts)
            self._begun, self._read_at = [], time.monotonic()
            for result, characters in zip(results, counts, strict=True):
                if not math.isfinite(result.loss):
                    raise self._diverged(f"the loss became {result.loss}")
                self._count_step(characters, result, seconds)

    def _count_step(self, characters: int, result: StepResult, seconds: float) -> None:
        self._clock.count_step(characters, seconds)
        self._epoch_characters += characters
        self._epoch_seconds += seconds
        self._progress = self._progress.replace(
            # Losses are means over a batch; batches differ in size.
            nats=self._progress.nats + result.loss * characters,
            characters=self._progress.characters + characters,
            hits=self._progress.hits + result.accuracy * characters,
        )

    def _remember_good_weights(self) -> None:
        """Before the first measurement, remember finite weights in case the run diverges."""
        age = time.monotonic() - self._good_weights_at
        if self._writer.measurements or (self._good_weights and age < GOOD_WEIGHTS_SECONDS):
            return
        self._good_weights_at, weights = time.monotonic(), self._network.weights
        if all(np.isfinite(array).all() for array in weights.values()):
            self._good_weights = weights

    def _measure(self) -> Measurement:
        """Measure the held-out texts, unless that was done after this step."""
        last = self._writer.last()
        if last and last.steps == self._steps:
            return last
        began = time.monotonic()
        bits = self._network.measure(self._validation)
        self._clock.count_measuring(time.monotonic() - began)
        weights = self._network.weights
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise self._diverged("a weight is no longer a number")
        seen = self._progress.characters
        held_out = (bits.per_character, bits.per_note, bits.accuracy)
        per_character, per_note, accuracy = (
            None if math.isnan(figure) else figure for figure in held_out
        )
        return Measurement(
            epochs=round(self.epochs, 4),
            steps=self._steps,
            seconds=round(self._clock.seconds, 2),
            training_bits=self._training_bits if seen else None,
            bits_per_character=per_character,
            bits_per_note=per_note,
            characters_per_second=round(self._epoch_speed, 1),
            learning_rate=learning_rate(self._config, self._clock.fraction(self.epochs)),
            training_accuracy=round(self._progress.hits / seen, 5) if seen else None,
            accuracy=accuracy,
            weights=histograms_of(weights),
        )

    def _save_interrupted(self) -> None:
        """Save the state first, then measure these weights; a second interrupt skips that."""
        self._writer.save(self._progress_now())
        try:
            self._writer.write_pending()
            if self._steps_of_epoch:
                self._writer.save_measured(self._measure(), self._progress_now())
        except KeyboardInterrupt:
            pass
        self._writer.write_first_weights(self._network.weights)
        self._on_event(Interrupted(epochs=self.epochs, folder=self._folder))

    def _diverged(self, reason: str) -> InputError:
        """Return the error for numbers that are not finite; keep the last good weights."""
        path = self._folder / WEIGHTS
        self._writer.write_first_weights(self._good_weights)
        kept = f"; the last good weights are in {path}" if path.exists() else ""
        return InputError(f"training diverged: {reason}{kept}", hint="use a lower learning rate")

    def _progress_now(self) -> Progress:
        """Return the progress of the weights as they are, all steps counted."""
        self._read_results()
        return self._progress.replace(seconds=self._clock.seconds)

    def _step_event(self) -> Step:
        return Step(
            epoch=self._progress.epoch + 1,
            epochs=self._clock.epochs,
            fraction=self._clock.fraction(self.epochs),
            characters_per_second=self._clock.characters_per_second,
            seconds_left=self._clock.seconds_left(self.epochs),
            bits_per_character=self._training_bits,
        )

    def _epoch_end(self, epoch: int, speed: float, measurement: Measurement) -> EpochEnd:
        sampled = ""
        if self._sample_preview:
            sampled = self._sample_preview(replace(self._checkpoint, weights=self._network.weights))
        return EpochEnd(
            epoch=epoch,
            training_bits=measurement.training_bits or 0.0,
            bits_per_character=measurement.bits_per_character,
            bits_per_note=measurement.bits_per_note,
            characters_per_second=speed,
            seconds=self._clock.seconds,
            sampled=sampled,
            best=best(self._writer.measurements) is measurement,
            training_accuracy=measurement.training_accuracy,
            accuracy=measurement.accuracy,
        )

    @property
    def _bits_before(self) -> float | None:
        """Held-out bits per note before the first step, if they were measured."""
        first = next(iter(self._writer.measurements), None)
        return first.bits_per_note if first and not first.steps else None

    @property
    def _training_bits(self) -> float:
        """Training loss of this epoch in bits per character."""
        return self._progress.nats / max(1, self._progress.characters) / math.log(2)

    @property
    def _epoch_speed(self) -> float:
        """Characters per second of this epoch."""
        return self._epoch_characters / self._epoch_seconds if self._epoch_seconds else 0.0


def learning_rate(config: TrainConfig, fraction: float) -> float:
    """Return the rate of a linear warmup and half a cosine (Loshchilov & Hutter, 2017).

    ``fraction`` is the share of the run that is done, 0 to 1.
    """
    # 1) Warmup, from near 0 to the peak.
    if fraction < config.warm_up:
        # Not 0, so that the first step is not wasted.
        return config.learning_rate * max(0.02, fraction / config.warm_up)
    # 2) Half a cosine, from the peak to the final share of it.
    rest = min(1.0, (fraction - config.warm_up) / max(1e-9, 1 - config.warm_up))  # 0 to 1
    cosine = (1 + math.cos(math.pi * rest)) / 2  # 1 to 0
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * cosine)


class RunClock:
    """The clock of a run, which ends when its time is up, or if it has none, after its epochs."""

    def __init__(self, config: TrainConfig, training: int, held_out: int) -> None:
        self.epochs = config.epochs if config.minutes is None else None
        self._budget = 60 * (config.minutes or 0)  # seconds
        # Characters of one epoch, and of the held-out texts.
        self._training, self._held_out = training, held_out
        # Characters and seconds of recent steps.
        self._steps: deque[tuple[int, float]] = deque(maxlen=RECENT_STEPS)
        self._first_step = self._measuring = 0.0  # seconds
        self.start(0.0)

    def start(self, seconds: float) -> None:
        """Start the clock of a run that was trained for some seconds before."""
        self._began = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._began

    def count_step(self, characters: int, seconds: float) -> None:
        """Count a step."""
        self._first_step = self._first_step or seconds
        self._steps.append((characters, seconds))

    def count_measuring(self, seconds: float) -> None:
        """Note how long measuring the held-out texts took."""
        self._measuring = seconds

    @property
    def characters_per_second(self) -> float:
        """Speed of recent steps; 0 before the first."""
        seconds = sum(taken for _, taken in self._steps)
        return sum(characters for characters, _ in self._steps) / seconds if seconds else 0.0

    def fraction(self, epochs: float) -> float:
        """Return the share of the run that is done after some epochs."""
        if self.epochs is not None:
            return min(1.0, epochs / self.epochs)
        # Part of the budget is kept for measuring at the end.
        return min(1.0, self.seconds / max(1e-9, self._budget - self._reserve))

    def is_over(self, epochs: float) -> bool:
        """Return whether all epochs are done or the time is up."""
        return self.out_of_time or (self.epochs is not None and epochs >= self.epochs)

    @property
    def out_of_time(self) -> bool:
        """True if there is no time for another step and for measuring after it."""
        if self.epochs is not None:
            return False
        step = sum(taken for _, taken in self._steps) / max(1, len(self._steps))
        return self.seconds + step + self._reserve >= self._budget

    def seconds_left(self, epochs: float) -> float:
        """Estimate the time to the end."""
        if self.epochs is None:
            return max(0.0, self._budget - self.seconds)
        speed = self.characters_per_second
        epoch = self._training / speed + self._reserve if speed else 0.0  # seconds
        return max(0.0, self.epochs - epochs) * epoch

    @property
    def _reserve(self) -> float:
        """Seconds that measuring at the end will take."""
        if self._measuring or not self._first_step:
            return self._measuring
        # Not measured yet, so estimated. The backend must first compile a graph for it, which takes
        # about as long as the first step, in which it compiled another.
        speed = MEASURING_SPEED * self.characters_per_second
        return self._first_step + self._held_out / speed
