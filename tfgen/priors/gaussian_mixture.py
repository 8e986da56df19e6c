"""A mixture of Gaussians as prior (as in Dilokthanakul et al. 2016, arXiv:1611.02648)."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.errors import check_counts
from tfgen.priors.base import Prior, component_of, diagonal_normal


@keras.saving.register_keras_serializable(package="tfgen")
class GaussianMixture(Prior):
    """A mixture of `num_components` diagonal Gaussians, whose weights, means and scales train."""

    def __init__(self, latent_dim, num_components=10, **kwargs):
        super().__init__(latent_dim, **kwargs)
        check_counts(num_components=num_components)
        self.num_components = k = num_components
        self.logits = self.add_weight(name="logits", shape=[k], initializer="zeros")
        # Apart from each other, since equal components would stay equal.
        apart = keras.initializers.RandomNormal(stddev=1.0)
        self.means = self.add_weight(name="means", shape=[k, latent_dim], initializer=apart)
        self.log_scales = self.add_weight(
            name="log_scales", shape=[k, latent_dim], initializer="zeros"
        )
        self.built = True

    @property
    def noise_dim(self):
        return self.latent_dim + 1

    @property
    def numbers_a_code(self):
        return self.num_components * self.latent_dim

    def distribution(self, encode):
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=self.logits.value),
            diagonal_normal(self.means.value, tf.exp(self.log_scales.value)),
        )

    def codes(self, noise, encode):
        chosen = component_of(noise[:, 0], tf.nn.softmax(self.logits.value))
        means, scales = tf.gather(self.means, chosen), tf.exp(tf.gather(self.log_scales, chosen))
        return means + scales * noise[:, 1:]
