"""How surprising texts are to a network, measured exactly as sampling runs it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from abcgen.model.dataset import Batches, Bits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from abcgen.example import Example
    from abcgen.model.dataset import Batch
    from abcgen.model.sampling import LanguageModel
    from abcgen.model.vocabulary import Vocabulary

BATCH_SIZE = 64
# What the symbol for unknown characters leaves open: which of Unicode's code points it is. Without
# it a network would measure the better the fewer characters it knows.
BITS_OF_UNKNOWN = math.log2(0x110000)


def measure(network: LanguageModel, vocabulary: Vocabulary, examples: Sequence[Example]) -> Bits:
    """Bits of the scored characters and end marks of all examples.

    Raises:
        InputError: if the network does not know a character of them and has no symbol for that.
    """
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
    """Bits of the scored characters and the end mark of each example.

    A character that is not known has the bits of its symbol and ``BITS_OF_UNKNOWN``.

    Args:
        network: Gives the logits.
        vocabulary: Its characters.
        examples: The texts.
        on_progress: Called with the texts measured and in all.

    Raises:
        InputError: if the network does not know a character of them and has no symbol for that.
    """
    batches = Batches(examples, vocabulary, BATCH_SIZE)
    totals = np.zeros(len(examples))
    done = 0
    for rows in batches.in_order():
        on_progress(done, len(examples))
        batch = batches.batch(rows)
        unknown = vocabulary.unknown is not None and batch.targets == vocabulary.unknown
        bits = _bits(network, batch) + batch.scored * unknown * BITS_OF_UNKNOWN
        totals[rows] = bits.sum(axis=1)
        done += len(rows)
    return [
        Bits(float(total), example.scored, example.notes)
        for total, example in zip(totals, examples, strict=True)
    ]


def _bits(network: LanguageModel, batch: Batch) -> NDArray[np.float64]:
    """Bits of every scored target, 0 elsewhere; shape (texts, width)."""
    state = network.start(len(batch.inputs))
    bits = np.zeros(batch.inputs.shape)
    rows = np.arange(len(batch.inputs))
    for place in range(batch.inputs.shape[1]):
        logits, state = network.step(batch.inputs[:, place], state)
        scores = logits.astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        surprise = np.log(np.exp(scores).sum(axis=1)) - scores[rows, batch.targets[:, place]]
        bits[:, place] = surprise / np.log(2) * batch.scored[:, place]
    return bits
