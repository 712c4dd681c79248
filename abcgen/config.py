"""Every default, in frozen dataclasses; those of a training run are saved with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Shape of a network.

    Attributes:
        kind: ``stream`` reads a tune from its beginning and predicts at every character;
            ``window`` reads the last characters anew for every prediction.
        layers: Number of LSTM layers.
        units: Units of each LSTM layer; a bidirectional one has half of them in each direction.
        embedding: Width of the character embedding; 0 (window only) for one number a character.
        dropout: Share of activations dropped after each layer in training.
        attention: Whether causal attention over what was read so far follows the LSTMs.
        heads: Attention heads, each of ``units / heads`` numbers.
        bidirectional: Whether what lies wholly before the prediction is read both ways: in the
            window network the window, in the stream network the block before the current one.
        sequence_length: Characters of a window, of a block, or (plain stream) the most that are
            learnt in one piece; None for what is usual.
        positions: Whether a stream network is told where in the tune each character stands:
            section, bar of the section, time in the bar.
    """

    kind: str = "stream"
    layers: int = 1
    units: int = 192
    embedding: int = 64
    dropout: float = 0.05
    attention: bool = True
    heads: int = 4
    bidirectional: bool = False
    sequence_length: int | None = None
    positions: bool = False


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training tunes, if no time budget is given.
        minutes: Time budget in minutes, or None; the learning-rate schedule spans it.
        patience: Passes without a better held-out figure after which training ends, or None.
        batch_size: Tunes (windows) to a batch.
        stride: Every which window is learnt from, others in other passes; window network only.
        optimizer: One of ``OPTIMIZERS``.
        learning_rate: Its peak learning rate.
        warm_up: Share of the run in which the learning rate climbs to its peak.
        final_rate: Learning rate at the end, as a share of the peak.
        weight_decay: Decoupled weight decay, for those that have it.
        clip_norm: Largest global gradient norm.
        seed: Seed of weights, order and dropout.
        chord_symbols: Whether the chords above the notes are learnt too.
        save_minutes: Most minutes between two moments from which training can go on.
    """

    epochs: int = 20
    minutes: float | None = None
    patience: int | None = None
    batch_size: int = 32
    stride: int = 1
    optimizer: str = "muon"
    learning_rate: float = 0.02
    warm_up: float = 0.05
    final_rate: float = 0.01
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    seed: int = 0
    chord_symbols: bool = False
    save_minutes: float = 5.0


NETWORKS = ("stream", "window")
OPTIMIZERS = ("adamw", "adam", "lion", "muon", "nadam", "rmsprop", "sgd")


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that go together.

    Attributes:
        network: Shape of the network.
        training: How it is trained.
        fits: What it is for.
    """

    network: NetworkConfig
    training: TrainConfig
    fits: str


PRESETS = {
    "small": Preset(NetworkConfig(dropout=0.15, positions=True), TrainConfig(), "a CPU in minutes"),
    "base": Preset(
        NetworkConfig(units=256, dropout=0.3, positions=True),
        TrainConfig(epochs=40, weight_decay=0.2),
        "a CPU in a quarter of an hour or more, a GPU in minutes",
    ),
    "large": Preset(
        NetworkConfig(layers=3, units=512, embedding=128, dropout=0.3, heads=8, positions=True),
        TrainConfig(
            epochs=40, batch_size=64, optimizer="adamw", learning_rate=2e-3, weight_decay=0.05
        ),
        "a GPU in half an hour or more",
    ),
    # Joshi et al., "Music Generation Using Recurrent Neural Networks", IJRASET 10(XII), 2022,
    # fig. 6. The paper leaves open optimiser, rate, dropout and the dense layers' activation.
    "paper": Preset(
        NetworkConfig(
            kind="window",
            layers=2,
            units=512,
            embedding=0,
            dropout=0.3,
            attention=False,
            sequence_length=100,
        ),
        TrainConfig(
            epochs=200,
            batch_size=64,
            optimizer="adam",
            learning_rate=1e-3,
            warm_up=0.0,
            final_rate=1.0,
            weight_decay=0.0,
        ),
        "comparing with the published network",
    ),
}


# To go on from another network with tunes of one's own, which may be few: what it knows is to be
# bent, not lost. benchmarks/finetuning has what others do.
FINE_TUNING = TrainConfig(
    epochs=30,
    patience=5,
    batch_size=8,
    optimizer="adamw",
    learning_rate=1e-3,
    warm_up=0.1,
    weight_decay=0.0,
)


@dataclass(frozen=True, slots=True)
class SampleConfig:
    """How tunes are drawn from a network.

    Attributes:
        temperature: What logits are divided by; below 1 safer, above 1 bolder.
        top_k: Draw from the likeliest so many characters only; 0 for all.
        top_p: Draw from the likeliest characters that together are this likely; 1 for all.
        count: Valid tunes wanted.
        batch_size: Tunes drawn side by side.
        max_characters: Length at which a tune that has not ended is given up.
        max_attempts: Tunes drawn for each one wanted before giving up.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    count: int = 6
    batch_size: int = 16
    max_characters: int = 1200
    max_attempts: int = 40


@dataclass(frozen=True, slots=True)
class BlindTestConfig:
    """Which tunes a blind test has.

    Attributes:
        count: Tunes of each kind, held out and generated.
        fewest_bars: Bars of the shortest.
        most_bars: Bars of the longest.
        temperature: As in ``SampleConfig``.
    """

    count: int = 10
    fewest_bars: int = 8
    most_bars: int = 40
    temperature: float = SampleConfig().temperature


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """How a network is judged.

    Attributes:
        samples: Tunes drawn with the grammar, and as many without.
        batch_size: Tunes drawn side by side.
    """

    samples: int = 1000
    batch_size: int = 64


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """How families of tunes are divided; the rest is for training.

    Attributes:
        validation: Share of families held out to watch training.
        test: Share of families never looked at in training.
        similarity: Share of interval 8-grams that makes two tunes one family.
        least: Least families held out for either, where there are six times as many.
    """

    validation: float = 0.05
    test: float = 0.05
    similarity: float = 0.5
    least: int = 0


# Of few tunes, a twentieth would be none.
FINE_TUNING_SPLIT = SplitConfig(validation=0.1, test=0.1, least=3)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what strangers' files may cost.

    Attributes:
        file_bytes: Largest file read that must be read whole, as MIDI is.
        tunebook_bytes: Largest tunebook read.
        tunebook_tunes: Most tunes read of one tunebook.
        paragraph_bytes: Longest run of a tunebook without a blank line or a line with ``X:``.
        tune_characters: Longest tune body read.
        bars: Most bars in a tune.
        bar_notes: Most notes in a bar.
        voices: Most voices in a tune.
        rest_bars: Most bars in one sign of rest (``Z8``).
        duration: Longest single note, in whole notes.
        referee_seconds: Time that music21 may take over one tune.
        checkpoint_bytes: Largest file of a checkpoint that is opened.
        cache_bytes: Most that the cache of readings keeps on disk.
        answers_bytes: Largest file of a blind test's answers, or key.
        report_rows: Most lines of one kind on a report's page; the JSON has all.
    """

    file_bytes: int = 32_000_000
    tunebook_bytes: int = 256_000_000
    tunebook_tunes: int = 1_000_000
    paragraph_bytes: int = 1_000_000
    tune_characters: int = 40_000
    bars: int = 2_000
    bar_notes: int = 400
    voices: int = 32
    rest_bars: int = 64
    duration: int = 16
    referee_seconds: float = 10.0
    checkpoint_bytes: int = 2_000_000_000
    cache_bytes: int = 500_000_000
    answers_bytes: int = 1_000_000
    report_rows: int = 3_000


@dataclass(frozen=True, slots=True)
class ReadingConfig:
    """How tune files are read by several processes.

    Attributes:
        portion_bytes: About how much of a tunebook is read in one go.
        parallel_bytes: Least that is worth starting processes for, of ABC or what takes as long.
    """

    portion_bytes: int = 64_000
    parallel_bytes: int = 256_000


@dataclass(frozen=True, slots=True)
class MidiConfig:
    """How MIDI files are transcribed.

    Attributes:
        texture: What is written: ``melody``, ``chords`` in one voice, ``voices``, or ``auto`` for
            what suits the file.
        track: The only track to write, by number or name; all if empty.
        fold_range: Lowest and highest MIDI key that notes are moved into by octaves; None to
            leave them where they are.
        repeats: Whether passages played twice become repeats.
    """

    texture: str = "auto"
    track: str = ""
    fold_range: tuple[int, int] | None = None
    repeats: bool = True


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
        staff_height: Height of a staff in millimetres; text grows and shrinks with it.
    """

    paper: str = "a4"
    ppi: int = 150
    staff_height: float = 6.5


LARGE_PRINT = 10.0
"""Height of a staff in millimetres for those who would rather read without glasses."""

LIMITS = Limits()
