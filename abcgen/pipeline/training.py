"""Which settings a run has: a preset, chosen to fit the device, and what was asked for instead.

From tunes to a checkpoint.

Plans to go on: with a run that was interrupted, or from a network with tunes of one's own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
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
from abcgen.corpus.families import Split, split_tunes
from abcgen.errors import InputError, NotationError
from abcgen.files import printable
from abcgen.grammar.positions import PositionTracker
from abcgen.model.architecture import architecture
from abcgen.model.backend import device
from abcgen.model.checkpoint import load_checkpoint, load_description
from abcgen.model.distribution import own_folder
from abcgen.model.events import Started, Watch
from abcgen.model.extending import extended
from abcgen.model.training import Task, batches_of, train
from abcgen.model.vocabulary import Vocabulary
from abcgen.notation.model_text import decode_tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.checkpoints import split_config_of
from abcgen.pipeline.held_out import write_held_out
from abcgen.pipeline.overlap import (
    has_training_tunes,
    read_training_tunes,
    write_training_tunes,
)
from abcgen.pipeline.recipes import checkpoint_hash
from abcgen.pipeline.sampling import sample_text
from abcgen.system import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.corpus.records import Extract, Extracts
    from abcgen.example import Example
    from abcgen.model.architecture import LayerSpec
    from abcgen.model.checkpoint import Checkpoint, Weights
    from abcgen.model.events import Event, TrainResult


AUTO = "auto"
# Minutes from which a larger network learns more than a smaller one, by device.
LONG = {"cpu": 15.0, "gpu": 20.0}
NETWORK_SETTINGS = tuple(NetworkConfig.model_fields)
TRAINING_SETTINGS = tuple(TrainConfig.model_fields)


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Attributes:
        preset: A name from ``PRESETS``, or ``auto``.
        changes: Settings by name that are to be other than the preset's.
    """

    preset: str = AUTO
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings that make sense.

    Attributes:
        network: Shape of the network.
        options: How to train it.
        preset: The preset they began as.
        why: Why that one.
    """

    network: NetworkConfig
    options: TrainConfig
    preset: str
    why: str


def check_wish(wish: Wish) -> None:
    """See whether a wish can be fulfilled, before anything heavy is loaded.

    Raises:
        InputError: naming the first setting that is impossible.
    """
    if wish.preset not in {AUTO, *PRESETS}:
        raise InputError(
            f"there is no preset {wish.preset!r}", hint=f"choose {AUTO}, {', '.join(PRESETS)}"
        )
    for one in LONG if wish.preset == AUTO else ("cpu",):
        choose(wish, one)


def choose(wish: Wish, device: str) -> Choice:
    """Settings for a device.

    Args:
        wish: What was asked for.
        device: ``cpu`` or ``gpu``; decides only where the preset is ``auto``.

    Raises:
        InputError: naming the first setting that is impossible.
    """
    preset, why = wish.preset, "as asked for"
    if preset == AUTO:
        preset, why = _fitting(device, wish.changes.get("minutes"))
    begin = PRESETS[preset]
    changes = _among(wish.changes, NETWORK_SETTINGS)
    if changes.get("kind") == "window":
        changes = {"positions": False} | changes  # the preset's are for a stream network
    network = begin.network.replace(**changes)
    options = begin.training.replace(**_among(wish.changes, TRAINING_SETTINGS))
    return Choice(network, options, preset, why)


def _fitting(device: str, minutes: float | None) -> tuple[str, str]:
    """A preset and why."""
    much = minutes is not None and minutes >= LONG[device]
    what = f"{cores()} CPU cores" if device == "cpu" else "a GPU"
    time = f"{minutes:g} minutes" if minutes is not None else "no time limit given"
    names = ("small", "base") if device == "cpu" else ("base", "large")
    name = names[much]
    return name, f"for {what} and {time}: {PRESETS[name].fits}"


def _among(changes: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name in names}


# Characters of a tune that an unfinished network may go on for; one that reads a window anew for
# every character is slow.
HEARD = {"stream": 400, "window": 80}
ORIGIN = "from"  # what a checkpoint says of the one that it was tuned from
MOST_FILES = 1000  # that a checkpoint names


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a network is to learn, ready for training.

    Attributes:
        training: The texts to learn.
        validation: The texts that training is watched by.
        vocabulary: All characters, those of the test texts too.
        about: What the checkpoint says of the data.
        split: The tunes that the texts are of.
    """

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    vocabulary: Vocabulary
    about: dict[str, object]
    split: Split

    def task(self, network: NetworkConfig, options: TrainConfig) -> Task:
        """The lesson for a network."""
        return Task(
            self.training,
            self.validation,
            self.vocabulary,
            network,
            options,
            self.about,
            tracker=PositionTracker(self.vocabulary.tokens),
        )


def prepare_lesson(
    corpus: Extracts,
    config: SplitConfig,
    *,
    known: Vocabulary | None = None,
) -> Lesson:
    """Divide tunes by family.

    Args:
        corpus: The tunes.
        config: How to divide them.
        known: The characters that the network knows already, which keep their ids.
    """
    split = split_tunes(corpus.tunes, config)
    texts = (tune.text.text for tune in corpus.tunes)
    vocabulary = known.extended(texts) if known else Vocabulary.of(texts)
    training, validation = examples_of(split.training), examples_of(split.validation)
    return Lesson(training, validation, vocabulary, _about(corpus, split, config), split)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: settings that make sense, and whether to go on with a run.

    Attributes:
        network: Shape of the network.
        options: How to train it.
        why: Where the settings come from.
        resume: Whether the run is there already.
        split: How to divide the tunes.
        base: The checkpoint to go on from: the run itself, or the one to fine-tune.
        about: What the checkpoint says besides of where it comes from.
        before: The tunes that it learnt from before, if it is fine-tuned and tells them.
    """

    network: NetworkConfig
    options: TrainConfig
    why: str
    resume: bool = False
    split: SplitConfig = field(default_factory=SplitConfig)
    base: Checkpoint | None = None
    about: Mapping[str, object] = field(default_factory=dict)
    before: TrainingTunes | None = None

    def task(self, lesson: Lesson) -> Task:
        """What the network is to learn of a lesson."""
        weights: Weights = {}
        if self.base and not self.resume:
            weights = extended(self.base, [lesson.vocabulary.characters]).weights
        about = lesson.about | dict(self.about)
        task = lesson.task(self.network, self.options)
        return replace(task, about=about, weights=weights, tuned=ORIGIN in self.about)


def plan_training(wish: Wish) -> Plan:
    """Plan a new run on the device there is, which loads Keras.

    Raises:
        InputError: if a setting is impossible.
    """
    chosen = choose(wish, device())
    return Plan(chosen.network, chosen.options, f"preset {chosen.preset}, {chosen.why}")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would be.

    Attributes:
        layers: The network's layers.
        parameters: Number of weights.
        characters: Characters (windows) learnt from in one pass.
        seconds_a_pass: Estimate, without measuring held-out texts.
        seconds: Estimate of the whole run.
    """

    layers: tuple[LayerSpec, ...]
    parameters: int
    characters: int
    seconds_a_pass: float
    seconds: float


def preview(lesson: Lesson, plan: Plan, classes: int | None = None) -> Preview:
    """See what a run would be like, by making a few steps of it.

    Args:
        lesson: What to learn.
        plan: How.
        classes: Characters and marks told apart, if other than in the lesson; for the table only.

    Raises:
        InputError: if it cannot be trained.
    """
    from abcgen.model.preview import seconds_per_epoch  # noqa: PLC0415 - loads Keras

    size = lesson.vocabulary.size
    batches = batches_of(plan.task(lesson)).training
    layers = architecture(plan.network, classes or size)
    one = seconds_per_epoch(plan.network, plan.options, size, batches)
    whole = one * plan.options.epochs if plan.options.minutes is None else 60 * plan.options.minutes
    parameters = sum(layer.parameters for layer in layers)
    return Preview(layers, parameters, batches.characters, one, whole)


def train_network(
    lesson: Lesson,
    plan: Plan,
    folder: Path,
    on_event: Callable[[Event], None],
    cache: TextCache = NO_CACHE,
) -> TrainResult:
    """Train a network.

    Args:
        lesson: What to learn; to go on with a run, the same as it was begun with.
        plan: How.
        folder: The checkpoint.
        on_event: Told what happens.
        cache: What was worked out before.

    Raises:
        InputError: if training diverges.
        CheckpointError: if a run cannot be gone on with.
        OutputError: if the folder cannot be written to.
    """
    voice, split = _Voice(plan.options.seed), lesson.split
    with own_folder(folder) as own:  # what other hosts write is not kept

        def watch(event: Event) -> None:
            if isinstance(event, Started) and not (plan.resume and has_training_tunes(own)):
                write_training_tunes(own, split.training, split.validation, plan.before, cache)
                write_held_out(own, split, plan.before, cache)
            on_event(event)

        result = train(plan.task(lesson), own, Watch(watch, voice), resume=plan.resume)
    return replace(result, folder=folder)


@dataclass(slots=True)
class _Voice:
    """Lets a network in training be heard: another tune every time it is asked."""

    seed: int

    def __call__(self, checkpoint: Checkpoint) -> str:
        self.seed += 1
        config = SampleConfig(max_characters=HEARD[checkpoint.network.kind])
        text = sample_text(checkpoint, config, self.seed)
        try:
            return write_abc(decode_tune(text))
        except NotationError:
            return text


def examples_of(tunes: Iterable[Extract]) -> tuple[Example, ...]:
    """Tunes as the texts a network learns."""
    return tuple(tune.text for tune in tunes)


def _about(corpus: Extracts, split: Split, config: SplitConfig) -> dict[str, object]:
    return {
        "corpora": _places(corpus),
        "split": {
            "fingerprint": split.fingerprint,
            "families": split.families,
            **config.model_dump(),
            "training_tunes": len(split.training),
            "validation_tunes": len(split.validation),
            "test_tunes": len(split.test),
        },
    }


def _places(corpus: Extracts) -> dict[str, int]:
    """How many tunes each file held, or of very many files each folder."""
    held = {path: tunes for path, tunes in corpus.files.items() if tunes}
    if len(held) <= MOST_FILES:
        return {printable(path): tunes for path, tunes in held.items()}
    folders = Counter[str]()
    for path, tunes in held.items():
        folders[printable(path.parent)] += tunes
    return dict(folders)


def plan_resuming(folder: Path, changes: Mapping[str, Any]) -> Plan:
    """Plan to go on with a run that was interrupted, or to give one that ended more time.

    Args:
        folder: The checkpoint.
        changes: ``minutes`` or ``epochs`` in all, and ``save_minutes``, if other than planned.

    Raises:
        CheckpointError: if there is no run in the folder, or it is damaged.
        InputError: if a setting is out of range.
    """
    begun = load_description(folder)
    if "epochs" in changes:
        changes = {"minutes": None} | dict(changes)
    return Plan(
        begun.network,
        begun.training.replace(**changes),
        f"as {folder} was begun",
        resume=True,
        split=split_config_of(begun, folder),
        base=begun,
        about={name: begun.about[name] for name in (ORIGIN,) if name in begun.about},
    )


def plan_fine_tuning(base: Path, folder: Path, changes: Mapping[str, Any]) -> Plan:
    """Plan to go on from a checkpoint with other tunes, into a checkpoint of its own.

    What is learnt is added to what the network knows, so the tunes of both count as those that it
    may copy from.

    Args:
        base: The checkpoint to begin from; it is only read.
        folder: The checkpoint that is to be.
        changes: Settings of the training, and dropout, that are to be other than usual.

    Raises:
        CheckpointError: if the checkpoint cannot be used.
        InputError: if a setting is impossible, or both folders are the same.
    """
    if folder.resolve() == base.resolve():
        raise InputError(
            f"{folder} is the network to begin from, which stays as it is",
            hint="choose another place with --out",
        )
    found = load_checkpoint(base)
    options = FINE_TUNING.replace(chord_symbols=found.training.chord_symbols)
    shape = {name: changes[name] for name in ("dropout",) if name in changes}
    training = {name: value for name, value in changes.items() if name not in shape}
    return Plan(
        found.network.replace(**shape),
        options.replace(**training),
        f"from {base}",
        split=FINE_TUNING_SPLIT,
        base=found,
        about={ORIGIN: {"checkpoint": base.resolve().name, "hash": checkpoint_hash(base)}},
        before=read_training_tunes(base),
    )
