"""Filling gaps with a network that knows both sides, or only what is before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abcgen.config import NetworkConfig, SampleConfig
from abcgen.example import GAP_MARK
from abcgen.grammar.bars import bars_of
from abcgen.grammar.positions import PositionTracker
from abcgen.model.dataset import Gaps, with_marks
from abcgen.model.filling import Gap, ReadGap, fill
from abcgen.model.inference import StepNetwork
from abcgen.model.positions import feature_tables
from abcgen.model.vocabulary import BEGIN, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Weights

    MakeWeights = Callable[[NetworkConfig, int], Weights]

TEXT = "R:reel\nM:4/4\nK:Cmaj\nP:0,4:,2\n|:c2d2e2f2|g4g'4|[ce]8|d8:|(3efge6|c8|]\n"
PLAIN = Vocabulary.of([TEXT])
MARKED = PLAIN.extended([GAP_MARK])
NETWORKS = [
    NetworkConfig(units=8, embedding=6, heads=2),
    NetworkConfig(units=8, embedding=6, heads=2, positions=True, form=True, relative_pitch=True),
    NetworkConfig(units=8, embedding=6, heads=2, positions=True, bidirectional=True),
    NetworkConfig(
        units=8, embedding=6, heads=2, layers=2, blocks=True, positions=True, relative_pitch=True
    ),
]


class FixedFeatures:
    """Features that are given; a state is the number of characters read."""

    def __init__(self, tracker: PositionTracker, features: NDArray[np.uint8]) -> None:
        self.token_heights = tracker.token_heights
        self._features = features

    def start(self, batch: int) -> NDArray[Any]:
        return np.full(batch, -1)

    def advance(self, states: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        assert states.shape == ids.shape
        return states + 1

    def features(self, states: NDArray[Any]) -> NDArray[np.int32]:
        rows: NDArray[np.int32] = self._features[states].astype(np.int32)
        return rows


def gap_of(first: int, last: int) -> tuple[Gap, int, int]:
    bars = bars_of(TEXT)
    start, stop = bars[first][0], bars[last][1]
    return Gap(TEXT[:start], TEXT[stop:], TEXT[start:stop]), start, stop


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 2), (2, 4), (4, 5)])
def test_a_gap_is_read_as_in_training(
    network: NetworkConfig, first: int, last: int, random_weights: MakeWeights
) -> None:
    weights = random_weights(network, MARKED.size)
    tracker = PositionTracker(MARKED.tokens, tuple(feature_tables(network)))
    gap, start, stop = gap_of(first, last)
    # 1) As in training, with the features of the layout.
    assert MARKED.gap_mark is not None
    shown, features = Gaps(0.5, MARKED.gap_mark, tracker).show(
        with_marks(MARKED.encode(TEXT)), start + 1, stop + 1
    )
    fixed: Any = FixedFeatures(tracker, features)
    trained = StepNetwork(network, weights, fixed)
    state, expected = trained.start(1), []
    for id_ in shown[:-1]:
        logits, state = trained.step(np.array([id_], np.int32), state)
        expected.append(logits[0])
    # 2) As in filling, two texts at once.
    reader = ReadGap(StepNetwork(network, weights, tracker), MARKED, gap)
    state, found = reader.start(2), []
    for id_ in [BEGIN, *MARKED.encode(gap.bars)]:
        logits, state = reader.step(np.array([id_, id_], np.int32), state)
        assert np.allclose(logits[0], logits[1], atol=1e-6)
        found.append(logits[0])
    assert np.allclose(found, expected[-len(found) :], atol=1e-5)


def drawn(network: NetworkConfig, vocabulary: Vocabulary, weights: Weights, gap: Gap) -> list[str]:
    tracker = PositionTracker(vocabulary.tokens, tuple(feature_tables(network)))
    steps = StepNetwork(network, weights, tracker)
    config = SampleConfig(max_characters=20, temperature=1.0)
    return [sampled.text for sampled in fill(steps, vocabulary, gap, range(6), config, 3)]


def test_the_notes_of_the_gap_have_no_effect_and_what_comes_after_has(
    random_weights: MakeWeights,
) -> None:
    network = NETWORKS[1]
    weights = random_weights(network, MARKED.size)
    gap, *_ = gap_of(1, 2)
    first = drawn(network, MARKED, weights, gap)
    assert len(set(first)) > 1
    assert drawn(network, MARKED, weights, gap) == first
    assert drawn(network, MARKED, weights, Gap(gap.before, gap.after, "c8|[ce]2g4c2")) == first
    assert drawn(network, MARKED, weights, Gap(gap.before, "|c8:|f8|f8|]\n", gap.bars)) != first
    assert not any(GAP_MARK in text for text in first)


def test_a_network_without_gaps_knows_only_what_is_before(random_weights: MakeWeights) -> None:
    network = NETWORKS[1]
    weights = random_weights(network, PLAIN.size)
    gap, *_ = gap_of(1, 2)
    first = drawn(network, PLAIN, weights, gap)
    assert drawn(network, PLAIN, weights, Gap(gap.before, "|c8:|f8|f8|]\n", gap.bars)) == first
    assert drawn(network, PLAIN, weights, Gap(gap.before + "c", gap.after, gap.bars)) != first
