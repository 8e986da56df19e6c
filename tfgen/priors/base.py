"""What every prior over codes offers to the models."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.errors import check_counts


class Prior(keras.layers.Layer):
    """A distribution p(z) of codes [latent_dim], whose parameters train with the model.

    `encode` below is the model's: (float images [k, h, w, c] in [-1, 1], labels [k] or None) to the
    posterior over their codes; only a prior made of posteriors needs it.

    Attributes:
        latent_dim: length of a code.
        noise_dim: how many standard normal numbers `codes` makes one code of.
    """

    def __init__(self, latent_dim, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        check_counts(latent_dim=latent_dim)
        self.latent_dim = latent_dim

    @property
    def noise_dim(self):
        return self.latent_dim

    @property
    def numbers_a_code(self):
        """The numbers that the density of one code passes through at once."""
        return self.latent_dim

    def distribution(self, encode):
        """Return the TFP distribution of codes [latent_dim]."""
        raise NotImplementedError

    def codes(self, noise, encode):
        """Return the codes [b, latent_dim] that standard normal noise [b, noise_dim] stands for."""
        raise NotImplementedError

    def check(self, image_shape, num_classes):
        """Raise `UserError` if the prior cannot serve a model of such images and classes."""

    def adapt(self, images, labels=None):
        """Start from training images, numpy uint8 [n, h, w, c], and their labels, int [n]."""


def diagonal_normal(mean, scale):
    """Return the distribution of [n] independent Normals, for means and scales [..., n].

    TFP's MultivariateNormalDiag is the same in six times the operations, most of a served graph.
    """
    return tfd.Independent(tfd.Normal(mean, scale), 1)


def is_diagonal_normal(distribution):
    """Return whether it is one of `diagonal_normal`, between which KL has a closed form."""
    return isinstance(distribution, tfd.Independent) and isinstance(
        distribution.distribution, tfd.Normal
    )


def component_of(uniform_normal, probabilities):
    """Return which component, int32 [b], the standard normal numbers [b] pick by their rank."""
    uniform = tfd.Normal(0.0, 1.0).cdf(uniform_normal)
    below = uniform[:, None] >= tf.cumsum(probabilities)[:-1]
    return tf.reduce_sum(tf.cast(below, tf.int32), axis=-1)
