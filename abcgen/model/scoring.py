"""How surprising texts are to a network, measured exactly as sampling runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abcgen.model.batches import Batches
from abcgen.model.examples import Bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.model.batches import Batch
    from abcgen.model.examples import Example
    from abcgen.model.sampling import StepFunction
    from abcgen.model.vocabulary import Vocabulary

BATCH_SIZE = 64


def measure(network: StepFunction, vocabulary: Vocabulary, examples: Sequence[Example]) -> Bits:
    """Bits of the scored characters and end marks of all examples.

    Raises:
        InputError: if the network does not know a character of them.
    """
    batches = Batches(examples, vocabulary, BATCH_SIZE)
    total = sum(float(_bits(network, batches.batch(rows)).sum()) for rows in batches.in_order())
    return Bits(total, batches.scored, batches.notes)


def _bits(network: StepFunction, batch: Batch) -> NDArray[np.float64]:
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
