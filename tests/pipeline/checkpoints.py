"""Write a checkpoint of random weights, for tests that need no trained network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from abcgen.config import NetworkConfig, TrainConfig
from abcgen.grammar.form_line import FORM_LINE_CHARACTERS
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import Checkpoint, write_description, write_weights
from abcgen.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

CHARACTERS = "\n'(,-/123456789:=ABCDEFGKMR[]^_abcdefghijlmnoprstwxyz| "


CHOIR = [
    {"name": "Soprano", "lowest": 60, "highest": 81},
    {"name": "Alto", "lowest": 53, "highest": 76},
    {"name": "Tenor", "lowest": 46, "highest": 69},
    {"name": "Bass", "lowest": 38, "highest": 64},
]


def untrained(
    folder: Path,
    more: str = "",
    *,
    attention: bool = True,
    choir: bool = False,
    form: bool = False,
) -> Path:
    """Write a checkpoint whose vocabulary has ``more`` characters.

    Args:
        folder: The checkpoint.
        more: The characters.
        attention: Whether it has attention.
        choir: Whether it is of four voices.
        form: Whether it announces the form of a tune.
    """
    network = NetworkConfig(layers=1, units=24, embedding=8, attention=attention)
    if form:
        network, more = network.replace(positions=True, form=True), more + FORM_LINE_CHARACTERS
    about: dict[str, object] = {}
    if choir:
        network = network.replace(voices=4, positions=True, relative_pitch=True)
        more, about = more + "&", {"voices": CHOIR}
    vocabulary = Vocabulary("".join(sorted({*CHARACTERS, *more})))
    random = np.random.default_rng(7)
    weights = {
        name: random.normal(0, 1 / math.sqrt(shape[0]), shape).astype(np.float32)
        for name, shape in weight_shapes(network, vocabulary.size).items()
    }
    checkpoint = Checkpoint(network, TrainConfig(), vocabulary, weights, about=about)
    write_description(checkpoint, folder)
    write_weights(weights, folder)
    return folder
