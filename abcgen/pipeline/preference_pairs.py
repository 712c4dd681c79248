"""Tunes that a network draws to learn from: draw and rank them, pair them, and have them judged.

Groups of texts begin with the same header, that of a training tune, form line included. Only what
comes after it is compared, so that metres, keys and forms stay as frequent as they are.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import SampleConfig, SplitConfig
from abcgen.corpus.families import families_of
from abcgen.errors import NotationError
from abcgen.evaluation.discriminator import LabeledTune, discriminator_auc
from abcgen.evaluation.features import features_of
from abcgen.example import Example
from abcgen.grammar import Grammar, Rules
from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.sampling import sample
from abcgen.notation.model_text import decode_tune, without_form_line
from abcgen.pipeline.checkpoints import checkpoint_hash, step_network
from abcgen.pipeline.critics import is_right
from abcgen.system import default_processes
from abcgen.workers import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from abcgen.corpus.bounds import TuneBounds
    from abcgen.critic.critic import Critic
    from abcgen.evaluation.statistics import Estimate
    from abcgen.model.sampling import LanguageModel, Sampled
    from abcgen.model.vocabulary import Vocabulary
    from abcgen.notation.tune import Tune

    Progress = Callable[[int, int], None]

SIDE_BY_SIDE = 64  # texts
# A better tune is preferred to a worse one if the critic's log odds differ by this much.
LEAST_DIFFERENCE = 0.5
PAIRS_OF_GROUP = 2
# The log odds by which any right tune is preferred to a broken one.
OF_BROKEN = 4.0
MOST_JUDGED = 800  # texts; the judge learns for a minute or more from thousands


@dataclass(frozen=True, slots=True)
class DrawnText:
    """A text that a network drew.

    Attributes:
        text: The text, header included.
        given: Number of characters of the header.
        real: The index of the training text that the header is from.
        readable: The tune that it decodes to; None if it does not.
        tune: The same, if nothing is wrong with it.
    """

    text: str
    given: int
    real: int
    readable: Tune | None
    tune: Tune | None


class Pair(NamedTuple):
    """Two texts with the same header, and the index of the training text that it is from."""

    preferred: DrawnText
    other: DrawnText
    real: int
    # The log odds that of a real and a sampled text the preferred one is the real.
    difference: float


def header_lines(text: str) -> str:
    """Return all lines of a model text but the last, which is its music."""
    return text.rstrip("\n").rpartition("\n")[0] + "\n"


def draw_groups(
    folder: Path,
    texts: Sequence[str],
    groups: Sequence[int],
    size: int,
    bounds: TuneBounds | None,
    config: SampleConfig,
    seed: int,
    *,
    on_progress: Progress,
    seconds: float | None = None,
) -> list[DrawnText]:
    """Draw a group of texts for each of some training texts, group by group.

    Args:
        folder: The network.
        texts: Training texts as the network reads them.
        groups: The indices of those whose headers to draw for.
        size: Texts of a group.
        bounds: Bounds that right tunes keep.
        config: How to sample.
        seed: Of the texts, together with their numbers.
        on_progress: Called with the texts drawn so far and in all.
        seconds: Stop after so many; the groups that are complete are returned.
    """
    began, count = time.monotonic(), len(groups) * size
    beginnings = [(n, header_lines(texts[groups[n // size]])) for n in range(count)]
    digest = checkpoint_hash(folder)
    drawn: list[DrawnText] = []
    on_progress(0, count)
    with WorkerPool(default_processes(), fallback=True) as pool:
        call = partial(_draw, folder, digest, config, seed)
        parts = (beginnings[n : n + SIDE_BY_SIDE] for n in range(0, count, SIDE_BY_SIDE))
        for part in pool.map(call, parts):
            for sampled in part:
                number = len(drawn)
                given = len(beginnings[number][1])
                drawn.append(_decoded(sampled, given, groups[number // size], bounds))
            on_progress(len(drawn), count)
            if seconds is not None and time.monotonic() - began > seconds:
                break
    return drawn[: len(drawn) // size * size]


def _draw(
    folder: Path,
    digest: str,
    config: SampleConfig,
    seed: int,
    beginnings: Iterable[tuple[int, str]],
) -> list[Sampled]:
    network, vocabulary, grammar = _sampler(folder, digest)
    return list(sample(network, vocabulary, beginnings, config, seed, constraint=grammar))


@lru_cache(maxsize=1)
def _sampler(folder: Path, _digest: str) -> tuple[LanguageModel, Vocabulary, Grammar]:
    checkpoint = load_checkpoint(folder)
    rules = Rules(frozenset(checkpoint.vocabulary.characters), form_line=checkpoint.network.form)
    return step_network(checkpoint), checkpoint.vocabulary, Grammar(rules)


def _decoded(sampled: Sampled, given: int, real: int, bounds: TuneBounds | None) -> DrawnText:
    try:
        readable = decode_tune(sampled.text) if sampled.ended else None
    except NotationError:
        readable = None
    is_valid = readable is not None and not sampled.limited and is_right(readable, bounds)
    return DrawnText(sampled.text, given, real, readable, readable if is_valid else None)


def preference_pairs(drawn: Sequence[DrawnText], critic: Critic) -> Iterator[Pair]:
    """Yield the best text of each group with the worst, then the next.

    A broken tune is worse than any other; of the others the critic decides.
    """
    for _, group in groupby(drawn, key=attrgetter("real")):
        scored = [(critic.score(text.tune) if text.tune else float("-inf"), text) for text in group]
        scored.sort(key=lambda pair: -pair[0])
        for rank in range(min(PAIRS_OF_GROUP, len(scored) // 2)):
            (high, preferred), (low, other) = scored[rank], scored[-1 - rank]
            if preferred.tune and high - low >= LEAST_DIFFERENCE:
                difference = high - low if other.tune else OF_BROKEN
                yield Pair(preferred, other, preferred.real, difference)


def example_of(drawn: DrawnText) -> Example:
    """Return a text as one to learn from; its header is given, not predicted."""
    return Example(drawn.text, drawn.given)


def judged(
    drawn: Sequence[DrawnText], real: Sequence[Tune], texts: Sequence[str]
) -> Estimate | None:
    """Return how easily drawn texts are told from real ones, the valid and the others.

    Args:
        drawn: The texts that were drawn.
        real: Real tunes.
        texts: Their texts.
    """
    drawn = drawn[:: -(-len(drawn) // MOST_JUDGED)]
    tunes = [*(text.readable for text in drawn), *real]
    readable = [n for n, tune in enumerate(tunes) if tune]
    roots = families_of([tune for tune in tunes if tune], SplitConfig().similarity)
    families = dict(zip(readable, (readable[root] for root in roots), strict=True))
    labelled = [
        LabeledTune(text, features_of(tune) if tune else None, families.get(n, n))
        for n, (text, tune) in enumerate(
            zip([*(without_form_line(text.text) for text in drawn), *texts], tunes, strict=True)
        )
    ]
    return discriminator_auc(labelled[: len(drawn)], labelled[len(drawn) :])


def choose_groups(count: int, texts: int, seed: str) -> list[int]:
    """Choose at most ``count`` of some texts at random, by their indices."""
    return random.Random(seed).sample(range(texts), min(count, texts))  # noqa: S311 - no secret
