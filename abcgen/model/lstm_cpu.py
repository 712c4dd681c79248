"""Faster training on a CPU with TensorFlow; nothing but speed depends on this module.

Training steps are 1.5 to 1.8 times as fast as with Keras's own LSTM and ``Model.train_step``
(benchmarks/training_speed), for two reasons:

* ``lstm_sequence``, an LSTM's loop with a custom gradient. TensorFlow's gradient of a loop adds
  to the gradient of every weight at every step, which costs more than the step itself. Here the
  backward loop computes only what the step before needs, and each weight's gradient is one large
  product afterwards (as in Appleyard et al., "Optimizing Performance of Recurrent Neural Networks
  on GPUs", 2016). XLA compiles a few steps at a time, which saves the dispatch of every small
  operation; its code does not depend on the length of the sequence.
* ``Shares``, a batch in shares that the cores compute at the same time. A step of an LSTM is too
  small a product to be divided among threads: they would wait for one another a thousand times per
  tune. So every core reads some of the rows from the first character to the last, and only their
  gradients are added up.

Like ``backend``, this module may call TensorFlow itself.

Shapes: B rows, T steps, U units. Gates are input, forget, candidate, output, each U wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Iterator


# Steps that are compiled together; the width of batches of whole tunes is a multiple of it.
STRIDE = 16


def lstm_sequence(gates: Any, recurrent: Any, output: Any, cell: Any) -> tuple[Any, Any, Any]:
    """Run an LSTM over a sequence; return all outputs (T, B, U), last output and last cell (B, U).

    ``gates`` are the inputs' part of the gates before activation, bias included, (T, B, 4U),
    ``recurrent`` is the recurrent kernel, (U, 4U), ``output`` and ``cell`` are those before the
    sequence, (B, U).
    """
    # TensorFlow would ask for the gradient of a variable itself past the custom gradient.
    return _run(gates, tf.convert_to_tensor(recurrent), output, cell)  # type: ignore[no-any-return]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _run(*inputs: Any) -> Any:
    # A tape that is watching would otherwise try to follow what XLA does.
    gates, recurrent, output, cell = map(tf.stop_gradient, inputs)
    saved, last, last_cell = _forward(_Pieces.of(gates), recurrent, output, cell)
    outputs = saved.outputs.concat()
    outputs = tf.ensure_shape(outputs, (*gates.shape[:2], recurrent.shape[0]))  # (T, B, U)

    def gradient(d_outputs: Any, d_last: Any, d_cell: Any) -> tuple[Any, Any, Any, Any]:
        d_gates, d_output, d_cell = _backward(
            _Pieces.of(d_outputs), saved, recurrent, d_last, d_cell
        )
        # gates = inputs + previous_outputs @ recurrent, over all steps at once.
        previous_outputs = tf.concat([output[None], outputs[:-1]], 0)  # (T, B, U)
        units = recurrent.shape[0]
        d_recurrent = tf.matmul(
            tf.reshape(previous_outputs, (-1, units)),
            tf.reshape(d_gates, (-1, 4 * units)),
            transpose_a=True,
        )  # (U, 4U)
        return d_gates, d_recurrent, d_output, d_cell

    return (outputs, last, last_cell), gradient


class _Pieces(NamedTuple):
    """A sequence (T, …) cut into a first piece of 1 to ``STRIDE`` steps and full ones after it."""

    first: Any
    others: Any

    @classmethod
    def of(cls, sequence: Any) -> _Pieces:
        shape = tf.shape(sequence)
        length = (shape[0] - 1) % STRIDE + 1  # of the first, which is never empty
        parts = tf.concat([[(shape[0] - length) // STRIDE, STRIDE], shape[1:]], 0)
        others = tf.reshape(sequence[length:], parts)  # (pieces, STRIDE, …)
        return cls(sequence[:length], tf.ensure_shape(others, (None, STRIDE, *sequence.shape[1:])))

    @property
    def count(self) -> Any:
        return tf.shape(self.others)[0] + 1


class _Saved(NamedTuple):
    """Results of the forward loop that the backward loop needs, as arrays of pieces.

    Outputs and cells are (T, B, U), gates after their activation (T, B, 4U), and the cells before
    each piece (B, U).
    """

    outputs: Any
    cells: Any
    gates: Any
    cells_before: Any

    def read(self, number: Any, like: Any) -> tuple[Any, Any, Any]:
        """Return gates and cells of a piece, and the cell before it, of the shape of ``like``."""
        batch, units = like.shape
        return (
            tf.ensure_shape(self.gates.read(number), (None, batch, 4 * units)),
            tf.ensure_shape(self.cells.read(number), (None, batch, units)),
            tf.ensure_shape(self.cells_before.read(number), like.shape),
        )


def _forward(gates: _Pieces, recurrent: Any, output: Any, cell: Any) -> tuple[_Saved, Any, Any]:
    """Return the results of every piece, the last output and the last cell."""

    def piece(number: Any, gates: Any, output: Any, cell: Any, saved: _Saved) -> tuple[Any, ...]:
        *results, last, last_cell = _steps(gates, recurrent, output, cell)
        arrays = zip(saved, (*results, cell), strict=True)
        written = _Saved(*(array.write(number, value) for array, value in arrays))
        return _like(last, output), _like(last_cell, cell), written

    # The first piece is shorter than the others, which one loop then takes.
    saved = _Saved(*(_array(gates.count, cell.dtype) for _ in _Saved._fields))
    state = piece(0, gates.first, output, cell, saved)
    output, cell, saved = _loop(
        gates.count - 1,
        lambda number, *state: piece(number + 1, gates.others[number], *state),
        state,
    )
    return saved, output, cell


def _backward(
    d_outputs: _Pieces, saved: _Saved, recurrent: Any, d_last: Any, d_cell: Any
) -> tuple[Any, Any, Any]:
    """Return the gradients of the gates (T, B, 4U), of the first output and of the first cell."""
    transposed = tf.transpose(recurrent)  # (4U, U)
    count = d_outputs.count

    def piece(
        number: Any, d_outputs: Any, d_output: Any, d_cell: Any, d_gates: Any
    ) -> tuple[Any, ...]:
        results = _steps_back(d_outputs, saved.read(number, d_last), transposed, d_output, d_cell)
        d_gates_of_piece, *before = results
        return *map(_like, before, (d_output, d_cell)), d_gates.write(number, d_gates_of_piece)

    # From the last piece to the second, then the first one.
    state = _loop(
        count - 1,
        lambda number, *state: piece(count - 1 - number, d_outputs.others[-1 - number], *state),
        (d_last, d_cell, _array(count, d_last.dtype)),
    )
    d_output, d_cell, d_gates = piece(tf.constant(0), d_outputs.first, *state)
    return tf.ensure_shape(d_gates.concat(), (None, None, transposed.shape[0])), d_output, d_cell


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _steps(gates: Any, recurrent: Any, output: Any, cell: Any) -> tuple[Any, ...]:
    """Return outputs, cells and gates of a piece, its last output and its last cell."""
    steps, units = tf.shape(gates)[0], recurrent.shape[0]
    # One tanh for all gates takes half the time of three sigmoids and a tanh:
    # sigmoid(x) = 0.5 * tanh(0.5 * x) + 0.5; the candidate's tanh(x) = 1 * tanh(1 * x) + 0.
    slope = tf.repeat(tf.constant([0.5, 0.5, 1.0, 0.5], cell.dtype), units)  # (4U,)
    recurrent *= slope

    def step(time: Any, output: Any, cell: Any, *arrays: Any) -> tuple[Any, ...]:
        activated = tf.tanh(gates[time] * slope + tf.matmul(output, recurrent)) * slope
        activated += 1 - slope  # (B, 4U)
        input_gate, forget, candidate, output_gate = tf.split(activated, 4, -1)  # (B, U) each
        cell = forget * cell + input_gate * candidate
        output = output_gate * tf.tanh(cell)
        results = output, cell, activated
        written = (array.write(time, result) for array, result in zip(arrays, results, strict=True))
        return output, cell, *written

    arrays = (_array(steps, cell.dtype) for _ in range(3))
    output, cell, *filled = _loop(steps, step, (output, cell, *arrays))
    return *(array.stack() for array in filled), output, cell


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _steps_back(
    d_outputs: Any, saved: tuple[Any, Any, Any], transposed: Any, d_output: Any, d_cell: Any
) -> tuple[Any, ...]:
    """Return the gradients of a piece's gates (T, B, 4U), and of output and cell before it (B, U).

    ``d_outputs`` come from the layers above, (T, B, U); ``d_output`` and ``d_cell`` are of its last
    output and cell and come from the piece after it, (B, U). ``saved`` are gates and cells of the
    piece and the cell before it, ``transposed`` is the recurrent kernel, (4U, U).
    """
    steps = tf.shape(d_outputs)[0]
    gates, cells, cell_before = saved
    input_gate, forget, candidate, output_gate = tf.split(gates, 4, -1)
    cells_before = tf.concat([cell_before[None], cells[:-1]], 0)  # (T, B, U)
    tanh_cell = tf.tanh(cells)
    # d output / d cell, for all steps at once.
    output_by_cell = output_gate * (1 - tf.square(tanh_cell))  # (T, B, U)
    # d cell / d gate for input, forget and candidate; d output / d gate for the output gate.
    # Gates are before their activation here: d sigmoid = s * (1 - s), d tanh = 1 - tanh^2.
    slopes = [
        candidate * input_gate * (1 - input_gate),
        cells_before * forget * (1 - forget),
        input_gate * (1 - tf.square(candidate)),
        tanh_cell * output_gate * (1 - output_gate),
    ]
    by_gates = tf.concat(slopes, -1)  # (T, B, 4U)

    def step(number: Any, d_output: Any, d_cell: Any, d_gates: Any) -> tuple[Any, ...]:
        time = steps - 1 - number
        # output(t) is read by the layers above and by the gates of t + 1.
        d_output += d_outputs[time]
        # cell(t) is read by output(t) and by cell(t + 1).
        d_cell += d_output * output_by_cell[time]
        d_gate = tf.concat([d_cell, d_cell, d_cell, d_output], 1) * by_gates[time]  # (B, 4U)
        # To output(t - 1) through the gates, and to cell(t - 1) through the forget gate.
        return tf.matmul(d_gate, transposed), d_cell * forget[time], d_gates.write(time, d_gate)

    state = d_output, d_cell, _array(steps, cells.dtype)
    d_output, d_cell, d_gates = _loop(steps, step, state)
    return d_gates.stack(), d_output, d_cell


def _like(value: Any, other: Any) -> Any:
    """Give a value the static shape of another, which results of XLA lack."""
    return tf.ensure_shape(value, other.shape)


def _loop(count: Any, body: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    """Apply ``state = body(number, *state)`` for every number below ``count``."""
    end = tf.while_loop(
        lambda number, *_: number < count,
        lambda number, *state: (number + 1, *body(number, *state)),
        (tf.constant(0), *state),
        maximum_iterations=count,
    )
    return end[1:]  # type: ignore[no-any-return]


def _array(size: Any, dtype: Any) -> Any:
    # Pieces differ in length, and the backward loop reads them again.
    return tf.TensorArray(dtype, size, infer_shape=False, clear_after_read=False)


class Shares(keras.Model):  # type: ignore[misc]
    """A network that trains and measures each batch in shares, which the cores compute in parallel.

    The loss must be a sum over rows, and ``count``, the number of shares, must divide the rows of
    every batch. The network's layers are shared, not copied.
    """

    def __init__(self, network: Any, count: int) -> None:
        super().__init__(network.input, network.output, name=network.name)
        self._count = count

    def train_step(self, data: Any) -> Any:
        """Take a step; Keras calls this with inputs, targets and weights."""
        results, gradients = [], []
        for share in self._shares(data):
            with tf.GradientTape() as tape:
                logits, loss = self._forward_share(share, training=True)
            results.append((logits, loss))
            gradients.append(tape.gradient(loss, self.trainable_variables))
        # An embedding's gradient is sparse: only the rows that were looked up.
        sums = [
            tf.add_n([tf.convert_to_tensor(gradient) for gradient in of_variable])
            for of_variable in zip(*gradients, strict=True)
        ]
        self.optimizer.apply(sums, self.trainable_variables)
        return self._metrics_of(data, results)

    def test_step(self, data: Any) -> Any:
        """Measure a batch; Keras calls this with inputs, targets and weights."""
        results = [self._forward_share(share, training=False) for share in self._shares(data)]
        return self._metrics_of(data, results)

    def predict_step(self, data: Any) -> Any:
        """Return the logits of a batch; Keras calls this with inputs alone."""
        (inputs,) = data
        return tf.concat(
            [self(share, training=False) for share in tf.split(inputs, self._count)], 0
        )

    def _shares(self, data: Any) -> Iterator[tuple[Any, Any, Any]]:
        return zip(*(tf.split(rows, self._count) for rows in data), strict=True)

    def _forward_share(self, share: tuple[Any, Any, Any], *, training: bool) -> tuple[Any, Any]:
        inputs, targets, weights = share
        logits = self(inputs, training=training)
        return logits, self.compute_loss(inputs, targets, logits, weights, training=training)

    def _metrics_of(self, data: Any, results: list[tuple[Any, Any]]) -> Any:
        inputs, targets, weights = data
        logits = tf.concat([logits for logits, _ in results], 0)
        self._loss_tracker.update_state(tf.add_n([loss for _, loss in results]))
        return self.compute_metrics(inputs, targets, logits, sample_weight=weights)
