"""Training on texts with gaps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.example import GAP_MARK, Example
from abcgen.grammar.positions import PositionTracker
from abcgen.model.checkpoint import WEIGHTS, load_checkpoint
from abcgen.model.dataset import WIDEST_GAP, TextDataset, dataset_of
from abcgen.model.events import Event, Step
from abcgen.model.positions import feature_tables
from abcgen.model.training import TrainData, train
from abcgen.model.vocabulary import BEGIN, END, PADDING, Vocabulary
from tests.model.eager import run_eagerly

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.model.events import Event
from abcgen.model.dataset import Dataset

NETWORK = NetworkConfig(
    units=8, embedding=6, heads=2, dropout=0.2, positions=True, form=True, relative_pitch=True
)
TEXTS = [
    f"R:reel\nM:4/4\nK:Cmaj\nP:0,{2 * bars}:,{bars}\n"
    f"|:{'c2d2e2f2|' * bars}{'|'.join(['g8'] * bars)}:|{'|'.join(['G4A4'] * bars)}|]\n"
    for bars in range(1, 13)
]
EXAMPLES = [Example(text, 7, 20) for text in TEXTS]
VOCABULARY = Vocabulary.of(TEXTS).extended([GAP_MARK])


def tracker(network: NetworkConfig = NETWORK) -> PositionTracker:
    return PositionTracker(VOCABULARY.tokens, tuple(feature_tables(network)))


def dataset(gaps: float, network: NetworkConfig = NETWORK, *, measuring: bool = False) -> Dataset:
    config = TrainConfig(batch_size=4, gaps=gaps)
    return dataset_of(
        EXAMPLES, VOCABULARY, network, config, tracker=tracker(network), measuring=measuring
    )


def shown(texts: Dataset, seed: int, epoch: int) -> list[str]:
    """Return the texts of an epoch as they are shown, in a fixed order."""
    found = []
    for indices in texts.shuffled(seed, epoch):
        batch = texts.batch(indices)
        for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
            length = np.count_nonzero(targets != PADDING)
            ids = [*inputs[:length, 0], targets[length - 1]]
            assert ids[0] == BEGIN
            assert ids[-1] == END
            assert ids[1:] == targets[:length].tolist()
            found.append(VOCABULARY.decode(ids))
    return sorted(found)


def whole(text: str) -> str:
    """Return a text with its gap filled."""
    before, *rest = text.split(GAP_MARK)
    return before + "".join(reversed(rest))


def test_a_gap_hides_whole_bars_and_is_filled_at_the_end() -> None:
    texts = dataset(0.9)
    for epoch in range(5):
        found = shown(texts, 1, epoch)
        assert sorted(map(whole, found)) == sorted(TEXTS)
        gapped = [text for text in found if GAP_MARK in text]
        assert gapped
        for text in gapped:
            before, after, gap = text.split(GAP_MARK)
            assert before[-1] in "|:\n"
            assert before.startswith("R:reel\nM:4/4\nK:Cmaj\nP:")
            assert after[0] in "|:"
            assert 1 <= len(re.split(r"[|:]+", gap)) <= WIDEST_GAP
            assert gap[0] not in "|:"
            assert gap[-1] not in "|:"


def test_gaps_depend_on_seed_and_epoch_only() -> None:
    texts = dataset(0.5)
    first = shown(texts, 1, 1)
    assert shown(texts, 1, 2) != first
    assert shown(texts, 2, 1) != first
    # Whatever came before, as when a run is resumed.
    assert shown(texts, 1, 1) == first
    assert shown(dataset(0.5), 1, 1) == first


def test_marks_are_no_targets_and_all_else_is() -> None:
    texts = dataset(0.9)
    seen = 0
    for indices in texts.shuffled(1, 0):
        batch = texts.batch(indices)
        is_mark = batch.targets == VOCABULARY.gap_mark
        assert np.array_equal(batch.present == 0, is_mark | (batch.targets == PADDING))
        assert not batch.scored[is_mark].any()
        seen += int(is_mark.sum())
        characters = sum(len(TEXTS[index]) + 1 for index in indices)
        assert batch.characters == characters
    assert seen > 0
    assert texts.characters == sum(len(text) + 1 for text in TEXTS)


def test_without_gaps_batches_are_as_they_were() -> None:
    plain = TextDataset(EXAMPLES, VOCABULARY, 4, attending=True, tracker=tracker())
    for other in (dataset(0.0), dataset(0.9, measuring=True)):
        assert other.fingerprint() == plain.fingerprint()
        pairs = zip(plain.shuffled(3, 4), other.shuffled(3, 4), strict=True)
        for ours, theirs in pairs:
            assert np.array_equal(ours, theirs)
            for one, two in zip(
                vars_of(plain.batch(ours)), vars_of(other.batch(theirs)), strict=True
            ):
                assert np.array_equal(one, two)


def vars_of(batch: object) -> list[np.ndarray]:
    return [getattr(batch, name) for name in ("inputs", "targets", "present", "scored")]


def test_a_network_without_position_features_learns_gaps_too() -> None:
    plain = NetworkConfig(units=8, embedding=6, heads=2)
    texts = dataset(0.9, plain)
    (first, *_) = texts.shuffled(1, 0)
    assert texts.batch(first).inputs.ndim == 2


def test_the_mark_is_never_drawn_and_only_in_vocabularies_with_gaps() -> None:
    assert VOCABULARY.gap_mark in VOCABULARY.never_drawn
    assert VOCABULARY.characters[-1] == GAP_MARK
    assert Vocabulary.of(TEXTS).gap_mark is None


def test_an_interrupted_run_with_gaps_resumes_to_the_same_weights(tmp_path: Path) -> None:
    network = NetworkConfig(units=4, embedding=4, heads=2, dropout=0.2, attention=False)
    config = TrainConfig(epochs=3, batch_size=2, learning_rate=0.05, seed=3, gaps=0.5)
    data = TrainData(EXAMPLES[1:5], EXAMPLES[:2], VOCABULARY, tracker(network))
    with run_eagerly():
        train(data, network, config, tmp_path / "whole")
        steps = 0

        def interrupt(event: Event) -> None:
            nonlocal steps
            if isinstance(event, Step):
                steps += 1
                if steps == 3:
                    raise KeyboardInterrupt

        assert train(data, network, config, tmp_path / "parts", on_event=interrupt).interrupted
        train(data, network, config, tmp_path / "parts", resume=True)
        train(data, network, config.replace(gaps=0.0), tmp_path / "plain")
    one, other, without = (
        load_checkpoint(tmp_path / name).weights for name in ("whole", "parts", "plain")
    )
    assert all(np.allclose(one[name], other[name], atol=1e-6, rtol=0) for name in one)
    assert not all(np.allclose(one[name], without[name], atol=1e-4) for name in one)
    assert (tmp_path / "parts" / WEIGHTS).is_file()


def test_gaps_need_a_mark_and_a_tracker() -> None:
    config = TrainConfig(gaps=0.5)
    for vocabulary, features in ((Vocabulary.of(TEXTS), tracker()), (VOCABULARY, None)):
        with pytest.raises(ValueError, match="gaps"):
            dataset_of(
                EXAMPLES, vocabulary, NetworkConfig(units=8, heads=2), config, tracker=features
            )
