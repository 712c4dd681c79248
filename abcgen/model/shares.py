"""A batch in shares that the cores of a CPU compute at the same time, for TensorFlow.

An LSTM's step is too small a product to be divided among threads: they would wait for one another
a thousand times a tune. So every core reads rows of its own from their first character to the
last, and only their gradients are added up. Like ``backend``, this module may call TensorFlow
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Iterator


class Shares(keras.Model):  # type: ignore[misc]
    """A network that is trained and measured in shares.

    The loss must be a sum over rows, and so many shares must divide the rows of every batch.

    Args:
        network: The network; its layers are shared, not copied.
        count: Shares of a batch.
    """

    def __init__(self, network: Any, count: int) -> None:
        super().__init__(network.input, network.output, name=network.name)
        self._count = count

    def train_step(self, data: Any) -> Any:
        """Make a step; Keras calls this with inputs, targets and weights."""
        results, gradients = [], []
        for share in self._shares(data):
            with tf.GradientTape() as tape:
                logits, loss = self._read(share, training=True)
            results.append((logits, loss))
            gradients.append(tape.gradient(loss, self.trainable_variables))
        # That of an embedding comes as the rows that were looked up.
        sums = [
            tf.add_n(list(map(tf.convert_to_tensor, one))) for one in zip(*gradients, strict=True)
        ]
        self.optimizer.apply(sums, self.trainable_variables)
        return self._told(data, results)

    def test_step(self, data: Any) -> Any:
        """Measure; Keras calls this likewise."""
        return self._told(data, [self._read(share, training=False) for share in self._shares(data)])

    def _shares(self, data: Any) -> Iterator[tuple[Any, Any, Any]]:
        return zip(*(tf.split(rows, self._count) for rows in data), strict=True)

    def _read(self, share: tuple[Any, Any, Any], *, training: bool) -> tuple[Any, Any]:
        inputs, targets, weights = share
        logits = self(inputs, training=training)
        return logits, self.compute_loss(inputs, targets, logits, weights, training=training)

    def _told(self, data: Any, results: list[tuple[Any, Any]]) -> Any:
        inputs, targets, weights = data
        logits = tf.concat([logits for logits, _ in results], 0)
        self._loss_tracker.update_state(tf.add_n([loss for _, loss in results]))
        return self.compute_metrics(inputs, targets, logits, sample_weight=weights)
