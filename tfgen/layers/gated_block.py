"""The gated residual block of PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517, section 2.4)."""

import keras
import tensorflow as tf

from tfgen.layers.shifted_conv import ShiftedConv2D


@keras.saving.register_keras_serializable(package="tfgen")
class GatedBlock(keras.layers.Layer):
    """A gated residual block: x + a * sigmoid(b), where a and b come out of two convolutions.

        x -> concat_elu -> convolution + 1x1 of auxiliary maps -> concat_elu -> dropout
          -> convolution to a, b

    Args:
        stream: "vertical", or "horizontal", which takes the vertical maps of its place too.
        hidden_channels: maps.
        skip: whether maps of the downward pass come in too.
        groups: channel groups.
        dropout: rate.
        num_classes: above 0, each class has biases of its own.
    """

    def __init__(self, stream, hidden_channels, skip, groups, dropout, num_classes, **kwargs):
        super().__init__(**kwargs)
        h = hidden_channels
        self.groups = groups if stream == "horizontal" else 1
        self.dropout = dropout
        self.first = ShiftedConv2D(
            stream,
            2 * h,
            h,
            self.groups,
            skip_channels=2 * h if skip else 0,
            vertical_channels=2 * h if stream == "horizontal" else 0,
        )
        self.second = ShiftedConv2D(stream, 2 * h, h, self.groups, gates=2, num_classes=num_classes)
        self.built = True

    def call(self, x, seen, skip=None, vertical=None, labels=None, noise=None):
        """Return (x, seen, inputs), the maps [b, h, w, n] that leave and those convolved here.

        Args: seen: concat_elu of x, as are `skip` and `vertical` of their maps.
        """
        hidden = concat_elu(self.first(seen, skip=skip, vertical=vertical), self.groups)
        inputs = [seen, hidden]
        if noise is not None and self.dropout:
            batch = x.shape[0] or tf.shape(x)[0]
            kept = noise.uniform([batch, *hidden.shape[1:]]) >= self.dropout
            hidden *= tf.cast(kept, x.dtype) / (1 - self.dropout)
        x += gated(self.second(hidden, labels=labels))
        return x, concat_elu(x, self.groups), inputs

    # The same, as steps of a raster scan. `above`, `left` and `now` are inputs as above: of the row
    # above, of the pixel to the left and of the pixel itself, as far as its groups are known.

    def row(self, x, seen, above, skip=None, labels=None):
        hidden = concat_elu(self.first.row(above[0], seen, skip))
        x += gated(self.second.row(above[1], hidden, labels=labels))
        return x, concat_elu(x), [seen, hidden]

    def columns(self, above, vertical, labels=None):
        """Return what all but the own row give to both convolutions at its pixels."""
        first = self.first.column(above[0], vertical)
        return [first, self.second.column(above[1], labels=labels)]

    def at_pixel(self, x, columns, left, now, skip, group):
        """Return (group of x, inputs) from a group of x, [b, n / groups], at one pixel."""
        seen = with_group(now[0], concat_elu(x), group, self.groups)
        parts = [left[0], seen] if skip is None else [left[0], seen, skip]
        hidden = concat_elu(self.first.at_pixel(columns[0], group, *parts))
        hidden = with_group(now[1], hidden, group, self.groups)
        x += gated(self.second.at_pixel(columns[1], group, left[1], hidden))
        return x, [seen, hidden]


def concat_elu(x, groups=1):
    """Return elu(x) and elu(-x), [..., 2 n], the two of each group side by side."""
    parts = [x] if groups == 1 else tf.split(x, groups, axis=-1)
    return tf.nn.elu(tf.concat([half for part in parts for half in (part, -part)], axis=-1))


def gated(maps):
    a, b = tf.split(maps, 2, axis=-1)
    return a * tf.sigmoid(b)


def with_group(maps, value, group, groups):
    """Return maps [b, n] with one group replaced."""
    if groups == 1:
        return value
    parts = tf.split(maps, groups, axis=-1)
    parts[group] = value
    return tf.concat(parts, axis=-1)
