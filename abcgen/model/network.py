"""The Keras model of a network, built from its layers in ``architecture``.

There is no mask: padding on the right cannot reach what comes before it, and a mask would rule out
the fast LSTM kernels of GPUs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.model.architecture import (
    AddSpec,
    ConcatenateSpec,
    InputLayerSpec,
    LSTMSpec,
    architecture,
)
from abcgen.model.backend import load_keras, to_numpy
from abcgen.model.positions import POSITION_FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Weights


def build_network(config: NetworkConfig, vocabulary_size: int, seed: int = 0) -> Any:
    """Build a network with random weights.

    Args:
        config: Shape of the network.
        vocabulary_size: Number of ids.
        seed: Seed of the weights and of dropout.

    Returns:
        A ``keras.Model``. Stream: from int32 ids (B, T), or ids and position features
        (B, T, 1 + F), to float32 logits (B, T, classes). Window: from ``network_inputs`` of ids
        (B, L) to logits (B, classes).
    """
    keras = load_keras()
    from abcgen.model.layers import make_layer  # noqa: PLC0415 - loads Keras

    outputs: dict[str, Any] = {}
    inputs = None
    for spec in architecture(config, vocabulary_size):
        sources = [outputs[source] for source in spec.inputs]
        if isinstance(spec, InputLayerSpec):
            output = inputs = keras.Input(spec.shape[1:], dtype=spec.dtype, name=spec.name)
        elif isinstance(spec, LSTMSpec):
            output = make_layer(spec, seed)(sources[0], initial_state=sources[1:] or None)
        elif isinstance(spec, AddSpec | ConcatenateSpec):
            output = make_layer(spec, seed)(sources)
        else:
            output = make_layer(spec, seed)(*sources)
        if isinstance(output, list | tuple):  # of an LSTM
            output, outputs[f"{spec.name}:last"], outputs[f"{spec.name}:cell"] = output
        outputs[spec.name] = output
    return keras.Model(inputs, outputs["logits"], name=config.kind)


def network_inputs(config: NetworkConfig, vocabulary_size: int, ids: Any) -> Any:
    """Return the input of a network: the ids, or without an embedding numbers from 0 to 1."""
    if config.embedding:
        return ids
    return (ids[..., None] / vocabulary_size).astype("float32")  # (B, L, 1)


def blank(config: NetworkConfig) -> NDArray[np.int32]:
    """Return the ids of one row of padding, with position features if the network reads them."""
    shape = 1, config.chunk_length or 2
    return np.zeros((*shape, 1 + POSITION_FEATURES) if config.positions else shape, np.int32)


def weight_name(path: str) -> str:
    """Return the name in a checkpoint of the Keras variable at ``path``."""
    return path.replace("/lstm_cell", "")


def weights_of(model: Any) -> Weights:
    """Return a copy of the model's weights by their names in a checkpoint."""
    return {
        weight_name(variable.path): to_numpy(variable) for variable in model.trainable_variables
    }
