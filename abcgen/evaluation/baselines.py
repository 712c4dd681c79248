"""Character n-grams, the yardstick that any network must beat.

Every order is mixed with the next lower one, by how many different characters were seen to follow
(interpolated Witten-Bell smoothing).
Source: Witten & Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37(4),
1991; as interpolated in Chen & Goodman, "An empirical study of smoothing techniques for language
modeling", Computer Speech & Language 13(4), 1999, section 2.4.

What does without a network: n-grams and lzma, measured on the same tunes.
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

    from abcgen.notation.model_text import ModelText


BEGIN, END = "\x02", "\x03"


class CharacterNgrams:
    """Texts as a chain in which a character depends on the few before it.

    Args:
        texts: What to learn.
        order: Characters looked at, the one predicted included.
        alphabet: Characters that there may be besides those of the texts.
    """

    def __init__(self, texts: Iterable[str], order: int, alphabet: Iterable[str] = ()) -> None:
        self._reach = order - 1
        self._following: defaultdict[str, defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        signs = {END, *alphabet}
        for text in texts:
            signs.update(text)
            self._learn(text)
        self._signs = sorted(signs)
        self._totals = {past: sum(seen.values()) for past, seen in self._following.items()}

    def bits(self, text: str, given: int = 0) -> float:
        """-log2 of the probability of a text and its end.

        Args:
            text: The text.
            given: How many leading characters are known rather than predicted.
        """
        marked = BEGIN + text + END
        return -sum(
            math.log2(self.probability(marked[max(0, place - self._reach) : place], sign))
            for place, sign in enumerate(marked)
            if place > given
        )

    def probability(self, past: str, sign: str) -> float:
        """How likely a character is after the ones before it, ``END`` among them."""
        likely = 1 / len(self._signs)
        for reach in range(min(self._reach, len(past)) + 1):
            seen = self._seen(past, reach)
            if not seen:
                break
            novel = len(seen)
            total = self._totals[past[len(past) - reach :]]
            likely = (seen.get(sign, 0) + novel * likely) / (total + novel)
        return likely

    def sample(self, seed: int, longest: int) -> str:
        """Draw one text of at most so many characters."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        text = BEGIN
        while len(text) <= longest:
            sign = self._draw(text[-self._reach :] if self._reach else "", chance)
            if sign == END:
                break
            text += sign
        return text[1:]

    def _learn(self, text: str) -> None:
        marked = BEGIN + text + END
        for place in range(1, len(marked)):
            for reach in range(min(self._reach, place) + 1):
                self._following[marked[place - reach : place]][marked[place]] += 1

    def _seen(self, past: str, reach: int) -> Mapping[str, int] | None:
        return self._following.get(past[len(past) - reach :])

    def _draw(self, past: str, chance: random.Random) -> str:
        """A character: of the longest past that is known, or in its place of a shorter one."""
        for reach in range(len(past), -1, -1):
            seen = self._seen(past, reach)
            if not seen:
                continue
            place = chance.random() * (self._totals[past[len(past) - reach :]] + len(seen))
            for sign, count in seen.items():
                place -= count
                if place < 0:
                    return sign
        return chance.choice(self._signs)


ORDER = 5
NGRAMS, LZMA = f"ngrams_order_{ORDER}", "lzma"
MOST_TEXTS = 20_000  # learnt by n-grams; more of them would change little and take minutes
MOST_BYTES = 4_000_000  # before a tune that lzma looks back on: half of its window
GROUPS = 12  # of tunes that lzma packs together, for each takes half a second


class Piece(NamedTuple):
    """What a tune, or several together, cost.

    Attributes:
        bits: -log2 of its probability.
        characters: Characters that are scored, end marks among them.
        notes: Its notes.
    """

    bits: float
    characters: int
    notes: int


class Baselines(NamedTuple):
    """What does without a network, of some test tunes.

    Attributes:
        drawn: Texts drawn from n-grams, as many as test tunes.
        pieces: What the test tunes cost, by who predicts them.
    """

    drawn: tuple[str, ...]
    pieces: Mapping[str, tuple[Piece, ...]]


def baselines_of(training: Sequence[ModelText], test: Sequence[ModelText]) -> Baselines:
    """What n-grams and lzma that know the training tunes make of the test tunes."""
    ngrams = learnt_ngrams(training, test)
    longest = SampleConfig().max_characters
    drawn = tuple(ngrams.sample(seed, longest) for seed in range(len(test)))
    pieces = {NGRAMS: tuple(ngram_pieces(ngrams, test)), LZMA: tuple(lzma_pieces(training, test))}
    return Baselines(drawn, pieces)


def learnt_ngrams(training: Sequence[ModelText], test: Sequence[ModelText]) -> CharacterNgrams:
    """N-grams of the training tunes; every so many of them where they are very many."""
    every = -(-len(training) // MOST_TEXTS) or 1
    alphabet = {sign for tune in test for sign in tune.text}
    return CharacterNgrams((tune.text for tune in training[::every]), ORDER, alphabet)


def ngram_pieces(ngrams: CharacterNgrams, test: Sequence[ModelText]) -> list[Piece]:
    """What each test tune costs n-grams."""
    return [_piece([tune], ngrams.bits(tune.text, tune.given)) for tune in test]


def lzma_pieces(training: Sequence[ModelText], test: Sequence[ModelText]) -> list[Piece]:
    """What test tunes add to the training tunes, packed.

    Lines of rhythm, which are given rather than scored, are left out of both.
    """
    before = "\n".join(map(_scored, training)).encode()[-MOST_BYTES:]
    alone = len(lzma.compress(before))
    groups = [group for n in range(GROUPS) if (group := test[n::GROUPS])]
    packed = (lzma.compress(before + "\n".join(map(_scored, group)).encode()) for group in groups)
    return [
        _piece(group, 8.0 * (len(own) - alone)) for group, own in zip(groups, packed, strict=True)
    ]


def _scored(tune: ModelText) -> str:
    return tune.text[tune.given :]


def _piece(tunes: Sequence[ModelText], bits: float) -> Piece:
    characters = sum(len(_scored(tune)) + 1 for tune in tunes)
    return Piece(bits, characters, sum(tune.notes for tune in tunes))
