"""The events of a training run, for progress bars and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins."""

    # Number of weights.
    parameters: int
    # Number of training texts.
    tunes: int
    # Targets in one epoch, end marks included.
    characters: int
    # Library, devices, precision and LSTM kernels, in words.
    backend: str
    # Epochs already trained, if a run is resumed.
    epochs: float


@dataclass(frozen=True, slots=True)
class BaseMeasured:
    """The network to fine-tune has been measured, before its first step."""

    # Its held-out bits per note; None without held-out texts.
    bits_per_note: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """An optimizer step was made."""

    # Current epoch, counted from 1.
    epoch: int
    # Epochs in all; None if time decides.
    epochs: int | None
    # Share of the run that is done, 0 to 1.
    fraction: float
    # Recent speed, padding not counted.
    characters_per_second: float
    # Estimate for the rest of the run.
    seconds_left: float
    # Training loss over this epoch so far. It includes given characters and dropout, so it is
    # somewhat above what the network can do.
    bits_per_character: float


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The held-out texts were measured: after each epoch, and when time is up."""

    # The epoch that ended or was broken off, counted from 1.
    epoch: int
    # Training loss over it in bits per character, as in ``Step``.
    training_bits: float
    # Held-out bits per scored character; None without held-out texts.
    bits_per_character: float | None
    # Held-out bits per note; None without held-out texts.
    bits_per_note: float | None
    # Training speed over the epoch, padding not counted.
    characters_per_second: float
    # Training time so far, with measuring and earlier processes.
    seconds: float
    # A tune sampled from the network; empty if none was wanted.
    sampled: str
    # True if these weights are the ones to sample from.
    best: bool
    # Share of characters predicted right over the epoch.
    training_accuracy: float | None = None
    # Held-out share; None without held-out texts.
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The run was interrupted; everything is saved, and it can be resumed."""

    # Epochs trained, with a fraction.
    epochs: float
    folder: Path


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The device's memory did not suffice; the run goes on in smaller batches."""

    batch_size: int


Event = Started | OutOfMemory | BaseMeasured | Step | EpochEnd | Interrupted


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The end of a training run."""

    folder: Path
    # Epochs trained in all, with a fraction.
    epochs: float
    # Training time in all.
    seconds: float
    # Held-out bits of the weights kept; None without held-out texts.
    bits_per_character: float | None
    # The same per note.
    bits_per_note: float | None
    # True if it was stopped before its end.
    interrupted: bool
    # Held-out bits per note of the network that was fine-tuned, if any.
    bits_before: float | None = None
