"""Mixture of discretised logistics (PixelCNN++, Salimans et al. 2017, arXiv:1701.05517).

Level k of a channel takes the logistic's mass between k - 1/2 and k + 1/2; the two end levels
take everything beyond them. On colour images one mixture component covers the whole pixel, and
the means of G and B move linearly with the channels before them (equation 3 of the paper).
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from keras import ops
from tensorflow_probability import distributions as tfd

from tfgen.errors import check_counts
from tfgen.likelihoods.base import Likelihood
from tfgen.likelihoods.discrete import level_at

MIN_LOG_SCALE = -7.0  # of pixel values in [-1, 1]


@keras.saving.register_keras_serializable(package="tfgen")
class DiscretizedLogisticMixture(Likelihood):
    """`num_mixtures` discretised logistics over `levels` levels, grey or R-G-B conditioned.

    Parameters of a pixel, all for component m of `num_mixtures`: the mixture logit, then the means
    and log-scales (of pixel values in [-1, 1]) of each channel, then for colour the coefficients
    (G on R), (B on R), (B on G) before their tanh.
    """

    joint_channels = True

    def __init__(self, levels=256, num_mixtures=10):
        check_counts(minimum=2, maximum=256, levels=levels)
        check_counts(num_mixtures=num_mixtures)
        self.levels = levels
        self.num_mixtures = num_mixtures

    def num_parameters(self, channels):
        return self.num_mixtures * _rows(channels)

    def distribution(self, parameters, pixels=None):
        """Return the mixture over each channel's level, independent channels as batch.

        On colour the mixture is of whole pixels; what is returned is channel c's distribution
        given the channels before it in `pixels` (levels [..., channels]), so that the sum of the
        log-probabilities over channels is the pixel's.
        """
        logits, means, log_scales, coefficients = self._components(parameters)
        channels = means.shape[-2]
        if channels > 1:
            if pixels is None:
                raise ValueError("colour mixtures condition on the pixel; give `pixels`.")
            seen = tf.cast(pixels, tf.float32)
            means, coefficients, values = (
                tf.unstack(each, axis=-2) for each in (means, coefficients, seen[..., None])
            )
            means = tf.stack(
                [self._mean(c, means, coefficients, values[:c]) for c in range(channels)], axis=-2
            )
            # Bayes' rule: having seen the channels before, the components weigh differently.
            evidence = self._quantized(means, log_scales).log_prob(seen[..., None])
            logits = logits[..., None, :] + tf.cumsum(evidence, axis=-2, exclusive=True)
        else:
            logits = logits[..., None, :]
        return self._mixture(logits, means, log_scales)

    def log_prob(self, parameters, levels):
        return self.distribution(parameters, levels).log_prob(tf.cast(levels, tf.float32))

    def quantile(self, parameters, uniforms, temperature=1.0):
        """As `Likelihood.quantile`; a temperature divides mixture logits and multiplies scales.

        Towards 0, all mass goes to the level at the mean of the heaviest component, which need not
        be the likeliest one.
        """
        # Channel after channel as in `distribution`, each given the levels drawn before it.
        logits, means, log_scales, coefficients = self._components(parameters)
        logits = logits[..., None, :] / temperature
        log_scales += tf.math.log(temperature)
        means, coefficients = (tf.unstack(each, axis=-2) for each in (means, coefficients))
        log_scales = tf.split(log_scales, len(means), axis=-2)
        uniforms = tf.unstack(uniforms, axis=-1)
        every_level = tf.range(self.levels, dtype=tf.float32)
        drawn, values = [], []
        for channel, log_scale in enumerate(log_scales):
            mean = self._mean(channel, means, coefficients, values)[..., None, :]
            probabilities = tf.exp(self._mixture(logits, mean, log_scale).log_prob(every_level))
            drawn.append(level_at(probabilities, uniforms[channel]))
            values.append(tf.cast(drawn[-1], tf.float32)[..., None])
            if channel + 1 < len(log_scales):
                logits += self._quantized(mean, log_scale).log_prob(values[-1][..., None])
        return tf.stack(drawn, axis=-1)

    def mean(self, parameters):
        """Return the mixture of the components' means.

        Exact on grey images; on colour each channel's mean is taken at its component's mean of the
        channels before.
        """
        rows = parameters.shape[-1] // self.num_mixtures
        channels = _channels(rows)
        shape = (-1, *parameters.shape[1:-1], rows, self.num_mixtures)
        parameters = ops.reshape(ops.cast(parameters, "float32"), shape)
        # The value of level k is the sum of the steps below it, so E[x] sums P(level > k).
        edges = (np.arange(self.levels - 1) + 0.5) * (2 / (self.levels - 1)) - 1
        expected = []
        for channel in range(channels):
            mean = parameters[..., 1 + channel, :]
            for before in range(channel):
                row = 1 + 2 * channels + channel * (channel - 1) // 2 + before
                mean = mean + ops.tanh(parameters[..., row, :]) * expected[before]
            log_scale = ops.maximum(parameters[..., 1 + channels + channel, :], MIN_LOG_SCALE)
            above = ops.sigmoid(
                (ops.expand_dims(mean, -1) - edges.astype(np.float32))
                * ops.expand_dims(ops.exp(-log_scale), -1)
            )
            expected.append(ops.sum(above, axis=-1) * (2 / (self.levels - 1)) - 1)
        if self.num_mixtures == 1:
            return ops.stack([value[..., 0] for value in expected], axis=-1)
        weights = ops.softmax(parameters[..., 0, :], axis=-1)
        return ops.stack([ops.sum(weights * value, axis=-1) for value in expected], axis=-1)

    def initial_bias(self, mean):
        """As `Likelihood.initial_bias`, but near the mean: the end levels cut the logistics off."""
        channels = mean.shape[-1]
        bias = np.zeros((*mean.shape[:-1], _rows(channels), self.num_mixtures), np.float32)
        spread = np.linspace(-0.5, 0.5, self.num_mixtures + 2)[1:-1]
        bias[..., 1 : 1 + channels, :] = (2 * mean - 1)[..., None] + spread
        bias[..., 1 + channels : 1 + 2 * channels, :] = -1.5
        return bias.reshape(*mean.shape[:-1], -1)

    def _components(self, parameters):
        """Split [..., p] into logits [..., m], means, log-scales [..., c, m] and coefficients."""
        rows = parameters.shape[-1] // self.num_mixtures
        channels = _channels(rows)
        shape = tf.concat([tf.shape(parameters)[:-1], [rows, self.num_mixtures]], axis=0)
        parameters = tf.reshape(tf.cast(parameters, tf.float32), shape)
        sizes = [1, channels, channels, rows - 1 - 2 * channels]
        logits, means, log_scales, coefficients = tf.split(parameters, sizes, axis=-2)
        log_scales = tf.maximum(log_scales, MIN_LOG_SCALE)
        return tf.squeeze(logits, axis=-2), means, log_scales, coefficients

    def _mean(self, channel, means, coefficients, values):
        """Return a channel's means [..., m], shifted by tanh(coefficient) times what is before it.

        Args:
            means, coefficients: [..., m] of each channel, and of each pair of channels.
            values: levels of the channels before, [..., 1] each.
        """
        mean, first = means[channel], channel * (channel - 1) // 2
        for coefficient, level in zip(coefficients[first:], values, strict=False):
            mean += tf.tanh(coefficient) * (level * (2 / (self.levels - 1)) - 1)
        return mean

    def _mixture(self, logits, means, log_scales):
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=logits), self._quantized(means, log_scales)
        )

    def _quantized(self, means, log_scales):
        half_range = (self.levels - 1) / 2
        return DiscretizedLogistic(
            (means + 1) * half_range, log_scales + np.float32(np.log(half_range)), self.levels
        )


def _rows(channels):
    return 1 + 2 * channels + channels * (channels - 1) // 2


def _channels(rows):
    return next(c for c in range(1, rows) if _rows(c) == rows)


class DiscretizedLogistic(tfd.Distribution):
    """The logistic(loc, exp(log_scale)) rounded to the nearest of the levels 0..levels-1.

    It scores levels only; what draws them is `DiscretizedLogisticMixture.quantile`.

    tfd.QuantizedDistribution subtracts two CDFs, which cancels far from the mean and gives -inf
    with NaN gradients. For the logistic the difference has a closed form without cancellation:

        s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)),     a - b = 1 / scale
    """

    def __init__(self, loc, log_scale, levels, name="DiscretizedLogistic"):
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self.loc, self.log_scale, self.levels = loc, log_scale, levels
            super().__init__(
                dtype=loc.dtype,
                reparameterization_type=tfd.NOT_REPARAMETERIZED,
                validate_args=False,
                allow_nan_stats=True,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {
            "loc": tfp.util.ParameterProperties(),
            "log_scale": tfp.util.ParameterProperties(),
        }

    def _event_shape(self):
        return tf.TensorShape([])

    def _event_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _log_prob(self, level):
        width = tf.exp(-self.log_scale)
        above = (level + 0.5 - self.loc) * width
        below = (level - 0.5 - self.loc) * width
        # The last level takes all that is above it, the first all that is below.
        is_first, is_last = level < 0.5, level > self.levels - 1.5
        up_to = tf.where(is_last, 0.0, tf.math.log_sigmoid(above))
        beyond = tf.where(is_first, 0.0, tf.math.log_sigmoid(-below))
        # A width that underflows would make the logarithm infinite and its gradient NaN.
        mass = tf.math.log(-tf.math.expm1(-tf.maximum(width, 1e-30)))
        return up_to + beyond + tf.where(is_first | is_last, 0.0, mass)
