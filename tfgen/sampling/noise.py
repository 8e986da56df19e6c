"""Where randomness comes from: stateless numbers, so that nothing hidden decides a result.

For sampling, row k of the noise depends on `seeds[k]` alone. For training, it depends on the
step and on the row's place in the global batch alone, so that two replicas draw what one would.
"""

import functools

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError


def check_seeds(seeds, batch):
    """Return `seeds` as an int32 tensor after checking that they are such integers, [batch].

    Args: seeds: None stands for 0, 1, .. batch - 1; batch: a number, or, in a graph, a tensor,
        which is not checked.
    """
    seeds = tf.convert_to_tensor(tf.range(batch) if seeds is None and batch is not None else seeds)
    right = seeds.dtype.is_integer and seeds.shape.rank == 1
    if not right or (isinstance(batch, int) and seeds.shape[0] not in (None, batch)):
        of_shape = f"[{batch}]" if isinstance(batch, int) else "[batch]"
        raise UserError(
            f"seeds must be integers of shape {of_shape}, one for each image, but are "
            f"{seeds.dtype.name} of shape {seeds.shape}."
        )
    if seeds.dtype != tf.int32 and tf.executing_eagerly():
        bounds = np.iinfo(np.int32)
        values = seeds.numpy()
        if np.any((values < bounds.min) | (values > bounds.max)):
            raise UserError(
                f"seeds must lie in {bounds.min}..{bounds.max}, but reach from {values.min()} to "
                f"{values.max()}."
            )
    return tf.cast(seeds, tf.int32)


def normal(seeds, shape, stream=0):
    """Return standard normal noise, float32 [batch, *shape], row k from int32 `seeds[k]` alone.

    Each `stream` (an integer, also a tensor) of a seed is independent noise.
    """
    return _rows(tf.random.stateless_normal, seeds, shape, stream)


def uniform(seeds, shape):
    """Return uniform noise in [0, 1), float32 [batch, *shape], row k from `seeds[k]` alone."""
    return _rows(tf.random.stateless_uniform, seeds, shape, 0)


def _rows(draw, seeds, shape, stream):
    return _row_drawer(draw, tuple(shape))(check_seeds(seeds, None), tf.cast(stream, tf.int32))


@functools.cache
def _row_drawer(draw, shape):
    def draw_rows(seeds, stream):
        return tf.map_fn(
            lambda seed: draw(shape, tf.stack([seed, stream])),
            seeds,
            fn_output_signature=tf.TensorSpec(shape, tf.float32),
        )

    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)]
    return tf.function(draw_rows, input_signature=signature, autograph=False)


class StepNoise:
    """The noise of one training step on one replica.

    Every draw is made for the global batch and this replica keeps its rows; draws of one step
    differ from each other because each folds its number into the seed.
    """

    def __init__(self, seed, step, replica=0, num_replicas=1):
        self._seed = tf.random.experimental.stateless_fold_in(
            tf.stack([tf.cast(seed, tf.int32), 0]), tf.cast(step, tf.int32)
        )
        self._replica = replica
        self._num_replicas = num_replicas
        self._draws = 0

    def normal(self, shape):
        """Return standard normal noise of `shape`, whose first entry is the replica's batch."""
        return self._draw(tf.random.stateless_normal, shape)

    def uniform(self, shape):
        """Return uniform noise in [0, 1) of `shape`, whose first entry is the replica's batch."""
        return self._draw(tf.random.stateless_uniform, shape)

    def _draw(self, draw, shape):
        self._draws += 1
        seed = tf.random.experimental.stateless_fold_in(self._seed, self._draws)
        batch = shape[0]
        rows = draw([batch * self._num_replicas, *shape[1:]], seed)
        if self._num_replicas == 1:
            return rows
        return rows[self._replica * batch : (self._replica + 1) * batch]
