"""Gated PixelCNN (van den Oord et al. 2016, arXiv:1606.05328).

Two stacks of convolutions instead of PixelCNN's one. The vertical stack v sees all rows above, the
horizontal stack h the pixels to the left and, from v, what is above; together they have no blind
spot. A layer, with the gate y = tanh(a) * sigmoid(b) on the two halves of its maps (equation 2):

    v in --> n x n ----------+--> gate --> v out
                             |
                            1x1
                             v
    h in --> 1 x n, masked --+--> gate --> 1x1 --+--> h out
      |                                          |
      +------------------------------------------+       (not in the first layer)

Both gates take a bias of the class (equation 4). The first layer's kernels are larger, and leave
out the pixel itself: v's stops a row above it, h's has mask A. Then the head of PixelCNN.
"""

import keras
import tensorflow as tf

from tfgen.errors import check_counts
from tfgen.layers.masked_conv import MaskedConv2D, RowsConv2D
from tfgen.layers.product import product
from tfgen.models.autoregressive import AutoregressiveModel
from tfgen.models.base import register

FIRST_SIZE, SIZE = 7, 3  # of the kernels


@register
class GatedPixelCNN(AutoregressiveModel):
    """Gated PixelCNN on grey or colour images.

    Args:
        image_shape: (height, width, channels).
        hidden_channels: h, maps of each stack. A multiple of the number of channels, unless the
            likelihood ties these together itself.
        num_layers: gated layers, the first one included.
        likelihood: of a pixel's levels; Categorical(256) by default.
        num_classes: 0 for an unconditional model.
    """

    def __init__(
        self, image_shape, hidden_channels=32, num_layers=10, likelihood=None, num_classes=0
    ):
        super().__init__(image_shape, likelihood, num_classes)
        check_counts(hidden_channels=hidden_channels, num_layers=num_layers)
        self.hidden_channels = h = hidden_channels
        self.num_layers = num_layers
        channels = self.image_shape[-1]
        self.gated = [
            GatedLayer(h if index else channels, h, not index, self.groups, num_classes)
            for index in range(num_layers)
        ]
        self.head = MaskedConv2D(h, h, (1, 1), "B", self.groups)
        outputs = self.likelihood.num_parameters(channels)
        self.output_layer = MaskedConv2D(h, outputs, (1, 1), "B", self.groups)
        self.built = True

    def network(self, x, labels=None, noise=None):
        v = h = x
        for layer in self.gated:
            v, h = layer(v, h, labels)
        # Rows leave nothing below but their pixels: what they give to v is computed from those.
        return self.output_layer(tf.nn.relu(self.head(tf.nn.relu(h)))), []

    # The same, as steps of a raster scan: v row by row, h pixel by pixel

    def start(self, batch, labels):
        return {
            "biases": [layer.biases(labels) for layer in self.gated],
            "pixels": self.rows_of_zeros(self.gated[0].vertical, batch),
            "rows": [self.rows_of_zeros(layer.vertical, batch) for layer in self.gated[1:]],
        }

    def row(self, state):
        columns, rows = [], []
        above = [state["pixels"], *state["rows"]]
        v = None
        for layer, before, biases in zip(self.gated, above, state["biases"], strict=True):
            if not layer.is_first:  # which stops a row above the one that v stands for
                before = [*before, v]
                rows.append(before[1:])
            gates = layer.vertical.at_row(before) + biases["vertical"]
            columns.append(layer.to_horizontal(gates) + biases["horizontal"])
            v = gate(gates)
        batch = tf.shape(v)[1]
        first, *others = [layer.horizontal.first_left(batch) for layer in self.gated]
        # Side by side: a pixel step counts operations, not numbers.
        left = {"pixels": first, "inputs": tf.concat(others, axis=-1) if others else first}
        return {**state, "rows": rows}, columns, left

    def pixel(self, column, left, draw):
        drawn, xs, heads = [], [], []
        inputs = [[] for _ in self.gated]  # the groups of each layer's input so far
        gated = [[] for _ in self.gated]
        before = [left["pixels"], *tf.split(left["inputs"], max(1, self.num_layers - 1), axis=-1)]
        for group in range(self.groups):
            h = None
            for index, layer in enumerate(self.gated):
                if index:
                    inputs[index].append(h)
                gates = layer.horizontal.centre(inputs[index], group, column[index], before[index])
                gated[index].append(gate(gates))
                out = layer.out.centre(gated[index], group, layer.out.bias_of(None))
                h = h + out if index else out
            drawn.append(draw(self.head_at_pixel(h, xs, heads, group), group))
            inputs[0].append(self.as_input(drawn[-1]))
        pixels = self.gated[0].horizontal.next_left(left["pixels"], inputs[0])
        parts = [part for parts in inputs[1:] for part in parts] or [pixels]
        left = {"pixels": pixels, "inputs": tf.concat(parts, axis=-1)}
        return tf.concat(drawn, axis=-1), left, []

    def finish_row(self, state, features, levels):
        return {**state, "pixels": self.next_rows(state["pixels"], levels)}

    def feature_sizes(self):
        return []


@keras.saving.register_keras_serializable(package="tfgen")
class GatedLayer(keras.layers.Layer):
    """One layer of both stacks: maps [b, h, w, in_channels] to [b, h, w, hidden_channels].

    Args:
        in_channels, hidden_channels: maps of each stack before and after.
        is_first: whether the input is the image, which the output must not see at the pixel.
        groups: channel groups.
        num_classes: above 0, each class has gate biases of its own.
    """

    def __init__(self, in_channels, hidden_channels, is_first, groups=1, num_classes=0, **kwargs):
        super().__init__(**kwargs)
        n, h, size = in_channels, hidden_channels, FIRST_SIZE if is_first else SIZE
        self.is_first = is_first
        self.vertical = RowsConv2D(n, 2 * h, size, own_row=not is_first, num_classes=num_classes)
        self.across = self.add_weight(
            name="across", shape=[2 * h, 2 * h], initializer="glorot_uniform"
        )
        self.horizontal = MaskedConv2D(
            n, h, (1, size), "A" if is_first else "B", groups, gates=2, num_classes=num_classes
        )
        self.out = MaskedConv2D(h, h, (1, 1), "B", groups)
        self.built = True

    def call(self, v, h, labels=None):
        vertical = self.vertical(v, labels)
        horizontal = self.horizontal(h, labels) + self.to_horizontal(vertical)
        out = self.out(gate(horizontal))
        return gate(vertical), out if self.is_first else h + out

    def to_horizontal(self, vertical):
        """Return what v's gates [..., 2 h] give to those of h."""
        return product(vertical, tf.cast(self.across, vertical.dtype))

    def biases(self, labels):
        return {
            "vertical": self.vertical.bias_of(labels),
            "horizontal": self.horizontal.bias_of(labels),
        }


def gate(maps):
    """Return tanh(a) * sigmoid(b) of the halves a and b of maps [..., 2 n]: [..., n]."""
    a, b = tf.split(maps, 2, axis=-1)
    return tf.tanh(a) * tf.sigmoid(b)
