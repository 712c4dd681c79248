"""Learn the critic of a checkpoint from its training tunes and its network's own samples."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from abcgen.config import MAX_SEED, Request, SampleConfig, SplitConfig
from abcgen.corpus.families import families_by_intervals
from abcgen.corpus.records import read_again
from abcgen.notation.shape import shape_of
from abcgen.notation.tune import Tune
from abcgen.notation.validation import bar_problems, repeat_problems
from abcgen.pipeline.checkpoints import read_bounds, write_critic
from abcgen.pipeline.held_out import training_tunes_again
from abcgen.pipeline.sampling import Composer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from abcgen.corpus.bounds import TuneBounds
    from abcgen.corpus.records import Extract, Extracts
    from abcgen.critic.config import CriticConfig
    from abcgen.critic.learning import Learnt

    Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

# Of the samples that a critic learns from: no user's, so that it has not seen what it judges.
SEED = MAX_SEED - 1
BATCH_SIZE = 64
LEAST_TRAINING_TUNES = 300  # for a critic worth listening to


def has_enough(training: Sequence[Extract]) -> bool:
    """Return whether there are enough training tunes to learn a critic from."""
    return len(training) >= LEAST_TRAINING_TUNES


def add_critic(folder: Path, corpus: Extracts, config: CriticConfig, stage: Stage) -> Learnt:
    """Learn the critic of a checkpoint, and save it there in place of an earlier one.

    Args:
        folder: The checkpoint.
        corpus: The tunes that it was trained on, those held out included.
        config: How to learn.
        stage: Called with the name of each stage of the work; returns a context manager whose value
            is called with what is done so far and in all.

    Raises:
        InputError: if these are other tunes, or too few.
        CheckpointError: if the checkpoint cannot be read.
        OutputError: if it cannot be written to.
    """
    return learn_critic_of(folder, training_tunes_again(corpus, folder), config, stage)


def learn_critic_of(
    folder: Path, training: Sequence[Extract], config: CriticConfig, stage: Stage
) -> Learnt:
    """Learn the critic of a checkpoint from its training tunes, and save it; see ``add_critic``."""
    from abcgen.critic.learning import check_library, learn_critic  # noqa: PLC0415 - only learning needs NumPy

    check_library()
    pairs, families = right_tunes(training, read_bounds(folder))
    with stage("sampling tunes for the critic") as on_progress:
        sampled = list(_draw(folder, config, on_progress))
    with stage("learning the critic") as on_progress:
        learnt = learn_critic([tune for _, tune in pairs], families, sampled, on_progress)
    write_critic(folder, learnt.critic)
    return learnt


def right_tunes(
    training: Sequence[Extract], bounds: TuneBounds | None
) -> tuple[list[tuple[Extract, Tune]], list[int]]:
    """Return the tunes that sampling would not reject, and a number for the family of each.

    From these alone a critic learns, so that it learns what rejection cannot see.
    """
    pairs = [(extract, tune) for extract, tune in read_again(training) if is_right(tune, bounds)]
    families = families_by_intervals(
        [extract.intervals for extract, _ in pairs], SplitConfig().similarity
    )
    return pairs, families


def is_right(tune: Tune, bounds: TuneBounds | None) -> bool:
    """Return whether nothing is wrong with a tune, as far as can be told without a critic."""
    if tune.metre.is_free or bar_problems(tune) or repeat_problems(tune):
        return False
    return bounds is None or not any(bounds.faults(shape_of(tune)))


def _draw(
    folder: Path, config: CriticConfig, on_progress: Callable[[int, int], None]
) -> Iterator[Tune]:
    """Yield the valid tunes among this many samples, or those drawn when the time is over."""
    composer = Composer(folder, SampleConfig(candidates=1), SEED, Request())
    end = time.monotonic() + 60 * config.minutes
    on_progress(0, config.samples)
    for number, sampled in enumerate(composer.sample(range(config.samples), BATCH_SIZE), start=1):
        tune = composer.candidate(sampled)
        if isinstance(tune, Tune):
            yield tune
        on_progress(number, config.samples)
        if time.monotonic() > end:
            return
