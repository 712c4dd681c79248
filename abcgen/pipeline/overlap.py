"""The training tunes in a checkpoint, which new tunes are compared with.

::

    tunes.safetensors   index of all passages of the training tunes, whatever their key
    tunes.json          their titles, metres, modes and rhythms, and what held-out tunes share
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

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
from abcgen.errors import InputError
from abcgen.files import damaged
from abcgen.model.checkpoint import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.records import Extract

INDEX = "tunes.safetensors"
FACTS = "tunes.json"


def write_training_tunes(
    folder: Path,
    training: Sequence[Extract],
    held_out: Sequence[Extract],
    before: TrainingTunes | None = None,
    cache: TextCache = NO_CACHE,
) -> None:
    """Record in a checkpoint which tunes it learnt from.

    Args:
        folder: The checkpoint.
        training: The tunes that it learnt from.
        held_out: Tunes of other families: they show how much real tunes share.
        before: What the network had learnt before fine-tuning and may still remember.
        cache: Holds earlier results, and receives new ones.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    earlier = before.index.sequences if before else []
    index = SuffixArray.of(earlier + [tune.symbols for tune in training])
    facts = TrainingFacts.of(training, _all_shared(index, held_out, cache))
    index.write(folder / INDEX)
    write_json(folder / FACTS, (before.facts + facts if before else facts).to_json())


def _all_shared(index: SuffixArray, tunes: Sequence[Extract], cache: TextCache) -> list[float]:
    """Return the bars of each tune's longest shared passage."""
    version = version_of(("notation", "corpus"))
    key = key_of(version, "shared", index.text, *(tune.text.text for tune in tunes))
    return cache.get_or_compute(
        key,
        TypeAdapter(list[Bars]).validate_python,
        lambda: [longest_overlap(index, melody_sequence(tune))[0] for _, tune in read_again(tunes)],
    )


def has_training_tunes(folder: Path) -> bool:
    """Return whether a checkpoint records which tunes it learnt from."""
    return (folder / INDEX).is_file() and (folder / FACTS).is_file()


def read_training_tunes(folder: Path) -> TrainingTunes | None:
    """Return the tunes that a checkpoint learnt from, or None if it does not record them.

    Raises:
        CheckpointError: if the record is damaged.
    """
    if not has_training_tunes(folder):
        return None
    try:
        facts = TrainingFacts.from_json(read_json(folder / FACTS))
    except InputError as error:
        raise damaged(folder / FACTS, error.message) from error
    return TrainingTunes(SuffixArray.read(folder / INDEX), facts)
