"""The prior of the VAE paper (Kingma & Welling 2013, arXiv:1312.6114): p(z) = N(0, I)."""

import keras
import tensorflow as tf

from tfgen.priors.base import Prior, diagonal_normal


@keras.saving.register_keras_serializable(package="tfgen")
class StandardNormal(Prior):
    """N(0, I) over codes of `latent_dim` numbers; nothing to train."""

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.built = True

    def distribution(self, encode):
        return diagonal_normal(tf.zeros([self.latent_dim]), tf.ones([self.latent_dim]))

    def codes(self, noise, encode):
        return noise
