"""The importance-weighted bound on log p(x) (Burda et al. 2015, arXiv:1509.00519), streamed.

    log p(x) >= log 1/k sum_s w_s        (in expectation)

and never the weighted mean of log w_s, which looks better by up to log k.
"""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.sampling import noise as random_noise

NOISE_BLOCK = 50  # samples of an image whose noise is drawn at once
MOST_SAMPLES = 10**9
LARGEST_TENSOR = 2**23  # bytes, of several at a time


def log_mean_weight(log_weights, seeds, latent_dim, num_samples, chunk_size):
    """Return log 1/k sum_s w_s of each image, float32 [b], in memory that k does not change.

    Args:
        log_weights: a function from standard normal numbers [b, n, latent_dim] to the log-weights
            [b, n] of the samples that they stand for.
        seeds: int32 [b]; sample s of an image depends on its seed and s alone.
        latent_dim: numbers of a sample.
        num_samples: k, an integer tensor or number.
        chunk_size: samples of each image that are weighed at once.
    """

    def add_block(block, total):
        epsilon = random_noise.normal(seeds, [NOISE_BLOCK, latent_dim], stream=block)
        size = tf.minimum(NOISE_BLOCK, num_samples - block * NOISE_BLOCK)

        def add_chunk(start, total):
            end = tf.minimum(start + chunk_size, size)
            # In float64, since a large image's thousands of nats leave float32 few digits.
            weights = tf.cast(log_weights(epsilon[:, start:end]), tf.float64)
            total = tfp.math.log_add_exp(total, tf.reduce_logsumexp(weights, axis=1))
            return end, tf.ensure_shape(total, seeds.shape)  # which the weights may not know

        _, total = tf.while_loop(
            lambda start, _: start < size, add_chunk, (0, total), parallel_iterations=1
        )
        return block + 1, total

    nothing = tf.fill([tf.shape(seeds)[0]], -np.float64(np.inf))
    blocks = (num_samples + NOISE_BLOCK - 1) // NOISE_BLOCK
    _, total = tf.while_loop(
        lambda block, _: block < blocks, add_block, (0, nothing), parallel_iterations=1
    )
    return tf.cast(total - tf.math.log(tf.cast(num_samples, tf.float64)), tf.float32)


def at_once(size, most):
    """Return how many rows of `size` float32 numbers, up to `most`, LARGEST_TENSOR holds."""
    return max(1, min(most, LARGEST_TENSOR // (4 * size)))
