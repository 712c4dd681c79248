"""Measure what knowing both sides of a gap is worth, on the held-out tunes of a checkpoint.

Run from the project's root:

    python -m benchmarks.gaps.run [CHECKPOINT] [--bars 2,4,8] [--gaps-a-tune 2]
"""

from __future__ import annotations

import argparse
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.model.checkpoint import load_checkpoint
from abcgen.model.dataset import Gaps, with_marks
from abcgen.model.inference import StepNetwork
from abcgen.model.positions import feature_tables
from abcgen.pipeline.checkpoints import checkpoint_hash, examples_for, find_checkpoint, tracker_of
from abcgen.pipeline.held_out import read_held_out
from benchmarks.machine import processor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.grammar.positions import PositionTracker
    from abcgen.model.checkpoint import Checkpoint

TABLE = Path(__file__).parent / "table.md"
BATCH_SIZE = 64
RESAMPLES = 2000
WANTED = 0.15  # fewer bits with both sides


@dataclass(frozen=True, slots=True)
class HeldOutGap:
    """Bars of a held-out tune."""

    tune: int
    # Ids of the tune with begin and end mark, and where in them the bars begin and end.
    ids: NDArray[np.int32]
    start: int
    stop: int
    notes: int


class Reading(NamedTuple):
    """A text as a network reads it."""

    ids: NDArray[np.int32]  # (T,)
    features: NDArray[np.uint8]  # of all but perhaps the last, (T, F)
    # Which of the ids are scored.
    scored: slice


class GivenFeatures:
    """Position features of a batch of texts that are computed beforehand.

    A state is the number of the text and how many of its characters were read.
    """

    def __init__(self, tracker: PositionTracker, features: NDArray[np.uint8]) -> None:
        self.token_heights = tracker.token_heights
        self._features = features  # (B, T, F)

    def start(self, batch: int) -> NDArray[Any]:
        """Return the states before anything is read, (B, 2)."""
        states: NDArray[Any] = np.stack([np.arange(batch), np.full(batch, -1)], axis=1)
        return states

    def advance(self, states: NDArray[Any], _ids: NDArray[np.int32]) -> NDArray[Any]:
        """Return the states after one more character of every text, (B, 2)."""
        after: NDArray[Any] = states + np.array([0, 1])
        return after

    def features(self, states: NDArray[Any]) -> NDArray[np.int32]:
        """Return the features of the last character read in every text, (B, F)."""
        rows: NDArray[np.int32] = self._features[states[:, 0], states[:, 1]].astype(np.int32)
        return rows


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--bars", default="2,4,8")
    parser.add_argument("--gaps-a-tune", type=int, default=2)
    parser.add_argument("--tunes", type=int, help="only so many of the held-out tunes")
    options = parser.parse_args()
    folder = find_checkpoint(options.checkpoint)
    checkpoint = load_checkpoint(folder)
    tunes = examples_for(checkpoint.network, read_held_out(folder).test)[: options.tunes]
    tracker = tracker_of(checkpoint.network, checkpoint.vocabulary)
    texts = [with_marks(checkpoint.vocabulary.encode(tune.text)) for tune in tunes]
    mark = checkpoint.vocabulary.gap_mark
    if mark is None:
        print(
            f"{folder} cannot read what comes after a gap: it was trained without --gaps. "
            "Only its figures given the left side follow."
        )
    rows = []
    for width in map(int, options.bars.split(",")):
        gaps = held_out_gaps(texts, tracker, width, options.gaps_a_tune)
        left, mark_share = bits_of(checkpoint, tracker, [left_side(gap, tracker) for gap in gaps])
        notes = sum(gap.notes for gap in gaps)
        row = [f"{width}", f"{len(gaps)}", f"{notes:,}", f"{left.sum() / notes:.3f}"]
        if mark is not None:
            shown = Gaps(0.0, mark, tracker)
            both, _ = bits_of(checkpoint, tracker, [both_sides(gap, shown) for gap in gaps])
            low, high = gain_interval(gaps, left, both)
            row += [
                f"{both.sum() / notes:.3f}",
                f"{1 - both.sum() / left.sum():.1%} ({low:.1%} to {high:.1%})",
                f"{mark_share:.1e}",
            ]
        rows.append(f"| {' | '.join(row)} |")
        print(rows[-1], flush=True)
    if mark is not None:
        TABLE.write_text(table(folder, len(tunes), rows), encoding="utf-8")


def held_out_gaps(
    texts: Sequence[NDArray[np.int32]], tracker: PositionTracker, width: int, count: int
) -> list[HeldOutGap]:
    """Return up to ``count`` gaps of ``width`` bars of each tune, always the same."""
    random = np.random.default_rng([width, count])
    gaps = []
    for tune, ids in enumerate(texts):
        bars = tracker.bars_of(ids)
        # As in training, never all bars of a tune.
        places = len(bars) - width + 1 if len(bars) > width else 0
        for first in sorted(random.permutation(places)[:count].tolist()):
            start, stop = bars[first][0], bars[first + width - 1][1]
            notes = int(np.count_nonzero(tracker.token_heights[ids[start:stop]]))
            gaps.append(HeldOutGap(tune, ids, start, stop, notes))
    return gaps


def left_side(gap: HeldOutGap, tracker: PositionTracker) -> Reading:
    """Return a tune up to the end of its gap."""
    ids = gap.ids[: gap.stop]
    return Reading(ids, tracker.features_of(ids), slice(gap.start, gap.stop))


def both_sides(gap: HeldOutGap, gaps: Gaps) -> Reading:
    """Return a tune as in training with gaps: what was in the gap comes last."""
    ids, features = gaps.show(gap.ids, gap.start, gap.stop)
    end = len(ids) - 1
    return Reading(ids[:end], features, slice(end - (gap.stop - gap.start), end))


def bits_of(
    checkpoint: Checkpoint, tracker: PositionTracker, readings: Sequence[Reading]
) -> tuple[NDArray[np.float64], float]:
    """Return the bits of what is scored of each text, and how likely the mark is there."""
    bits = np.zeros(len(readings))
    mark_shares: list[float] = []
    mark = checkpoint.vocabulary.gap_mark
    order = sorted(range(len(readings)), key=lambda index: len(readings[index].ids))
    for first in range(0, len(order), BATCH_SIZE):
        rows = order[first : first + BATCH_SIZE]
        batch = [readings[row] for row in rows]
        length = max(len(reading.ids) for reading in batch)
        ids = np.zeros((len(batch), length), np.int32)  # (B, T)
        features = np.zeros((*ids.shape, len(feature_tables(checkpoint.network))), np.uint8)
        scored = np.zeros(ids.shape, bool)  # (B, T)
        for row, reading in enumerate(batch):
            ids[row, : len(reading.ids)] = reading.ids
            features[row, : len(reading.ids)] = reading.features[: len(reading.ids)]
            scored[row, reading.scored] = True
        given: Any = GivenFeatures(tracker, features)
        network = StepNetwork(checkpoint.network, checkpoint.weights, given)
        state = network.start(len(batch))
        for position in range(length - 1):
            logits, state = network.step(ids[:, position], state)  # (B, V)
            counted = scored[:, position + 1]
            if not counted.any():
                continue
            scores = logits[counted].astype(np.float64)
            scores -= scores.max(axis=1, keepdims=True)
            shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            targets = ids[counted, position + 1]
            bits[np.array(rows)[counted]] -= np.log2(shares[np.arange(len(targets)), targets])
            mark_shares += shares[:, mark].tolist() if mark is not None else []
    return bits, float(np.mean(mark_shares)) if mark_shares else 0.0


def gain_interval(
    gaps: Sequence[HeldOutGap], left: NDArray[np.float64], both: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the 95% interval of the share of bits saved, by resampling tunes."""
    tunes = np.array([gap.tune for gap in gaps])
    sums = np.stack([np.bincount(tunes, bits) for bits in (left, both)])  # (2, tunes)
    random = np.random.default_rng(0)
    drawn = random.integers(sums.shape[1], size=(RESAMPLES, sums.shape[1]))
    totals = sums[:, drawn].sum(axis=2)  # (2, RESAMPLES)
    low, high = np.quantile(1 - totals[1] / totals[0], [0.025, 0.975])
    return float(low), float(high)


def table(folder: Path, tunes: int, rows: Sequence[str]) -> str:
    """Return the results as a table."""
    return (
        f"Network {checkpoint_hash(folder)}, {tunes} held-out tunes; Python "
        f"{platform.python_version()}, {processor()}. Bits a note of what is in the gap; wanted: "
        f"{WANTED:.0%} fewer with both sides.\n\n"
        "| bars | gaps | notes | left side only | both sides | fewer (95% interval) "
        "| share of the mark in ordinary text |\n"
        f"|{'---|' * 7}\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
