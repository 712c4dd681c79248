"""Checkpoints: find one, make it ready for sampling, and record which tunes it was trained on.

The record is two files in the checkpoint's folder::

    tunes.safetensors   index of all passages of the training tunes, in any key
    tunes.json          their titles, metres, modes and rhythms; how much held-out tunes share
    bounds.json         bounds that they keep: a sampled tune beyond them is broken

Another file, if it was learnt, is for choosing among sampled tunes::

    critic.json         the critic as plain numbers: n-grams of real tunes, weights of features
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

import abcgen
from abcgen.config import LIMITS, SplitConfig
from abcgen.corpus.bounds import TuneBounds
from abcgen.corpus.cache import NO_CACHE, key_of, version_of
from abcgen.corpus.overlap import (
    Bars,
    SuffixArray,
    TrainingFacts,
    TrainingTunes,
    longest_overlap,
    melody_sequence,
)
from abcgen.corpus.records import read_again
from abcgen.critic.critic import FORMAT_VERSION as CRITIC_VERSION
from abcgen.critic.critic import Critic
from abcgen.errors import CheckpointError, InputError
from abcgen.files import damaged, new_folder, read_bounded, write_atomically
from abcgen.grammar.positions import PositionTracker, with_form_line
from abcgen.grammar.voice_positions import VoicesTracker
from abcgen.model.checkpoint import (
    CONFIG,
    MAX_JSON_BYTES,
    VOCABULARY,
    WEIGHTS,
    load_checkpoint,
    newest_checkpoint,
    read_json,
    write_json,
)
from abcgen.model.inference import StepNetwork
from abcgen.model.positions import feature_tables
from abcgen.model.sampling import sample
from abcgen.notation.shape import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from abcgen.config import NetworkConfig, SampleConfig
    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.records import Extract
    from abcgen.example import Example
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.vocabulary import Vocabulary

RUNS = Path("checkpoints")
SHIPPED = "pretrained"
# Where it is in an installed package, and in a checkout of the project.
_PACKAGE = Path(abcgen.__file__).parent
SHIPPED_FOLDERS = (_PACKAGE / SHIPPED, _PACKAGE.parent / RUNS / SHIPPED)
# The network of four voices that comes with it.
CHORALES = "chorales"
CHORALES_FOLDERS = (_PACKAGE / CHORALES, _PACKAGE.parent / RUNS / CHORALES)
INDEX = "tunes.safetensors"
FACTS = "tunes.json"
BOUNDS = "bounds.json"
MAX_BOUNDS_BYTES = 1_000_000
CRITIC = "critic.json"


def find_checkpoint(folder: Path | None) -> Path:
    """Return the checkpoint with a name.

    Args:
        folder: Its folder; the name of a run under ``./checkpoints``, such as ``run-1``;
            ``pretrained`` for the one that comes with the package. None for the latter too, or the
            newest run if none comes with it.

    Raises:
        CheckpointError: if there is none.
    """
    shipped = shipped_folder()
    if folder is None or (folder == Path(SHIPPED) and not folder.exists()):
        if found := shipped or (newest_run() if folder is None else None):
            return found
        raise CheckpointError(
            "there is no checkpoint under ./checkpoints yet",
            hint="train one with: abcgen train corpora/",
        )
    if not folder.exists() and (run := RUNS / folder).is_dir():
        folder = run
    elif folder == Path(CHORALES) and not folder.exists():
        folder = chorales_folder() or folder
    if not folder.exists():
        raise CheckpointError(
            f"checkpoint {folder} does not exist", hint="abcgen networks lists those there are"
        )
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            f"{folder} is not a checkpoint: it has no {WEIGHTS}",
            hint="name a folder that abcgen train wrote",
        )
    return folder


def shipped_folder() -> Path | None:
    """Return the checkpoint that comes with the package, if one does."""
    return next((path for path in SHIPPED_FOLDERS if (path / WEIGHTS).is_file()), None)


def chorales_folder() -> Path | None:
    """Return the network of four voices that comes with the package, if one does."""
    return next((path for path in CHORALES_FOLDERS if (path / WEIGHTS).is_file()), None)


def newest_run(part: str = WEIGHTS) -> Path | None:
    """Return the run under ``./checkpoints`` whose file ``part`` is the newest, if there is one.

    The shipped checkpoint does not count.
    """
    return newest_checkpoint(RUNS, ignore=SHIPPED, part=part)


def run_to_resume() -> Path:
    """Return the newest run under ``./checkpoints`` that can be resumed.

    Raises:
        CheckpointError: if there is none.
    """
    from abcgen.model.resume import STATE  # noqa: PLC0415 - loads Keras, which sampling never needs

    if run := newest_run(STATE):
        return run
    raise CheckpointError(
        "there is no run under ./checkpoints to resume", hint="train without --resume"
    )


def new_run() -> Path:
    """Create and return a folder for a new run."""
    return new_folder(RUNS, "run")


def step_network(checkpoint: Checkpoint) -> StepNetwork:
    """Return the network of a checkpoint for sampling, which reads character by character."""
    tracker = tracker_of(checkpoint.network, checkpoint.vocabulary)
    return StepNetwork(checkpoint.network, checkpoint.weights, tracker)


class LoadedNetwork:
    """A checkpoint in memory, with all that composing needs of it.

    Args:
        folder: The checkpoint.
        name: Its name in the tunes; by default that of its folder.

    Raises:
        CheckpointError: if it cannot be read.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        checkpoint = load_checkpoint(folder)
        self.folder, self.name = folder, name or folder.resolve().name
        self.hash = checkpoint_hash(folder)
        self.config, self.vocabulary = checkpoint.network, checkpoint.vocabulary
        self.about = checkpoint.about
        self.steps = step_network(checkpoint)
        self.training_tunes = read_training_tunes(folder)

    @cached_property
    def critic(self) -> Critic | None:
        """The critic that chooses among candidates."""
        return read_critic(self.folder)


def tracker_of(network: NetworkConfig, vocabulary: Vocabulary) -> PositionTracker:
    """Return the tracker that computes the position features of a network."""
    features = tuple(feature_tables(network))
    if network.voices > 1:
        return VoicesTracker(vocabulary.tokens, features, network.voices)
    return PositionTracker(vocabulary.tokens, features)


def examples_for(network: NetworkConfig, examples: Iterable[Example]) -> tuple[Example, ...]:
    """Return texts as a network reads them: with a form line if it reads one."""
    if not network.form:
        return tuple(examples)
    return tuple(replace(example, text=with_form_line(example.text)) for example in examples)


def sample_text(checkpoint: Checkpoint, config: SampleConfig, seed: int) -> str:
    """Sample one model text without the grammar; it need not be valid."""
    network = step_network(checkpoint)
    return next(sample(network, checkpoint.vocabulary, [(0, "")], config, seed)).text


def checkpoint_hash(folder: Path) -> str:
    """Return a hash of everything in a checkpoint that a sampled tune depends on.

    Raises:
        CheckpointError: if it cannot be read or is too large.
    """
    digest = hashlib.sha256()
    limits = {
        WEIGHTS: LIMITS.checkpoint_bytes,
        VOCABULARY: MAX_JSON_BYTES,
        CONFIG: MAX_JSON_BYTES,
    }
    for name, limit in limits.items():
        digest.update(hashlib.sha256(read_bounded(folder / name, limit)).digest())
    return digest.hexdigest()[:16]


def split_config_of(checkpoint: Checkpoint, folder: Path) -> SplitConfig:
    """Return the settings by which a checkpoint's tunes were divided.

    Raises:
        CheckpointError: if those recorded are invalid.
    """
    split = checkpoint.about.get("split")
    # Until this was an option, wrong tunes were learnt.
    recorded: dict[str, Any] = {"wrong_bars": True} | (split if isinstance(split, dict) else {})
    fields = {name: recorded[name] for name in SplitConfig.model_fields if name in recorded}
    try:
        return SplitConfig(**fields)
    except InputError as error:
        raise damaged(folder / CONFIG, f"split: {error.message}") from error


def write_training_tunes(
    folder: Path,
    training: Sequence[Extract],
    held_out: Sequence[Extract],
    before: TrainingTunes | None = None,
    cache: TextCache = NO_CACHE,
) -> None:
    """Record in a checkpoint which tunes it was trained on, each once.

    Args:
        folder: The checkpoint.
        training: Its training tunes.
        held_out: Tunes of other families; they show how much real tunes share.
        before: The tunes it was trained on before fine-tuning, which it may still remember.
        cache: Holds earlier results and receives new ones.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    earlier = before.index.sequences if before else []
    known = frozenset(earlier)
    new = [tune for tune in training if tune.symbols not in known]
    index = SuffixArray.of(earlier + [tune.symbols for tune in new])

    # The bars of each held-out tune's longest passage shared with a training tune.
    version = version_of(("notation", "corpus"))
    key = key_of(version, "shared", index.text, *(tune.example.text for tune in held_out))
    shared_bars = cache.get_or_compute(
        key,
        TypeAdapter(list[Bars]).validate_python,
        lambda: [
            longest_overlap(index, melody_sequence(tune))[0] for _, tune in read_again(held_out)
        ],
    )

    facts = TrainingFacts.of(new, shared_bars)
    index.write(folder / INDEX)
    write_json(folder / FACTS, (before.facts + facts if before else facts).to_json())
    write_bounds(folder, new if before and before.bounds else training, before)


def write_bounds(
    folder: Path, training: Iterable[Extract], before: TrainingTunes | None = None
) -> None:
    """Record in a checkpoint the bounds that its training tunes keep.

    Args:
        folder: The checkpoint.
        training: The tunes that it learnt from.
        before: What the network had learnt before fine-tuning, whose bounds count too.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    bounds = TuneBounds.of([shape_of(tune) for _, tune in read_again(training)])
    if before and before.bounds:
        bounds |= before.bounds
    write_json(folder / BOUNDS, bounds.model_dump())


def read_bounds(folder: Path) -> TuneBounds | None:
    """Return the bounds that a checkpoint's training tunes keep, or None if it has no record.

    Raises:
        CheckpointError: if the record is damaged.
    """
    path = folder / BOUNDS
    if not path.is_file():
        return None
    try:
        return TuneBounds.from_json(read_bounded(path, MAX_BOUNDS_BYTES))
    except InputError as error:
        raise damaged(path, error.message) from error


def bounds_of(checkpoint: Path) -> TuneBounds:
    """Return the bounds that a checkpoint's training tunes keep.

    Args:
        checkpoint: Its folder, or ``pretrained``.

    Raises:
        CheckpointError: if it is none, or has no record or a damaged one.
    """
    folder = find_checkpoint(checkpoint)
    if bounds := read_bounds(folder):
        return bounds
    raise CheckpointError(
        f"checkpoint {folder} does not record what its training tunes have in common",
        hint="name another with --checkpoint, or train it again",
    )


def write_critic(folder: Path, critic: Critic) -> None:
    """Save a checkpoint's critic, in place of an earlier one.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    write_atomically(folder / CRITIC, f"{critic.to_json()}\n".encode(), durable=True)


def read_critic(folder: Path) -> Critic | None:
    """Return a checkpoint's critic; None if it has none, or that of another version of abcgen.

    Raises:
        CheckpointError: if it is damaged.
    """
    path = folder / CRITIC
    if not path.is_file():
        return None
    data = read_json(path)
    version = data.get("format_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version != CRITIC_VERSION:
        return None
    try:
        return Critic.model_validate(data)
    except InputError as error:
        raise damaged(path, error.message) from error


def critic_of(checkpoint: Path) -> Critic:
    """Return a checkpoint's critic.

    Args:
        checkpoint: Its folder, or ``pretrained``.

    Raises:
        CheckpointError: if there is no such checkpoint, or it has no critic that can be used.
    """
    folder = find_checkpoint(checkpoint)
    if critic := read_critic(folder):
        return critic
    raise CheckpointError(
        f"checkpoint {folder} has no critic, or that of another version of abcgen",
        hint=f"learn one from its training tunes with: abcgen critic {folder} CORPORA",
    )


def has_training_tunes(folder: Path) -> bool:
    """Return whether a checkpoint records which tunes it was trained on."""
    return (folder / INDEX).is_file() and (folder / FACTS).is_file()


def read_training_tunes(folder: Path) -> TrainingTunes | None:
    """Return the tunes that a checkpoint was trained on, or None if it does not record them.

    Raises:
        CheckpointError: if the record is damaged.
    """
    if not has_training_tunes(folder):
        return None
    try:
        facts = TrainingFacts.from_json(read_json(folder / FACTS))
    except InputError as error:
        raise damaged(folder / FACTS, error.message) from error
    return TrainingTunes(SuffixArray.read(folder / INDEX), facts, read_bounds(folder))
