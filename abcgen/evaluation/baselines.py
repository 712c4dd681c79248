"""What does without a network: n-grams and lzma, measured on the same tunes."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING, NamedTuple

from abcgen.config import SampleConfig
from abcgen.evaluation.ngrams import CharacterNgrams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from abcgen.notation.model_text import ModelText

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
