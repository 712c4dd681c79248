"""What a network learns from: whole texts, each with what is scored of it.

Batches of whole texts of like length, padded on the right, for the stream network.

Batches of windows, each with the one character after it, for the window network.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from abcgen.model.positions import POSITION_FEATURES
from abcgen.model.vocabulary import BEGIN, END, PADDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.example import Example
    from abcgen.model.positions import PositionFeatures
    from abcgen.model.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Bits:
    """How surprising texts were to a network.

    Attributes:
        total: Sum of -log2 of the probability of every scored character and end mark.
        characters: Number of scored characters and end marks.
        notes: Number of notes in the texts.
        accuracy: Share of scored characters that were thought the likeliest; NaN if not looked at.
    """

    total: float
    characters: int
    notes: int
    accuracy: float = math.nan

    @property
    def per_character(self) -> float:
        """Bits per scored character; NaN where nothing is scored."""
        return self.total / self.characters if self.characters else math.nan

    @property
    def per_note(self) -> float:
        """Bits per note, which compares networks of different alphabets; NaN without notes."""
        return self.total / self.notes if self.notes else math.nan


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
            given position features too, (texts, width, 1 + features).
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


class Dataset(Protocol):
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

    training: Dataset
    validation: Dataset


class Batches:
    """Texts encoded once, dealt into batches anew for every epoch.

    Args:
        examples: The texts.
        vocabulary: Must know every character of them.
        size: Most texts to a batch.
        multiple: What the width of a batch is a multiple of.
        longest: Most characters in one piece; longer texts are divided. None for whole texts.
        attending: Whether every place of a text looks at all before it.
        tracker: Computes the position features; None for a network without them.

    Attributes:
        tunes: Number of texts.
        lengths: Number of targets of each piece, the end mark included.
        scored: Number of scored characters and end marks.
        notes: Number of notes.

    Raises:
        InputError: if a character is not known.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        vocabulary: Vocabulary,
        size: int,
        *,
        multiple: int = 1,
        longest: int | None = None,
        attending: bool = False,
        tracker: PositionFeatures | None = None,
    ) -> None:
        self._ids = [with_marks(vocabulary.encode(example.text)) for example in examples]
        self._positions = [tracker.features_of(ids) for ids in self._ids] if tracker else None
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
        shape, has_positions = (places.size, width), self._positions is not None
        read = np.full((*shape, 1 + POSITION_FEATURES * has_positions), PADDING, np.int32)
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
        return Batch(read if has_positions else inputs, targets, present, scored)

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
