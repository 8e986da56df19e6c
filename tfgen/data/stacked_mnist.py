"""Stacked MNIST: three digits, one a channel, 1000 modes (Metz et al. 2016, arXiv:1611.02163).

Image i of a split is made when it is asked for: its channels are three images of MNIST's split of
that name, drawn from (`SEED`, split, i) alone, so the training images hold no test digit. Its label
is the number that its channels read, red the hundreds: 0..999. 128,000 images train, and 26,000
each validate and test, the number on which modes are counted (`tfgen.metrics.mode_coverage`).
"""

import numpy as np
import tensorflow as tf

from tfgen.data.image_data import SPLITS, IndexedSplit
from tfgen.data.tfds_source import open_tfds

NAME = "stacked_mnist"
SEED = 20_161_107
SIZES = {"train": 128_000, "validation": 26_000, "test": 26_000}


def open_stacked_mnist(data_dir=None, limit=None):
    """Return the fields of `ImageData`; raises `UserError` where there is no MNIST."""
    mnist = open_tfds("mnist", data_dir)
    sizes = {name: size if limit is None else min(size, limit) for name, size in SIZES.items()}
    return {
        "name": NAME,
        "image_shape": (*mnist["image_shape"][:2], 3),
        "class_names": tuple(f"{number:03}" for number in range(1000)),
        "splits": {
            name: IndexedSplit(size, _Stacks(mnist["splits"][name], name, size))
            for name, size in sizes.items()
        },
        "where": f"images of '{NAME}' are made of MNIST's when needed",
    }


def chosen_digits(split, size, num_digits):
    """Return which of a split's `num_digits` digits the first images hold, int64 [size, 3]."""
    rng = np.random.default_rng([SEED, SPLITS.index(split)])
    # Row by row from one stream, so that an image does not depend on how many come after it.
    return np.floor(rng.random([size, 3]) * num_digits).astype(np.int64)


class _Stacks:
    """Gathers images by index, and MNIST's split on the first call."""

    def __init__(self, digits, split, size):
        self._digits = digits
        self._chosen = tf.constant(chosen_digits(split, size, digits.size))
        self._loaded = None

    def __call__(self, rows):
        if self._loaded is None:
            with tf.init_scope():  # the first call may come from within a data set's graph
                (batch,) = self._digits.in_order(self._digits.size)
                self._loaded = tf.squeeze(batch[0], -1), batch[1]
        images, labels = self._loaded
        chosen = tf.gather(self._chosen, rows)
        stacked = tf.transpose(tf.gather(images, chosen), [0, 2, 3, 1])
        numbers = tf.gather(labels, chosen)
        return stacked, tf.reduce_sum(numbers * tf.constant([100, 10, 1]), axis=1)
