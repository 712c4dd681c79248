"""Networks by name: which there are, how good they are, and which one plays.

A network is a checkpoint: ``pretrained`` comes with abcgen, and a run has the name of its folder
under ``./checkpoints``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from abcgen.config import Schema
from abcgen.errors import CheckpointError
from abcgen.files import unreadable
from abcgen.model.checkpoint import WEIGHTS, load_description
from abcgen.model.metrics import METRICS, best, read_metrics
from abcgen.pipeline.checkpoints import (
    CHORALES,
    RUNS,
    SHIPPED,
    checkpoint_hash,
    chorales_folder,
    find_checkpoint,
    newest_run,
    shipped_folder,
)
from abcgen.pipeline.held_out import Yardstick, yardstick_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# A network that learnt fewer tunes than this writes noise, unless it was fine-tuned.
FEW_TUNES = 100
# Held-out bits a note by which a network is much worse than the one that comes with abcgen.
MUCH_WORSE = 0.5


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """The facts about a network in its checkpoint.

    Attributes:
        name: ``pretrained``, the name of a run, or a path.
        folder: The checkpoint.
        created: The time when it was begun, in ISO format; empty if not recorded.
        size: Bytes of the weights.
        tunes: Number of tunes that it learnt; None if not recorded.
        base: The network that was fine-tuned; empty if there was none.
        bits: Bits a note of the validation tunes; None if none were held out.
        yardstick: The tunes that it was measured on; None if it does not tell.
        problem: Why it cannot be read; empty if it can.
    """

    name: str
    folder: Path
    created: str = ""
    size: int = 0
    tunes: int | None = None
    base: str = ""
    bits: float | None = None
    yardstick: Yardstick | None = None
    problem: str = ""

    def is_comparable(self, other: NetworkFacts) -> bool:
        """Return whether both were measured on the same tunes."""
        tunes = [facts.yardstick and facts.yardstick.tunes for facts in (self, other)]
        return None not in {self.bits, other.bits, *tunes} and tunes[0] == tunes[1]


@dataclass(frozen=True, slots=True)
class Choice:
    """The network that plays.

    Attributes:
        folder: Its checkpoint.
        description: Its name and why it was chosen, for people.
        warnings: Why it may be a bad choice.
    """

    folder: Path
    description: str
    warnings: tuple[str, ...] = ()


def name_of(folder: Path) -> str:
    """Return the name by which a checkpoint is found again."""
    if folder == shipped_folder():
        return SHIPPED
    if folder == chorales_folder():
        return CHORALES
    return folder.name if folder.parent == RUNS else str(folder)


def short_name_of(folder: Path) -> str:
    """Return the name of a checkpoint, without the folders that it may be in."""
    return Path(name_of(folder)).resolve().name


def all_networks() -> list[NetworkFacts]:
    """Return the network that comes with abcgen and the runs under ``./checkpoints`` by name."""
    return [facts_of(folder) for folder in _folders()]


def _folders() -> Iterator[Path]:
    if shipped := shipped_folder():
        yield shipped
    try:
        runs = sorted(RUNS.iterdir(), key=_in_natural_order) if RUNS.is_dir() else []
        yield from (run for run in runs if run.name != SHIPPED and (run / WEIGHTS).is_file())
        if (chorales := chorales_folder()) and not any(run.name == CHORALES for run in runs):
            yield chorales
    except OSError as error:
        raise unreadable(RUNS, error) from error


def _in_natural_order(folder: Path) -> tuple[list[str | int], str]:
    """Return a key that sorts folders by name, run-2 before run-10."""
    parts = re.split(r"([0-9]{1,9})", folder.name)
    return [int(part) if n % 2 else part for n, part in enumerate(parts)], folder.name


def facts_of(folder: Path) -> NetworkFacts:
    """Return the facts about a network, even if it is damaged."""
    name = name_of(folder)
    try:
        description = load_description(folder)
        measured = best(read_metrics(folder))
        split, origin = (description.about.get(key) for key in ("split", "from"))
        tunes = split.get("training_tunes") if isinstance(split, dict) else None
        base = origin.get("checkpoint") if isinstance(origin, dict) else None
        return NetworkFacts(
            name=name,
            folder=folder,
            created=description.created,
            size=(folder / WEIGHTS).stat().st_size,
            tunes=tunes if isinstance(tunes, int) else None,
            base=base if isinstance(base, str) else "",
            bits=measured.bits_per_note if measured else None,
            yardstick=yardstick_of(folder),
        )
    except CheckpointError as error:
        return NetworkFacts(name, folder, problem=error.message)


class Measured(Schema):
    """A point of a learning curve."""

    epochs: float
    seconds: float = Field(description="Of training.")
    training_bits: float | None = Field(description="Bits a character of the tunes it learns.")
    bits: float | None = Field(description="Bits a note of the held-out tunes.")


def measured_of(folder: Path) -> list[Measured]:
    """Return the learning curve of a run so far; empty if there is none yet, or it is damaged."""
    try:
        return [
            Measured(
                epochs=one.epochs,
                seconds=one.seconds,
                training_bits=one.training_bits,
                bits=one.bits_per_note,
            )
            for one in read_metrics(folder)
        ]
    except CheckpointError:
        return []


def has_learnt(folder: Path) -> bool:
    """Return whether a run has left weights or a learning curve, be they damaged."""
    return any((folder / part).exists() for part in (WEIGHTS, METRICS))


def choose_network(wanted: Path | None, *, voices: str = "") -> Choice:
    """Return the network to sample from.

    Args:
        wanted: Its name or folder. If None, it is the best of those measured on the same tunes as
            the one that comes with abcgen; if none comes with it, the newest run.
        voices: If several are wanted and no network is named, it is one of several voices.

    Raises:
        CheckpointError: if there is none.
    """
    shipped = shipped_folder()
    if wanted is None and voices not in {"", "1"}:
        wanted = _network_of_voices()
    if wanted is None and shipped and newest_run():
        return _best_network(shipped)
    folder = find_checkpoint(wanted)
    name = name_of(folder)
    if folder == shipped:
        return Choice(folder, name)
    facts = facts_of(folder)
    described = name if facts.bits is None else f"{name} ({facts.bits:.2f} bits a note)"
    return Choice(folder, described, tuple(_warnings(facts, shipped)))


def _network_of_voices() -> Path:
    """Return the newest run of several voices, else the network of chorales.

    Raises:
        CheckpointError: if there is none.
    """
    folders = [folder for folder in _folders() if _voices_of(folder) > 1]
    if not folders:
        raise CheckpointError(
            "there is no network of several voices",
            hint="train one: abcgen corpus install chorales; abcgen train corpora/ --voices 4",
        )
    return max(folders, key=lambda folder: (folder / WEIGHTS).stat().st_mtime)


def _voices_of(folder: Path) -> int:
    try:
        return load_description(folder).network.voices
    except CheckpointError:  # it is damaged
        return 0


def _best_network(shipped: Path) -> Choice:
    networks = all_networks()
    own = next(network for network in networks if network.folder == shipped)
    comparable = [network for network in networks if network.is_comparable(own)]
    # Nobody expects the chorales of several voices here.
    known = (*comparable, own)
    others = [it.name for it in networks if it not in known and it.name != CHORALES]
    chosen = min(comparable, key=lambda network: network.bits or 0.0, default=own)
    description = chosen.name
    if chosen.bits is not None:
        description += f" ({chosen.bits:.2f} bits a note"
        description += f", the best of {len(comparable)})" if len(comparable) > 1 else ")"
    if others:
        named = others[0] if len(others) == 1 else f"{others[0]} and {len(others) - 1} more"
        description += f"; not compared with {named}, which -c NAME plays"
    return Choice(chosen.folder, description)


def _warnings(facts: NetworkFacts, shipped: Path | None) -> Iterator[str]:
    """Yield why a network that is not the one that comes with abcgen may be a bad choice."""
    if facts.tunes is not None and facts.tunes < FEW_TUNES and not facts.base:
        yield (
            f"{facts.name} learnt only {facts.tunes} tunes: expect noise; "
            f"abcgen train --from {SHIPPED} learns from few tunes"
        )
    elif facts.bits is None:
        return
    elif shipped and facts.is_comparable(own := facts_of(shipped)):
        worse = facts.bits - (own.bits or 0.0)
        if worse > MUCH_WORSE:
            yield f"{facts.name} is {worse:.2f} bits a note worse than {SHIPPED}: train it longer"
    elif facts.yardstick and facts.bits > (facts.yardstick.ngram_bits or facts.bits):
        yield f"{facts.name} knows less of tunes than counts of their characters: train it longer"


def network_with_hash(wanted: str, name: str = "") -> Path:
    """Return the checkpoint with a hash.

    Args:
        wanted: The hash.
        name: The name that it probably has.

    Raises:
        CheckpointError: if no network has it.
    """
    folders = sorted(_folders(), key=lambda folder: folder.name != name)
    for folder in folders:
        try:
            if checkpoint_hash(folder) == wanted:
                return folder
        except CheckpointError:  # a damaged one is not the one that sampled
            continue
    known = ", ".join(map(name_of, folders)) or "none"
    raise CheckpointError(
        f"none of the networks here ({known}) is the one with hash {wanted}, called {name!r}",
        hint="name its folder with --checkpoint",
    )
