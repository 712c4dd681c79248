"""Several texts in a row: few shapes, little padding, and the same results as one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.config import NetworkConfig
from abcgen.example import Example
from abcgen.grammar.positions import PositionTracker
from abcgen.model.architecture import weight_shapes
from abcgen.model.dataset import TextDataset
from abcgen.model.network import build_network, network_inputs
from abcgen.model.packing import MOST_WIDTHS, Packing
from abcgen.model.positions import feature_tables
from abcgen.model.resume import set_weights
from abcgen.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PLAIN = NetworkConfig(layers=2, units=8, embedding=5, heads=2, dropout=0.0, attention=False)
BLOCKS = PLAIN.replace(attention=True, blocks=True, ffn=12, positions=True, relative_pitch=True)


def _packed(lengths: list[int], size: int) -> TextDataset:
    texts = [Example("a" * length) for length in lengths]
    return TextDataset(texts, Vocabulary("a"), size, attending=True, packed=True)


def _shapes(data: TextDataset) -> list[tuple[int, ...]]:
    return [data.batch(rows).inputs.shape for rows in data.shuffled(0, 0)]


# Lengths of the texts of a corpus: even, normal, with a long tail, of a few kinds.
LENGTHS: dict[str, Callable[[np.random.Generator, int], NDArray[Any]]] = {
    "even": lambda random, n: random.integers(20, 900, n),
    "normal": lambda random, n: np.maximum(60, random.normal(280, 110, n)),
    "long tail": lambda random, n: np.exp(random.normal(5.5, 1.0, n)) + 1,
    "far apart": lambda random, n: np.exp(random.uniform(3, 8, n)),
    "all alike": lambda random, n: np.full(n, random.integers(5, 1500)),
    "two kinds": lambda random, n: random.choice(random.integers(20, 2000, 2), n),
}


@pytest.mark.parametrize("kind", LENGTHS)
@pytest.mark.parametrize("size", [8, 32, 128])
def test_any_corpus_has_at_most_four_shapes_and_little_padding(kind: str, size: int) -> None:
    random = np.random.default_rng(size)
    data = _packed(LENGTHS[kind](random, 600).astype(int).tolist(), size)
    shapes = _shapes(data)
    assert len(set(shapes)) <= MOST_WIDTHS
    assert len({width for _, width in shapes}) == len(set(shapes))
    assert data.characters > 0.85 * sum(rows * width for rows, width in shapes)


def test_the_longest_of_very_many_texts_has_a_width() -> None:
    lengths = np.random.default_rng(0).integers(100, 400, 45_000)
    lengths[7] = 3000
    packing = Packing.of(lengths, 32, lambda _width: 32)
    assert packing.width(3000) >= 3000
    assert len(packing.widths) <= MOST_WIDTHS


@settings(max_examples=40)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 9))
def test_every_epoch_has_every_text_once(lengths: list[int], size: int, epoch: int) -> None:
    data = _packed(lengths, size)
    for batches in (data.shuffled(5, epoch), data.in_order()):
        found = np.concatenate([rows.ravel() for rows in batches])
        assert sorted(found[found >= 0].tolist()) == list(range(len(lengths)))
        assert all(data.batch(rows).inputs.size for rows in batches)
    assert sum(data.batch(rows).characters for rows in data.in_order()) == data.characters


def test_the_order_of_packed_texts_depends_on_seed_and_epoch_only() -> None:
    data = _packed([*range(300), *range(300)], 8)
    orders = [
        [rows.tolist() for rows in data.shuffled(seed, epoch)]
        for seed, epoch in [(1, 1), (1, 1), (1, 2), (2, 1)]
    ]
    assert orders[0] == orders[1]
    assert orders[0] not in orders[2:]


@pytest.mark.parametrize("network", [PLAIN, BLOCKS], ids=["plain", "blocks"])
def test_a_packed_text_is_read_as_if_it_were_alone(network: NetworkConfig) -> None:
    texts = ["abc|c2B|]", "ab", "=BC", "ccc|", "a|B"]
    vocabulary = Vocabulary.of(texts)
    features = tuple(feature_tables(network))
    tracker = PositionTracker(vocabulary.tokens, features) if features else None
    heights = tracker.token_heights if tracker else None
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(0, 0.5, shape).astype(np.float32)
        for name, shape in weight_shapes(network, vocabulary.size).items()
    }

    def logits(*, packed: bool) -> dict[str, NDArray[np.float32]]:
        model = build_network(network, vocabulary.size, 0, heights, packed=packed)
        set_weights(model, weights)
        examples = [Example(text) for text in texts]
        data = TextDataset(
            examples,
            vocabulary,
            5 if packed else 1,
            attending=True,
            packed=packed,
            tracker=tracker,
        )
        found = {}
        for rows in data.in_order():
            batch = data.batch(rows)
            computed = model(network_inputs(network, vocabulary.size, batch.inputs))
            for row, ids, present in zip(
                np.array(computed), batch.targets, batch.present, strict=True
            ):
                ends = np.flatnonzero(np.diff(present, prepend=0, append=0))
                for begin, end in ends.reshape(-1, 2):
                    found[str(ids[begin:end])] = row[begin:end]
            assert not packed or len(ends) > 2  # several texts in a row
        return found

    alone, together = logits(packed=False), logits(packed=True)
    assert len(alone) == len(texts)
    for text, expected in alone.items():
        assert np.allclose(together[text], expected, atol=1e-5)
