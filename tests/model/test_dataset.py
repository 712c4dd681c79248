from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.example import Example
from abcgen.model.dataset import WIDEST_FULL_BATCH, TextDataset, WindowDataset, round_up
from abcgen.model.vocabulary import BEGIN, END, PADDING, Vocabulary

VOCABULARY = Vocabulary("\nab")


def _batches(lengths: list[int], size: int) -> TextDataset:
    return TextDataset([Example("a" * length) for length in lengths], Vocabulary("a"), size)


def test_the_target_of_every_position_is_the_next_character() -> None:
    vocabulary = Vocabulary("\nab")
    batch = TextDataset([Example("a\nb", unscored=2)], vocabulary, 4).batch(np.array([0]))
    text = vocabulary.encode("a\nb").tolist()
    assert batch.inputs[0, :4].tolist() == [BEGIN, *text]
    assert batch.targets[0, :4].tolist() == [*text, END]
    assert batch.present[0, :4].tolist() == [1, 1, 1, 1]
    assert batch.scored[0, :4].tolist() == [0, 0, 1, 1]


def test_padding_is_on_the_right_and_counts_for_nothing() -> None:
    batch = TextDataset([Example("ab"), Example("a")], Vocabulary("ab"), 4).batch(np.array([0, 1]))
    assert batch.inputs.shape == (2, 16)
    assert (batch.inputs[1, 2:] == PADDING).all()
    assert batch.present.sum() == batch.scored.sum() == batch.characters == 5


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 9))
def test_every_epoch_has_every_text_once(lengths: list[int], size: int, epoch: int) -> None:
    dealt = _batches(lengths, size).shuffled(5, epoch)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(len(lengths)))
    assert all(1 <= places.size <= size for places in dealt)


def test_a_batch_has_texts_of_similar_length() -> None:
    lengths = np.random.default_rng(0).integers(50, 900, 500)
    batches = _batches(lengths.tolist(), 16)
    cells = [batches.batch(places).inputs.size for places in batches.shuffled(0, 0)]
    assert sum(cells) < 1.3 * batches.characters


def test_the_order_of_texts_depends_on_seed_and_epoch_only() -> None:
    batches = _batches(list(range(40)), 4)
    orders = [
        [places.tolist() for places in batches.shuffled(seed, epoch)]
        for seed, epoch in [(1, 1), (1, 1), (1, 2), (2, 1)]
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != orders[3]


def test_very_long_texts_come_in_smaller_batches() -> None:
    batches = _batches([10] * 8 + [6000] * 8, 8)
    for places in batches.in_order():
        assert places.size == 1 or batches.batch(places).inputs.size <= 8 * WIDEST_FULL_BATCH


@given(st.integers(1, 100_000))
def test_a_width_is_rounded_up_by_an_eighth_at_most(width: int) -> None:
    assert width <= round_up(width) <= max(width + 15, width * 1.125 + 1)
    assert round_up(round_up(width)) == round_up(width)


def test_there_are_few_widths() -> None:
    assert len({round_up(width) for width in range(257, 513)}) <= 8


@pytest.mark.parametrize("other", [(["ab", "a"], 4), (["ba"], 4), (["ab"], 5), (["a", "b"], 4)])
def test_a_fingerprint_tells_texts_and_batch_sizes_apart(other: tuple[list[str], int]) -> None:
    texts, size = other
    fingerprint = TextDataset([Example("ab")], VOCABULARY, 4).fingerprint()
    changed = TextDataset([Example(text) for text in texts], VOCABULARY, size)
    assert changed.fingerprint() != fingerprint


def test_no_texts_give_no_batches() -> None:
    assert TextDataset([], VOCABULARY, 4).in_order() == []
    assert TextDataset([], VOCABULARY, 4).shuffled(0, 0) == []


def test_chunks_of_a_long_text_lose_no_character() -> None:
    text = "ab" * 20
    batches = TextDataset([Example(text, unscored=7)], VOCABULARY, 9, longest=16)
    batch = batches.batch(np.arange(3))
    pieces = [
        row[: int(present.sum())] for row, present in zip(batch.targets, batch.present, strict=True)
    ]
    assert np.concatenate(pieces).tolist() == [*VOCABULARY.encode(text).tolist(), END]
    assert [len(piece) for piece in pieces] == [16, 16, 9]
    assert batch.inputs[1, 0] == batch.targets[0, 15]
    assert batch.scored.sum() == batches.scored == 34
    assert batches.tunes == 1


def test_a_width_can_be_made_a_multiple() -> None:
    batches = TextDataset([Example("a" * length) for length in (3, 70)], VOCABULARY, 9, multiple=24)
    assert batches.batch(np.arange(2)).inputs.shape == (2, 96)


def test_long_texts_come_in_still_smaller_batches_with_attention() -> None:
    examples = [Example("a" * length) for length in [10] * 8 + [2000] * 8]
    plain, attending = (TextDataset(examples, VOCABULARY, 8, attending=x) for x in (False, True))
    assert max(map(len, attending.in_order())) == 8
    assert len(attending.in_order()) > len(plain.in_order())
    assert attending.fingerprint() != plain.fingerprint()


def _windows(texts: list[str], *, length: int = 4, stride: int = 1, size: int = 8) -> WindowDataset:
    return WindowDataset(list(map(Example, texts)), VOCABULARY, size, length=length, stride=stride)


def test_a_window_has_the_characters_before_its_target_and_none_of_other_texts() -> None:
    windows = _windows(["ab", "b"])
    (places,) = windows.in_order()
    batch = windows.batch(places)
    a, b = VOCABULARY.encode("ab").tolist()
    assert batch.inputs.tolist() == [
        [PADDING, PADDING, PADDING, BEGIN],
        [PADDING, PADDING, BEGIN, a],
        [PADDING, BEGIN, a, b],
        [PADDING, PADDING, PADDING, BEGIN],
        [PADDING, PADDING, BEGIN, b],
    ]
    assert batch.targets.tolist() == [a, b, END, b, END]


def test_a_window_of_a_long_text_has_its_last_characters() -> None:
    windows = _windows(["a" * 9 + "b"])
    batch = windows.batch(windows.in_order()[-1])
    assert batch.inputs.shape[1] == 4
    assert batch.inputs[-1].tolist() == VOCABULARY.encode("aaab").tolist()


def test_given_characters_are_not_scored_in_windows() -> None:
    windows = WindowDataset([Example("aab", unscored=2)], VOCABULARY, 8, length=4)
    assert windows.batch(np.arange(4)).scored.tolist() == [0, 0, 1, 1]
    assert windows.scored == 2


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9), st.integers(1, 7), st.integers(1, 9))
def test_an_epoch_has_every_nth_window(lengths: list[int], stride: int, size: int) -> None:
    windows = _windows(["a" * length for length in lengths], stride=stride, size=size)
    total = sum(lengths) + len(lengths)
    dealt = windows.shuffled(3, 5)
    taken = sorted(np.concatenate(dealt).tolist()) if dealt else []
    assert all(places.size <= size for places in dealt)
    assert all(later - sooner == stride for sooner, later in pairwise(taken))
    assert abs(len(taken) - total / stride) <= 1


def test_all_epochs_together_have_every_window() -> None:
    windows = _windows(["ab" * 10], stride=5)
    seen = {place for epoch in range(40) for part in windows.shuffled(0, epoch) for place in part}
    assert seen == set(range(21))


def test_the_order_of_windows_depends_on_seed_and_epoch_only() -> None:
    windows = _windows(["ab" * 10], stride=2)
    orders = [np.concatenate(windows.shuffled(*key)).tolist() for key in ((1, 1), (1, 1), (1, 2))]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("change", [{"length": 5}, {"stride": 2}, {"size": 9}])
def test_a_fingerprint_tells_settings_of_windows_apart(change: dict[str, int]) -> None:
    assert _windows(["ab"]).fingerprint() != _windows(["ab"], **change).fingerprint()


def test_no_texts_give_no_windows() -> None:
    windows = _windows([])
    assert windows.in_order() == windows.shuffled(0, 0) == []
    assert windows.characters == 0
