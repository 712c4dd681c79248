"""What Keras's optimisers lack. Importing this module loads Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Momentum orthogonalised by Newton and Schulz's iteration (Jordan et al., 2024).

    Embedding, logits and vectors are left to AdamW; tables of positions are not. Gradients are told
    their shape, which TensorFlow does not always know of what compiled loops return, and which the
    iteration asks for.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change a variable; Keras calls this."""
        super().update_step(ops.reshape(gradient, variable.shape), variable, learning_rate)
