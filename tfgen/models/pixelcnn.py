"""PixelCNN (van den Oord et al. 2016, arXiv:1601.06759, section 3.5 and table 1).

A stack of masked convolutions gives each pixel's distribution from the pixels above and to the
left: a 7x7 convolution with mask A, residual blocks with mask B

    x -> ReLU -> 1x1 (2h to h) -> ReLU -> 3x3 -> ReLU -> 1x1 (h to 2h) -> + x

and a head of two ReLU, 1x1 layers. All pixels are scored in one pass. As in the paper, a single
stack has a blind spot, whatever its depth: of the row r above, no pixel more than r + 2 columns to
the right is ever seen. Class-conditional biases as in Gated PixelCNN (arXiv:1606.05328).
"""

import keras
import tensorflow as tf

from tfgen.errors import check_counts
from tfgen.layers.masked_conv import MaskedConv2D
from tfgen.layers.product import product
from tfgen.models.autoregressive import AutoregressiveModel
from tfgen.models.base import register


@register
class PixelCNN(AutoregressiveModel):
    """PixelCNN on grey or colour images.

    Args:
        image_shape: (height, width, channels).
        hidden_channels: h, maps inside a block; 2h between blocks. A multiple of the number of
            channels, unless the likelihood ties these together itself.
        num_blocks: residual blocks.
        likelihood: of a pixel's levels; Categorical(256) by default.
        num_classes: 0 for an unconditional model.
        embedding_dim: if not 0, the network sees a learned vector of this length in place of each
            level, as befits levels without an order (the codes of a VQ-VAE). Its input x is then
            what `as_input` returns, [b, h, w, c * embedding_dim].
    """

    def __init__(
        self,
        image_shape,
        hidden_channels=16,
        num_blocks=15,
        likelihood=None,
        num_classes=0,
        embedding_dim=0,
    ):
        super().__init__(image_shape, likelihood, num_classes)
        check_counts(hidden_channels=hidden_channels, num_blocks=num_blocks)
        check_counts(minimum=0, embedding_dim=embedding_dim)
        self.hidden_channels = h = hidden_channels
        self.num_blocks = num_blocks
        self.embedding_dim = embedding_dim
        channels = self.image_shape[-1]
        if embedding_dim:
            self.embedding = self.add_weight(
                name="embedding",
                shape=[self.likelihood.levels, embedding_dim],
                initializer=keras.initializers.RandomNormal(stddev=1.0),
            )
        maps = channels * (embedding_dim or 1)
        shared = {"groups": self.groups}
        self.first = MaskedConv2D(maps, 2 * h, (7, 7), "A", num_classes=num_classes, **shared)
        self.blocks = [ResidualBlock(h, self.groups, num_classes) for _ in range(num_blocks)]
        self.head = MaskedConv2D(2 * h, 2 * h, (1, 1), "B", **shared)
        outputs = self.likelihood.num_parameters(channels)
        self.output_layer = MaskedConv2D(2 * h, outputs, (1, 1), "B", **shared)
        self.built = True

    def network(self, x, labels=None, noise=None):
        x = self.first(x, labels)
        inputs = []
        for block in self.blocks:
            inputs.append(tf.nn.relu(block.down(tf.nn.relu(x))))
            x += block.up(tf.nn.relu(block.conv(inputs[-1], labels)))
        parameters = self.output_layer(tf.nn.relu(self.head(tf.nn.relu(x))))
        return parameters, tf.concat(inputs, axis=-1)

    # The same, as steps of a raster scan

    def start(self, batch, labels):
        return {
            "biases": [layer.bias_of(labels) for layer in (self.first, *self._convs())],
            "pixels": self.rows_of_zeros(self.first, batch),
            # Of the 3x3 convolutions, side by side: a pixel step counts operations, not numbers.
            "inputs": tf.zeros([self.image_shape[1], batch, self.feature_sizes()]),
        }

    def row(self, state):
        above = [self.first.above(state["pixels"])]
        for conv, inputs in zip(self._convs(), self._split(state["inputs"]), strict=True):
            above.append(conv.above([inputs]))
        columns = [maps + bias for maps, bias in zip(above, state["biases"], strict=True)]
        batch = tf.shape(above[0])[1]
        left = {
            "pixels": self.first.first_left(batch),
            "inputs": tf.zeros([batch, self.feature_sizes()]),
        }
        return state, columns, left

    def pixel(self, column, left, draw):
        drawn, pixel = [], []  # the groups of levels, and of network input
        xs, heads = [], []  # the groups of each layer's maps so far
        inner = [([], [], []) for _ in self.blocks]
        for group in range(self.groups):
            x = self.first.centre(pixel, group, column[0], left["pixels"])
            for block, parts, above, before in zip(
                self.blocks, inner, column[1:], self._split(left["inputs"]), strict=True
            ):
                down, up = block.down, block.up
                parts[0].append(tf.nn.relu(x))
                parts[1].append(tf.nn.relu(down.centre(parts[0], group, down.bias_of(None))))
                parts[2].append(tf.nn.relu(block.conv.centre(parts[1], group, above, before)))
                x += up.centre(parts[2], group, up.bias_of(None))
            drawn.append(draw(self.head_at_pixel(x, xs, heads, group), group))
            pixel.append(self.as_input(drawn[-1]))
        inputs = tf.concat([part for parts in inner for part in parts[1]], axis=-1)
        pixels = self.first.next_left(left["pixels"], pixel)
        return tf.concat(drawn, axis=-1), {"pixels": pixels, "inputs": inputs}, inputs

    def finish_row(self, state, features, levels):
        pixels = self.next_rows(state["pixels"], levels)
        return {**state, "pixels": pixels, "inputs": features}

    def as_input(self, levels):
        if not self.embedding_dim:
            return super().as_input(levels)
        # As a product, since its gradient is dense, which every strategy can sum.
        one_hot = tf.one_hot(levels, self.likelihood.levels)
        vectors = tf.unstack(product(one_hot, self.embedding), axis=-2)
        return tf.concat(vectors, axis=-1)

    def feature_sizes(self):
        return self.hidden_channels * self.num_blocks

    def _split(self, maps):
        return tf.split(maps, self.num_blocks, axis=-1)

    def _convs(self):
        return [block.conv for block in self.blocks]


@keras.saving.register_keras_serializable(package="tfgen")
class ResidualBlock(keras.layers.Layer):
    """The three convolutions of a residual block; Keras before 3.13 loses those in nested lists."""

    def __init__(self, hidden_channels, groups, num_classes, **kwargs):
        super().__init__(**kwargs)
        h = hidden_channels
        self.down = MaskedConv2D(2 * h, h, (1, 1), "B", groups)
        self.conv = MaskedConv2D(h, h, (3, 3), "B", groups, num_classes=num_classes)
        self.up = MaskedConv2D(h, 2 * h, (1, 1), "B", groups)
        self.built = True
