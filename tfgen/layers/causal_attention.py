"""Attention of each pixel over all pixels before it (PixelSNAIL, arXiv:1712.09763, section 2.1).

    k k k k k
    k k k k k     the query at q looks up the keys k: all that precede it in raster order,
    k k q . .     wherever they are; the first pixel finds nothing and gets zeros

Keys and values know the whole of their pixel. The query may not know its own: of feature maps in
channel groups it reads the first group alone, which sees nothing of the pixel; so one attention
serves all groups.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen.layers.product import product

BANDS = 4  # the queries of a band of rows are multiplied with the keys up to its end only
NEVER = -1e9


@keras.saving.register_keras_serializable(package="tfgen")
class CausalAttention(keras.layers.Layer):
    """One head of causal attention, at once for whole maps or pixel by pixel.

    Args:
        channels: feature maps, which give keys and values together with the image and the place.
        query_channels: the first of them, which give the query together with the place.
        image_channels: channels of the image.
        key_channels, value_channels: sizes of a key, and of a value and the result.
    """

    def __init__(
        self, channels, query_channels, image_channels, key_channels, value_channels, **kwargs
    ):
        super().__init__(**kwargs)
        self.channels, self.query_channels = channels, query_channels
        self.image_channels = image_channels
        self.key_channels, self.value_channels = key_channels, value_channels
        self.memory_channels = key_channels + value_channels
        # The last two rows are the place's. A bias of the keys would change no weight, and one of
        # the values nothing that the next layer's cannot.
        self.query_kernel = self.add_weight(
            name="query_kernel", shape=[query_channels + 2, key_channels]
        )
        self.query_bias = self.add_weight(
            name="query_bias", shape=[key_channels], initializer="zeros"
        )
        self.memory_kernel = self.add_weight(
            name="memory_kernel",
            shape=[channels + image_channels + 2, self.memory_channels],
        )
        self.built = True

    def call(self, features, x):
        """Return results [b, h, w, value_channels] and memories [b, h, w, memory_channels].

        A pixel's memory is its key, then its value.

        Args: features: [b, h, w, channels]; x: the image, [b, h, w, image_channels].
        """
        height, width = features.shape[1:3]
        query_places, memory_places = self.place_terms(height, width)
        query = product(features[..., : self.query_channels], self._query_taps())
        query += tf.cast(query_places, query.dtype)
        memory = product(tf.concat([features, x], axis=-1), self._memory_taps())
        memory += tf.cast(memory_places, memory.dtype)
        query, keys, values = (
            tf.reshape(maps, [-1, height * width, maps.shape[-1]])
            for maps in (query, *self.split(memory, axis=-1))
        )
        query *= self.key_channels**-0.5
        results = []
        for rows in np.array_split(np.arange(height), min(BANDS, height)):
            first, end = rows[0] * width, (rows[-1] + 1) * width
            scores = tf.matmul(query[:, first:end], keys[:, :end], transpose_b=True)
            before = tf.range(end)[None] < tf.range(first, end)[:, None]  # constants are large
            scores = tf.cast(scores, tf.float32) + tf.where(before, 0.0, NEVER)
            weights = tf.cast(tf.nn.softmax(scores), values.dtype)
            results.append(tf.matmul(weights, values[:, :end]))
        result = tf.concat(results, axis=1)
        anything_before = tf.cast(tf.range(height * width) > 0, result.dtype)
        result *= anything_before[:, None]
        return tf.reshape(result, [-1, height, width, self.value_channels]), memory

    def place_terms(self, height, width):
        """Return what the place of each pixel adds to its query and memory, [h, w, n]."""
        rows = tf.range(height, dtype=tf.float32) / height - 0.5
        columns = tf.range(width, dtype=tf.float32) / width - 0.5
        places = tf.stack(tf.meshgrid(rows, columns, indexing="ij"), axis=-1)
        query = product(places, tf.cast(self.query_kernel[-2:], tf.float32))
        query += tf.cast(self.query_bias, tf.float32)
        return query, product(places, tf.cast(self.memory_kernel[-2:], tf.float32))

    def _query_taps(self):
        return self.query_kernel[:-2]

    def _memory_taps(self):
        return self.memory_kernel[:-2]

    def split(self, memory, axis):
        """Return the keys and the values of a memory."""
        return tf.split(memory, [self.key_channels, self.value_channels], axis=axis)

    # The same for one pixel. What it looks up lies in [b, n, pixels], the last pixel at the end.

    def find(self, features, place, memories, penalty):
        """Return what the pixel finds, [b, value_channels].

        Args:
            features: of the pixel, [b, query_channels].
            place: [1, key_channels], what its place adds to the query.
            memories: (keys, values), each [b, n, pixels], of one part of the image after another.
            penalty: [pixels], of all parts: NEVER where there is no pixel yet, 0 elsewhere.
        """
        query = (features @ self._query_taps() + place) * self.key_channels**-0.5
        scores = [tf.matmul(query[:, None], keys)[:, 0] for keys, _ in memories]
        weights = tf.nn.softmax(tf.concat(scores, axis=-1) + penalty)
        weights = tf.split(weights, [keys.shape[-1] for keys, _ in memories], axis=-1)
        found = [
            tf.matmul(values, part[..., None])[..., 0]
            for part, (_, values) in zip(weights, memories, strict=True)
        ]
        return tf.add_n(found)

    def memory_of(self, features, pixel, place):
        """Return the memory [b, memory_channels] of a pixel, from its features and its levels."""
        return tf.concat([features, pixel], axis=-1) @ self._memory_taps() + place


def appended(memory, new):
    """Return a memory [b, n, pixels] with new pixels at its end in place of its first ones."""
    return tf.concat([memory[..., new.shape[-1] :], new], axis=-1)


def penalty_of(known, pixels):
    """Return penalties [..., pixels], for `find`, of a memory whose last `known` [...] are held."""
    return tf.where(tf.range(pixels) >= pixels - known[..., None], 0.0, NEVER)
