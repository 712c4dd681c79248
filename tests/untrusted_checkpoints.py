"""Build a complete small checkpoint, and use one as abcgen uses a stranger's."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.config import SampleConfig
from abcgen.corpus.records import extract_of
from abcgen.errors import InputError
from abcgen.model.architecture import weight_shapes
from abcgen.model.checkpoint import CONFIG, VOCABULARY, WEIGHTS, dump, load_checkpoint
from abcgen.model.metrics import METRICS, Histogram, Measurement, read_metrics, write_metrics
from abcgen.model.resume import STATE, Progress, check_state, restore_state
from abcgen.model.sampling import sample
from abcgen.notation.reader import read_abc
from abcgen.pipeline.checkpoints import (
    FACTS,
    INDEX,
    read_training_tunes,
    step_network,
    write_training_tunes,
)
from abcgen.pipeline.training import plan_resuming
from tests.pipeline.checkpoints import untrained

if TYPE_CHECKING:
    from pathlib import Path

FILES = (CONFIG, VOCABULARY, METRICS, FACTS, WEIGHTS, STATE, INDEX)
TUNE = read_abc("X:1\nT:Known\nM:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|\n")


def complete_checkpoint(folder: Path) -> Path:
    """Write a checkpoint with every file that one can have."""
    untrained(folder)
    line = Measurement(
        epochs=1.0,
        steps=3,
        seconds=2.5,
        training_bits=2.0,
        bits_per_character=1.5,
        bits_per_note=3.0,
        characters_per_second=100.0,
        learning_rate=1e-3,
    )
    figures = Histogram(low=-1.0, high=1.0, counts=(1, 2))
    write_metrics([line, line.replace(weights={"a": figures})], folder)
    own = extract_of(TUNE)
    write_training_tunes(folder, [own, own], [own])
    metadata = {"position": Progress().to_json(), "measurement": line.to_json()}
    arrays = {name: variable.value for name, variable in variables_of(folder).items()}
    (folder / STATE).parent.mkdir()
    (folder / STATE).write_bytes(dump(arrays, metadata))
    return folder


def use_checkpoint(folder: Path, variables: dict[str, Any]) -> None:
    """Sample, resume, read and compare; suppress the errors that a user sees.

    Args:
        folder: The checkpoint.
        variables: Those of the network that would be resumed.

    Raises:
        Exception: any other error.
    """
    for use in (_sample, _resume, read_metrics, _compare):
        with suppress(InputError):
            use(folder)
    with suppress(InputError):
        restore_state(model_of(variables), folder)


def _sample(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    config = SampleConfig(max_characters=12)
    texts = list(sample(step_network(checkpoint), checkpoint.vocabulary, [(0, "")], config, 1))
    assert texts[0].text.encode() is not None


def _resume(folder: Path) -> None:
    plan = plan_resuming(folder, {})
    assert plan.base is not None
    check_state(weight_shapes(plan.network, plan.base.vocabulary.size), folder)


def _compare(folder: Path) -> None:
    training_tunes = read_training_tunes(folder)
    if training_tunes:
        assert training_tunes.compare(TUNE).bars >= 0
        assert len(training_tunes.index.sequences) < 10**6


def variables_of(folder: Path) -> dict[str, Any]:
    """Return stand-ins for the variables of a compiled network of a checkpoint's shape."""
    weights = load_checkpoint(folder).weights
    named = {f"weights/{name}": array for name, array in weights.items()}
    named["random/1"] = np.array([1, 2], np.int64)
    named["optimizer/iterations"] = np.array(0, np.int64)
    return {name: _variable(name, array) for name, array in named.items()}


def _variable(name: str, array: Any) -> Any:
    variable = SimpleNamespace(
        path=name.removeprefix("weights/"), value=array, shape=array.shape, dtype=array.dtype.name
    )
    variable.assign = lambda value: setattr(variable, "value", value)
    return variable


def model_of(variables: dict[str, Any]) -> Any:
    """Return a stand-in for the network that has these variables."""

    def of(kind: str) -> list[Any]:
        return [value for name, value in variables.items() if name.startswith(kind)]

    return SimpleNamespace(
        trainable_variables=of("weights/"),
        non_trainable_variables=of("random/"),
        optimizer=SimpleNamespace(variables=of("optimizer/")),
    )
