"""Batches of whole texts of like length, padded on the right, for the stream network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from abcgen.model.ruler import PLACES, Ruler
from abcgen.model.vocabulary import BEGIN, END, PADDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.model.examples import Example
    from abcgen.model.vocabulary import Vocabulary

# Texts are ordered by length times a random factor within this of 1: neighbours differ from
# epoch to epoch, and rows of a batch still have nearly the same length.
LENGTH_NOISE = 0.1
# A batch of long texts is divided so that its rows times its width stay within the batch size
# times this: what an LSTM remembers for its gradient grows with that area.
WIDEST_FULL_BATCH = 1024
# With attention it grows with the width squared, and so does the time.
WIDEST_ATTENDING_BATCH = 512
NARROWEST_STEP = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts side by side, one a row.

    Attributes:
        inputs: Begin mark and text as ids, int32 of shape (texts, width); where the network is
            told positions, (texts, width, 1 + places).
        targets: Text and end mark as ids, (texts, width); of a window, (windows,), the one
            character after it.
        present: 1.0 where there is a target and 0.0 in the padding, float32.
        scored: The same, but 0.0 also where the text is given rather than scored.
    """

    inputs: NDArray[np.int32]
    targets: NDArray[np.int32]
    present: NDArray[np.float32]
    scored: NDArray[np.float32]

    @property
    def characters(self) -> int:
        """Number of targets, padding not counted."""
        return int(self.present.sum())


class Deal(Protocol):
    """Texts dealt into batches: whole ones for a stream network, windows for the other.

    Attributes:
        tunes: Number of texts.
        scored: Number of scored characters and end marks.
        notes: Number of notes.
    """

    tunes: int
    scored: int
    notes: int

    @property
    def characters(self) -> int:
        """Number of targets in one pass over the texts."""

    def in_order(self) -> list[NDArray[np.intp]]:
        """Batches by length, each as the places of what is in it."""

    def shuffled(self, seed: int, epoch: int) -> list[NDArray[np.intp]]:
        """Batches in random order, the same for the same seed and epoch."""

    def batch(self, places: NDArray[np.intp]) -> Batch:
        """Lay out what is at ``places``."""

    def fingerprint(self) -> str:
        """A hash of all that determines the batches."""


class Texts(NamedTuple):
    """What is learnt, and what is held out to see how well."""

    training: Deal
    validation: Deal


class Batches:
    """Texts encoded once, dealt into batches anew for every epoch.

    Args:
        examples: The texts.
        vocabulary: Must know every character of them.
        size: Most texts to a batch.
        multiple: What the width of a batch is a multiple of.
        longest: Most characters in one piece; longer texts are divided. None for whole texts.
        attending: Whether every place of a text looks at all before it.
        positions: Whether the network is told them.

    Attributes:
        tunes: Number of texts.
        lengths: Number of targets of each piece, the end mark included.
        scored: Number of scored characters and end marks.
        notes: Number of notes.

    Raises:
        InputError: if a character is not known.
    """

    def __init__(  # noqa: PLR0913 - how the texts are dealt
        self,
        examples: Sequence[Example],
        vocabulary: Vocabulary,
        size: int,
        *,
        multiple: int = 1,
        longest: int | None = None,
        attending: bool = False,
        positions: bool = False,
    ) -> None:
        self._ids = [with_marks(vocabulary.encode(example.text)) for example in examples]
        ruler = Ruler(vocabulary) if positions else None
        self._positions = [ruler.over(ids) for ids in self._ids] if ruler else None
        self._unscored = [min(example.unscored, len(example.text)) for example in examples]
        self._size, self._multiple, self._longest = size, multiple, longest
        self._attending = attending
        self.tunes = len(examples)
        self.scored = sum(example.scored for example in examples)
        self.notes = sum(example.notes for example in examples)
        self._pieces = [
            (text, start, min(start + (longest or ids.size), ids.size - 1))
            for text, ids in enumerate(self._ids)
            for start in range(0, ids.size - 1, longest or ids.size)
        ]
        self.lengths = np.array([stop - start for _, start, stop in self._pieces], np.int64)

    @property
    def characters(self) -> int:
        """Number of targets in one pass over the texts."""
        return int(self.lengths.sum())

    def in_order(self) -> list[NDArray[np.intp]]:
        """Batches by length, each as the places of its texts among the examples."""
        return self._deal(np.argsort(self.lengths, kind="stable"))

    def shuffled(self, seed: int, epoch: int) -> list[NDArray[np.intp]]:
        """Batches of like length in random order, the same for the same seed and epoch."""
        random = np.random.default_rng([seed, epoch])
        noise = random.uniform(1 - LENGTH_NOISE, 1 + LENGTH_NOISE, self.lengths.size)
        dealt = self._deal(np.argsort(self.lengths * noise, kind="stable"))
        return [dealt[place] for place in random.permutation(len(dealt))]

    def batch(self, places: NDArray[np.intp]) -> Batch:
        """Lay out the texts at ``places``."""
        width = self._width(places)
        shape, is_told = (places.size, width), self._positions is not None
        read = np.full((*shape, 1 + PLACES * is_told), PADDING, np.int32)
        inputs, targets = read[..., 0], np.full(shape, PADDING, np.int32)
        present, scored = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for row, place in enumerate(places):
            text, start, stop = self._pieces[place]
            ids, length = self._ids[text], stop - start
            inputs[row, :length], targets[row, :length] = ids[start:stop], ids[start + 1 : stop + 1]
            present[row, :length] = 1.0
            scored[row, max(0, self._unscored[text] - start) : length] = 1.0
            if self._positions is not None:
                read[row, :length, 1:] = self._positions[text][start:stop]
        return Batch(read if is_told else inputs, targets, present, scored)

    def fingerprint(self) -> str:
        """A hash of the texts, their order and the batch size."""
        cut = f" {self._multiple} {self._longest}" if self._multiple > 1 or self._longest else ""
        cut += " attending" * self._attending
        digest = hashlib.sha256(f"{self._size}{cut}".encode())
        for ids in self._ids:
            characters = ids[1:-1]
            digest.update(np.int64(characters.size).tobytes() + characters.tobytes())
        return digest.hexdigest()[:16]

    def _deal(self, order: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Cut an order of the texts into batches as even as can be."""
        if not order.size:
            return []
        batches = np.array_split(order, -(-order.size // self._size))
        return [part for batch in batches for part in self._divide(batch)]

    def _divide(self, batch: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        width = self._width(batch)
        rows = self._size * WIDEST_FULL_BATCH // width
        if self._attending:
            rows = min(rows, self._size * WIDEST_ATTENDING_BATCH**2 // width**2)
        return np.array_split(batch, -(-batch.size // max(1, rows)))

    def _width(self, places: NDArray[np.intp]) -> int:
        width = round_up(int(self.lengths[places].max()))
        return -(-width // self._multiple) * self._multiple


def with_marks(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Ids between begin and end mark."""
    return np.concatenate([[BEGIN], ids, [END]]).astype(np.int32)


def round_up(width: int) -> int:
    """The next of a few widths, at most an eighth wider from 128 up.

    Few widths, because a backend may compile its graph once for each.
    """
    step = max(NARROWEST_STEP, 1 << max(0, width.bit_length() - 4))
    return -(-width // step) * step
