"""What every pixel likelihood offers to the models.

Network output carries, for each pixel, the parameters of its channels. A likelihood that treats
the channels one by one (`joint_channels = False`) lays them out channel by channel,

    [ R: p_1 .. p_k | G: p_1 .. p_k | B: p_1 .. p_k ]

which is also how masked convolutions group their feature maps. One that ties the channels of a
pixel together itself (`joint_channels = True`) may use any layout.
"""

import numpy as np
import tensorflow as tf

from tfgen.values import Value


class Likelihood(Value):
    """A distribution over the levels 0..levels-1 of an image, given network output.

    Subclasses are plain values: their constructor's arguments are attributes of the same names.

    Attributes:
        levels: their number.
        joint_channels: whether it ties the channels of a pixel together.
        is_density: whether it is a density on [0, 1], whose nats compare with no probability's.
    """

    levels: int
    joint_channels = False
    is_density = False

    def num_parameters(self, channels):
        """Return how many network outputs per pixel describe `channels` channels."""
        raise NotImplementedError

    def distribution(self, parameters):
        """Return the TFP distribution of levels [..., channels] given parameters [..., p].

        It is float32 whatever the compute policy; batch and event dimensions are all batch.
        """
        raise NotImplementedError

    def log_prob(self, parameters, levels):
        """Return log p(levels) in nats, float32, one number per pixel and channel.

        Args: parameters: [..., num_parameters]; levels: integers [..., channels].
        Returns [..., channels]; the image's log-likelihood is the sum.
        """
        return self.distribution(parameters).log_prob(levels)

    def quantile(self, parameters, uniforms, temperature=1.0):
        """Return the levels, int32 [..., channels], at which each channel's CDF passes `uniforms`.

        With uniforms in [0, 1) this draws a sample (inverse-CDF). Likelihoods with
        `joint_channels` draw channel after channel, each given the ones before. Densities have
        none.

        A `temperature` below 1 sharpens the distribution, above 1 it flattens it. Wherever
        parameters are logits, it becomes p^(1 / temperature), normalised; towards 0 all mass goes
        to the likeliest level.
        """
        raise NotImplementedError

    def mean(self, parameters):
        """Return the expected image in [-1, 1], [..., channels], for tensors and KerasTensors."""
        raise NotImplementedError

    def initial_bias(self, mean):
        """Return output biases [..., num_parameters], which give the mean image `mean`.

        Args: mean: numpy array [..., channels] of expected values in [0, 1].
        """
        raise NotImplementedError


def split_channels(parameters, size):
    """View float32 parameters [..., channels * size] as [..., channels, size]."""
    parameters = tf.cast(parameters, tf.float32)
    shape = tf.concat([tf.shape(parameters)[:-1], [parameters.shape[-1] // size, size]], axis=0)
    split = tf.reshape(parameters, shape)
    split.set_shape([*parameters.shape[:-1], parameters.shape[-1] // size, size])
    return split


def logit(mean, margin=0.01):
    """Return log(mean / (1 - mean)) for numpy `mean`, kept `margin` away from 0 and 1."""
    mean = np.clip(mean, margin, 1 - margin)
    return np.log(mean) - np.log1p(-mean)


def slope(mean, mean_at, margin=0.01):
    """Return the slopes s at which p(x) proportional to exp(s x) on [0, 1] has the means `mean`.

    Args:
        mean: a numpy array of any shape, kept `margin` away from 0 and 1.
        mean_at: the mean of p as a function of s, numpy [n] to [n]; no s will be 0.
    """
    # A mean m is never further than 1 / |s| from the end that p leans to, so |s| < 1 / margin.
    slopes = np.linspace(-1 / margin, 1 / margin, 10_000)
    return np.interp(np.clip(mean, margin, 1 - margin), mean_at(slopes), slopes)
