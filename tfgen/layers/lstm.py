"""The LSTM that the row and the diagonal layers share: its cell, and a scan with a fast gradient.

Gates come one after another in the maps: input, forget, output, content. The scan's backward pass
is written by hand: it reads the gates' values instead of computing them again, and a step holds
one product for the state. Both passes are loops which XLA compiles in half a second each, once for
all layers; as graph loops, without `compiled`, they run on machines without XLA.
"""

import tensorflow as tf

from tfgen.gradient import custom_gradient
from tfgen.layers.product import product

GATES = 4


def lstm_cell(gates, cell):
    """Return (hidden, cell) from gates [..., 4 n] and the cell before [..., n].

    Input, forget and output gates are sigmoid, the content is tanh (arXiv:1601.06759, eq. 3).
    """
    _, hidden, cell = _opened(gates, cell)
    return hidden, cell


def lstm_scan(gates, kernel, first_hidden, first_cell, shifts, begins, compiled=False):
    """Scan an LSTM over the steps of `gates`, at many positions at once.

    Args:
        gates: [t, p, b, 4 n], what the input gives to the gates at p positions in t steps.
        kernel: [len(shifts) * n, 4 n], the state-to-state weights.
        first_hidden, first_cell: [n], the state before the first step.
        shifts: position i sees the step before at i - shift, for each shift; zeros outside.
        begins: bool [t, p or 1, 1, 1]; where true, a position's own state (not its neighbours')
            is the first state again.
        compiled: run under XLA.

    Returns hidden states and cells [t, p, b, n], the cells without a gradient. Inside, all is
    float32.
    """
    forward, backward = (_xla_forward, _xla_backward) if compiled else (_forward, _backward)

    @custom_gradient
    def scan(*values):
        # An eager tape would look into the compiled loop.
        gates, *parameters = (tf.stop_gradient(value) for value in values)
        hidden, cells, opened = forward(gates, *parameters, shifts, begins)

        def gradient(d_hidden, _):
            return backward(d_hidden, *parameters, shifts, begins, hidden, cells, opened)

        return (hidden, cells), gradient

    values = (gates, kernel, first_hidden, first_cell)
    hidden, cells = scan(*(tf.cast(value, tf.float32) for value in values))
    return tf.cast(hidden, gates.dtype), tf.stop_gradient(tf.cast(cells, gates.dtype))


def _opened(gates, cell):
    """Return the gates after their nonlinearities, and the new hidden state and cell."""
    enter, forget, leave, content = tf.split(gates, GATES, axis=-1)
    opened = tf.sigmoid(enter), tf.sigmoid(forget), tf.sigmoid(leave), tf.tanh(content)
    enter, forget, leave, content = opened
    cell = forget * cell + enter * content
    return opened, leave * tf.tanh(cell), cell


def _forward(gates, kernel, first_hidden, first_cell, shifts, begins):
    """Return hidden states and cells [t, p, b, n] and opened gates [t, p, b, 4 n]."""
    steps, positions, batch, width = gates.shape
    batch = batch or tf.shape(gates)[2]
    n = width // GATES
    hidden, cell = (tf.broadcast_to(s, [positions, batch, n]) for s in (first_hidden, first_cell))
    arrays = [_array(steps, like) for like in (hidden, cell, gates[0])]

    def body(t, hidden, cell, arrays):
        taps = _neighbours(hidden, first_hidden, begins[t], shifts)
        cell = tf.where(begins[t], first_cell, cell)
        opened, hidden, cell = _opened(gates[t] + product(taps, kernel), cell)
        found = hidden, cell, tf.concat(opened, axis=-1)
        arrays = [array.write(t, value) for array, value in zip(arrays, found, strict=True)]
        return t + 1, hidden, cell, arrays

    *_, arrays = tf.while_loop(
        lambda t, *_: t < steps, body, (0, hidden, cell, arrays), maximum_iterations=steps
    )
    return tuple(array.stack() for array in arrays)


def _backward(d_hiddens, kernel, first_hidden, first_cell, shifts, begins, hiddens, cells, opened):
    """Return the gradients of gates, kernel, first_hidden and first_cell."""
    steps = d_hiddens.shape[0]
    zeros = tf.zeros_like(d_hiddens[0])
    transposed = tf.transpose(kernel)

    def body(k, d_hidden, d_cell, d_first, d_kernel, d_gates):
        t = steps - 1 - k
        hidden, cell = (
            tf.where(t > 0, states[tf.maximum(t - 1, 0)], first)
            for states, first in ((hiddens, first_hidden), (cells, first_cell))
        )
        taps = _neighbours(hidden, first_hidden, begins[t], shifts)
        cell = tf.where(begins[t], first_cell, cell)
        enter, forget, leave, content = tf.split(opened[t], GATES, axis=-1)
        out = tf.tanh(cells[t])
        # hidden = leave * tanh(cell); cell = forget * cell + enter * content
        d_hidden += d_hiddens[t]
        d_cell += d_hidden * leave * (1 - out * out)
        d_opened = (
            d_cell * content * enter * (1 - enter),
            d_cell * cell * forget * (1 - forget),
            d_hidden * out * leave * (1 - leave),
            d_cell * enter * (1 - content * content),
        )
        d_gate = tf.concat(d_opened, axis=-1)
        d_taps = tf.split(product(d_gate, transposed), len(shifts), axis=-1)
        d_kernel += tf.matmul(_rows(taps), _rows(d_gate), transpose_a=True)
        d_hidden, d_cell = zeros, d_cell * forget
        d_first_hidden, d_first_cell = d_first
        for shift, d_tap in zip(shifts, d_taps, strict=True):
            if shift == 0:
                d_first_hidden += tf.where(begins[t], d_tap, 0.0)
                d_hidden += tf.where(begins[t], 0.0, d_tap)
            else:
                d_hidden += _moved(d_tap, -shift)
        # Kept apart for each position: sums inside the loop are slow.
        d_first = d_first_hidden, d_first_cell + tf.where(begins[t], d_cell, 0.0)
        d_cell = tf.where(begins[t], 0.0, d_cell)
        return k + 1, d_hidden, d_cell, d_first, d_kernel, d_gates.write(t, d_gate)

    d_gates = _array(steps, opened[0])
    start = (0, zeros, zeros, (zeros, zeros), tf.zeros_like(kernel), d_gates)
    _, d_hidden, d_cell, d_first, d_kernel, d_gates = tf.while_loop(
        lambda k, *_: k < steps, body, start, maximum_iterations=steps
    )
    d_first_hidden, d_first_cell = (
        tf.reduce_sum(d_begun + d_state, axis=[0, 1])
        for d_begun, d_state in zip(d_first, (d_hidden, d_cell), strict=True)
    )
    return d_gates.stack(), d_kernel, d_first_hidden, d_first_cell


_xla_forward = tf.function(_forward, jit_compile=True, autograph=False)
_xla_backward = tf.function(_backward, jit_compile=True, autograph=False)


def _neighbours(hidden, first_hidden, begins, shifts):
    """Return the states before, [p, b, n], at each shift, side by side."""
    own = tf.where(begins, first_hidden, hidden)
    taps = [own if shift == 0 else _moved(hidden, shift) for shift in shifts]
    return tf.concat(taps, axis=-1)


def _moved(maps, shift):
    """Move maps [p, b, n] by `shift` positions; zeros come in."""
    positions = maps.shape[0]
    shift = max(-positions, min(positions, shift))
    kept = maps[max(-shift, 0) : positions - max(shift, 0)]
    return tf.pad(kept, [[max(shift, 0), max(-shift, 0)], [0, 0], [0, 0]])


def _rows(maps):
    return tf.reshape(maps, [-1, maps.shape[-1]])


def _array(steps, like):
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape)


def scan_steps(step, gates, state):
    """Run `step(t, gates[t], state) -> state` over the first axis of `gates`; stack the states.

    One loop, which XLA compiles; unrolled it would not.
    """
    size = gates.shape[0]
    outputs = [tf.TensorArray(part.dtype, size, element_shape=part.shape) for part in state]

    def body(t, state, outputs):
        state = step(t, gates[t], state)
        return t + 1, state, [o.write(t, part) for o, part in zip(outputs, state, strict=True)]

    _, _, outputs = tf.while_loop(
        lambda t, *_: t < size, body, (tf.constant(0), state, outputs), maximum_iterations=size
    )
    return [output.stack() for output in outputs]
