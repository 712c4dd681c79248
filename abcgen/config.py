"""Every default, in frozen dataclasses; those of a training run are saved with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The stream network: embedding, LSTM layers, a softmax over characters at every step.

    Attributes:
        layers: Number of LSTM layers.
        units: Units of each LSTM layer.
        embedding: Width of the character embedding.
        dropout: Share of activations dropped after each layer in training.
    """

    layers: int = 2
    units: int = 128
    embedding: int = 64
    dropout: float = 0.05


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training tunes, if no time budget is given.
        minutes: Time budget in minutes, or None; the learning-rate schedule spans it.
        batch_size: Tunes to a batch.
        learning_rate: Peak learning rate of AdamW.
        warm_up: Share of the run in which the learning rate climbs to its peak.
        final_rate: Learning rate at the end, as a share of the peak.
        weight_decay: AdamW's weight decay.
        clip_norm: Largest global gradient norm.
        seed: Seed of weights, order and dropout.
    """

    epochs: int = 20
    minutes: float | None = None
    batch_size: int = 32
    learning_rate: float = 10e-3
    warm_up: float = 0.05
    final_rate: float = 0.01
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SampleConfig:
    """How tunes are drawn from a network.

    Attributes:
        temperature: What logits are divided by; below 1 safer, above 1 bolder.
        count: Valid tunes wanted.
        batch_size: Tunes drawn side by side.
        max_characters: Length at which a tune that has not ended is given up.
        max_attempts: Tunes drawn for each one wanted before giving up.
    """

    temperature: float = 0.8
    count: int = 6
    batch_size: int = 16
    max_characters: int = 1200
    max_attempts: int = 40


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """How families of tunes are divided; the rest is for training.

    Attributes:
        validation: Share of families held out to watch training.
        test: Share of families never looked at in training.
        similarity: Share of interval 8-grams that makes two tunes one family.
    """

    validation: float = 0.05
    test: float = 0.05
    similarity: float = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what strangers' files may cost.

    Attributes:
        file_bytes: Largest tune file read.
        tune_characters: Longest tune body read.
        bars: Most bars in a tune.
        bar_notes: Most notes in a bar.
        voices: Most voices in a tune.
        rest_bars: Most bars in one sign of rest (``Z8``).
        duration: Longest single note, in whole notes.
        referee_seconds: Time that music21 may take over one tune.
        checkpoint_bytes: Largest file of a checkpoint that is opened.
    """

    file_bytes: int = 32_000_000
    tune_characters: int = 40_000
    bars: int = 2_000
    bar_notes: int = 200
    voices: int = 32
    rest_bars: int = 64
    duration: int = 16
    referee_seconds: float = 10.0
    checkpoint_bytes: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class SoundConfig:
    """How tunes are played.

    Attributes:
        instrument: Name from the table of instruments: what sounds in MIDI files, and whose
            range and usual keys sampled tunes are moved to.
    """

    instrument: str = "fiddle"


@dataclass(frozen=True, slots=True)
class PageConfig:
    """The printed page.

    Attributes:
        paper: Paper size, ``a4`` or ``us-letter``.
        ppi: Resolution of PNG pages in pixels an inch.
        staff_height: Height of a staff in millimetres.
    """

    paper: str = "a4"
    ppi: int = 150
    staff_height: float = 7.0


LIMITS = Limits()
