from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.errors import InputError
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import Checkpoint
from abcgen.model.extending import extended
from abcgen.model.vocabulary import BEGIN, MAX_CHARACTERS, OLD_SPECIAL_TOKENS, Vocabulary
from abcgen.pipeline.checkpoints import step_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Weights

STREAM = NetworkConfig(layers=2, units=8, embedding=4, heads=2)
NUMBERS = NetworkConfig(kind="window", units=8, embedding=0, attention=False, sequence_length=5)
BOTH_WAYS = NUMBERS.replace(bidirectional=True)
ATTENDING = NetworkConfig(kind="window", units=8, embedding=0, heads=2, sequence_length=5)


def _logits(checkpoint: Checkpoint, ids: list[int]) -> NDArray[np.float32]:
    network = step_network(checkpoint)
    state = network.start(1)
    for number in ids:
        logits, state = network.step(np.array([number], np.int32), state)
    last: NDArray[np.float32] = logits[0]
    return last


@pytest.mark.parametrize("network", [STREAM, NUMBERS, BOTH_WAYS, ATTENDING])
@pytest.mark.parametrize("old", [Vocabulary("bd"), Vocabulary("bd", OLD_SPECIAL_TOKENS)])
def test_predictions_for_known_characters_stay(
    network: NetworkConfig, old: Vocabulary, random_weights: Callable[[NetworkConfig, int], Weights]
) -> None:
    before = Checkpoint(network, TrainConfig(), old, random_weights(network, old.size))
    after = extended(before, ["cab", "a"])
    assert after.vocabulary.characters == "bdac"
    shapes = {name: array.shape for name, array in after.weights.items()}
    assert shapes == weight_shapes(network, after.vocabulary.size)
    assert all(array.dtype == np.float32 for array in after.weights.values())
    ids = [BEGIN, *old.encode("bdbb").tolist()]
    logits = _logits(after, ids)
    assert logits[: old.size] == pytest.approx(_logits(before, ids), abs=1e-5)
    assert logits[old.size :] == pytest.approx(logits[: old.size].mean(), abs=1e-5)


def test_relative_pitch_stays_too(
    random_weights: Callable[[NetworkConfig, int], Weights],
) -> None:
    network = STREAM.replace(blocks=True, ffn=5, relative_pitch=True)
    old = Vocabulary("K:\nbd")
    before = Checkpoint(network, TrainConfig(), old, random_weights(network, old.size))
    ids = old.encode("K:\nbdbb").tolist()
    logits = [_logits(checkpoint, ids) for checkpoint in (before, extended(before, ["X|"]))]
    assert logits[1][: old.size] == pytest.approx(logits[0], abs=1e-5)


def test_new_characters_differ_from_one_another(
    random_weights: Callable[[NetworkConfig, int], Weights],
) -> None:
    before = Checkpoint(STREAM, TrainConfig(), Vocabulary("b"), random_weights(STREAM, 5))
    after = extended(before, ["xy"])
    assert not np.allclose(_logits(after, [BEGIN, 5]), _logits(after, [BEGIN, 6]))


def test_without_new_characters_nothing_changes() -> None:
    before = Checkpoint(STREAM, TrainConfig(), Vocabulary("ab"), {})
    assert extended(before, ["abba"]) is before


def test_too_many_characters_are_refused() -> None:
    before = Checkpoint(STREAM, TrainConfig(), Vocabulary("ab"), {})
    with pytest.raises(InputError, match=str(MAX_CHARACTERS)):
        extended(before, map(chr, range(5000)))
