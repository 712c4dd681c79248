"""Scoring: how many bits given texts cost a network, run exactly as sampling runs it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from abcgen.model.dataset import Bits, TextDataset
from abcgen.model.vocabulary import BEGIN, PADDING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from abcgen.example import Example
    from abcgen.model.sampling import LanguageModel
    from abcgen.model.vocabulary import Vocabulary

BATCH_SIZE = 64
# An unknown character costs its token and which of Unicode's code points it is. Without the
# latter a network would score better the fewer characters it knows.
BITS_OF_UNKNOWN = math.log2(0x110000)


def measure(network: LanguageModel, vocabulary: Vocabulary, examples: Sequence[Example]) -> Bits:
    """Return the bits of all examples together; see ``measure_each``."""
    each = measure_each(network, vocabulary, examples)
    return Bits(
        sum(bits.total for bits in each),
        sum(bits.characters for bits in each),
        sum(bits.notes for bits in each),
    )


def measure_each(
    network: LanguageModel,
    vocabulary: Vocabulary,
    examples: Sequence[Example],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Bits]:
    """Return the bits of each example's scored characters and end mark.

    ``on_progress`` is called with the number of texts scored and of all texts.

    Raises:
        InputError: if the network cannot read a character of them.
    """
    batches = TextDataset(examples, vocabulary, BATCH_SIZE)
    totals = np.zeros(len(examples))
    done = 0
    for rows in batches.in_order():
        on_progress(done, len(examples))
        batch = batches.batch(rows)
        bits, texts = np.zeros(batch.inputs.shape), np.arange(len(rows))  # (B, T), (B,)
        state = network.start(len(rows))
        for position in range(batch.inputs.shape[1]):
            logits, state = network.step(batch.inputs[:, position], state)  # (B, V)
            scores = logits.astype(np.float64)
            scores -= scores.max(axis=1, keepdims=True)
            # -log softmax of the target = log(sum of exp(scores)) - its score
            targets = batch.targets[:, position]  # (B,)
            nats = np.log(np.exp(scores).sum(axis=1)) - scores[texts, targets]  # (B,)
            bits[:, position] = nats / np.log(2) * batch.scored[:, position]
        is_unknown = vocabulary.unknown is not None and batch.targets == vocabulary.unknown
        bits += batch.scored * is_unknown * BITS_OF_UNKNOWN  # (B, T)
        totals[rows] = bits.sum(axis=1)
        done += len(rows)
    return [
        Bits(float(total), example.scored, example.notes)
        for total, example in zip(totals, examples, strict=True)
    ]


def log_probabilities(
    network: LanguageModel, vocabulary: Vocabulary, texts: Sequence[str]
) -> list[NDArray[np.float64]]:
    """Return for each text the log of the probability of each character after those before it."""
    ids = [vocabulary.encode(text) for text in texts]
    longest = max(map(len, ids), default=0)
    targets = np.full((len(ids), longest), PADDING, np.int32)  # (N, T)
    for row, text_ids in zip(targets, ids, strict=True):
        row[: len(text_ids)] = text_ids
    nats, rows = np.zeros(targets.shape), np.arange(len(ids))
    state, tokens = network.start(len(ids)), np.full(len(ids), BEGIN, np.int32)
    for position in range(longest):
        logits, state = network.step(tokens, state)  # (N, V)
        scores = logits.astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        tokens = targets[:, position]  # (N,)
        nats[:, position] = scores[rows, tokens] - np.log(np.exp(scores).sum(axis=1))
    return [row[: len(text_ids)] for row, text_ids in zip(nats, ids, strict=True)]
