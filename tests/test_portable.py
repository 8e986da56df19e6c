"""Compiled code in exported graphs: batches are split and padded, and rows stay what they are."""

import numpy as np
import tensorflow as tf

from tfgen.sampling.portable import portable


def served(function, dtype):
    """Return a function of a vector as an exported graph calls it."""
    signature = [tf.TensorSpec([None], dtype)]
    called = portable(function, signature)
    return tf.function(called, input_signature=signature, autograph=False)


def test_rows_are_split_and_padded_to_sizes_that_are_compiled():
    found = served(lambda x: tf.stack([x, tf.fill(tf.shape(x), tf.shape(x)[0])], axis=1), tf.int32)
    for n in (0, 1, 2, 8, 9, 30):
        size = 1 if n == 1 else 8
        np.testing.assert_array_equal(
            found(tf.range(n)), [[k, size] for k in range(n)] or np.zeros([0, 2])
        )


def test_what_fills_up_a_batch_is_known_whole():
    found = served(lambda known: tf.fill(tf.shape(known), tf.reduce_all(known)), tf.bool)
    assert found(tf.ones([3], tf.bool)).numpy().all()
    assert not found(tf.constant([True, False, True])).numpy().any()
