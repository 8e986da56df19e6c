"""Densities on [0, 1] for pixel values taken as continuous: continuous Bernoulli and Normal.

Their log-densities are in nats, but they are no probabilities of levels: never compare them with
the figures of discrete likelihoods.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tensorflow_probability import distributions as tfd

from tfgen.likelihoods.base import Likelihood, slope, split_channels


class _Continuous(Likelihood):
    """Scores level k as the point k / (levels - 1) of [0, 1]."""

    is_density = True

    def __init__(self, levels=256):
        self.levels = levels

    def log_prob(self, parameters, levels):
        points = tf.cast(levels, tf.float32) / (self.levels - 1)
        return self.distribution(parameters).log_prob(points)


@keras.saving.register_keras_serializable(package="tfgen")
class ContinuousBernoulli(_Continuous):
    """The 'Bernoulli on grey values', normalised (arXiv:1907.06845); one logit per channel."""

    def num_parameters(self, channels):
        return channels

    def distribution(self, parameters):
        return tfd.ContinuousBernoulli(logits=tf.cast(parameters, tf.float32))

    def mean(self, parameters):
        # E[x] = p / (2p - 1) + 1 / (2 artanh(1 - 2p)); around p = 1/2 its series is 1/2 + logit/12.
        logits = ops.cast(parameters, "float32")
        near_zero = ops.abs(logits) < 0.05
        safe = ops.where(near_zero, ops.ones_like(logits), logits)
        exact = 1 / (1 - ops.exp(-safe)) - 1 / safe
        return 2 * ops.where(near_zero, 0.5 + logits / 12, exact) - 1

    def initial_bias(self, mean):
        logits = slope(mean, lambda logits: 1 / (1 - np.exp(-logits)) - 1 / logits)
        return logits.astype(np.float32)


@keras.saving.register_keras_serializable(package="tfgen")
class Normal(_Continuous):
    """A Normal whose mean and log-scale the network gives per pixel and channel.

    The scale is at least one level, 1 / (levels - 1): a smaller one would reward the density's
    spikes on the grid rather than the picture. It is at most exp(3), flat over all of [0, 1].
    """

    def num_parameters(self, channels):
        return 2 * channels

    def distribution(self, parameters):
        mean, log_scale = tf.unstack(split_channels(parameters, 2), axis=-1)
        floor = np.float32(-np.log(self.levels - 1))
        return tfd.Normal(loc=(mean + 1) / 2, scale=tf.exp(tf.clip_by_value(log_scale, floor, 3.0)))

    def mean(self, parameters):
        return ops.clip(ops.cast(parameters[..., 0::2], "float32"), -1, 1)

    def initial_bias(self, mean):
        bias = np.stack([2 * mean - 1, np.full_like(mean, -1.0)], axis=-1)
        return bias.reshape(*mean.shape[:-1], -1).astype(np.float32)
