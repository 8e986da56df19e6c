"""Whether the processor is made for the half precision that a training asks for."""

import time

import keras
import tensorflow as tf
from absl import logging

SLOW = 1.5  # times a float32 product; with instructions for it, bfloat16 takes less than one
SIZE = 512


def warn_if_emulated(precision):
    """Log a warning if the CPU multiplies far slower in a policy's compute dtype than in float32.

    Only the matrix product itself tells, on every processor and system; it takes milliseconds.
    """
    dtype = keras.DTypePolicy(precision).compute_dtype
    if dtype == "float32" or tf.config.list_logical_devices("GPU"):
        return
    ratio = product_seconds(dtype) / product_seconds("float32")
    if ratio > SLOW:
        logging.warning(
            "this processor has to emulate %s: matrix products take %.1f times as long as in "
            "float32; --precision float32 trains faster",
            dtype,
            ratio,
        )


def product_seconds(dtype):
    """Return the seconds of a matrix product, the best of some."""
    matrix = tf.ones([SIZE, SIZE], dtype)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        times.append(time.perf_counter() - start)
    return min(times)
