"""The LSTM's loop for TensorFlow on a CPU, with a gradient of its own.

TensorFlow's own gradient of a loop adds up the gradient of every weight at every step, which
costs more than the step itself. Here the loop backwards keeps only what the step before needs,
and each weight's gradient is one large product afterwards (as in Appleyard et al., "Optimizing
Performance of Recurrent Neural Networks on GPUs", 2016). Like ``backend``, this module may call
TensorFlow itself.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf


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
def _run(sums: Any, recurrent: Any, output: Any, cell: Any) -> Any:
    outputs, cells, gates = _forwards(sums, recurrent, output, cell)

    def gradient(d_outputs: Any, d_last: Any, d_cell: Any) -> tuple[Any, Any, Any, Any]:
        before = tf.concat([cell[None], cells[:-1]], 0)
        d_sums, d_output, d_cell = _backwards(
            _slopes(gates, cells, before), recurrent, d_outputs, d_last, d_cell
        )
        heard = tf.concat([output[None], outputs[:-1]], 0)
        units = recurrent.shape[0]
        d_recurrent = tf.matmul(
            tf.reshape(heard, (-1, units)), tf.reshape(d_sums, (-1, 4 * units)), transpose_a=True
        )
        return d_sums, d_recurrent, d_output, d_cell

    return (outputs, outputs[-1], cells[-1]), gradient


def _forwards(sums: Any, recurrent: Any, output: Any, cell: Any) -> tuple[Any, Any, Any]:
    """Outputs, cells (time, batch, units) and gates (time, batch, 4 units)."""
    steps, units = tf.shape(sums)[0], recurrent.shape[0]
    inputs = _unstack(sums)

    def body(time: Any, output: Any, cell: Any, *kept: Any) -> tuple[Any, ...]:
        gates = inputs.read(time) + tf.matmul(output, recurrent)
        in_forget = tf.sigmoid(gates[:, : 2 * units])
        candidate = tf.tanh(gates[:, 2 * units : 3 * units])
        out = tf.sigmoid(gates[:, 3 * units :])
        cell = in_forget[:, units:] * cell + in_forget[:, :units] * candidate
        output = out * tf.tanh(cell)
        new = output, cell, tf.concat([in_forget, candidate, out], 1)
        return time + 1, output, cell, *(a.write(time, b) for a, b in zip(kept, new, strict=True))

    kept = _loop(steps, body, (0, output, cell, *(_array(steps) for _ in range(3))))[3:]
    widths = units, units, 4 * units
    outputs, cells, gates = map(_stack, kept, widths)
    return outputs, cells, gates


def _slopes(gates: Any, cells: Any, before: Any) -> tuple[Any, Any, Any, Any]:
    """What the gradients of output and cell are multiplied by, for all steps at once."""
    gate_in, forget, candidate, out = tf.split(gates, 4, -1)
    heard = tf.tanh(cells)
    by_cell = tf.concat(
        [
            candidate * gate_in * (1 - gate_in),
            before * forget * (1 - forget),
            gate_in * (1 - tf.square(candidate)),
        ],
        -1,
    )
    by_output = heard * out * (1 - out)
    return out * (1 - tf.square(heard)), by_cell, by_output, forget


def _backwards(
    slopes: tuple[Any, Any, Any, Any], recurrent: Any, d_outputs: Any, d_last: Any, d_cell: Any
) -> tuple[Any, Any, Any]:
    """Gradients of the sums (time, batch, 4 units), the first output and the first cell."""
    steps, units = tf.shape(d_outputs)[0], recurrent.shape[0]
    through, by_cell, by_output, forget, heard = map(_unstack, (*slopes, d_outputs))
    transposed = tf.transpose(recurrent)

    def body(time: Any, d_output: Any, d_cell: Any, kept: Any) -> tuple[Any, ...]:
        place = steps - 1 - time
        d_output += heard.read(place)
        d_cell += d_output * through.read(place)
        d_sums = tf.concat(
            [tf.tile(d_cell, [1, 3]) * by_cell.read(place), d_output * by_output.read(place)], 1
        )
        before = tf.matmul(d_sums, transposed), d_cell * forget.read(place)
        return time + 1, *before, kept.write(place, d_sums)

    end = _loop(steps, body, (0, d_last, d_cell, _array(steps)))
    return _stack(end[3], 4 * units), end[1], end[2]


def _loop(steps: Any, body: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    return tf.while_loop(  # type: ignore[no-any-return]
        lambda time, *_: time < steps, body, state, maximum_iterations=steps
    )


_array = partial(tf.TensorArray, tf.float32, infer_shape=False)


def _unstack(values: Any) -> Any:
    array = tf.TensorArray(tf.float32, tf.shape(values)[0], element_shape=values.shape[1:])
    return array.unstack(values)


def _stack(array: Any, width: int) -> Any:
    return tf.ensure_shape(array.stack(), (None, None, width))
