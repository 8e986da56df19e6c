"""Diagonal BiLSTM (van den Oord et al. 2016, arXiv:1601.06759, section 3.2).

Each row is skewed by its index, so that a diagonal becomes a column and is computed at once:

    a b c        a b c . .
    d e f   ->   . d e f .        e's column holds c and g; the one before holds b and d, which
    g h i        . . g h i        are e's neighbours above and to the left

    input-to-state    1x1 convolution, mask B
    state-to-state    2x1 over the column before: the same row (left) and the row above

One LSTM scans from the top left, one, on the mirrored image, from the top right; the second's map
is shifted down by one row before it is added, or it would show the pixels to the right. The state
left of a row's first pixel is learned.
"""

import keras
import tensorflow as tf

from tfgen.layers.lstm import GATES, lstm_cell, lstm_scan, scan_steps
from tfgen.layers.masked_conv import MaskedConv2D
from tfgen.layers.product import product
from tfgen.layers.skew import Skew

DIRECTIONS = 2  # left to right, right to left


@keras.saving.register_keras_serializable(package="tfgen")
class DiagonalBiLSTM(keras.layers.Layer):
    """A residual Diagonal BiLSTM layer on maps [b, h, w, 2 * hidden_channels].

    Args:
        hidden_channels: maps of each gate.
        groups: channel groups.
        num_classes: above 0, each class has gate biases of its own.
    """

    def __init__(self, hidden_channels, groups=1, num_classes=0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_channels = h = hidden_channels
        self.groups, self.num_classes = groups, num_classes
        self.extra_channels = DIRECTIONS * GATES * h  # that `call` may add to the gates
        self.input_to_state = [
            MaskedConv2D(2 * h, h, (1, 1), "B", groups, gates=GATES, num_classes=num_classes)
            for _ in range(DIRECTIONS)
        ]
        # From the left (rows 0..h-1) and from above (rows h..2h-1), for both directions.
        self.state_to_state = self.add_weight(
            name="state_to_state",
            shape=[DIRECTIONS, 2 * h, GATES * h],
            initializer="glorot_uniform",
        )
        self.first_hidden = self.add_weight(
            name="first_hidden", shape=[DIRECTIONS, h], initializer="zeros"
        )
        self.first_cell = self.add_weight(
            name="first_cell", shape=[DIRECTIONS, h], initializer="zeros"
        )
        self.output_layer = MaskedConv2D(h, 2 * h, (1, 1), "B", groups)
        self.built = True

    @staticmethod
    def layout(x):
        """Return how maps like x are skewed for each direction, the same in all layers."""
        return [Skew(x.shape, tf.shape(x)[0], mirrored) for mirrored in (False, True)]

    def call(self, x, labels=None, extra=None, layout=None, compiled=False):
        """Return (maps, features) of maps x; `extra` [b, h, w, 8h] is added to both's gates.

        Args: layout: what `layout` returned for maps of this shape; None: it is made here.
        """
        left, right = (
            self._scan(x, labels, extra, direction, skew, compiled)
            for direction, skew in enumerate(layout or self.layout(x))
        )
        return x + self.output_layer(left + right), {"x": x, "left": left}

    def _scan(self, x, labels, extra, direction, skew, compiled):
        """Return one direction's hidden states, [b, h, w, n]."""
        gates = self.input_to_state[direction](x, labels)
        if extra is not None:
            gates += tf.split(extra, DIRECTIONS, axis=-1)[direction]
        hidden, _ = lstm_scan(
            skew(gates),
            self.state_to_state[direction],
            self.first_hidden[direction],
            self.first_cell[direction],
            shifts=(0, 1),  # the same row, the row above
            begins=skew.begins,
            compiled=compiled,
        )
        return skew.undo(hidden)

    # The same, as steps of a raster scan; see `AutoregressiveModel`

    def start(self, batch, width, labels):
        zeros = tf.zeros([width, batch, self.hidden_channels])
        biases = [layer.bias_of(labels) for layer in self.input_to_state]
        return {"left": zeros, "right": zeros, "bias": biases}

    def row(self, state, extra=None):
        gates = product(state["left"], self._taps(0, "above")) + state["bias"][0]
        if extra is not None:
            gates += tf.split(extra, DIRECTIONS, axis=-1)[0]
        return {"gates": gates, "right": state["right"]}

    def first_left(self, batch):
        return self._first_state(0, batch)

    def begin_pixel(self, column, left):
        """Return the memory of one pixel, to which `at_pixel` adds group after group."""
        hidden, cell = left
        gates = column["gates"] + hidden @ self._taps(0, "left")
        right = tf.split(column["right"], self.groups, axis=-1)
        return {
            "gates": gates,
            "cell": cell,
            "right": right,
            "x": [],
            "hidden": [],
            "new_cell": [],
            "sum": [],
        }

    def at_pixel(self, pixel, x, group):
        """Return the layer's output group at one pixel, [b, 2h / groups], from its input group."""
        pixel["x"].append(x)
        gates = self.input_to_state[0].centre(pixel["x"], group, pixel["gates"])
        hidden, cell = lstm_cell(gates, tf.split(pixel["cell"], self.groups, axis=-1)[group])
        pixel["hidden"].append(hidden)
        pixel["new_cell"].append(cell)
        pixel["sum"].append(hidden + pixel["right"][group])
        return x + self.output_layer.centre(pixel["sum"], group, self.output_layer.bias_of(None))

    def end_pixel(self, pixel):
        """Return (next left, features) of a finished pixel."""
        hidden = tf.concat(pixel["hidden"], axis=-1)
        cell = tf.concat(pixel["new_cell"], axis=-1)
        return (hidden, cell), {"x": tf.concat(pixel["x"], axis=-1), "left": hidden}

    def finish_row(self, state, features, extra=None):
        """Scan the finished row from right to left: only the next row will look at it."""
        taps = self._taps(1, "left")
        gates = product(features["x"], self._centre_kernel()) + state["bias"][1]
        gates += product(state["right"], self._taps(1, "above"))
        if extra is not None:
            gates += tf.split(extra, DIRECTIONS, axis=-1)[1]

        def step(_, gates, state):
            hidden, cell = state
            return lstm_cell(gates + hidden @ taps, cell)

        batch = gates.shape[1] or tf.shape(gates)[1]
        right, _ = scan_steps(step, tf.reverse(gates, axis=[0]), self._first_state(1, batch))
        right = tf.reverse(right, axis=[0])
        return {"left": features["left"], "right": right, "bias": state["bias"]}

    def feature_sizes(self):
        return {"x": 2 * self.hidden_channels, "left": self.hidden_channels}

    def _taps(self, direction, side):
        n = self.hidden_channels
        return (
            self.state_to_state[direction, :n]
            if side == "left"
            else (self.state_to_state[direction, n:])
        )

    def _centre_kernel(self):
        return self.input_to_state[1].masked_kernel()[0, 0]

    def _first_state(self, direction, batch):
        shape = [batch, self.hidden_channels]
        return (
            tf.broadcast_to(self.first_hidden[direction], shape),
            tf.broadcast_to(self.first_cell[direction], shape),
        )
