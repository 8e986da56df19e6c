"""Vector quantisation with a codebook of moving averages (van den Oord et al. 2017, appendix A.1).

A vector becomes the nearest of the codebook's embeddings. No gradient trains these: each follows
the vectors that chose it, with n of them summing to s in a batch,

    N <- decay N + (1 - decay) n,     m <- decay m + (1 - decay) s,     e = m / N

To this we add what the paper lacks: a code that hardly any vector chooses is dead, since nothing
moves it any more, and is seated anew at a vector of the batch.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import check_counts, check_numbers
from tfgen.layers.product import product


@keras.saving.register_keras_serializable(package="tfgen")
class VectorQuantizer(keras.layers.Layer):
    """A codebook [num_codes, embedding_dim]; computes in float32 whatever the policy.

    Args:
        num_codes: number of embeddings, in 2..256: the codes are kept as uint8 images.
        embedding_dim: length of an embedding.
        decay: of the moving averages.
        restart_below: a code is dead when its average count N falls below this part of the mean
            over all codes; 0: never.
    """

    def __init__(self, num_codes, embedding_dim, decay=0.99, restart_below=0.1, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        check_counts(minimum=2, maximum=256, num_codes=num_codes)
        check_counts(embedding_dim=embedding_dim)
        check_numbers("[0, 1)", decay=decay)
        check_numbers("[0, inf)", restart_below=restart_below)
        self.num_codes, self.embedding_dim = num_codes, embedding_dim
        self.decay, self.restart_below = decay, restart_below

        def weight(name, shape, initializer):
            # All replicas assign the same value: what they share is reduced beforehand.
            return self.add_weight(
                name=name,
                shape=shape,
                initializer=initializer,
                trainable=False,
                aggregation="only_first_replica",
            )

        self.embeddings = weight("embeddings", [num_codes, embedding_dim], "random_normal")
        self.counts = weight("counts", [num_codes], "ones")
        self.sums = weight("sums", [num_codes, embedding_dim], "zeros")
        self.sums.assign(self.embeddings)
        self.built = True

    def call(self, vectors):
        """Return (quantised vectors, their codes) of float32 vectors [..., embedding_dim].

        The gradient passes straight through: that by the quantised vector counts as the vector's.
        """
        codes = self.nearest(vectors)
        quantized = vectors + tf.stop_gradient(self.lookup(codes) - vectors)
        return quantized, codes

    def nearest(self, vectors):
        """Return the codes, int32 [...], of the embeddings nearest to vectors [..., d]."""
        table = tf.convert_to_tensor(self.embeddings)
        products = product(vectors, tf.transpose(table))
        distances = tf.reduce_sum(tf.square(table), axis=1) - 2 * products  # less |vector|^2
        return tf.argmin(distances, axis=-1, output_type=tf.int32)

    def lookup(self, codes):
        """Return the embeddings [..., d] of int32 codes [...]."""
        return tf.gather(tf.convert_to_tensor(self.embeddings), codes)

    def update(self, vectors, noise):
        """Move the codebook after the vectors [b, ..., d] of a training step, of all replicas.

        Args: noise: the step's `StepNoise`, which says at which vectors dead codes are seated.
        """
        keys = tf.reshape(noise.uniform(tf.unstack(tf.shape(vectors)[:-1])), [-1])
        vectors = tf.reshape(tf.stop_gradient(vectors), [-1, self.embedding_dim])
        chosen = tf.one_hot(self.nearest(vectors), self.num_codes)
        counts = tf.reduce_sum(chosen, axis=0)
        sums = tf.matmul(chosen, vectors, transpose_a=True)
        replicas = tf.distribute.get_replica_context()
        counts, sums = replicas.all_reduce(tf.distribute.ReduceOp.SUM, [counts, sums])
        counts = self.decay * self.counts + (1 - self.decay) * counts
        sums = self.decay * self.sums + (1 - self.decay) * sums
        embeddings = tf.math.divide_no_nan(sums, counts[:, None])

        # A seat that is taken starts at the mean count, or the code would be dead at once again.
        fair = tf.reduce_mean(counts)
        dead = counts < self.restart_below * fair
        seats = self._seats(vectors, keys, replicas)
        rank = tf.cumsum(tf.cast(dead, tf.int32), exclusive=True)
        seat = tf.gather(seats, rank % tf.shape(seats)[0])
        embeddings = tf.where(dead[:, None], seat, embeddings)
        self.counts.assign(tf.where(dead, fair, counts))
        self.sums.assign(tf.where(dead[:, None], fair * seat, sums))
        self.embeddings.assign(embeddings)

    def seat(self, vectors):
        """Start the codebook at `vectors`, numpy [n, d]: at random ones among them, in their order.

        Always the same ones, and some twice if there are too few.
        """
        # Evenly spaced ones could all be of one place of the images' maps.
        order = np.random.default_rng(0).permutation(len(vectors))
        rows = np.sort(np.resize(order, self.num_codes))
        self.embeddings.assign(vectors[rows])
        self.sums.assign(vectors[rows])
        self.counts.assign(tf.ones_like(self.counts))

    def _seats(self, vectors, keys, replicas):
        """Return at most `num_codes` vectors of the global batch, those with the largest keys."""

        def first(keys, vectors):
            keys, order = tf.math.top_k(keys, tf.minimum(self.num_codes, tf.size(keys)))
            return keys, tf.gather(vectors, order)

        keys, vectors = first(keys, vectors)
        if replicas.num_replicas_in_sync == 1:
            return vectors
        return first(replicas.all_gather(keys, axis=0), replicas.all_gather(vectors, axis=0))[1]
