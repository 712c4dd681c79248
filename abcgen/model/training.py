"""Training a network with Keras, on whatever backend Keras runs.

The checkpoint's ``weights.safetensors`` have the least held-out bits so far, because a small
corpus is soon memorized and the last weights are then not the best to sample from. The latest
weights are in ``training/`` with everything that is needed to resume. Without held-out texts the
latest are in both places.

A resumed run continues at the very batch where it was interrupted and, if its length is given in
epochs, arrives at the weights it would have had without the interruption.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from abcgen.errors import CheckpointError, InputError, OutputError, reason_of
from abcgen.files import remove_drafts
from abcgen.model.architecture import weight_shapes
from abcgen.model.backend import is_out_of_memory
from abcgen.model.checkpoint import (
    WEIGHTS,
    Checkpoint,
    load_description,
    package_version,
    write_description,
)
from abcgen.model.compiled import CompiledNetwork
from abcgen.model.dataset import dataset_of
from abcgen.model.events import OutOfMemory, Started
from abcgen.model.metrics import METRICS
from abcgen.model.resume import STATE, check_state, set_weights
from abcgen.model.trainer import Trainer
from abcgen.model.vocabulary import unknown_character

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.example import Example
    from abcgen.model.checkpoint import Weights
    from abcgen.model.dataset import Dataset
    from abcgen.model.events import Event, TrainResult
    from abcgen.model.positions import PositionFeatures
    from abcgen.model.vocabulary import Vocabulary


@dataclass(frozen=True)
class TrainData:
    """The texts that a network learns from."""

    training: Sequence[Example]
    # Held-out texts; may be empty.
    validation: Sequence[Example]
    # Must have every character of both.
    vocabulary: Vocabulary
    # Computes the position features, which a network with ``positions`` needs.
    tracker: PositionFeatures | None = None
    # Facts about the texts for ``config.json``, as JSON.
    about: Mapping[str, object] = field(default_factory=dict)

    @property
    def token_heights(self) -> NDArray[np.int32] | None:
        """The height that each token names, if there is a tracker."""
        return self.tracker.token_heights if self.tracker else None


def train(
    data: TrainData,
    network: NetworkConfig,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    weights: Weights | None = None,
    measure_first: bool = False,
    on_event: Callable[[Event], None] = lambda _event: None,
    sample_preview: Callable[[Checkpoint], str] | None = None,
) -> TrainResult:
    """Train a network in a checkpoint folder.

    A KeyboardInterrupt ends the run early: the state is saved, the held-out texts are measured
    (a second interrupt skips that) and the result says so.

    ``resume`` continues with the run in the folder, which must have the same network, vocabulary,
    training texts, batch size and seed; its epochs or minutes may have been changed. Otherwise an
    earlier run there is overwritten, and the network starts from ``weights``, or from random ones.
    ``measure_first`` measures these weights first, and keeps them if none are better.
    ``sample_preview`` samples a text from a checkpoint, which is shown after every epoch.

    Where the memory of the device does not suffice, the run goes on with half the batch size.

    Raises:
        InputError: if there are no texts, or training diverges.
        CheckpointError: if the run in ``folder`` cannot be resumed.
        OutputError: if the folder cannot be written to.
    """
    begun, halved = resume, False
    while True:
        try:
            return _run(
                data,
                network,
                config,
                folder,
                resume=begun,
                new_batches=halved,
                weights=weights,
                measure_first=measure_first,
                on_event=on_event,
                sample_preview=sample_preview,
            )
        except Exception as error:
            if not is_out_of_memory(error) or config.batch_size == 1:
                raise
        # Something to resume from is saved before the first step.
        begun = halved = True
        config = config.replace(batch_size=config.batch_size // 2)
        on_event(OutOfMemory(config.batch_size))


def _run(
    data: TrainData,
    network: NetworkConfig,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool,
    new_batches: bool,
    weights: Weights | None,
    measure_first: bool,
    on_event: Callable[[Event], None],
    sample_preview: Callable[[Checkpoint], str] | None,
) -> TrainResult:
    """Train until the run ends or the device is out of memory; see ``train``.

    With ``new_batches`` the run to resume was in other batches, and begins its epoch anew.
    """
    # 1) The data, and the description of the run.
    training, validation = datasets_of(data, network, config)
    checkpoint = _description(data, network, config)
    if resume:
        checkpoint = _as_resumed(checkpoint, folder)
        check_state(weight_shapes(network, data.vocabulary.size), folder)
    # 2) The network, with the weights to start from.
    compiled = CompiledNetwork(network, data.vocabulary.size, config, data.token_heights)
    trainer = Trainer(
        compiled,
        training,
        validation,
        checkpoint,
        folder,
        on_event=on_event,
        sample_preview=sample_preview,
        measure_first=measure_first,
    )
    if resume:
        trainer.restore(new_batches=new_batches)
    else:
        set_weights(compiled.model, weights or _random_weights(compiled, data.vocabulary))
        _remove_earlier_run(folder)
    # 3) The folder.
    for parent in (folder, (folder / STATE).parent):
        remove_drafts(parent)
    write_description(checkpoint, folder)
    on_event(
        Started(
            parameters=compiled.parameters,
            tunes=training.tunes,
            characters=training.characters,
            backend=compiled.backend,
            epochs=trainer.epochs,
        )
    )
    if not resume:
        trainer.save()
    # 4) The training loop.
    return trainer.run()


def datasets_of(
    data: TrainData, network: NetworkConfig, config: TrainConfig
) -> tuple[Dataset, Dataset]:
    """Return the training and the held-out texts in batches.

    Raises:
        InputError: if there are no texts, a character is unknown, or a sequence is too long.
    """
    if not data.training:
        raise InputError("there are no tunes to train on")
    wanted = network.sequence_length
    longest = max(len(example.text) for example in data.training) + 1
    if wanted and wanted > longest:
        raise InputError(
            f"a sequence length of {wanted} is longer than any tune: the longest has {longest} "
            "characters",
            hint="choose a smaller --sequence-length",
        )
    texts = (example.text for example in (*data.training, *data.validation))
    if unknown := data.vocabulary.unknown_in(texts):
        raise unknown_character(unknown[0])
    settings = data.vocabulary, network, config
    return (
        dataset_of(data.training, *settings, tracker=data.tracker),
        dataset_of(data.validation, *settings, tracker=data.tracker, measuring=True),
    )


def _random_weights(compiled: CompiledNetwork, vocabulary: Vocabulary) -> Weights:
    """Return the network's random weights, with zeros for the unknown character.

    It occurs in no training text, so a random row would stay as it is.
    """
    weights = compiled.weights
    if "embedding/embeddings" in weights and vocabulary.unknown is not None:
        weights["embedding/embeddings"][vocabulary.unknown] = 0.0
    return weights


def _description(data: TrainData, network: NetworkConfig, config: TrainConfig) -> Checkpoint:
    """Return all that the checkpoint says of a new run, without weights."""
    return Checkpoint(
        network=network,
        training=config,
        vocabulary=data.vocabulary,
        weights={},
        about=data.about,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        written_by=package_version(),
    )


def _as_resumed(description: Checkpoint, folder: Path) -> Checkpoint:
    """Return a description with what the run to resume already says of itself.

    Raises:
        CheckpointError: if that run has another network, vocabulary or split.
    """
    begun = load_description(folder)
    unknown = begun.vocabulary.unknown_in([description.vocabulary.characters])
    splits = [about.get("split") for about in (begun.about, description.about)]
    old, new = (split.get("fingerprint") if isinstance(split, dict) else None for split in splits)
    if unknown:
        reason = f"does not know the character {unknown[0]!r} of the tunes"
    elif begun.vocabulary != description.vocabulary:
        reason = "has another vocabulary than the tunes"
    elif begun.network.replace(dropout=0.0) != description.network.replace(dropout=0.0):
        reason = "has another network"
    # A run need not say how its tunes were split.
    elif old and new and old != new:
        reason = "was trained on other tunes, or held out others"
    else:
        return replace(description, created=begun.created, about=description.about or begun.about)
    raise CheckpointError(
        f"the run in {folder} {reason}",
        hint="resume with the tunes and settings it was begun with, or begin a new run",
    )


def _remove_earlier_run(folder: Path) -> None:
    """Remove what an earlier run left, so that it is not taken for this one's."""
    # The state first, because it would be resumed.
    for path in (folder / name for name in (STATE, METRICS, WEIGHTS)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot overwrite {path}: {reason_of(error)}", hint="choose another folder"
            ) from error
