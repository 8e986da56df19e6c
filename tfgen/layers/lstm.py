"""The LSTM cell that the row and the diagonal layers share.

Gates come one after another in the maps: input, forget, output, content.
"""

import tensorflow as tf

GATES = 4


def lstm_cell(gates, cell):
    """Return (hidden, cell) from gates [..., 4 n] and the cell before [..., n].

    Input, forget and output gates are sigmoid, the content is tanh (arXiv:1601.06759, eq. 3).
    """
    enter, forget, leave, content = tf.split(gates, GATES, axis=-1)
    cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(content)
    return tf.sigmoid(leave) * tf.tanh(cell), cell


def scan_steps(step, gates, state):
    """Run `step(t, gates[t], state) -> state` over the first axis of `gates`; stack the states.

    One loop, which XLA compiles, forward and backward; unrolled it would not.
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
