"""The skewed map on which a diagonal is a column, for scans (arXiv:1601.06759, section 3.2).

Row i is moved right by i. A few images lie side by side, so that the empty corners come once for
all of them; here two images, a-f and A-F, of 2x3 pixels:

    a b c        a b c A B C .
    d e f   ->   . d e f D E F
"""

import math

import numpy as np
import tensorflow as tf

from tfgen.gradient import custom_gradient

SIDE_BY_SIDE = 8  # images, at most


class Skew:
    """A layout of maps [b, h, w, n] as steps [t, h, b / images side by side, n].

    Args:
        shape: static shape of the maps; the batch size may be None.
        batch: the batch size as a tensor.
        mirrored: whether each image is mirrored first, so that the scan runs from the right. Then
            `undo` moves the maps down by a row, too: next to a pixel stands what was found above.

    Attributes:
        begins: bool [t, h, 1, 1], true where an image's first column stands.
    """

    def __init__(self, shape, batch, mirrored):
        static_batch, height, width, _ = shape
        images = math.gcd(static_batch, SIDE_BY_SIDE) if static_batch else 1
        self._lanes = static_batch // images if static_batch else batch
        self._size = images, height, width
        self._mirrored = mirrored
        step, row = np.indices([images * width + height - 1, height])
        self._image, self._column = np.divmod(step - row, width)
        self._inside = (self._image >= 0) & (self._image < images)
        self.begins = tf.constant((self._column == 0) & self._inside)[..., None, None]
        pixels, cells = self._pixels(), self._cells()
        self._there = (pixels[0], np.True_), cells
        self._back = (self._cells(1), self._pixels(1)) if mirrored else (cells, pixels)

    def __call__(self, maps):
        """Return maps [b, h, w, n] skewed, [t, h, b / images, n]; what the corners hold is open."""
        return _rearranged(maps, *self._there)

    def undo(self, maps):
        """Return skewed maps [t, h, b / images, n] as [b, h, w, n]."""
        return _rearranged(maps, *self._back)

    def _pixels(self, down=0):
        """Return the pixel `down` rows below each cell: its index, [t, h, lanes], and a mask."""
        images, height, width = self._size
        row = np.arange(height) + down
        column = width - 1 - self._column if self._mirrored else self._column
        inside = self._inside & (row < height)
        image, pixel = (np.where(inside, x, 0) for x in (self._image, row * width + column))
        lane = tf.range(self._lanes)
        index = (image[..., None] * self._lanes + lane) * height * width + pixel[..., None]
        return index, inside[..., None, None]

    def _cells(self, down=0):
        """Return the cell `down` rows above each pixel: its index, [b, h, w], and a mask."""
        images, height, width = self._size
        image, _, row, column = np.indices([images, 1, height, width])
        column = width - 1 - column if self._mirrored else column
        inside = row >= down
        row = np.maximum(row - down, 0)
        step = image * width + column + row
        lane = tf.range(self._lanes)[:, None, None]
        index = (step * height + row) * self._lanes + lane
        return tf.reshape(index, [-1, height, width]), inside[0, 0, ..., None]


def _rearranged(maps, there, back):
    """Return the rows of `maps` at the places `there`; `back` are the places of the inverse.

    The gradient of a gather would be a slow sum; of a rearrangement it is the inverse one.
    """

    @custom_gradient
    def rearranged(maps):
        return _rows_at(maps, there), lambda gradient: _rows_at(gradient, back)

    return rearranged(maps)


def _rows_at(maps, places):
    """Return the rows [n] of maps [..., n] at (index [x, y, z], mask); zeros where masked."""
    index, inside = places
    rows = tf.gather(tf.reshape(maps, [-1, maps.shape[-1]]), index)
    return rows if np.all(inside) else tf.where(inside, rows, tf.zeros([], rows.dtype))
