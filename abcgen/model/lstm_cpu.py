"""The LSTM's loop for TensorFlow on a CPU, with a gradient of its own.

TensorFlow's own gradient of a loop adds up the gradient of every weight at every step, which
costs more than the step itself. Here the loop backwards keeps only what the step before needs,
and each weight's gradient is one large product afterwards (as in Appleyard et al., "Optimizing
Performance of Recurrent Neural Networks on GPUs", 2016). Steps are taken a few at a time by XLA,
which spares the dispatch of every small operation, and whose compiled code does not depend on the
length of the sequence. Like ``backend``, this module may call TensorFlow itself.

A batch in shares that the cores of a CPU compute at the same time, for TensorFlow.

An LSTM's step is too small a product to be divided among threads: they would wait for one another
a thousand times a tune. So every core reads rows of its own from their first character to the
last, and only their gradients are added up. Like ``backend``, this module may call TensorFlow
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Iterator


# Steps that are compiled together; batches of whole tunes are multiples of it wide.
STRIDE = 16


def lstm_sequence(sums: Any, recurrent: Any, output: Any, cell: Any) -> tuple[Any, Any, Any]:
    """Run an LSTM over a sequence.

    Args:
        sums: What the inputs add to the gates, bias included, (time, batch, 4 units): input gate,
            forget gate, candidate, output gate.
        recurrent: Recurrent kernel, (units, 4 units).
        output: Output before the sequence, (batch, units).
        cell: Cell before it, likewise.

    Returns:
        All outputs (time, batch, units), the last output, and the last cell.
    """
    # A variable itself would be asked for its gradient behind the function's back.
    return _run(sums, tf.convert_to_tensor(recurrent), output, cell)  # type: ignore[no-any-return]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _run(*inputs: Any) -> Any:
    # Or a tape that is watching would try to follow what XLA does.
    sums, recurrent, output, cell = map(tf.stop_gradient, inputs)
    kept, last, last_cell = _forwards(_Pieces.of(sums), recurrent, output, cell)
    outputs = kept.outputs.concat()
    outputs = tf.ensure_shape(outputs, (*sums.shape[:2], recurrent.shape[0]))

    def gradient(d_outputs: Any, d_last: Any, d_cell: Any) -> tuple[Any, Any, Any, Any]:
        pieces = _Pieces.of(d_outputs)
        d_sums, d_output, d_cell = _backwards(pieces, kept, recurrent, d_last, d_cell)
        heard = tf.concat([output[None], outputs[:-1]], 0)
        units = recurrent.shape[0]
        d_recurrent = tf.matmul(
            tf.reshape(heard, (-1, units)), tf.reshape(d_sums, (-1, 4 * units)), transpose_a=True
        )
        return d_sums, d_recurrent, d_output, d_cell

    return (outputs, last, last_cell), gradient


class _Pieces(NamedTuple):
    """A sequence (time, …) cut into pieces of ``STRIDE`` steps after a shorter first one."""

    first: Any
    others: Any

    @classmethod
    def of(cls, sequence: Any) -> _Pieces:
        shape = tf.shape(sequence)
        # The first may be a whole piece, but is never empty.
        length = (shape[0] - 1) % STRIDE + 1
        parts = tf.concat([[(shape[0] - length) // STRIDE, STRIDE], shape[1:]], 0)
        others = tf.reshape(sequence[length:], parts)
        return cls(sequence[:length], tf.ensure_shape(others, (None, STRIDE, *sequence.shape[1:])))

    @property
    def count(self) -> Any:
        return tf.shape(self.others)[0] + 1


class _Kept(NamedTuple):
    """What the way back needs, as arrays of pieces.

    Outputs and cells are (time, batch, units), gates (time, batch, 4 units), and the cells before
    each piece (batch, units).
    """

    outputs: Any
    cells: Any
    gates: Any
    before: Any

    def of(self, number: Any, like: Any) -> tuple[Any, Any, Any]:
        """Gates and cells of a piece, and the cell before it, which is of the shape of ``like``."""
        batch, units = like.shape
        return (
            tf.ensure_shape(self.gates.read(number), (None, batch, 4 * units)),
            tf.ensure_shape(self.cells.read(number), (None, batch, units)),
            tf.ensure_shape(self.before.read(number), like.shape),
        )


def _forwards(sums: _Pieces, recurrent: Any, output: Any, cell: Any) -> tuple[_Kept, Any, Any]:
    """What is kept of every piece, the last output and the last cell."""

    def piece(number: Any, sums: Any, output: Any, cell: Any, kept: _Kept) -> tuple[Any, ...]:
        *made, last, last_cell = _steps(sums, recurrent, output, cell)
        arrays = zip(kept, (*made, cell), strict=True)
        written = _Kept(*(array.write(number, value) for array, value in arrays))
        return _like(last, output), _like(last_cell, cell), written

    kept = _Kept(*(_array(sums.count, cell.dtype) for _ in _Kept._fields))
    begin = piece(0, sums.first, output, cell, kept)
    output, cell, kept = _over(
        sums.count - 1,
        lambda number, *state: piece(number + 1, sums.others[number], *state),
        begin,
    )
    return kept, output, cell


def _backwards(
    d_outputs: _Pieces, kept: _Kept, recurrent: Any, d_last: Any, d_cell: Any
) -> tuple[Any, Any, Any]:
    """Gradients of the sums (time, batch, 4 units), the first output and the first cell."""
    transposed = tf.transpose(recurrent)
    count = d_outputs.count

    def piece(number: Any, heard: Any, d_output: Any, d_cell: Any, made: Any) -> tuple[Any, ...]:
        past = kept.of(number, d_last)
        d_sums, *before = _steps_back(heard, past, transposed, d_output, d_cell)
        return *map(_like, before, (d_output, d_cell)), made.write(number, d_sums)

    state = _over(
        count - 1,
        lambda number, *state: piece(count - 1 - number, d_outputs.others[-1 - number], *state),
        (d_last, d_cell, _array(count, d_last.dtype)),
    )
    d_output, d_cell, made = piece(tf.constant(0), d_outputs.first, *state)
    return tf.ensure_shape(made.concat(), (None, None, transposed.shape[0])), d_output, d_cell


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _steps(sums: Any, recurrent: Any, output: Any, cell: Any) -> tuple[Any, ...]:
    """Outputs, cells and gates of a piece, its last output and its last cell."""
    steps, units = tf.shape(sums)[0], recurrent.shape[0]
    # One tanh for all gates, which takes half the time of three sigmoids and a tanh side by side:
    # the sigmoid of x is half of 1 + tanh(x / 2).
    slope = tf.repeat(tf.constant([0.5, 0.5, 1.0, 0.5], cell.dtype), units)
    recurrent *= slope

    def step(time: Any, output: Any, cell: Any, *made: Any) -> tuple[Any, ...]:
        gates = tf.tanh(sums[time] * slope + tf.matmul(output, recurrent)) * slope + (1 - slope)
        gate_in, forget, candidate, out = tf.split(gates, 4, -1)
        cell = forget * cell + gate_in * candidate
        output = out * tf.tanh(cell)
        new = output, cell, gates
        return output, cell, *(a.write(time, b) for a, b in zip(made, new, strict=True))

    arrays = (_array(steps, cell.dtype) for _ in range(3))
    output, cell, *made = _over(steps, step, (output, cell, *arrays))
    return *(array.stack() for array in made), output, cell


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _steps_back(
    heard: Any, past: tuple[Any, Any, Any], transposed: Any, d_output: Any, d_cell: Any
) -> tuple[Any, ...]:
    """Gradients of a piece's sums, and of the output and the cell before it.

    Args:
        heard: Gradients of its outputs from all but the piece after it.
        past: Gates and cells of the piece, and the cell before it.
        transposed: Recurrent kernel, (4 units, units).
        d_output: Gradient of its last output from the piece after it.
        d_cell: Likewise of its last cell.
    """
    steps = tf.shape(heard)[0]
    gates, cells, before = past
    forget = tf.split(gates, 4, -1)[1]
    through, slopes = _slopes(gates, cells, tf.concat([before[None], cells[:-1]], 0))

    def step(number: Any, d_output: Any, d_cell: Any, made: Any) -> tuple[Any, ...]:
        time = steps - 1 - number
        d_output += heard[time]
        d_cell += d_output * through[time]
        d_sums = tf.concat([d_cell, d_cell, d_cell, d_output], 1) * slopes[time]
        return tf.matmul(d_sums, transposed), d_cell * forget[time], made.write(time, d_sums)

    state = d_output, d_cell, _array(steps, cells.dtype)
    d_output, d_cell, made = _over(steps, step, state)
    return made.stack(), d_output, d_cell


def _slopes(gates: Any, cells: Any, before: Any) -> tuple[Any, Any]:
    """What gradients are multiplied by, for all steps at once.

    Returns:
        That of the output on its way to the cell, (time, batch, units), and those of the cell
        (three times) and of the output on their way to the sums, (time, batch, 4 units).
    """
    gate_in, forget, candidate, out = tf.split(gates, 4, -1)
    told = tf.tanh(cells)
    slopes = [
        candidate * gate_in * (1 - gate_in),
        before * forget * (1 - forget),
        gate_in * (1 - tf.square(candidate)),
        told * out * (1 - out),
    ]
    return out * (1 - tf.square(told)), tf.concat(slopes, -1)


def _like(value: Any, other: Any) -> Any:
    """A value known to be of another's shape, which what XLA returns is not."""
    return tf.ensure_shape(value, other.shape)


def _over(count: Any, body: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    """``state = body(number, *state)`` for every number below ``count``."""
    end = tf.while_loop(
        lambda number, *_: number < count,
        lambda number, *state: (number + 1, *body(number, *state)),
        (tf.constant(0), *state),
        maximum_iterations=count,
    )
    return end[1:]  # type: ignore[no-any-return]


def _array(size: Any, dtype: Any) -> Any:
    # Pieces differ in length, and reading clears nothing that the way back needs.
    return tf.TensorArray(dtype, size, infer_shape=False, clear_after_read=False)


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
