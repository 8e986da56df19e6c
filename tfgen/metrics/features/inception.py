"""Features of Inception-v3 (Szegedy et al. 2015, arXiv:1512.00567), 2048 of each image.

The network and its weights are those of keras.applications, not the graph of 2015 by which most
published Fréchet distances were measured: figures by the two do not compare.
"""

import contextlib
import functools
import sys

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError

SIDE = 299
BATCH_SIZE = 50


def inception_features(images):
    """Return Inception-v3's features, float32 [n, 2048], of images uint8 [n, h, w, 1 or 3].

    Images are resized to 299x299 (bilinear, antialiased); grey ones are repeated in the three
    channels. Raises `UserError` for other images, and where the weights can be found neither in
    Keras's cache nor on the network.
    """
    channels = images.shape[-1]
    if channels not in (1, 3):
        raise UserError(
            f"Inception features are of images of 1 or 3 channels, but these have {channels}."
        )
    network, features = _network(), []
    for start in range(0, len(images), BATCH_SIZE):
        batch = tf.cast(images[start : start + BATCH_SIZE], tf.float32)
        batch = tf.image.resize(batch, [SIDE, SIDE], antialias=True) / 127.5 - 1
        features.append(network(tf.repeat(batch, 3 // channels, axis=-1), training=False))
    return np.concatenate(features)


@functools.cache
def _network():
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where Keras shows its download
            return keras.applications.InceptionV3(
                include_top=False, pooling="avg", input_shape=(SIDE, SIDE, 3)
            )
    except Exception as error:  # Keras raises a bare one where a download fails
        raise UserError(
            "the weights of Inception-v3 are not in Keras's cache and could not be downloaded; "
            "take other features, or run once where there is a network."
        ) from error
