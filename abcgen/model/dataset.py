"""Training data in batches: whole tunes for the stream network, windows for the window network.

Shapes: B texts or windows in a batch, T characters, F position features.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from abcgen.model.packing import Packing
from abcgen.model.positions import feature_tables
from abcgen.model.vocabulary import BEGIN, END, PADDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig, TrainConfig
    from abcgen.example import Example
    from abcgen.model.positions import PositionFeatures
    from abcgen.model.vocabulary import Vocabulary

# Texts are ordered by length times a random factor within this of 1: neighbours differ from
# epoch to epoch, and rows of a batch still have nearly the same length.
LENGTH_NOISE = 0.1
# A batch of long texts is divided so that B * T stays within the batch size times this, because
# the activations that an LSTM keeps for its gradient grow with that area.
WIDEST_FULL_BATCH = 1024
# With attention they grow with the width squared, and so does the time.
WIDEST_ATTENDING_BATCH = 512
NARROWEST_STEP = 16
# The most bars of a gap that a text is shown with.
WIDEST_GAP = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts or windows, one per row."""

    # Ids from the begin mark on, (B, T), or with position features (B, T, 1 + F).
    inputs: NDArray[np.int32]
    # The id after each input up to the end mark, (B, T); of windows only the one after the last,
    # (B,).
    targets: NDArray[np.int32]
    # 1.0 where there is a target, 0.0 in the padding and at marks of gaps, which are always given;
    # shaped like ``targets``.
    present: NDArray[np.float32]
    # The same, but 0.0 also where the text is given rather than predicted.
    scored: NDArray[np.float32]

    @property
    def characters(self) -> int:
        """Number of targets, padding not counted."""
        return int(self.present.sum())


@dataclass(frozen=True, slots=True)
class Bits:
    """The information content of texts under a network."""

    # Sum of -log2 of the probability of every scored character and end mark.
    total: float
    # Number of scored characters and end marks.
    characters: int
    # Number of notes in the texts.
    notes: int
    # Share of scored characters that were predicted right; NaN if not measured.
    accuracy: float = math.nan

    @property
    def per_character(self) -> float:
        """Bits per scored character; NaN where nothing is scored."""
        return self.total / self.characters if self.characters else math.nan

    @property
    def per_note(self) -> float:
        """Bits per note, which compares networks of different alphabets; NaN without notes."""
        return self.total / self.notes if self.notes else math.nan


class Dataset(Protocol):
    """Texts in batches."""

    tunes: int  # number of texts
    scored: int  # number of scored characters and end marks, measured or not
    notes: int

    @property
    def characters(self) -> int:
        """Number of targets in one epoch."""

    def in_order(self) -> list[NDArray[np.intp]]:
        """Return all batches for measuring, each as the indices of its rows."""

    def shuffled(self, seed: int, epoch: int) -> list[NDArray[np.intp]]:
        """Return the batches of an epoch in random order, the same for the same seed."""

    def batch(self, indices: NDArray[np.intp]) -> Batch:
        """Lay out the rows of these indices, (B,), or of several texts each, (B, N)."""

    def fingerprint(self) -> str:
        """Return a hash of everything that determines the batches."""


def dataset_of(
    examples: Sequence[Example],
    vocabulary: Vocabulary,
    network: NetworkConfig,
    config: TrainConfig,
    *,
    tracker: PositionFeatures | None = None,
    measuring: bool = False,
) -> Dataset:
    """Return examples in the batches that a network needs.

    A network with position features needs a tracker, which computes them, and so does training
    with gaps. Long texts are not divided for measuring, and have no gaps.
    """
    features = len(feature_tables(network))
    if features and tracker is None:
        raise ValueError("a network with position features needs a tracker")
    size, length = config.batch_size, network.chunk_length
    if network.kind == "window":
        return WindowDataset(examples, vocabulary, size, length=length or 1, stride=config.stride)
    return TextDataset(
        examples,
        vocabulary,
        size,
        multiple=length or 1 if network.bidirectional else 1,
        longest=None if measuring or network.bidirectional else length,
        attending=network.attention,
        packed=config.packed,
        tracker=tracker if features else None,
        gaps=Gaps.of(config, vocabulary, tracker) if config.gaps and not measuring else None,
    )


@dataclass(frozen=True, slots=True)
class Gaps:
    """Shows texts with a gap of whole bars: what is before it, after it, and last what is in it.

    A network that reads them learns to fill gaps that it knows both sides of (Bavarian et al.,
    "Efficient Training of Language Models to Fill in the Middle", 2022). It is told where the gap
    is by a mark, and by the same mark where its content begins.
    """

    # Share of texts with a gap.
    share: float
    # The id of the mark.
    mark: int
    # Knows where bars are, and the position features.
    tracker: PositionFeatures

    @classmethod
    def of(
        cls, config: TrainConfig, vocabulary: Vocabulary, tracker: PositionFeatures | None
    ) -> Gaps:
        """Return the gaps of a training."""
        if vocabulary.gap_mark is None or tracker is None:
            raise ValueError("gaps need a mark in the vocabulary, and a tracker")
        return cls(config.gaps, vocabulary.gap_mark, tracker)

    def draw(
        self, texts: Sequence[NDArray[np.int32]], random: np.random.Generator
    ) -> dict[int, tuple[int, int]]:
        """Return by text where its gap begins and ends, for texts chosen at random.

        A gap has 1 to ``WIDEST_GAP`` bars, but never all of a text.
        """
        drawn = {}
        for text in np.flatnonzero(random.random(len(texts)) < self.share).tolist():
            bars = self.tracker.bars_of(texts[text])
            width = min(int(random.integers(1, WIDEST_GAP + 1)), len(bars) - 1)
            if width > 0:
                first = int(random.integers(len(bars) - width + 1))
                drawn[text] = bars[first][0], bars[first + width - 1][1]
        return drawn

    def show(
        self, ids: NDArray[np.int32], start: int, stop: int
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return ids and position features of a text with a gap, before the end mark at its end.

        The end mark needs no features: it is a target only.
        """
        ids, end = ids[:-1], ids[-1:]
        parts = ids[:start], [self.mark], ids[stop:], [self.mark], ids[start:stop], end
        return np.concatenate(parts, dtype=np.int32), self.tracker.features_around(ids, start, stop)


class TextDataset:
    """Whole texts in batches of similar length, padded on the right.

    Texts longer than ``longest`` characters are divided into chunks. ``multiple`` divides the width
    of every batch. With ``attending``, batches of long texts have fewer rows. ``packed`` puts
    several texts in a row, so that batches have few shapes. With ``gaps`` a share of the texts,
    other ones in every epoch, is shown with a gap.

    Raises:
        InputError: if the vocabulary lacks a character.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        vocabulary: Vocabulary,
        batch_size: int,
        *,
        multiple: int = 1,
        longest: int | None = None,
        attending: bool = False,
        packed: bool = False,
        tracker: PositionFeatures | None = None,
        gaps: Gaps | None = None,
    ) -> None:
        self._ids = [with_marks(vocabulary.encode(example.text)) for example in examples]
        self._positions = [tracker.features_of(ids) for ids in self._ids] if tracker else None
        self._unscored = [min(example.unscored, len(example.text)) for example in examples]
        self._batch_size, self._multiple, self._longest = batch_size, multiple, longest
        self._attending = attending
        self.tunes = len(examples)
        self.scored = sum(example.scored for example in examples)
        self.notes = sum(example.notes for example in examples)
        # Of each chunk: its text, and where its inputs begin and end. The last id of a text is a
        # target only.
        self._chunks = [
            (text, start, min(start + (longest or ids.size), ids.size - 1))
            for text, ids in enumerate(self._ids)
            for start in range(0, ids.size - 1, longest or ids.size)
        ]
        # Number of targets of each chunk, the end mark included.
        self.lengths = np.array([stop - start for _, start, stop in self._chunks], np.int64)
        # Where the gaps of this epoch begin and end, by text; their marks make these texts longer.
        self._gaps, self._drawn = gaps, dict[int, tuple[int, int]]()
        self._widths = self.lengths
        # The shapes of the batches, if texts are packed; wide enough for the marks of gaps.
        self._packing = None
        if packed and self.lengths.size:
            room = self.lengths + (2 if gaps else 0)
            self._packing = Packing.of(room, batch_size, self._most_rows)

    @property
    def characters(self) -> int:
        """Number of targets in one epoch."""
        return int(self.lengths.sum())

    def in_order(self) -> list[NDArray[np.intp]]:
        """Return all batches by length, each as the indices of its chunks."""
        if self._packing:
            return self._packing.batches(self._widths, np.random.default_rng(0))
        return self._batches(np.argsort(self.lengths, kind="stable"))

    def shuffled(self, seed: int, epoch: int) -> list[NDArray[np.intp]]:
        """Return the batches of an epoch in random order, the same for the same seed."""
        self.draw_gaps(np.random.default_rng([seed, epoch, 1]))
        random = np.random.default_rng([seed, epoch])
        if self._packing:
            return self._packing.batches(self._widths, random)
        noise = random.uniform(1 - LENGTH_NOISE, 1 + LENGTH_NOISE, self.lengths.size)
        batches = self._batches(np.argsort(self.lengths * noise, kind="stable"))
        return [batches[index] for index in random.permutation(len(batches))]

    def draw_gaps(self, random: np.random.Generator, first: int = 0) -> None:
        """Show other texts with gaps from now on, none before the text number ``first``."""
        if self._gaps:
            drawn = self._gaps.draw(self._ids, random)
            self._drawn = {text: gap for text, gap in drawn.items() if text >= first}
            marks = [2 if text in self._drawn else 0 for text, _, _ in self._chunks]
            self._widths = self.lengths + np.array(marks, np.int64)

    def batch(self, indices: NDArray[np.intp]) -> Batch:
        """Lay out the chunks of these indices, with the gaps that were drawn last."""
        # 1) Where in its row each text begins, after a position of padding if it is not the first.
        indices = indices.reshape(len(indices), -1)  # (B, N)
        is_text = indices >= 0
        used = np.where(is_text, self._widths[indices] + 1, 0).cumsum(axis=1)
        width = self._width(int(used.max()) - 1)  # T
        rows = np.nonzero(is_text)[0]
        chosen = indices[is_text]  # (texts,)
        lengths = self._widths[chosen]
        begins = rows * width + used[is_text] - 1 - lengths
        # 2) Their characters, one text after the other.
        texts = np.array([self._chunks[index][0] for index in chosen])
        starts = np.array([self._chunks[index][1] for index in chosen])
        shown = [self._shown(text) for text in texts]
        spans = list(zip(shown, starts, starts + lengths, strict=True))
        ids = np.concatenate([ids[start:stop] for (ids, _), start, stop in spans])
        following = np.concatenate([ids[start + 1 : stop + 1] for (ids, _), start, stop in spans])
        within = np.arange(ids.size) - np.repeat(lengths.cumsum() - lengths, lengths)
        # 3) The same where they are in the batch.
        places = np.repeat(begins, lengths) + within
        shape = len(indices), width
        features = self._positions[0].shape[1] if self._positions else 0  # F
        inputs = np.full((math.prod(shape), 1 + features), PADDING, np.int32)  # (B * T, 1 + F)
        targets = np.full(math.prod(shape), PADDING, np.int32)  # (B * T,)
        present, scored = np.zeros((2, math.prod(shape)), np.float32)
        inputs[places, 0], targets[places], present[places] = ids, following, 1.0
        unscored = np.array([self._unscored[text] for text in texts]) - starts
        scored[places] = within >= np.repeat(unscored, lengths)
        columns = [marks[start:stop] for (_, marks), start, stop in spans if marks is not None]
        if features:
            inputs[places, 1:] = np.concatenate(columns)
        if self._gaps:
            is_mark = targets == self._gaps.mark
            present[is_mark] = scored[is_mark] = 0.0
        return Batch(
            inputs.reshape(*shape, -1) if features else inputs.reshape(shape),
            targets.reshape(shape),
            present.reshape(shape),
            scored.reshape(shape),
        )

    def fingerprint(self) -> str:
        """Return a hash of the texts, their order and everything else that shapes batches."""
        cut = f" {self._multiple} {self._longest}" if self._multiple > 1 or self._longest else ""
        cut += " attending" * self._attending + " packed" * bool(self._packing)
        # Options that are off add nothing, so that runs from before they existed can be resumed.
        digest = hashlib.sha256(f"{self._batch_size}{cut}".encode())
        for ids in self._ids:
            characters = ids[1:-1]
            digest.update(np.int64(characters.size).tobytes() + characters.tobytes())
        return digest.hexdigest()[:16]

    def _shown(self, text: int) -> tuple[NDArray[np.int32], NDArray[np.uint8] | None]:
        """Return the ids and position features of a text, with its gap if it is shown with one."""
        if self._gaps and (gap := self._drawn.get(text)):
            return self._gaps.show(self._ids[text], *gap)
        return self._ids[text], self._positions[text] if self._positions is not None else None

    def _batches(self, order: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Cut an order of the chunks into batches of even size, smaller where they are wide."""
        if not order.size:
            return []
        batches = []
        # -(-a // b) is a / b, rounded up.
        for indices in np.array_split(order, -(-order.size // self._batch_size)):
            rows = self._most_rows(self._width(int(self._widths[indices].max())))
            batches += np.array_split(indices, -(-indices.size // rows))
        return batches

    def _most_rows(self, width: int) -> int:
        """Return the most rows of a batch of this width."""
        rows = min(self._batch_size, self._batch_size * WIDEST_FULL_BATCH // width)
        if self._attending:
            rows = min(rows, self._batch_size * WIDEST_ATTENDING_BATCH**2 // width**2)
        return max(1, rows)

    def _width(self, used: int) -> int:
        """Return the width of a batch whose widest row has ``used`` positions."""
        if self._packing:
            return self._packing.width(used)
        return -(-round_up(used) // self._multiple) * self._multiple


class WindowDataset:
    """Windows of ``length`` characters before every position of every text, padded on the left.

    With a stride, an epoch has every N-th position, starting at a random one, so that in time all
    are trained on; measuring has every N-th too, always the same.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        vocabulary: Vocabulary,
        batch_size: int,
        *,
        length: int,
        stride: int = 1,
    ) -> None:
        self._batch_size, self._length, self._stride = batch_size, length, stride
        self.tunes = len(examples)
        self.scored = sum(example.scored for example in examples)
        self.notes = sum(example.notes for example in examples)
        # All texts one after the other, each after a window's padding, so that the window before a
        # target is a slice.
        padding = np.full(length - 1, PADDING, np.int32)
        parts, targets = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        scored = [np.zeros(0, bool)]
        begin = 0
        for example in examples:
            ids = with_marks(vocabulary.encode(example.text))
            parts += [padding, ids]
            targets.append(begin + length + np.arange(ids.size - 1))
            scored.append(np.arange(ids.size - 1) >= example.unscored)
            begin += length - 1 + ids.size
        self._ids = np.concatenate(parts)
        # Where among these ids the targets are, and which are scored.
        self._targets, self._scored = np.concatenate(targets), np.concatenate(scored)  # (windows,)

    @property
    def characters(self) -> int:
        """Number of windows in one epoch."""
        return -(-self._targets.size // self._stride)

    def in_order(self) -> list[NDArray[np.intp]]:
        """Return all batches in the order of the texts."""
        return self._batches(np.arange(0, self._targets.size, self._stride))

    def shuffled(self, seed: int, epoch: int) -> list[NDArray[np.intp]]:
        """Return the batches of an epoch in random order, the same for the same seed."""
        random = np.random.default_rng([seed, epoch])
        first = int(random.integers(min(self._stride, max(1, self._targets.size))))
        return self._batches(random.permutation(np.arange(first, self._targets.size, self._stride)))

    def batch(self, indices: NDArray[np.intp]) -> Batch:
        """Lay out the windows of these indices."""
        targets = self._targets[indices]  # (B,)
        inputs = self._ids[targets[:, None] + np.arange(-self._length, 0)]  # (B, T)
        scored = self._scored[indices].astype(np.float32)  # (B,)
        return Batch(inputs, self._ids[targets], np.ones(indices.size, np.float32), scored)

    def fingerprint(self) -> str:
        """Return a hash of the texts, their order, batch size, length and stride."""
        settings = f"windows {self._batch_size} {self._length} {self._stride}"
        digest = hashlib.sha256(settings.encode())
        digest.update(self._ids.tobytes() + self._targets.tobytes())
        return digest.hexdigest()[:16]

    def _batches(self, order: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        if not order.size:
            return []
        return np.array_split(order, -(-order.size // self._batch_size))


def with_marks(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return ids between begin and end mark."""
    return np.concatenate([[BEGIN], ids, [END]]).astype(np.int32)


def round_up(width: int) -> int:
    """Return the next of a few widths, at most an eighth wider from 128 up.

    Few widths, because a backend may compile its graph once for each.
    """
    # An eighth of the power of two below the width.
    step = max(NARROWEST_STEP, 1 << max(0, width.bit_length() - 4))
    return -(-width // step) * step
