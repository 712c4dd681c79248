"""What a training run tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from abcgen.model.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins.

    Attributes:
        parameters: Number of weights.
        tunes: Training texts.
        characters: Characters and end marks in one pass over them.
        backend: What computes, and where.
        epochs: Passes already made, if an earlier run is gone on with.
    """

    parameters: int
    tunes: int
    characters: int
    backend: str
    epochs: float


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A network that another run trained has been measured, before it learns anything more.

    Attributes:
        bits_per_note: Its held-out bits per note, or None without held-out texts.
    """

    bits_per_note: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One batch has been learnt from.

    Attributes:
        epoch: Current pass over the texts, counted from 1.
        epochs: Passes in all, or None if time decides.
        fraction: Share of the run that is done, 0 to 1.
        characters_per_second: Recent speed, padding not counted.
        seconds_left: Estimate for the rest of the run.
        bits_per_character: Training loss over this epoch so far, given characters included and
            with dropout, so somewhat above what the network can do.
    """

    epoch: int
    epochs: int | None
    fraction: float
    characters_per_second: float
    seconds_left: float
    bits_per_character: float


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The held-out texts have been measured: after each epoch, and when time is up.

    Attributes:
        epoch: The pass that ended or broke off, counted from 1.
        training_bits: Training loss over it in bits per character, as in ``Step``.
        bits_per_character: Held-out bits per scored character, or None without held-out texts.
        bits_per_note: Held-out bits per note, likewise.
        characters_per_second: Training speed over the epoch, padding not counted.
        seconds: Training time so far, evaluation and earlier runs included.
        sampled: A text drawn from the network, if the caller gave the means.
        best: Whether these weights are the ones kept to sample from.
        training_accuracy: Share of characters thought the likeliest over the pass.
        accuracy: Held-out share, or None without held-out texts.
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
    """Somebody stopped the run; everything is saved and it can be gone on with.

    Attributes:
        epochs: Passes made, with a fraction.
        folder: The checkpoint.
    """

    epochs: float
    folder: Path


Event = Started | TakenOver | Step | EpochEnd | Interrupted


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a training run ended.

    Attributes:
        folder: The checkpoint.
        epochs: Passes made in all, with a fraction.
        seconds: Training time in all.
        bits_per_character: Held-out bits of the weights kept, or None without held-out texts.
        bits_per_note: Likewise, per note.
        interrupted: Whether it was stopped before its end.
        bits_before: Per note, of the weights that another run had left; None if there were none.
    """

    folder: Path
    epochs: float
    seconds: float
    bits_per_character: float | None
    bits_per_note: float | None
    interrupted: bool
    bits_before: float | None = None


def _ignore(event: Event) -> None:
    """Nobody is watching."""


@dataclass(frozen=True)
class Watch:
    """Who looks on.

    Attributes:
        on_event: Told about the start, every step, every measurement and an interruption.
        sample_text: Draws a text from a checkpoint, to be shown after every epoch.
    """

    on_event: Callable[[Event], None] = _ignore
    sample_text: Callable[[Checkpoint], str] | None = None


NOBODY = Watch()
