"""Batches of windows, each with the one character after it, for the window network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from abcgen.model.batches import Batch, with_marks
from abcgen.model.vocabulary import PADDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.model.examples import Example
    from abcgen.model.vocabulary import Vocabulary


class Windows:
    """Every place of every text as a window of what lies before it, padded on the left.

    With a stride, an epoch takes every so-manieth place, beginning at one drawn for each epoch,
    so that in time all are learnt from; measuring takes every so-manieth too, always the same.

    Args:
        examples: The texts.
        vocabulary: Must know every character of them.
        size: Most windows to a batch.
        length: Characters of a window, the begin mark among them.
        stride: Every which place is taken.

    Attributes:
        tunes: Number of texts.
        scored: Number of scored characters and end marks, whatever the stride.
        notes: Number of notes.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        vocabulary: Vocabulary,
        size: int,
        *,
        length: int,
        stride: int = 1,
    ) -> None:
        self._size, self._length, self._stride = size, length, stride
        self.tunes = len(examples)
        self.scored = sum(example.scored for example in examples)
        self.notes = sum(example.notes for example in examples)
        padding = np.full(length - 1, PADDING, np.int32)
        parts, targets = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        scored = [np.zeros(0, bool)]
        begin = 0
        for example in examples:
            ids = with_marks(vocabulary.encode(example.text))
            parts += [padding, ids]
            places = begin + length + np.arange(ids.size - 1)
            targets.append(places)
            scored.append(np.arange(ids.size - 1) >= example.unscored)
            begin += length - 1 + ids.size
        self._ids = np.concatenate(parts)
        self._targets, self._scored = np.concatenate(targets), np.concatenate(scored)

    @property
    def characters(self) -> int:
        """Number of windows in one pass."""
        return -(-self._targets.size // self._stride)

    def in_order(self) -> list[NDArray[np.intp]]:
        """Batches in the order of the texts."""
        return self._deal(np.arange(0, self._targets.size, self._stride))

    def shuffled(self, seed: int, epoch: int) -> list[NDArray[np.intp]]:
        """Batches in random order, the same for the same seed and epoch."""
        random = np.random.default_rng([seed, epoch])
        first = int(random.integers(min(self._stride, max(1, self._targets.size))))
        return self._deal(random.permutation(np.arange(first, self._targets.size, self._stride)))

    def batch(self, places: NDArray[np.intp]) -> Batch:
        """Lay out the windows at ``places``; targets are of shape (windows,)."""
        targets = self._targets[places]
        inputs = self._ids[targets[:, None] + np.arange(-self._length, 0)]
        scored = self._scored[places].astype(np.float32)
        return Batch(inputs, self._ids[targets], np.ones(places.size, np.float32), scored)

    def fingerprint(self) -> str:
        """A hash of the texts, their order, batch size, length and stride."""
        settings = f"windows {self._size} {self._length} {self._stride}"
        digest = hashlib.sha256(settings.encode())
        digest.update(self._ids.tobytes() + self._targets.tobytes())
        return digest.hexdigest()[:16]

    def _deal(self, order: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        if not order.size:
            return []
        return np.array_split(order, -(-order.size // self._size))
