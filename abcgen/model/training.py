"""Training the stream network with Keras, on whatever backend Keras runs.

The checkpoint's ``weights.safetensors`` are those with the least held-out bits so far, because a
small corpus is soon learnt by heart and the last weights are then not the best to sample from.
The latest weights are in ``training/`` with all that is needed to go on. Without held-out texts
the latest are kept in both places.

An interrupted run goes on at the very batch where it stopped and, if its length is given in
epochs, arrives at the weights it would have had without the interruption.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from abcgen.errors import CheckpointError, InputError, OutputError, reason_of
from abcgen.files import remove_drafts
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import (
    WEIGHTS,
    Checkpoint,
    load_description,
    package_version,
    write_description,
)
from abcgen.model.dataset import Batches, Texts, Windows
from abcgen.model.events import NOBODY, Started, TrainResult, Watch
from abcgen.model.metrics import METRICS, read_metrics
from abcgen.model.resume import (
    STATE,
    Moment,
    Position,
    check_same_run,
    check_state,
    check_steps,
    give_weights,
    restore_state,
)
from abcgen.model.trainer import Learner, Run
from abcgen.model.vocabulary import unknown_character

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.example import Example
    from abcgen.model.checkpoint import Weights
    from abcgen.model.dataset import Dataset
    from abcgen.model.metrics import Measurement
    from abcgen.model.positions import PositionFeatures
    from abcgen.model.vocabulary import Vocabulary


@dataclass(frozen=True)
class Task:
    """What to train on what.

    Attributes:
        training: Texts to learn.
        validation: Held-out texts; may be empty.
        vocabulary: Must know every character of both.
        network: Shape of the network.
        options: How to train it.
        about: Whatever else ``config.json`` should say, as JSON.
        weights: Another network's, to go on from; random ones if there are none.
        tuned: Whether it began with another network's.
        tracker: Computes the position features, which a network with ``positions`` needs.
    """

    training: Sequence[Example]
    validation: Sequence[Example]
    vocabulary: Vocabulary
    network: NetworkConfig
    options: TrainConfig
    about: Mapping[str, object] = field(default_factory=dict)
    weights: Weights = field(default_factory=dict)
    tuned: bool = False
    tracker: PositionFeatures | None = None


def train(task: Task, folder: Path, watch: Watch = NOBODY, *, resume: bool = False) -> TrainResult:
    """Train a network and keep it in a checkpoint folder.

    A KeyboardInterrupt ends the run early: the state is saved, the held-out texts are measured
    (a second interrupt skips that) and the result says so.

    Args:
        task: What to train on what.
        folder: Where to keep it. Without ``resume`` an earlier run there is overwritten.
        watch: Who looks on.
        resume: Go on with the run in ``folder``, which must have the same network, vocabulary,
            training texts, batch size and seed; its epochs or minutes may have been changed.

    Raises:
        InputError: if a setting is out of range, there are no texts, or training diverges.
        CheckpointError: if the run in ``folder`` cannot be gone on with.
        OutputError: if the folder cannot be written to.
    """
    texts = batches_of(task)
    checkpoint = _description(task)
    if resume:
        checkpoint = _same_network(checkpoint, load_description(folder), folder)
        check_state(weight_shapes(task.network, task.vocabulary.size), folder)
    learner = Learner(task.network, task.vocabulary.size, task.options)
    run = Run(learner, texts, checkpoint, folder, watch)
    position = Position(fingerprint=texts.training.fingerprint(), seed=task.options.seed)
    if resume:
        past = _past(learner, texts.training, position, folder)
        run.stand_at(*past, taken_over=task.tuned)
    else:
        give_weights(learner.model, _first_weights(task, learner))
        _clear(folder)
    for inside in (folder, (folder / STATE).parent):
        remove_drafts(inside)
    write_description(checkpoint, folder)
    watch.on_event(_started(learner, texts.training, run))
    if not resume:
        run.begin(position, taken_over=bool(task.weights))
    return run.to_the_end()


def batches_of(task: Task) -> Texts:
    """The texts of a task, dealt into batches.

    Raises:
        InputError: if a setting is impossible, there are no texts, or a character is unknown.
    """
    if not task.training:
        raise InputError("there are no tunes to train on")
    _check_lengths(task)
    examples = (*task.training, *task.validation)
    unknown = task.vocabulary.unknown_in(example.text for example in examples)
    if unknown:
        raise unknown_character(unknown[0])
    parts = task.vocabulary, task.network, task.options
    return Texts(
        deal(task.training, *parts, tracker=task.tracker),
        deal(task.validation, *parts, measuring=True, tracker=task.tracker),
    )


def deal(
    examples: Sequence[Example],
    vocabulary: Vocabulary,
    network: NetworkConfig,
    options: TrainConfig,
    *,
    measuring: bool = False,
    tracker: PositionFeatures | None = None,
) -> Dataset:
    """Examples in the batches that suit a network.

    Args:
        examples: The texts.
        vocabulary: Must know every character of them.
        network: Shape of the network.
        options: Batch size and stride.
        measuring: Whether they are to be measured, for which no text is divided.
        tracker: Computes the position features, which a network with ``positions`` needs.
    """
    if network.positions and tracker is None:
        raise ValueError("a network with position features needs a tracker")
    size, length = options.batch_size, network.chunk_length
    if network.kind == "window":
        return Windows(examples, vocabulary, size, length=length or 1, stride=options.stride)
    return Batches(
        examples,
        vocabulary,
        size,
        multiple=length or 1 if network.bidirectional else 1,
        longest=None if measuring or network.bidirectional else length,
        attending=network.attention,
        tracker=tracker if network.positions else None,
    )


def _check_lengths(task: Task) -> None:
    """A window, block or piece longer than any tune is a mistake.

    Raises:
        InputError: if it is.
    """
    wanted = task.network.sequence_length
    longest = max(len(example.text) for example in task.training) + 1
    if wanted and wanted > longest:
        raise InputError(
            f"a sequence length of {wanted} is longer than any tune: the longest has {longest} "
            "characters",
            hint="choose a smaller --sequence-length",
        )


def _description(task: Task) -> Checkpoint:
    return Checkpoint(
        network=task.network,
        training=task.options,
        vocabulary=task.vocabulary,
        weights={},
        about=task.about,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        written_by=package_version(),
    )


def _first_weights(task: Task, learner: Learner) -> Weights:
    """The weights to begin with: in random ones an unknown character says nothing.

    No text to learn from has one, so that a random row would stay what it is.
    """
    weights = task.weights or learner.weights
    if not task.weights and task.network.embedding and task.vocabulary.unknown is not None:
        weights["embedding/embeddings"][task.vocabulary.unknown] = 0.0
    return weights


def _past(
    learner: Learner, batches: Dataset, start: Position, folder: Path
) -> tuple[Moment, list[Measurement]]:
    """Restore what an earlier run left, if it began like this one."""
    moment = restore_state(learner.model, folder)
    position = moment.position
    check_same_run(position, start, folder)
    epoch = batches.shuffled(position.seed, position.epoch)
    check_steps(position, learner.steps, len(epoch), folder)
    # Lines written after the state that is gone on from will be written again.
    return moment, [line for line in read_metrics(folder) if line.steps <= learner.steps]


def _same_network(wanted: Checkpoint, found: Checkpoint, folder: Path) -> Checkpoint:
    """What to write when going on: as wanted now, created when it was."""
    unknown = found.vocabulary.unknown_in([wanted.vocabulary.characters])
    reason = ""
    held = [_split_of(one) for one in (wanted, found)]
    if unknown:
        reason = f"does not know the character {unknown[0]!r}, which the tunes hold now"
    elif wanted.vocabulary != found.vocabulary:
        reason = "has another vocabulary than the tunes now"
    elif wanted.network != found.network:
        reason = "has another network than is asked for now"
    elif all(held) and held[0] != held[1]:
        reason = "was trained on other tunes, or held out others"
    if reason:
        raise CheckpointError(
            f"the run in {folder} {reason}",
            hint="go on with the tunes and settings it was begun with, or begin a new run",
        )
    return replace(wanted, created=found.created, about=wanted.about or found.about)


def _split_of(checkpoint: Checkpoint) -> object:
    """The fingerprint of how the tunes were divided; None if it is not told."""
    split = checkpoint.about.get("split")
    return split.get("fingerprint") if isinstance(split, dict) else None


def _clear(folder: Path) -> None:
    """Take away what an earlier run in the folder left, lest it pass for this one's.

    Raises:
        OutputError: if it cannot be taken away.
    """
    # First what would be gone on from, lest that be mistaken for the new run's.
    for path in (folder / name for name in (STATE, METRICS, WEIGHTS)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot overwrite {path}: {reason_of(error)}",
                hint="choose another folder",
            ) from error


def _started(learner: Learner, batches: Dataset, run: Run) -> Started:
    return Started(
        parameters=learner.parameters,
        tunes=batches.tunes,
        characters=batches.characters,
        backend=learner.backend,
        epochs=run.epochs,
    )
