"""The product of maps with a matrix."""

import tensorflow as tf


def product(maps, kernel):
    """Return maps [..., n] times a kernel [n, m] as [..., m]; one size of the maps may be unknown.

    As `tf.tensordot(maps, kernel, 1)`, which makes twenty operations of it where a size is unknown.
    """
    *sizes, n = maps.shape
    rows = tf.reshape(maps, [-1, n]) @ kernel
    return tf.reshape(rows, [*(-1 if size is None else size for size in sizes), rows.shape[-1]])
