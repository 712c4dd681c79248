"""The stream network in Keras: next-character prediction at every position at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abcgen.model.backend import load_keras, to_numpy

if TYPE_CHECKING:
    from abcgen.config import NetworkConfig
    from abcgen.model.weights import Weights


def build_network(config: NetworkConfig, vocabulary_size: int, seed: int = 0) -> Any:
    """Build the network with random weights.

    Position t of the output depends on positions up to t of the input only: LSTMs read from left
    to right and everything else looks at one position. There is no mask, because padding on the
    right cannot reach what comes before it, and a mask would rule out the fast kernels of GPUs.

    Args:
        config: Its shape.
        vocabulary_size: Number of ids.
        seed: Seed of the weights and of dropout.

    Returns:
        A ``keras.Model`` from int32 ids of shape (batch, time) to float32 logits of shape
        (batch, time, vocabulary).
    """
    keras = load_keras()
    layers, initializers = keras.layers, keras.initializers
    ids = keras.Input((None,), dtype="int32", name="ids")
    stream = layers.Embedding(
        vocabulary_size,
        config.embedding,
        embeddings_initializer=initializers.RandomNormal(stddev=1.0, seed=seed),
        name="embedding",
    )(ids)
    for layer in range(1, config.layers + 1):
        stream = layers.LSTM(
            config.units,
            return_sequences=True,
            kernel_initializer=initializers.GlorotUniform(seed=seed + 2 * layer),
            recurrent_initializer=initializers.Orthogonal(seed=seed + 2 * layer + 1),
            name=f"lstm_{layer}",
        )(stream)
        stream = layers.Dropout(config.dropout, seed=seed + layer, name=f"dropout_{layer}")(stream)
    logits = layers.Dense(
        vocabulary_size, kernel_initializer=initializers.GlorotUniform(seed=seed + 1), name="logits"
    )(stream)
    return keras.Model(ids, logits, name="stream_network")


def weight_name(path: str) -> str:
    """The checkpoint's name of a Keras variable: its layer and its own name."""
    parts = path.split("/")
    return f"{parts[0]}/{parts[-1]}"


def weights_of(model: Any) -> Weights:
    """A copy of the model's weights by their names in a checkpoint."""
    return {
        weight_name(variable.path): to_numpy(variable) for variable in model.trainable_variables
    }
