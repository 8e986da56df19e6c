"""Row LSTM (van den Oord et al. 2016, arXiv:1601.06759, section 3.1).

Rows are scanned from top to bottom, all pixels of a row at once:

    input-to-state    masked 1x3 convolution along the row (left and the pixel itself)
    state-to-state    1x3 convolution over the row above, left, centre and right

so that a pixel sees a triangle above it. Then a 1x1 convolution to 2h maps, added to the input.
"""

import keras
import tensorflow as tf

from tfgen.layers.lstm import GATES, lstm_cell, lstm_scan
from tfgen.layers.masked_conv import MaskedConv2D, convolve_rows


@keras.saving.register_keras_serializable(package="tfgen")
class RowLSTM(keras.layers.Layer):
    """A residual Row LSTM layer on maps [b, h, w, 2 * hidden_channels].

    Args:
        hidden_channels: maps of each gate.
        groups: channel groups.
        num_classes: above 0, each class has gate biases of its own.
    """

    def __init__(self, hidden_channels, groups=1, num_classes=0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_channels = h = hidden_channels
        self.groups, self.num_classes = groups, num_classes
        self.extra_channels = GATES * h  # that `call` may add to the gates
        self.input_to_state = MaskedConv2D(
            2 * h, h, (1, 3), "B", groups, gates=GATES, num_classes=num_classes
        )
        self.state_to_state = self.add_weight(
            name="state_to_state", shape=[3 * h, GATES * h], initializer="glorot_uniform"
        )
        # The state above the first row is learned.
        self.first_hidden = self.add_weight(name="first_hidden", shape=[h], initializer="zeros")
        self.first_cell = self.add_weight(name="first_cell", shape=[h], initializer="zeros")
        self.output_layer = MaskedConv2D(h, 2 * h, (1, 1), "B", groups)
        self.built = True

    @staticmethod
    def layout(x):
        """Return None: rows are scanned as they lie."""

    def call(self, x, labels=None, extra=None, layout=None, compiled=False):
        """Return (maps, features) of maps x; `extra` [b, h, w, 4h] is added to the gates.

        Args: layout: what `layout` returned; for the Diagonal BiLSTM's sake.
        """
        gates = self.input_to_state(x, labels)
        if extra is not None:
            gates += extra
        # Halves of the batch, each a loop of its own, so that two cores have work.
        halves = tf.split(gates, 2) if (x.shape[0] or 1) % 2 == 0 else [gates]
        states = [
            lstm_scan(
                tf.transpose(half, [1, 2, 0, 3]),
                self.state_to_state,
                self.first_hidden,
                self.first_cell,
                shifts=(1, 0, -1),  # above: left, centre, right
                begins=tf.zeros([x.shape[1], 1, 1, 1], bool),
                compiled=compiled,
            )
            for half in halves
        ]
        hidden, cell = (
            tf.transpose(tf.concat(maps, axis=2), [2, 0, 1, 3])
            for maps in zip(*states, strict=True)
        )
        return x + self.output_layer(hidden), {"hidden": hidden, "cell": cell}

    # The same, as steps of a raster scan; see `AutoregressiveModel`

    def start(self, batch, width, labels):
        shape = [width, batch, self.hidden_channels]
        hidden, cell = (tf.broadcast_to(s, shape) for s in (self.first_hidden, self.first_cell))
        return {"hidden": hidden, "cell": cell, "bias": self.input_to_state.bias_of(labels)}

    def row(self, state, extra=None):
        n = self.hidden_channels
        kernel = tf.reshape(self.state_to_state, [1, 3, n, GATES * n])
        gates = convolve_rows([state["hidden"]], kernel) + state["bias"]
        if extra is not None:
            gates += extra
        return {"gates": gates, "cell": state["cell"]}

    def first_left(self, batch):
        return tf.zeros([batch, 2 * self.hidden_channels])  # the input left of the pixel

    def begin_pixel(self, column, left):
        """Return the memory of one pixel, to which `at_pixel` adds group after group."""
        return {**column, "left": left, "x": [], "hidden": [], "new_cell": []}

    def at_pixel(self, pixel, x, group):
        """Return the layer's output group at one pixel, [b, 2h / groups], from its input group."""
        pixel["x"].append(x)
        gates = self.input_to_state.centre(pixel["x"], group, pixel["gates"], pixel["left"])
        hidden, cell = lstm_cell(gates, tf.split(pixel["cell"], self.groups, axis=-1)[group])
        pixel["hidden"].append(hidden)
        pixel["new_cell"].append(cell)
        return x + self.output_layer.centre(pixel["hidden"], group, self.output_layer.bias_of(None))

    def end_pixel(self, pixel):
        """Return (next left, features) of a finished pixel."""
        features = {
            "hidden": tf.concat(pixel["hidden"], axis=-1),
            "cell": tf.concat(pixel["new_cell"], axis=-1),
        }
        return tf.concat(pixel["x"], axis=-1), features

    def finish_row(self, state, features, extra=None):
        return {**features, "bias": state["bias"]}

    def feature_sizes(self):
        return {"hidden": self.hidden_channels, "cell": self.hidden_channels}
