"""What new tunes share with those a network learnt from.

::

    tunes.safetensors   index of all passages of the training tunes, whatever their key
    tunes.json          their titles, metres, modes and rhythms, and what held-out tunes share
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.corpus.cache import NOTHING_KEPT, key_of, version_of
from abcgen.corpus.overlap import Facts, Line, line_of
from abcgen.corpus.records import read_again
from abcgen.errors import InputError
from abcgen.files import damaged
from abcgen.model.checkpoint import read_json, write_json
from abcgen.model.passages import Passages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from abcgen.corpus.cache import TextCache
    from abcgen.corpus.records import Extract
    from abcgen.notation.tune import Tune


INDEX = "tunes.safetensors"
FACTS = "tunes.json"
_ROOMS = ("notation", "corpus", "model", "pipeline")  # whose code compares tunes


@dataclass(frozen=True, slots=True)
class Borrowing:
    """The longest passage that a tune shares with a training tune.

    Attributes:
        bars: How many bars it lasts.
        title: The training tune.
        share: Share of real tunes, held out from training, that share no more than this with
            the training tunes; None if none were held out.
    """

    bars: float
    title: str
    share: float | None

    def __str__(self) -> str:
        where = f", more than {self.share:.0%} of real tunes do" if self.share is not None else ""
        return f"{self.bars:.1f} bars as in {self.title!r}{where}"


@dataclass(frozen=True, slots=True)
class TrainingTunes:
    """The tunes a network learnt from.

    Attributes:
        passages: All their passages.
        facts: Their titles and kinds.
    """

    passages: Passages
    facts: Facts

    def compare(self, tune: Tune) -> Borrowing:
        """What a tune shares with them."""
        bars, owner = _longest(self.passages, line_of(tune))
        names, shared = self.facts.names, self.facts.shared
        title = names[owner] if bars and owner < len(names) else ""
        share = bisect_right(shared, bars - 1e-9) / len(shared) if shared else None
        return Borrowing(bars, title, share)


def keep_training_tunes(
    folder: Path,
    training: Sequence[Extract],
    held_out: Sequence[Extract],
    before: TrainingTunes | None = None,
    cache: TextCache = NOTHING_KEPT,
) -> None:
    """Write down, in a checkpoint, which tunes it learnt from.

    Args:
        folder: The checkpoint.
        training: The tunes that it learnt from.
        held_out: Tunes of other families: the measure of what real tunes share.
        before: What the network had learnt before, which it may still know by heart.
        cache: What was worked out before.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    known = before.passages.sequences if before else []
    passages = Passages.of(known + [tune.symbols for tune in training])
    facts = Facts.of(training, _all_shared(passages, held_out, cache))
    passages.write(folder / INDEX)
    write_json(folder / FACTS, (before.facts + facts if before else facts).to_json())


def tells_its_tunes(folder: Path) -> bool:
    """Whether a checkpoint says which tunes it learnt from."""
    return (folder / INDEX).is_file() and (folder / FACTS).is_file()


def training_tunes(folder: Path) -> TrainingTunes | None:
    """The tunes that a checkpoint learnt from; None if it does not tell.

    Raises:
        CheckpointError: if what it tells is damaged.
    """
    if not tells_its_tunes(folder):
        return None
    try:
        facts = Facts.from_json(read_json(folder / FACTS))
    except InputError as error:
        raise damaged(folder / FACTS, error.message) from error
    return TrainingTunes(Passages.read(folder / INDEX), facts)


def _all_shared(passages: Passages, tunes: Sequence[Extract], cache: TextCache) -> Sequence[float]:
    """How many bars of each tune are a passage at most."""
    key = key_of(version_of(_ROOMS), "shared", passages.text, *(tune.text.text for tune in tunes))
    return cache.worked_out(
        key,
        _lengths,
        lambda: [_longest(passages, line_of(tune))[0] for _, tune in read_again(tunes)],
    )


def _lengths(data: object) -> list[float]:
    if not isinstance(data, list) or not all(
        type(value) in {int, float} and 0 <= value <= 2**53 for value in data
    ):
        raise InputError("lengths must be a list of numbers from 0")
    return data


def _longest(passages: Passages, line: Line) -> tuple[float, int]:
    """Bars of the longest shared passage, and the index of a tune that has it."""
    best, best_owner = 0.0, 0
    for start in range(len(line)):
        if line.bars(start, len(line) - start) <= best:
            break  # what is left of the tune is shorter
        length, owner = passages.longest_from(line.symbols, start)
        bars = line.bars(start, length)
        if bars > best:
            best, best_owner = bars, owner
    return best, best_owner
