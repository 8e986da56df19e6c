"""Bernoulli for two levels and Categorical for any number of them."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tensorflow_probability import distributions as tfd

from tfgen.errors import check_counts
from tfgen.likelihoods.base import Likelihood, logit, slope, split_channels


@keras.saving.register_keras_serializable(package="tfgen")
class Bernoulli(Likelihood):
    """Binary pixels (levels 0 and 1); one logit per channel."""

    levels = 2

    def __init__(self):
        pass

    def num_parameters(self, channels):
        return channels

    def distribution(self, parameters):
        return tfd.Bernoulli(logits=tf.cast(parameters, tf.float32), dtype=tf.int32)

    def log_prob(self, parameters, levels):
        # As the distribution's, in fewer passes: x log p + (1 - x) log (1 - p).
        logits = tf.cast(parameters, tf.float32)
        return tf.cast(levels, tf.float32) * logits - tf.math.softplus(logits)

    def quantile(self, parameters, uniforms, temperature=1.0):
        # P(0) = sigmoid(-logit): the CDF passes u at level 1 as soon as u reaches P(0).
        logits = tf.cast(parameters, tf.float32) / temperature
        return tf.cast(uniforms >= tf.sigmoid(-logits), tf.int32)

    def mean(self, parameters):
        return 2 * ops.sigmoid(ops.cast(parameters, "float32")) - 1

    def initial_bias(self, mean):
        return logit(mean).astype(np.float32)


@keras.saving.register_keras_serializable(package="tfgen")
class Categorical(Likelihood):
    """A softmax over `levels` values for each channel (PixelRNN, arXiv:1601.06759)."""

    def __init__(self, levels=256):
        check_counts(minimum=2, maximum=256, levels=levels)
        self.levels = levels

    def num_parameters(self, channels):
        return channels * self.levels

    def distribution(self, parameters):
        return tfd.Categorical(logits=split_channels(parameters, self.levels), dtype=tf.int32)

    def quantile(self, parameters, uniforms, temperature=1.0):
        logits = split_channels(parameters, self.levels) / temperature
        return level_at(tf.nn.softmax(logits), uniforms)

    def mean(self, parameters):
        channels = parameters.shape[-1] // self.levels
        logits = ops.reshape(parameters, (-1, *parameters.shape[1:-1], channels, self.levels))
        probabilities = ops.softmax(ops.cast(logits, "float32"), axis=-1)
        values = np.linspace(-1, 1, self.levels, dtype=np.float32)
        return ops.sum(probabilities * values, axis=-1)

    def initial_bias(self, mean):
        # Logits linear in the level: the distribution of the largest entropy with this mean.
        points = np.linspace(0, 1, self.levels)

        def mean_at(slopes):
            weights = np.exp(slopes[:, None] * points)
            return weights @ points / weights.sum(axis=1)

        bias = slope(mean, mean_at)[..., None] * (points - 0.5)
        return bias.reshape(*mean.shape[:-1], -1).astype(np.float32)


def level_at(probabilities, uniforms):
    """Return the smallest level whose cumulative probability [..., levels] exceeds `uniforms`."""
    levels = probabilities.shape[-1]
    # The last sum is left out: rounding may leave it below 1 and below the uniform.
    cumulative = tf.cumsum(probabilities, axis=-1)[..., : levels - 1]
    return tf.reduce_sum(tf.cast(uniforms[..., None] >= cumulative, tf.int32), axis=-1)
