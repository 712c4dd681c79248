"""Predictors without a network, to compare it with: character n-grams and lzma (``baselines_of``).

The n-grams are smoothed by interpolated Witten-Bell: every order is mixed with the next lower one,
weighted by the number of different characters seen to follow.
Sources: Witten & Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37(4),
1991; as interpolated in Chen & Goodman, "An empirical study of smoothing techniques for language
modeling", Computer Speech & Language 13(4), 1999, section 2.4.
"""

from __future__ import annotations

import lzma
import math
import random
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import SampleConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from abcgen.example import Example

BEGIN, END = "\x02", "\x03"
ORDER = 5
NGRAMS, LZMA = f"ngrams_order_{ORDER}", "lzma"
MAX_TEXTS = 20_000  # for n-grams to learn; more would change little and take minutes
MAX_CONTEXT_BYTES = 4_000_000  # of training tunes before a test tune: half of lzma's window
LZMA_GROUPS = 12  # of test tunes compressed together, because each takes half a second


class ScoredText(NamedTuple):
    """The cost of one or several texts under a predictor."""

    # -log2 of their probability.
    bits: float
    # Characters scored, end marks included.
    characters: int
    notes: int


class Baselines(NamedTuple):
    """Results of the baselines on some test tunes."""

    # Texts drawn from the n-grams, one per test tune.
    samples: tuple[str, ...]
    scores: Mapping[str, tuple[ScoredText, ...]]


class CharacterNgrams:
    """A character-level n-gram model.

    Args:
        texts: Training texts.
        order: Length of the n-grams.
        alphabet: Characters that may occur in addition to those of the texts.
    """

    def __init__(self, texts: Iterable[str], order: int, alphabet: Iterable[str] = ()) -> None:
        self._max_context = order - 1
        # How often each character followed each context, of every length up to the longest.
        self._counts: defaultdict[str, defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        characters = {END, *alphabet}
        for text in texts:
            characters.update(text)
            marked = BEGIN + text + END
            for position in range(1, len(marked)):
                for length in range(min(self._max_context, position) + 1):
                    context = marked[position - length : position]
                    self._counts[context][marked[position]] += 1
        self._characters = sorted(characters)
        self._totals = {context: sum(counts.values()) for context, counts in self._counts.items()}

    def bits(self, text: str, unscored: int = 0) -> float:
        """Return -log2 of the probability of a text and its end.

        Args:
            text: The text.
            unscored: Number of leading characters that are not predicted.
        """
        marked = BEGIN + text + END
        return -sum(
            math.log2(
                self.probability(marked[max(0, position - self._max_context) : position], character)
            )
            for position, character in enumerate(marked)
            if position > unscored
        )

    def probability(self, context: str, character: str) -> float:
        """Return the probability that a character, possibly ``END``, follows a context."""
        probability = 1 / len(self._characters)
        for length in range(min(self._max_context, len(context)) + 1):
            suffix = context[len(context) - length :]
            counts = self._counts.get(suffix)
            if not counts:
                break
            # p(x | context) = (c(context, x) + T * p(x | shorter context)) / (c(context) + T),
            # where T is the number of different characters seen to follow the context.
            novel = len(counts)
            probability = (counts.get(character, 0) + novel * probability) / (
                self._totals[suffix] + novel
            )
        return probability

    def sample(self, seed: int, max_characters: int) -> str:
        """Draw one text."""
        rng = random.Random(seed)  # noqa: S311 - no secret
        text = BEGIN
        while len(text) <= max_characters:
            character = self._draw(text[-self._max_context :] if self._max_context else "", rng)
            if character == END:
                break
            text += character
        return text[1:]

    def _draw(self, context: str, rng: random.Random) -> str:
        """Draw the next character: mostly by the longest known context, sometimes by a shorter."""
        for length in range(len(context), -1, -1):
            suffix = context[len(context) - length :]
            counts = self._counts.get(suffix)
            if not counts:
                continue
            threshold = rng.random() * (self._totals[suffix] + len(counts))
            for character, count in counts.items():
                threshold -= count
                if threshold < 0:
                    return character
        return rng.choice(self._characters)


def baselines_of(training: Sequence[Example], test: Sequence[Example]) -> Baselines:
    """Return the scores of n-grams and lzma on the test tunes, given the training tunes."""
    step = -(-len(training) // MAX_TEXTS) or 1
    alphabet = {character for tune in test for character in tune.text}
    ngrams = CharacterNgrams((tune.text for tune in training[::step]), ORDER, alphabet)
    max_characters = SampleConfig().max_characters
    return Baselines(
        samples=tuple(ngrams.sample(seed, max_characters) for seed in range(len(test))),
        scores={
            NGRAMS: tuple(_scored([tune], ngrams.bits(tune.text, tune.unscored)) for tune in test),
            LZMA: tuple(lzma_scores(training, test)),
        },
    )


def lzma_scores(training: Sequence[Example], test: Sequence[Example]) -> list[ScoredText]:
    """Return what groups of test tunes add to the compressed size of the training tunes.

    Lines of rhythm, which are not scored, are removed from both.
    """

    def encoded(tunes: Sequence[Example]) -> bytes:
        return "\n".join(tune.text[tune.unscored :] for tune in tunes).encode()

    context = encoded(training)[-MAX_CONTEXT_BYTES:]
    context_size = len(lzma.compress(context))
    return [
        _scored(group, 8.0 * (len(lzma.compress(context + encoded(group))) - context_size))
        for n in range(LZMA_GROUPS)
        if (group := test[n::LZMA_GROUPS])
    ]


def _scored(tunes: Sequence[Example], bits: float) -> ScoredText:
    # One more character for the end mark.
    characters = sum(len(tune.text) - tune.unscored + 1 for tune in tunes)
    return ScoredText(bits, characters, sum(tune.notes for tune in tunes))
