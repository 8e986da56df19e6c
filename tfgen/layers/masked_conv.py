"""Masked convolution (van den Oord et al. 2016, arXiv:1601.06759, section 3.4).

A 5x5 kernel sees what comes before its centre in raster order; rows below are not even stored:

    1 1 1 1 1
    1 1 1 1 1
    1 1 c 0 0

Feature maps are split into `groups`, one per colour channel of the image. At the centre c, mask A
lets an output group see the input groups before it (R; G sees R; B sees R and G), mask B its own
group too. Maps of several gates are grouped within each gate.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.layers.product import product


class BiasedLayer(keras.layers.Layer):
    """A layer whose output takes a bias, the same for all images or one of their class."""

    def add_bias(self, size, num_classes):
        self.bias = self.add_weight(name="bias", shape=[size], initializer="zeros")
        self.class_bias = None
        if num_classes:
            self.class_bias = self.add_weight(
                name="class_bias", shape=[num_classes, size], initializer="zeros"
            )

    def bias_of(self, labels):
        """Return the biases, [b, size], or [size] if they are the same for all."""
        if self.class_bias is None:
            return tf.convert_to_tensor(self.bias)
        # A product rather than a lookup, whose sparse gradient replicas cannot sum.
        return self.bias + tf.one_hot(labels, self.class_bias.shape[0]) @ self.class_bias

    def with_bias(self, maps, labels):
        """Return maps [b, h, w, size] plus their biases."""
        bias = tf.cast(self.bias_of(labels), maps.dtype)
        return maps + (bias if self.class_bias is None else bias[:, None, None])


@keras.saving.register_keras_serializable(package="tfgen")
class MaskedConv2D(BiasedLayer):
    """A causal convolution, with the pieces that cached sampling takes it apart into.

    Args:
        in_channels, filters: maps in and out, multiples of `groups`.
        kernel_size: (height, width), both odd; a height of 1 looks along the row only.
        mask_type: "A" or "B".
        groups: number of channel groups.
        gates: the output holds this many gates of `filters` maps each, one after another.
        num_classes: above 0, each class has a bias of its own.
    """

    def __init__(
        self,
        in_channels,
        filters,
        kernel_size,
        mask_type,
        groups=1,
        gates=1,
        num_classes=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if mask_type not in ("A", "B"):
            raise UserError(f"mask_type must be A or B, but is '{mask_type}'.")
        if in_channels % groups or filters % groups:
            raise UserError(
                f"{in_channels} and {filters} feature maps cannot be split into {groups} channel "
                f"groups; choose hidden_channels as a multiple of {groups}."
            )
        self.in_channels, self.filters = in_channels, filters
        self.kernel_size, self.mask_type = tuple(kernel_size), mask_type
        self.groups, self.gates = groups, gates
        height, width = self.kernel_size
        self.rows_above, self.margin = height // 2, width // 2
        shape = (self.rows_above + 1, width, in_channels, gates * filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.add_bias(gates * filters, num_classes)
        self._mask = self._make_mask()
        self.built = True

    def _make_mask(self):
        maps = (*self.kernel.shape[2:], self.groups, self.gates)
        if self.groups == 1:
            maps = (1, 1, 1, 1)  # the same for all maps, so kept small: exports store it
        mask = np.ones([*self.kernel.shape[:2], *maps[:2]], np.float32)
        mask[-1, self.margin] = group_mask(*maps, self.mask_type)
        mask[-1, self.margin + 1 :] = 0
        return mask

    def masked_kernel(self):
        if np.all(self._mask):
            return tf.convert_to_tensor(self.kernel)
        return self.kernel * self._mask

    def call(self, x, labels=None):
        """Convolve whole maps [b, h, w, in] to [b, h, w, gates * filters]."""
        kernel = tf.cast(self.masked_kernel(), x.dtype)
        if self.kernel_size == (1, 1):
            maps = product(x, kernel[0, 0])  # faster than a convolution
        else:
            # In a kernel of one row, no tap to the right counts.
            right = self.margin if self.rows_above else 0
            padding = [[0, 0], [self.rows_above, 0], [self.margin, right], [0, 0]]
            kernel = kernel[:, : self.margin + 1 + right]
            maps = tf.nn.conv2d(tf.pad(x, padding), kernel, strides=1, padding="VALID")
        return self.with_bias(maps, labels)

    # The same convolution in pieces: rows above at once, then a pixel, group by group.

    def above(self, rows):
        """Return what finished rows, [w, b, in] each, give to the next: [w, b, out]."""
        return convolve_rows(rows, self.kernel[: self.rows_above])

    def first_left(self, batch):
        """Return what stands left of a row's first pixel: zeros [b, margin * in], as padding."""
        return tf.zeros([batch, self.margin * self.in_channels])

    def next_left(self, left, parts):
        """Return what stands left of the next pixel, given the groups of this one's input."""
        return tf.concat([left, *parts], axis=-1)[:, -self.margin * self.in_channels :]

    def centre(self, parts, group, rest, left=None):
        """Return one group of the output at one pixel: [b, gates * filters / groups].

        Args:
            parts: the pixel's input groups, [b, in / groups] each, as many as are known.
            group: which output group.
            rest: [b, gates * filters] or [gates * filters], what all else gives, the bias included.
            left: the `margin` pixels to the left, [b, margin * in], unless `rest` has them.
        """
        taps = parts[:group] if self.mask_type == "A" else parts[: group + 1]
        taps = taps if left is None else [left, *taps]
        value = group_of(rest, group, self.groups, self.gates)
        if taps:
            known = tf.concat(taps, axis=-1)
            out = self.gates * self.filters
            columns = self.rows_above * self.kernel_size[1] + (self.margin if left is None else 0)
            kernel = tf.slice(
                tf.reshape(self.kernel, [-1, out]),
                [columns * self.in_channels, 0],
                [known.shape[-1], out],
            )
            value += known @ group_of(kernel, group, self.groups, self.gates)
        return value


@keras.saving.register_keras_serializable(package="tfgen")
class RowsConv2D(BiasedLayer):
    """A convolution of the rows above, and of the own row if these maps know none of its pixels.

    Args:
        in_channels, filters: maps in and out.
        size: of the square kernel, odd, of which the rows below the centre are left out.
        own_row: whether the centre row counts.
        num_classes: above 0, each class has a bias of its own.
    """

    def __init__(self, in_channels, filters, size, own_row, num_classes=0, **kwargs):
        super().__init__(**kwargs)
        self.in_channels, self.filters = in_channels, filters
        self.rows_above, self.margin = size // 2, size // 2
        shape = (self.rows_above + own_row, size, in_channels, filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.add_bias(filters, num_classes)
        self.built = True

    def call(self, x, labels=None):
        """Convolve whole maps [b, h, w, in] to [b, h, w, filters]."""
        padding = [[0, 0], [self.rows_above, 0], [self.margin, self.margin], [0, 0]]
        kernel = tf.cast(self.kernel, x.dtype)
        maps = tf.nn.conv2d(tf.pad(x, padding), kernel, strides=1, padding="VALID")
        # Without the own row, the last that comes out would be that below the image.
        return self.with_bias(maps[:, : x.shape[1]], labels)

    def at_row(self, rows):
        """Return the row [w, b, filters], without bias, that the rows [w, b, in] of maps give."""
        return convolve_rows(rows, self.kernel)


def convolve_rows(rows, kernel):
    """Return the one row that rows [w, b, in] and a kernel [rows, k, in, out] give: [w, b, out].

    As a product: XLA's convolutions inside a loop are slow.
    """
    height, width, channels, filters = kernel.shape
    columns = rows[0].shape[0]
    padded = [tf.pad(row, [[width // 2, width // 2], [0, 0], [0, 0]]) for row in rows]
    taps = [
        tf.slice(row, [k, 0, 0], [columns, -1, -1]) for row in padded for k in range(width)
    ]  # a third of the graph of row[k : k + columns]
    return product(
        tf.concat(taps, axis=-1), tf.reshape(kernel, [height * width * channels, filters])
    )


def group_mask(in_channels, out_channels, groups, gates, mask_type="B"):
    """Return the 0/1 matrix [in, out] of what each group of each gate sees: the groups before it
    and, under mask B, itself.
    """
    source = np.arange(in_channels) // (in_channels // groups)
    filters = out_channels // gates
    target = np.tile(np.arange(filters) // (filters // groups), gates)
    visible = np.less if mask_type == "A" else np.less_equal
    return visible(source[:, None], target[None, :]).astype(np.float32)


def group_of(maps, group, groups, gates):
    """Return one of the groups of each gate of maps [n, gates * filters] or [gates * filters]."""
    if groups == 1:
        return maps
    own = tf.split(maps, gates * groups, axis=-1)[group::groups]
    return own[0] if gates == 1 else tf.concat(own, axis=-1)
