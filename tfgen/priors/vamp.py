"""VampPrior (Tomczak & Welling 2018, arXiv:1705.07120): a mixture of posteriors.

The best prior of a VAE is the mean of its posteriors over the data. A few trained pseudo-inputs
u_1 .. u_K stand for the data:

    p(z) = 1/K sum_k q(z | u_k)

In a class-conditional model pseudo-input k is of class k mod num_classes.
"""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.errors import UserError, check_counts
from tfgen.gradient import custom_gradient
from tfgen.images import check_image_shape, to_unit
from tfgen.priors.base import Prior, component_of


@keras.saving.register_keras_serializable(package="tfgen")
class VampPrior(Prior):
    """The mixture of the posteriors of `num_components` trained images of shape `image_shape`."""

    def __init__(self, latent_dim, image_shape, num_components=100, num_classes=0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        check_counts(num_components=num_components)
        self.image_shape, self.num_classes = check_image_shape(image_shape), num_classes
        self.num_components = num_components
        self.pseudo_inputs = self.add_weight(
            name="pseudo_inputs",
            shape=[num_components, *self.image_shape],
            initializer=keras.initializers.RandomNormal(stddev=0.05),
        )
        self.built = True

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "image_shape": list(self.image_shape),
            "num_components": self.num_components,
            "num_classes": self.num_classes,
        }

    @property
    def noise_dim(self):
        return self.latent_dim + 1

    def check(self, image_shape, num_classes):
        if (image_shape, num_classes) != (self.image_shape, self.num_classes):
            raise UserError(
                f"the prior's pseudo-inputs are images of shape {list(self.image_shape)} and "
                f"{self.num_classes} classes, but the model's are {list(image_shape)} and "
                f"{num_classes}; make the VampPrior with the model's image_shape and num_classes."
            )

    def adapt(self, images, labels=None):
        if not self.num_classes:
            labels = None  # an unconditional model ignores them
        rng, chosen = np.random.default_rng(0), np.zeros([self.num_components], int)
        of_component = np.arange(self.num_components) % max(1, self.num_classes)
        for label in np.unique(of_component):
            places = np.flatnonzero(of_component == label)
            fitting = np.flatnonzero(np.equal(labels, label))
            if not fitting.size:  # any image, where none is of the class or no labels are given
                fitting = np.arange(len(images))
            # Each once if there are enough: two equal pseudo-inputs would stay equal for ever.
            few = len(fitting) < len(places)
            chosen[places] = rng.choice(fitting, len(places), replace=few)
        self.pseudo_inputs.assign(to_unit(images[chosen]))

    def components(self, encode):
        """Return q(z | u_k), a batch of `num_components` distributions."""
        labels = None
        if self.num_classes:
            labels = tf.range(self.num_components) % self.num_classes
        return encode(_clipped(self.pseudo_inputs.value), labels)

    @property
    def numbers_a_code(self):
        return self.num_components * self.latent_dim

    def distribution(self, encode):
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros([self.num_components])), self.components(encode)
        )

    def codes(self, noise, encode):
        weights = tf.fill([self.num_components], 1 / self.num_components)
        chosen = component_of(noise[:, 0], weights)
        posteriors = self.components(encode)
        means = tf.gather(posteriors.mean(), chosen)
        return means + tf.gather(posteriors.stddev(), chosen) * noise[:, 1:]


@custom_gradient
def _clipped(x):
    """Clip pixels to [-1, 1]; the gradient is stopped only where it leads further outside.

    That of `tf.clip_by_value` is zero outside, whence no pixel would come back: black and white
    images start at the ends, and half of their pixels are outside after the first step.
    """

    def gradient(by_clipped):
        outwards = ((x > 1) & (by_clipped < 0)) | ((x < -1) & (by_clipped > 0))
        return tf.where(outwards, 0.0, by_clipped)

    return tf.clip_by_value(x, -1.0, 1.0), gradient
