"""The events of a training run, for progress bars and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins.

    Attributes:
        parameters: Number of weights.
        tunes: Number of training texts.
        characters: Targets in one epoch, end marks included.
        backend: What computes, and where.
        epochs: Epochs already trained, if a run is resumed.
    """

    parameters: int
    tunes: int
    characters: int
    backend: str
    epochs: float


@dataclass(frozen=True, slots=True)
class BaseMeasured:
    """The network to fine-tune has been measured, before its first step.

    Attributes:
        bits_per_note: Its held-out bits per note; None without held-out texts.
    """

    bits_per_note: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """An optimizer step was made.

    Attributes:
        epoch: Current epoch, counted from 1.
        epochs: Epochs in all; None if time decides.
        fraction: Share of the run that is done, 0 to 1.
        characters_per_second: Recent speed, padding not counted.
        seconds_left: Estimate for the rest of the run.
        bits_per_character: Training loss over this epoch so far. It includes given characters and
            dropout, so it is somewhat above what the network can do.
    """

    epoch: int
    epochs: int | None
    fraction: float
    characters_per_second: float
    seconds_left: float
    bits_per_character: float


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The held-out texts were measured: after each epoch, and when time is up.

    Attributes:
        epoch: The epoch that ended or was broken off, counted from 1.
        training_bits: Training loss over it in bits per character, as in ``Step``.
        bits_per_character: Held-out bits per scored character; None without held-out texts.
        bits_per_note: Held-out bits per note; None without held-out texts.
        characters_per_second: Training speed over the epoch, padding not counted.
        seconds: Training time so far, with measuring and earlier processes.
        sampled: A tune sampled from the network; empty if none was wanted.
        best: True if these weights are the ones to sample from.
        training_accuracy: Share of characters predicted right over the epoch.
        accuracy: Held-out share; None without held-out texts.
    """

    epoch: int
    training_bits: float
    bits_per_character: float | None
    bits_per_note: float | None
    characters_per_second: float
    seconds: float
    sampled: str
    best: bool
    training_accuracy: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The run was interrupted; everything is saved, and it can be resumed.

    Attributes:
        epochs: Epochs trained, with a fraction.
        folder: The checkpoint.
    """

    epochs: float
    folder: Path


Event = Started | BaseMeasured | Step | EpochEnd | Interrupted


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The end of a training run.

    Attributes:
        folder: The checkpoint.
        epochs: Epochs trained in all, with a fraction.
        seconds: Training time in all.
        bits_per_character: Held-out bits of the weights kept; None without held-out texts.
        bits_per_note: The same per note.
        interrupted: True if it was stopped before its end.
        bits_before: Held-out bits per note of the network that was fine-tuned, if any.
    """

    folder: Path
    epochs: float
    seconds: float
    bits_per_character: float | None
    bits_per_note: float | None
    interrupted: bool
    bits_before: float | None = None
