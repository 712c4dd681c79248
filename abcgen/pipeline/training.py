"""Train a network: plan a run, prepare the data, estimate the time, and train.

A ``TrainPlan`` has all settings of a run. There are three ways to make one: for a new network, to
resume a run, and to fine-tune a network.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from abcgen.config import (
    NetworkConfig,
    SampleConfig,
    SplitConfig,
    TrainConfig,
)
from abcgen.corpus.cache import NO_CACHE
from abcgen.corpus.families import split_tunes
from abcgen.errors import InputError, NotationError
from abcgen.example import GAP_MARK
from abcgen.files import printable
from abcgen.grammar.form_line import FORM_LINE_CHARACTERS
from abcgen.model.architecture import architecture
from abcgen.model.backend import backend_name, device
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
    examples_for,
    find_checkpoint,
    has_training_tunes,
    read_training_tunes,
    sample_text,
    split_config_of,
    tracker_of,
    write_bounds,
    write_training_tunes,
)
from abcgen.pipeline.held_out import training_tunes_again, tunes_held_out, write_held_out
from abcgen.pipeline.voices import VOICES, ranges_of
from abcgen.presets import FINE_TUNING, FINE_TUNING_SPLIT, PRESETS
from abcgen.system import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.families import HeldOutTunes, Split
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.corpus.records import Extracts
    from abcgen.model.architecture import LayerSpec
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.events import Event, TrainResult


AUTO = "auto"
# Presets by device: for a short run, for a long run, and the minutes from which a run is long.
# Only in a long run does a larger network learn more.
AUTO_PRESETS = {"cpu": ("small", "base", 40.0), "gpu": ("base", "large", 20.0)}
# Options of the presets that a window network has not.
STREAM_ONLY = dict.fromkeys(("positions", "form", "relative_pitch", "blocks"), False)
ORIGIN = "from"  # field of config.json: the network that was fine-tuned
MAX_NAME = 200  # characters of a checkpoint's name
MAX_FILES = 1000  # named in a checkpoint; beyond that, only their folders are
# Length of previews sampled during training. A window network is slow, because it reads a whole
# window for every character.
PREVIEW_CHARACTERS = {"stream": 400, "window": 80}


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """The settings of a run, and what it starts from.

    Attributes:
        network: Shape of the network.
        config: Settings of the training.
        reason: Where these come from, for people.
        split: How to divide the tunes.
        held_out: The tunes to hold out instead, if they are given.
        base: The checkpoint to resume or to fine-tune; None for a new network.
        resume: Whether to resume the run of ``base``, rather than fine-tune it.
        about: Further facts for ``config.json``: the network that was fine-tuned.
        learned: The tunes that ``base`` was trained on, if it is fine-tuned and records them.
    """

    network: NetworkConfig
    config: TrainConfig
    reason: str
    split: SplitConfig = field(default_factory=SplitConfig)
    held_out: HeldOutTunes | None = None
    base: Checkpoint | None = None
    resume: bool = False
    about: Mapping[str, object] = field(default_factory=dict)
    learned: TrainingTunes | None = None

    def __post_init__(self) -> None:
        """Refuse gaps, and several tunes in a row, where the network cannot learn from them."""
        network = self.network
        if self.config.packed and not can_be_packed(network):
            raise InputError(
                "only a network that reads whole tunes can read several in a row",
                hint="leave out --packed, or --network window, --bidirectional, --sequence-length",
            )
        if not self.config.gaps:
            return
        if network.voices > 1:
            raise InputError("only a network of one voice learns to fill gaps", hint="no --gaps")
        if network.kind == "window" or (network.sequence_length and not network.bidirectional):
            raise InputError(
                "only a network that reads whole tunes learns to fill gaps",
                hint="leave out --gaps, or --network window and --sequence-length",
            )
        if self.resume and self.base and self.base.vocabulary.gap_mark is None:
            raise InputError(
                "a run that began without gaps cannot go on with them",
                hint="fine-tune its network instead, with --from and --gaps",
            )


def check_settings(preset: str, changes: Mapping[str, Any]) -> None:
    """Check a preset and changes to its settings, without loading Keras.

    Raises:
        InputError: naming the first invalid setting.
    """
    if preset not in {AUTO, *PRESETS}:
        raise InputError(f"unknown preset {preset!r}", hint=f"one of {AUTO}, {', '.join(PRESETS)}")
    for device_kind in AUTO_PRESETS if preset == AUTO else ("cpu",):
        plan_new_run(preset, changes, device_kind)


def plan_new_run(preset: str, changes: Mapping[str, Any], device_kind: str = "") -> TrainPlan:
    """Plan the training of a new network.

    Args:
        preset: A name from ``PRESETS``, or ``auto`` to choose by device and time.
        changes: Settings of network and training that differ from the preset's.
        device_kind: ``cpu`` or ``gpu``; by default that of this machine, which loads Keras.

    Raises:
        InputError: naming the first invalid setting.
    """
    device_kind = device_kind or device()
    reason = "as requested"
    if preset == AUTO:
        short, long, long_minutes = AUTO_PRESETS[device_kind]
        minutes = changes.get("minutes")
        preset = long if minutes is not None and minutes >= long_minutes else short
        machine = f"{cores()} CPU cores" if device_kind == "cpu" else "a GPU"
        time = f"{minutes:g} minutes" if minutes is not None else "no time limit"
        reason = f"chosen for {machine} and {time} ({PRESETS[preset].purpose})"
    shape = {name: changes[name] for name in NetworkConfig.model_fields if name in changes}
    if shape.get("kind") == "window":
        shape = STREAM_ONLY | shape
    if shape.get("bidirectional"):
        shape = {"blocks": False} | shape
    training = {name: changes[name] for name in TrainConfig.model_fields if name in changes}
    network = PRESETS[preset].network.replace(**shape)
    return TrainPlan(
        network,
        PRESETS[preset].training.replace(**(_packing(network, device_kind) | training)),
        f"preset {preset}, {reason}",
    )


def plan_resuming(folder: Path, changes: Mapping[str, Any]) -> TrainPlan:
    """Plan to resume a run that was interrupted, or to continue a finished one.

    Args:
        folder: The checkpoint.
        changes: New values of total ``minutes`` or ``epochs``, of ``dropout``, ``gaps`` and
            ``save_minutes``.

    Raises:
        CheckpointError: if there is no run in the folder, or it is damaged.
        InputError: if a setting is out of range.
    """
    base = load_description(folder)
    if "epochs" in changes:  # they replace a time budget
        changes = {"minutes": None} | dict(changes)
    split = split_config_of(base, folder)
    shape, training = _dropout_and_others(changes)
    network = base.network.replace(**shape)
    if bool(network.dropout) != bool(base.network.dropout):
        raise InputError(
            "a run that began without dropout, or with it, cannot go on otherwise",
            hint="fine-tune its network instead, with --from and --dropout",
        )
    return TrainPlan(
        network,
        base.training.replace(**training),
        f"settings of {folder}",
        split=split,
        held_out=tunes_held_out(folder) if split.held_out_of else None,
        base=base,
        resume=True,
        about={name: base.about[name] for name in (ORIGIN,) if name in base.about},
    )


def plan_fine_tuning(base: Path, folder: Path, changes: Mapping[str, Any]) -> TrainPlan:
    """Plan to fine-tune a network on other tunes, in a new checkpoint.

    The network may still remember its old tunes, so overlap is measured with old and new tunes.

    Args:
        base: The checkpoint to fine-tune, which is only read.
        folder: The new checkpoint.
        changes: Dropout, and settings of the training that differ from ``FINE_TUNING``.

    Raises:
        CheckpointError: if the checkpoint cannot be used.
        InputError: if a setting is invalid, or both folders are the same.
    """
    if folder.resolve() == base.resolve():
        raise InputError(
            f"{folder} is the network to fine-tune, which must not be modified",
            hint="choose another folder with --out",
        )
    checkpoint = load_checkpoint(base)
    shape, training = _dropout_and_others(changes)
    training = {"chord_symbols": checkpoint.training.chord_symbols} | training
    network = checkpoint.network.replace(**shape)
    return TrainPlan(
        network,
        FINE_TUNING.replace(**(_packing(network) | training)),
        f"from {base}",
        split=FINE_TUNING_SPLIT,
        base=checkpoint,
        about={ORIGIN: {"checkpoint": base.resolve().name, "hash": checkpoint_hash(base)}},
        learned=read_training_tunes(base),
    )


def can_be_packed(network: NetworkConfig) -> bool:
    """Return whether a network can read several tunes in a row."""
    return network.kind == "stream" and not network.bidirectional and not network.sequence_length


def _packing(network: NetworkConfig, device_kind: str = "cpu") -> dict[str, Any]:
    """Pack tunes, if the network can read that, where a program is compiled for each shape."""
    compiles = device_kind == "gpu" or backend_name() == "jax"
    return {"packed": True} if compiles and can_be_packed(network) else {}


def _dropout_and_others(changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide changes into that of the network, which keeps its shape, and those of its training."""
    others = dict(changes)
    return {name: others.pop(name) for name in ("dropout",) if name in others}, others


def hold_out_again(
    source: Path, config: SplitConfig, learned: TrainingTunes | None = None
) -> tuple[SplitConfig, HeldOutTunes]:
    """Return how to divide tunes so that the held-out ones are those of a checkpoint, and these.

    Figures of two networks are then about the very same tunes, even if one learnt more.

    Args:
        source: The checkpoint, or its file of held-out tunes.
        config: How to divide tunes otherwise.
        learned: Tunes that a network to fine-tune has learnt, which cannot be held out.

    Raises:
        CheckpointError: if it has no held-out tunes, or they are damaged.
    """
    folder = source if source.is_file() else find_checkpoint(source)
    # Its tunes are stored with the run, which can then be resumed without it.
    name = printable((folder.parent if folder.is_file() else folder).resolve().name)[:MAX_NAME]
    config = config.replace(validation=0.0, test=0.0, least=0, held_out_of=name)
    return config, tunes_held_out(folder, learned)


def prepare_data(
    corpus: Extracts,
    config: SplitConfig,
    base: Checkpoint | None = None,
    held_out: HeldOutTunes | None = None,
) -> tuple[TrainData, Split]:
    """Divide tunes by family, and collect their vocabulary.

    Args:
        corpus: The tunes.
        config: How to divide them.
        base: A network to start from, whose characters keep their ids.
        held_out: The tunes to hold out instead of any of these.
    """
    split = split_tunes(corpus.tunes, config, held_out)
    # The vocabulary has the characters of held-out tunes too, so that these can be scored.
    texts = (tune.example.text for tune in (*corpus.tunes, *split.validation, *split.test))
    vocabulary = base.vocabulary.extended(texts) if base else Vocabulary.of(texts)
    about: dict[str, object] = {
        "corpora": _tunes_by_file(corpus),
        "split": {
            "fingerprint": split.fingerprint,
            "families": split.families,
            **config.model_dump(),
            "training_tunes": len(split.training),
            "validation_tunes": len(split.validation),
            "test_tunes": len(split.test),
            "wrong_tunes": len(split.wrong),
            "related_tunes": len(split.relatives),
        },
    }
    if ranges := ranges_of(split.training):
        about[VOICES] = [voice.model_dump() for voice in ranges]
    data = TrainData(
        tuple(tune.example for tune in split.training),
        tuple(tune.example for tune in split.validation),
        vocabulary,
        about=about,
    )
    return data, split


def as_read_by(network: NetworkConfig, data: TrainData, config: TrainConfig) -> TrainData:
    """Return texts as a network reads them, with the tracker of its position features."""
    vocabulary = data.vocabulary.extended([FORM_LINE_CHARACTERS] if network.form else [])
    vocabulary = vocabulary.extended([GAP_MARK] if config.gaps else [])
    return replace(
        data,
        training=examples_for(network, data.training),
        validation=examples_for(network, data.validation),
        vocabulary=vocabulary,
        tracker=tracker_of(network, vocabulary),
    )


def add_bounds(folder: Path, corpus: Extracts) -> None:
    """Record the bounds of a checkpoint that was trained before there were any.

    Args:
        folder: The checkpoint.
        corpus: The tunes that it was trained on, those held out included.

    Raises:
        InputError: if these are other tunes.
        CheckpointError: if the checkpoint cannot be read.
        OutputError: if it cannot be written to.
    """
    write_bounds(folder, training_tunes_again(corpus, folder))


def _tunes_by_file(corpus: Extracts) -> dict[str, int]:
    """Count the tunes of each file, or of each folder if there are very many files."""
    files = {path: tunes for path, tunes in corpus.files.items() if tunes}
    if len(files) <= MAX_FILES:
        return {printable(path): tunes for path, tunes in files.items()}
    folders = Counter[str]()
    for path, tunes in files.items():
        folders[printable(path.parent)] += tunes
    return dict(folders)


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """The network of a run, and an estimate of its time.

    Attributes:
        layers: The network's layers.
        parameters: Number of weights.
        characters: Characters (or windows) in one epoch.
        epoch_seconds: Estimated time of one epoch, without scoring held-out texts.
        seconds: Estimated time of the whole run.
    """

    layers: tuple[LayerSpec, ...]
    parameters: int
    characters: int
    epoch_seconds: float
    seconds: float


def estimate_run(data: TrainData, plan: TrainPlan, classes: int | None = None) -> RunEstimate:
    """Estimate the time of a run by training for a few steps.

    Args:
        data: The texts.
        plan: The settings.
        classes: Size of the vocabulary that ``layers`` is for; by default the data's.

    Raises:
        InputError: if it cannot be trained.
    """
    from abcgen.model.compiled import seconds_per_epoch  # noqa: PLC0415 - loads Keras

    data = as_read_by(plan.network, data, plan.config)
    size, config = data.vocabulary.size, plan.config
    training, _ = datasets_of(data, plan.network, config)
    layers = architecture(plan.network, classes or size)
    epoch = seconds_per_epoch(plan.network, config, size, training, data.token_heights)
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
    """Train a network, and record its training and held-out tunes in the checkpoint.

    Args:
        data: The texts; a run must be resumed with those it started with.
        split: The tunes of these texts.
        plan: The settings, and the checkpoint to start from.
        folder: The checkpoint to write.
        on_event: Called with the events of the run.
        cache: Holds what takes long to compute from the tunes.

    Raises:
        InputError: if training diverges.
        CheckpointError: if a run cannot be resumed.
        OutputError: if the folder cannot be written to.
    """
    data = as_read_by(plan.network, data, plan.config)
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

    # Only the first of several hosts writes the checkpoint; the others work on temporary copies.
    with own_folder(folder) as own:

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
