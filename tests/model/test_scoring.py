from __future__ import annotations

import math

import numpy as np
import pytest

from abcgen.config import NetworkConfig
from abcgen.errors import InputError
from abcgen.example import Example
from abcgen.model.architecture import weight_shapes
from abcgen.model.inference import StepNetwork
from abcgen.model.scoring import BITS_OF_UNKNOWN, measure
from abcgen.model.vocabulary import OLD_SPECIAL_TOKENS, Vocabulary

SHAPE = NetworkConfig(layers=1, units=4, embedding=2, heads=1)


def _indifferent(vocabulary: Vocabulary) -> StepNetwork:
    shapes = weight_shapes(SHAPE, vocabulary.size)
    return StepNetwork(SHAPE, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})


def test_an_unknown_character_costs_its_token_and_its_code_point() -> None:
    vocabulary = Vocabulary("ab")
    examples = [Example("a€b", notes=2), Example("€a", unscored=1, notes=1)]
    bits = measure(_indifferent(vocabulary), vocabulary, examples)
    assert bits.total == pytest.approx(6 * math.log2(vocabulary.size) + BITS_OF_UNKNOWN)
    assert bits.characters == 6


def test_knowing_fewer_characters_never_scores_better() -> None:
    examples = [Example("abab")]
    few, all_ = (
        measure(_indifferent(known), known, examples).total
        for known in (Vocabulary("a"), Vocabulary("ab"))
    )
    assert few > all_


def test_a_network_without_unknown_token_names_the_character() -> None:
    old = Vocabulary("ab", OLD_SPECIAL_TOKENS)
    with pytest.raises(InputError, match="'€'"):
        measure(_indifferent(old), old, [Example("a€")])
