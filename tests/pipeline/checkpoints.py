"""Write a checkpoint of random weights, for tests that need no trained network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import Checkpoint, write_description, write_weights
from abcgen.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

CHARACTERS = "\n'(,-/123456789:=ABCDEFGKMR[]^_abcdefghijlmnoprstwxyz| "


def untrained(folder: Path, more: str = "", *, attention: bool = True) -> Path:
    """Write a checkpoint whose vocabulary has ``more`` characters."""
    network = NetworkConfig(layers=1, units=24, embedding=8, attention=attention)
    vocabulary = Vocabulary("".join(sorted(CHARACTERS + more)))
    random = np.random.default_rng(7)
    weights = {
        name: random.normal(0, 1 / math.sqrt(shape[0]), shape).astype(np.float32)
        for name, shape in weight_shapes(network, vocabulary.size).items()
    }
    write_description(Checkpoint(network, TrainConfig(), vocabulary, weights), folder)
    write_weights(weights, folder)
    return folder
