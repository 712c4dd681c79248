"""From tunes to a checkpoint."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from abcgen.config import NetworkConfig, SampleConfig, SplitConfig, TrainConfig
from abcgen.corpus.cache import NOTHING_KEPT
from abcgen.corpus.splits import Split, split_tunes
from abcgen.errors import NotationError
from abcgen.files import printable
from abcgen.model.backend import device
from abcgen.model.distribution import own_folder
from abcgen.model.events import Started, Watch
from abcgen.model.examples import Example
from abcgen.model.extending import extended
from abcgen.model.training import Task, batches_of, train
from abcgen.model.vocabulary import Vocabulary
from abcgen.notation.model_text import decode_tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.borrowing import TrainingTunes, keep_training_tunes, tells_its_tunes
from abcgen.pipeline.choosing import choose
from abcgen.pipeline.held_out import keep_held_out
from abcgen.pipeline.sampling import sample_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.extracts import Extract, Extracts
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.events import Event, TrainResult
    from abcgen.model.preview import Layer
    from abcgen.model.weights import Weights
    from abcgen.pipeline.choosing import Wish

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
        return Task(self.training, self.validation, self.vocabulary, network, options, self.about)


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

    layers: tuple[Layer, ...]
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
    from abcgen.model.preview import layers_of, seconds_a_pass  # noqa: PLC0415 - loads Keras

    size = lesson.vocabulary.size
    batches = batches_of(plan.task(lesson)).training
    layers = layers_of(plan.network, classes or size)
    one = seconds_a_pass(plan.network, plan.options, size, batches)
    whole = one * plan.options.epochs if plan.options.minutes is None else 60 * plan.options.minutes
    parameters = sum(layer.parameters for layer in layers)
    return Preview(tuple(layers), parameters, batches.characters, one, whole)


def train_network(
    lesson: Lesson,
    plan: Plan,
    folder: Path,
    on_event: Callable[[Event], None],
    cache: TextCache = NOTHING_KEPT,
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
            if isinstance(event, Started) and not (plan.resume and tells_its_tunes(own)):
                keep_training_tunes(own, split.training, split.validation, plan.before, cache)
                keep_held_out(own, split, plan.before, cache)
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
    texts = (tune.text for tune in tunes)
    return tuple(Example(text.text, text.given, text.notes) for text in texts)


def _about(corpus: Extracts, split: Split, config: SplitConfig) -> dict[str, object]:
    return {
        "corpora": _places(corpus),
        "split": {
            "fingerprint": split.fingerprint,
            "families": split.families,
            **asdict(config),
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
