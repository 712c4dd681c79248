from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.example import Example
from abcgen.model.dataset import WindowDataset
from abcgen.model.vocabulary import BEGIN, END, PADDING, Vocabulary

VOCABULARY = Vocabulary("\nab")


def _windows(texts: list[str], *, length: int = 4, stride: int = 1, size: int = 8) -> WindowDataset:
    return WindowDataset(list(map(Example, texts)), VOCABULARY, size, length=length, stride=stride)


def test_a_window_holds_what_lies_before_its_target_and_nothing_of_other_texts() -> None:
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


def test_a_long_text_is_seen_through_a_window_of_its_own_length() -> None:
    windows = _windows(["a" * 9 + "b"])
    batch = windows.batch(windows.in_order()[-1])
    assert batch.inputs.shape[1] == 4
    assert batch.inputs[-1].tolist() == VOCABULARY.encode("aaab").tolist()


def test_what_is_given_is_not_scored() -> None:
    windows = WindowDataset([Example("aab", unscored=2)], VOCABULARY, 8, length=4)
    assert windows.batch(np.arange(4)).scored.tolist() == [0, 0, 1, 1]
    assert windows.scored == 2


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9), st.integers(1, 7), st.integers(1, 9))
def test_an_epoch_takes_every_so_manieth_place(lengths: list[int], stride: int, size: int) -> None:
    windows = _windows(["a" * length for length in lengths], stride=stride, size=size)
    total = sum(lengths) + len(lengths)
    dealt = windows.shuffled(3, 5)
    taken = sorted(np.concatenate(dealt).tolist()) if dealt else []
    assert all(places.size <= size for places in dealt)
    assert all(later - sooner == stride for sooner, later in pairwise(taken))
    assert abs(len(taken) - total / stride) <= 1


def test_in_time_every_place_is_learnt_from() -> None:
    windows = _windows(["ab" * 10], stride=5)
    seen = {place for epoch in range(40) for part in windows.shuffled(0, epoch) for place in part}
    assert seen == set(range(21))


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    windows = _windows(["ab" * 10], stride=2)
    orders = [np.concatenate(windows.shuffled(*key)).tolist() for key in ((1, 1), (1, 1), (1, 2))]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("change", [{"length": 5}, {"stride": 2}, {"size": 9}])
def test_a_fingerprint_tells_settings_apart(change: dict[str, int]) -> None:
    assert _windows(["ab"]).fingerprint() != _windows(["ab"], **change).fingerprint()


def test_no_texts_give_no_windows() -> None:
    windows = _windows([])
    assert windows.in_order() == windows.shuffled(0, 0) == []
    assert windows.characters == 0
