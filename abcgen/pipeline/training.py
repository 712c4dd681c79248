"""From tunes to a checkpoint: settings that fit the device, the data, and the training run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from abcgen.config import (
    FINE_TUNING,
    FINE_TUNING_SPLIT,
    PRESETS,
    NetworkConfig,
    SampleConfig,
    SplitConfig,
    TrainConfig,
)
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.families import split_tunes
from abcgen.errors import InputError, NotationError
from abcgen.files import printable
from abcgen.grammar.positions import PositionTracker
from abcgen.model.architecture import architecture
from abcgen.model.backend import device
from abcgen.model.checkpoint import load_checkpoint, load_description
from abcgen.model.distribution import own_folder
from abcgen.model.events import Started
from abcgen.model.extending import extended
from abcgen.model.training import TrainData, datasets_of, train
from abcgen.model.vocabulary import Vocabulary
from abcgen.notation.model_text import decode_tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import (
    checkpoint_hash,
    has_training_tunes,
    read_training_tunes,
    sample_text,
    split_config_of,
    write_training_tunes,
)
from abcgen.pipeline.held_out import write_held_out
from abcgen.system import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.families import Split
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.corpus.records import Extracts
    from abcgen.model.architecture import LayerSpec
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.events import Event, TrainResult


AUTO = "auto"
# Presets by device: for a short run, for a long one, and the minutes that make it long, because
# only then does a larger network learn more.
AUTO_PRESETS = {"cpu": ("small", "base", 15.0), "gpu": ("base", "large", 20.0)}
ORIGIN = "from"  # of a fine-tuned network, in its config.json
MAX_FILES = 1000  # named in a checkpoint; of more, only their folders are
# Longest preview sampled from an unfinished network; one that reads a whole window for every
# character is slow.
PREVIEW_CHARACTERS = {"stream": 400, "window": 80}


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """The settings of a run, and what it starts from.

    Attributes:
        network: Shape of the network.
        config: How to train it.
        reason: Where the settings come from, for people.
        split: How to divide the tunes.
        base: The checkpoint to resume or to fine-tune; None for a new network.
        resume: Continue with the run of ``base``.
        about: More facts for ``config.json``: the network that was fine-tuned.
        learned: The tunes that it was trained on before, if it is fine-tuned and records them.
    """

    network: NetworkConfig
    config: TrainConfig
    reason: str
    split: SplitConfig = field(default_factory=SplitConfig)
    base: Checkpoint | None = None
    resume: bool = False
    about: Mapping[str, object] = field(default_factory=dict)
    learned: TrainingTunes | None = None


def check_settings(preset: str, changes: Mapping[str, Any]) -> None:
    """Check a preset and changes of its settings, before anything heavy is loaded.

    Raises:
        InputError: naming the first setting that is impossible.
    """
    if preset not in {AUTO, *PRESETS}:
        raise InputError(
            f"there is no preset {preset!r}", hint=f"choose {AUTO}, {', '.join(PRESETS)}"
        )
    for device_kind in AUTO_PRESETS if preset == AUTO else ("cpu",):
        plan_new_run(preset, changes, device_kind)


def plan_new_run(preset: str, changes: Mapping[str, Any], device_kind: str = "") -> TrainPlan:
    """Plan the training of a new network.

    Args:
        preset: A name from ``PRESETS``, or ``auto`` for one that fits the device and the time.
        changes: Settings of network and training that differ from the preset's.
        device_kind: ``cpu`` or ``gpu``; by default the device of this machine, which loads Keras.

    Raises:
        InputError: naming the first setting that is impossible.
    """
    device_kind = device_kind or device()
    reason = "as asked for"
    if preset == AUTO:
        short, long, long_minutes = AUTO_PRESETS[device_kind]
        minutes = changes.get("minutes")
        preset = long if minutes is not None and minutes >= long_minutes else short
        machine = f"{cores()} CPU cores" if device_kind == "cpu" else "a GPU"
        time = f"{minutes:g} minutes" if minutes is not None else "no time limit given"
        reason = f"for {machine} and {time}: {PRESETS[preset].fits}"
    shape = {name: changes[name] for name in NetworkConfig.model_fields if name in changes}
    if shape.get("kind") == "window":
        shape = {"positions": False} | shape  # The preset's are for a stream network.
    training = {name: changes[name] for name in TrainConfig.model_fields if name in changes}
    return TrainPlan(
        PRESETS[preset].network.replace(**shape),
        PRESETS[preset].training.replace(**training),
        f"preset {preset}, {reason}",
    )


def plan_resuming(folder: Path, changes: Mapping[str, Any]) -> TrainPlan:
    """Plan to resume a run that was interrupted, or to give a finished one more time.

    Args:
        folder: The checkpoint.
        changes: ``minutes`` or ``epochs`` in all, and ``save_minutes``, if other than before.

    Raises:
        CheckpointError: if there is no run in the folder, or it is damaged.
        InputError: if a setting is out of range.
    """
    base = load_description(folder)
    if "epochs" in changes:
        changes = {"minutes": None} | dict(changes)
    return TrainPlan(
        base.network,
        base.training.replace(**changes),
        f"as {folder} was begun",
        split=split_config_of(base, folder),
        base=base,
        resume=True,
        about={name: base.about[name] for name in (ORIGIN,) if name in base.about},
    )


def plan_fine_tuning(base: Path, folder: Path, changes: Mapping[str, Any]) -> TrainPlan:
    """Plan to fine-tune a network on other tunes, in a new checkpoint.

    It remembers the old tunes too, so the tunes of both count as those it may copy from.

    Args:
        base: The checkpoint to fine-tune; it is only read.
        folder: The new checkpoint.
        changes: Settings of the training, and dropout, that are to be other than usual.

    Raises:
        CheckpointError: if the checkpoint cannot be used.
        InputError: if a setting is impossible, or both folders are the same.
    """
    if folder.resolve() == base.resolve():
        raise InputError(
            f"{folder} is the network to fine-tune, which is not modified",
            hint="choose another place with --out",
        )
    found = load_checkpoint(base)
    shape = {name: changes[name] for name in ("dropout",) if name in changes}
    training = {name: value for name, value in changes.items() if name not in shape}
    training = {"chord_symbols": found.training.chord_symbols} | training
    return TrainPlan(
        found.network.replace(**shape),
        FINE_TUNING.replace(**training),
        f"from {base}",
        split=FINE_TUNING_SPLIT,
        base=found,
        about={ORIGIN: {"checkpoint": base.resolve().name, "hash": checkpoint_hash(base)}},
        learned=read_training_tunes(base),
    )


def prepare_data(
    corpus: Extracts, config: SplitConfig, base: Checkpoint | None = None
) -> tuple[TrainData, Split]:
    """Divide tunes by family and collect their characters.

    Args:
        corpus: The tunes.
        config: How to divide them.
        base: A network whose characters keep their ids.
    """
    split = split_tunes(corpus.tunes, config)
    texts = (tune.example.text for tune in corpus.tunes)  # Of the test tunes too.
    vocabulary = base.vocabulary.extended(texts) if base else Vocabulary.of(texts)
    about = {
        "corpora": _tunes_by_file(corpus),
        "split": {
            "fingerprint": split.fingerprint,
            "families": split.families,
            **config.model_dump(),
            "training_tunes": len(split.training),
            "validation_tunes": len(split.validation),
            "test_tunes": len(split.test),
        },
    }
    data = TrainData(
        tuple(tune.example for tune in split.training),
        tuple(tune.example for tune in split.validation),
        vocabulary,
        PositionTracker(vocabulary.tokens),
        about,
    )
    return data, split


def _tunes_by_file(corpus: Extracts) -> dict[str, int]:
    """Count the tunes of each file, or of very many files those of each folder."""
    files = {path: tunes for path, tunes in corpus.files.items() if tunes}
    if len(files) <= MAX_FILES:
        return {printable(path): tunes for path, tunes in files.items()}
    folders = Counter[str]()
    for path, tunes in files.items():
        folders[printable(path.parent)] += tunes
    return dict(folders)


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """A run as it would be.

    Attributes:
        layers: The network's layers.
        parameters: Number of weights.
        characters: Characters (windows) in one epoch.
        epoch_seconds: Estimate of one epoch, without measuring held-out texts.
        seconds: Estimate of the whole run.
    """

    layers: tuple[LayerSpec, ...]
    parameters: int
    characters: int
    epoch_seconds: float
    seconds: float


def estimate_run(data: TrainData, plan: TrainPlan, classes: int | None = None) -> RunEstimate:
    """Estimate a run by making a few steps of it.

    Args:
        data: The texts.
        plan: The settings.
        classes: Size of the vocabulary in the table of layers, if other than the data's.

    Raises:
        InputError: if it cannot be trained.
    """
    from abcgen.model.compiled import seconds_per_epoch  # noqa: PLC0415 - loads Keras

    size, config = data.vocabulary.size, plan.config
    training, _ = datasets_of(data, plan.network, config)
    layers = architecture(plan.network, classes or size)
    epoch = seconds_per_epoch(plan.network, config, size, training)
    seconds = epoch * config.epochs if config.minutes is None else 60 * config.minutes
    parameters = sum(layer.parameters for layer in layers)
    return RunEstimate(layers, parameters, training.characters, epoch, seconds)


def train_network(
    data: TrainData,
    split: Split,
    plan: TrainPlan,
    folder: Path,
    on_event: Callable[[Event], None],
    cache: TextCache = NO_CACHE,
) -> TrainResult:
    """Train a network.

    Args:
        data: The texts; to resume a run, the same as it was begun with.
        split: The tunes that they are from.
        plan: The settings, and what to start from.
        folder: The checkpoint.
        on_event: Called with the events of the run.
        cache: Keeps what takes long to compute from the tunes.

    Raises:
        InputError: if training diverges.
        CheckpointError: if a run cannot be resumed.
        OutputError: if the folder cannot be written to.
    """
    weights = None
    if plan.base and not plan.resume:
        weights = extended(plan.base, [data.vocabulary.characters]).weights
    preview_seeds = count(plan.config.seed + 1)

    def sample_preview(checkpoint: Checkpoint) -> str:
        config = SampleConfig(max_characters=PREVIEW_CHARACTERS[checkpoint.network.kind])
        text = sample_text(checkpoint, config, next(preview_seeds))
        try:
            return write_abc(decode_tune(text))
        except NotationError:
            return text

    with own_folder(folder) as own:  # Of other hosts, a copy that is thrown away.

        def record_tunes(event: Event) -> None:
            if isinstance(event, Started) and not (plan.resume and has_training_tunes(own)):
                write_training_tunes(own, split.training, split.validation, plan.learned, cache)
                write_held_out(own, split, plan.learned, cache)
            on_event(event)

        result = train(
            replace(data, about={**data.about, **plan.about}),
            plan.network,
            plan.config,
            own,
            resume=plan.resume,
            weights=weights,
            measure_first=ORIGIN in plan.about,
            on_event=record_tunes,
            sample_preview=sample_preview,
        )
    return replace(result, folder=folder)
