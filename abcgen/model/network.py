"""The Keras model of a network, built from its layers in ``architecture``.

There is no mask: padding on the right cannot reach what comes before it, and a mask would rule out
the fast LSTM kernels of GPUs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abcgen.model.architecture import (
    AddSpec,
    CausalAttentionSpec,
    ConcatenateSpec,
    InputLayerSpec,
    LSTMSpec,
    architecture,
)
from abcgen.model.backend import load_keras, to_numpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Weights


def build_network(
    config: NetworkConfig,
    vocabulary_size: int,
    seed: int = 0,
    token_heights: NDArray[np.int32] | None = None,
    *,
    packed: bool = False,
) -> Any:
    """Build a ``keras.Model`` with random weights; ``seed`` is that of weights and dropout.

    A network with relative pitch needs the ``token_heights`` of its ``PositionFeatures``. A stream
    network can read ``packed`` rows of several texts, between which it forgets.

    A stream network maps int32 ids (B, T), or ids and position features (B, T, 1 + F), to float32
    logits (B, T, classes); a window network maps ``network_inputs`` of ids (B, L) to logits
    (B, classes).
    """
    keras = load_keras()
    from abcgen.model.layers import Between, make_layer  # noqa: PLC0415 - loads Keras

    outputs: dict[str, Any] = {}  # by the names that ``spec.inputs`` uses
    inputs = output = None
    for spec in architecture(config, vocabulary_size):
        sources = [outputs[source] for source in spec.inputs]
        if isinstance(spec, InputLayerSpec):
            output = inputs = keras.Input(spec.shape[1:], dtype=spec.dtype, name=spec.name)
        elif isinstance(spec, LSTMSpec):
            sequence, *state = sources
            if packed:
                sequence = Between(name=f"between_{spec.name}")(sequence, outputs["ids"])
            layer = make_layer(spec, seed, packed=packed)
            output = layer(sequence, initial_state=state or None)
        elif isinstance(spec, CausalAttentionSpec) and packed:
            output = make_layer(spec, seed)(*sources, outputs["ids"])
        elif isinstance(spec, AddSpec | ConcatenateSpec):
            output = make_layer(spec, seed)(sources)
        else:
            output = make_layer(spec, seed, token_heights)(*sources)
        # An LSTM also returns its last output and cell, which other layers may start from.
        if isinstance(output, list | tuple):
            output, outputs[f"{spec.name}:last"], outputs[f"{spec.name}:cell"] = output
        outputs[spec.name] = output
    return keras.Model(inputs, output, name=config.kind)


def network_inputs(config: NetworkConfig, vocabulary_size: int, ids: Any) -> Any:
    """Return the input of a network: the ids, or without an embedding numbers from 0 to 1."""
    if config.embedding:
        return ids
    return (ids[..., None] / vocabulary_size).astype("float32")  # (B, L, 1)


def weight_name(path: str) -> str:
    """Return the name in a checkpoint of the Keras variable at ``path``."""
    # Keras keeps an LSTM's weights in a layer within the layer.
    return path.replace("/lstm_cell", "")


def weights_of(model: Any) -> Weights:
    """Return a copy of the model's weights by their names in a checkpoint."""
    return {
        weight_name(variable.path): to_numpy(variable) for variable in model.trainable_variables
    }
