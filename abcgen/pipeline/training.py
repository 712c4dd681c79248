"""From tunes to a checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from abcgen.config import NetworkConfig, SampleConfig, SplitConfig, TrainConfig
from abcgen.corpus.splits import Split, split_tunes
from abcgen.errors import NotationError
from abcgen.model.backend import device
from abcgen.model.checkpoint import Checkpoint, load_description
from abcgen.model.events import Watch
from abcgen.model.examples import Example
from abcgen.model.settings import checked
from abcgen.model.training import Task, batches_of, train
from abcgen.model.vocabulary import Vocabulary
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.writer import write_abc
from abcgen.pipeline.borrowing import keep_training_tunes
from abcgen.pipeline.choosing import choose
from abcgen.pipeline.sampling import sample_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from abcgen.corpus.loading import Corpus
    from abcgen.model.events import Event, TrainResult
    from abcgen.model.preview import Layer
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.choosing import Wish

# Characters of a tune that an unfinished network may go on for; one that reads a window anew for
# every character is slow.
HEARD = {"stream": 400, "window": 80}


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
    corpus: Corpus,
    config: SplitConfig,
    *,
    chord_symbols: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Lesson:
    """Divide tunes by family and turn them into model text.

    Args:
        corpus: The tunes.
        config: How to divide them.
        chord_symbols: Whether the chords above the notes are learnt too.
        on_progress: Called with the tunes done and in all; dividing counts as half the work.
    """
    total = 2 * len(corpus.tunes)
    on_progress(0, total)
    split = split_tunes(corpus.tunes, config)
    parts: list[tuple[Example, ...]] = []
    done = len(corpus.tunes)
    for tunes in (split.training, split.validation, split.test):
        on_progress(done, total)
        parts.append(examples_of(tunes, chord_symbols=chord_symbols))
        done += len(tunes)
    vocabulary = Vocabulary.of(example.text for part in parts for example in part)
    training, validation, _test = parts
    return Lesson(training, validation, vocabulary, _about(corpus, split, config), split)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: settings that make sense, and whether to go on with a run.

    Attributes:
        network: Shape of the network.
        options: How to train it.
        why: Where the settings come from.
        resume: Whether the run is there already.
    """

    network: NetworkConfig
    options: TrainConfig
    why: str
    resume: bool = False


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
    task = lesson.task(plan.network, plan.options)
    batches = batches_of(task).training
    layers = layers_of(plan.network, classes or size)
    one = seconds_a_pass(plan.network, plan.options, size, batches)
    whole = one * plan.options.epochs if plan.options.minutes is None else 60 * plan.options.minutes
    parameters = sum(layer.parameters for layer in layers)
    return Preview(tuple(layers), parameters, batches.characters, one, whole)


def plan_resuming(folder: Path, *, epochs: int | None, minutes: float | None) -> Plan:
    """Plan to go on with a run that was interrupted, or to give one that ended more time.

    Args:
        folder: The checkpoint.
        epochs: Passes in all, if other than planned.
        minutes: Time in all, if other than planned.

    Raises:
        CheckpointError: if there is no run in the folder, or it is damaged.
        InputError: if a setting is out of range.
    """
    begun = load_description(folder)
    options = begun.training
    if minutes is not None:
        options = replace(options, minutes=minutes)
    elif epochs is not None:
        options = replace(options, epochs=epochs, minutes=None)
    why = f"as {folder} was begun"
    return Plan(begun.network, checked(options), why, resume=True)


def train_network(
    lesson: Lesson, plan: Plan, folder: Path, on_event: Callable[[Event], None]
) -> TrainResult:
    """Train a network.

    Args:
        lesson: What to learn; to go on with a run, the same as it was begun with.
        plan: How.
        folder: The checkpoint.
        on_event: Told what happens.

    Raises:
        InputError: if training diverges.
        CheckpointError: if a run cannot be gone on with.
        OutputError: if the folder cannot be written to.
    """
    task = lesson.task(plan.network, plan.options)
    result = train(task, folder, Watch(on_event, _Voice(plan.options.seed)), resume=plan.resume)
    keep_training_tunes(folder, lesson.split.training, lesson.split.validation)
    return result


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


def examples_of(tunes: Iterable[Tune], *, chord_symbols: bool = False) -> tuple[Example, ...]:
    """Tunes as the texts a network learns, with the chords above the notes or without."""
    texts = (encode_tune(tune, chord_symbols=chord_symbols) for tune in tunes)
    return tuple(Example(text.text, text.given, text.notes) for text in texts)


def _about(corpus: Corpus, split: Split, config: SplitConfig) -> dict[str, object]:
    return {
        "corpora": {str(file.path): len(file.tunes) for file in corpus.files if file.tunes},
        "split": {
            "fingerprint": split.fingerprint,
            "families": split.families,
            **asdict(config),
            "training_tunes": len(split.training),
            "validation_tunes": len(split.validation),
            "test_tunes": len(split.test),
        },
    }
