"""Convolutions of the two streams of PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517).

The kernels end at the output's own place c, so that no tap is wasted on a mask:

    vertical      horizontal
    1 1 1         1 1
    1 c 1         1 c

The vertical stream enters shifted down by a row, the horizontal one by a pixel, so c may be seen.
The maps of the horizontal stream may be split into `groups`, one per colour channel of the image:
at c, a group then sees itself and the groups before it, as under mask B of `MaskedConv2D`.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen.layers.masked_conv import BiasedLayer, group_mask, group_of
from tfgen.layers.product import product


@keras.saving.register_keras_serializable(package="tfgen")
class ShiftedConv2D(BiasedLayer):
    """A convolution of one stream, plus 1x1 convolutions of maps from elsewhere.

    Args:
        stream: "vertical" or "horizontal".
        in_channels, filters: maps in and out, multiples of `groups`.
        groups: channel groups of the horizontal stream; the vertical stream has none.
        gates: the output holds this many gates of `filters` maps each, one after another.
        skip_channels: maps of the same stream that also enter, seen at c alone; 0 for none.
        vertical_channels: maps of the vertical stream that also enter at c; 0 for none.
        stride: of both axes.
        num_classes: above 0, each class has a bias of its own.
    """

    def __init__(
        self,
        stream,
        in_channels,
        filters,
        groups=1,
        gates=1,
        skip_channels=0,
        vertical_channels=0,
        stride=1,
        num_classes=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.groups, self.gates, self.stride = filters, groups, gates, stride
        self.width = {"vertical": 3, "horizontal": 2}[stream]
        out = gates * filters

        def weight(name, shape):
            return self.add_weight(name=name, shape=shape, initializer="glorot_uniform")

        self.kernel = weight("kernel", [2, self.width, in_channels, out])
        self.skip_kernel = self.vertical_kernel = None
        if skip_channels:
            self.skip_kernel = weight("skip_kernel", [skip_channels, out])
        if vertical_channels:
            self.vertical_kernel = weight("vertical_kernel", [vertical_channels, out])
        self.add_bias(out, num_classes)
        self.built = True

    def call(self, x, skip=None, vertical=None, labels=None):
        """Convolve whole maps [b, h, w, in] to [b, h / stride, w / stride, gates * filters]."""
        padding = [[0, 0], [1, 0], [1, self.width - 2], [0, 0]]
        kernel = tf.cast(self.masked_kernel(), x.dtype)
        maps = tf.nn.conv2d(tf.pad(x, padding), kernel, strides=self.stride, padding="VALID")
        if skip is not None:
            maps += product(skip, tf.cast(self.masked_skip_kernel(), x.dtype))
        if vertical is not None:
            maps += product(vertical, tf.cast(self.vertical_kernel, x.dtype))
        return self.with_bias(maps, labels)

    def masked_kernel(self):
        if self.groups == 1:
            return tf.convert_to_tensor(self.kernel)
        mask = np.ones(self.kernel.shape, np.float32)
        mask[-1, -1] = group_mask(*self.kernel.shape[2:], self.groups, self.gates)
        return self.kernel * mask

    def masked_skip_kernel(self):
        if self.groups == 1:
            return tf.convert_to_tensor(self.skip_kernel)
        return self.skip_kernel * group_mask(*self.skip_kernel.shape, self.groups, self.gates)

    # The same in pieces, for a raster scan. A row of the vertical stream at once:

    def row(self, above, own, skip=None, labels=None):
        """Return one row [w / stride, b, out] from the row above and the own one, [w, b, in]."""
        maps = self._along_row(tf.concat([above, own], axis=-1), self.kernel)
        if skip is not None:
            maps += product(skip, self.masked_skip_kernel())
        return self._at_own_places(maps) + self.bias_of(labels)

    # For the horizontal stream, what the rows above give to a row, then pixel after pixel:

    def column(self, above, vertical=None, labels=None):
        """Return what all but the own row give to its pixels, [w / stride, b, out]."""
        maps = self._along_row(above, self.kernel[:1])
        if vertical is not None:
            maps += product(vertical, self.vertical_kernel)
        return self._at_own_places(maps) + self.bias_of(labels)

    def _at_own_places(self, maps):
        return maps if self.stride == 1 else maps[:: self.stride]

    def _along_row(self, rows, kernel):
        """Convolve along the row maps [w, b, rows * in] with a kernel [rows, width, in, out].

        Every tap's product first, then shifts and sums of these, which XLA fuses.
        """
        width, out = kernel.shape[1], kernel.shape[3]
        kernel = tf.reshape(tf.transpose(kernel, [0, 2, 1, 3]), [rows.shape[-1], width * out])
        left, *others = tf.split(product(rows, kernel), width, axis=-1)
        size = [left.shape[0], -1, -1]
        maps = tf.slice(tf.pad(left, [[1, 0], [0, 0], [0, 0]]), [0, 0, 0], size) + others[0]
        if len(others) == 2:
            maps += tf.slice(tf.pad(others[1], [[0, 1], [0, 0], [0, 0]]), [1, 0, 0], size)
        return maps

    def at_pixel(self, column, group, *parts):
        """Return one group of the output at one pixel: [b, gates * filters / groups].

        Args:
            column: what all but the own row give, [b, out].
            group: which output group.
            parts: the pixel to the left, the pixel itself and, if maps skip to here, those; [b, n]
                each. What groups after `group` hold does not matter.
        """
        kernels = [tf.reshape(self.masked_kernel()[1], [-1, self.gates * self.filters])]
        if self.skip_kernel is not None:
            kernels.append(self.masked_skip_kernel())
        kernel, rest = (
            group_of(maps, group, self.groups, self.gates)
            for maps in (tf.concat(kernels, axis=0), column)
        )
        return tf.concat(parts, axis=-1) @ kernel + rest


@keras.saving.register_keras_serializable(package="tfgen")
class Doubling(keras.layers.Layer):
    """A transposed 2x2 convolution of stride 2: each place gives the four below it, no other.

    Args:
        channels: maps in and out, a multiple of `groups`.
        groups: channel groups; each sees itself and those before it.
    """

    def __init__(self, channels, groups=1, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.groups = channels, groups
        # Output maps of the upper left place, then upper right, lower left and lower right.
        self.kernel = self.add_weight(
            name="kernel", shape=[channels, 4 * channels], initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=[channels], initializer="zeros")
        self.built = True

    def masked_kernel(self):
        if self.groups == 1:
            return tf.convert_to_tensor(self.kernel)
        return self.kernel * group_mask(self.channels, 4 * self.channels, self.groups, gates=4)

    def call(self, x):
        """Return [b, 2 h, 2 w, n] of maps [b, h, w, n]."""
        maps = product(x, tf.cast(self.masked_kernel(), x.dtype))
        return tf.nn.depth_to_space(maps, 2) + tf.cast(self.bias, x.dtype)

    def row(self, x, lower):
        """Return the upper or lower row [2 w, b, n] of a row [w, b, n]; `lower` is 0 or 1."""
        width, n = x.shape[0], self.channels
        kernel = tf.slice(self.masked_kernel(), [0, 2 * n * lower], [n, 2 * n])
        pairs = tf.reshape(product(x, kernel), [width, -1, 2, n])
        return tf.reshape(tf.transpose(pairs, [0, 2, 1, 3]), [2 * width, -1, n]) + self.bias

    def at_pixel(self, x, group, lower, right):
        """Return one group [b, n / groups] at one of the four places; `right` is 0 or 1 too."""
        n, size = self.channels, self.channels // self.groups
        place = n * (2 * lower + right)
        kernel = tf.slice(self.masked_kernel(), [0, place + group * size], [n, size])
        return x @ kernel + self.bias[group * size : (group + 1) * size]
