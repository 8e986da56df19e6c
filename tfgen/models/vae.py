"""Variational autoencoder (Kingma & Welling 2013, arXiv:1312.6114).

A latent code z ~ N(0, I) explains an image through p(x | z). The encoder q(z | x), a Normal, makes
training possible: it bounds the log-likelihood from below by

    ELBO = E_q [log p(x | z)] - KL(q(z | x) || p(z))

(equation 7 of the paper; the KL of two Normals is in closed form). Conditional on a class, both
networks also see the label (Sohn et al. 2015).
"""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfgen.errors import UserError
from tfgen.images import check_labels, from_unit, graph_mistakes_told, to_levels, to_unit
from tfgen.layers.networks import (
    decoder_network,
    encoder_network,
    inputs,
    pixel_network,
    set_output_bias,
)
from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.models.base import LatentModel, check_latents, register
from tfgen.sampling import noise as random_noise

LOG_VARIANCE_BOUND = 8.0


@register
class VAE(LatentModel):
    """A VAE with dense or convolutional networks and any pixel likelihood.

    `generate`, `decode` and `reconstruct` return the mean of p(x | z), the picture that the
    literature shows; it may lie between the levels of the likelihood.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the code z.
        hidden: units of each dense layer, or filters of each convolution (stride 2 but the first).
        network: "dense" or "convolutional".
        likelihood: p(x | z) for each pixel, a `Likelihood`.
        num_classes: 0 for an unconditional model.
    """

    family = "VAE"

    def __init__(
        self,
        image_shape,
        latent_dim=32,
        hidden=(256, 256),
        network="dense",
        likelihood=None,
        num_classes=0,
    ):
        super().__init__(image_shape, num_classes)
        self.latent_dim = latent_dim
        self.hidden = tuple(hidden)
        self.network = network
        self.likelihood = likelihood or DiscretizedLogisticMixture(levels=256, num_mixtures=1)
        channels = self.image_shape[-1]
        self.encoder = encoder_network(
            network, self.image_shape, self.hidden, 2 * latent_dim, num_classes
        )
        self.decoder = decoder_network(
            network,
            latent_dim,
            self.hidden,
            (*self.image_shape[:2], self.likelihood.num_parameters(channels)),
            num_classes,
        )
        self.built = True

    # The two conditionals of the model

    def posterior(self, images, labels=None):
        """Return q(z | x), a tfd.MultivariateNormalDiag over codes, for uint8 images."""
        output = self.encoder(inputs(to_unit(images), labels))
        mean, log_variance = tf.split(tf.cast(output, tf.float32), 2, axis=-1)
        # Bounded smoothly: one wild batch must not overflow exp.
        log_variance = LOG_VARIANCE_BOUND * tf.tanh(log_variance / LOG_VARIANCE_BOUND)
        return tfd.MultivariateNormalDiag(mean, tf.exp(log_variance / 2))

    def prior(self):
        """Return p(z) = N(0, I)."""
        return tfd.MultivariateNormalDiag(tf.zeros([self.latent_dim]), tf.ones([self.latent_dim]))

    def log_likelihood(self, images, latents, labels=None):
        """Return log p(x | z) in nats, float32 [b], summed over pixels and channels."""
        parameters = self.decoder(inputs(latents, labels))
        levels = to_levels(images, self.likelihood.levels)
        return tf.reduce_sum(self.likelihood.log_prob(parameters, levels), axis=[1, 2, 3])

    # Training

    def losses(self, images, labels, noise, training):
        posterior = self.posterior(images, labels)
        epsilon = noise.normal([tf.shape(images)[0], self.latent_dim])
        latents = posterior.loc + posterior.scale.matvec(epsilon)
        reconstruction = -self.log_likelihood(images, latents, labels)
        kl = posterior.kl_divergence(self.prior())
        return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}

    def adapt(self, images):
        """Start the decoder at the mean training image (numpy uint8 [n, h, w, c])."""
        mean = images.mean(axis=0, dtype=np.float64) / 255
        set_output_bias(self.decoder, self.likelihood, mean)

    # Scores

    def elbo(self, images, seeds, labels=None):
        """Return the evidence lower bound of uint8 images in nats, float32 [b].

        One code is drawn for each image, from the noise of its seed (int32 [b]).
        """
        images, labels = self._check(images, labels)
        posterior = self.posterior(images, labels)
        latents = posterior.loc + posterior.scale.matvec(self.noise(seeds))
        kl = posterior.kl_divergence(self.prior())
        return self.log_likelihood(images, latents, labels) - kl

    def log_prob_bound(self, images, seeds, num_samples, labels=None):
        """Return the importance-weighted bound on log p(x) in nats, float32 [b].

        log (1/k) sum_s p(x, z_s) / q(z_s | x) with k = `num_samples` codes an image (Burda et al.
        2015): at least the ELBO in expectation, and the log-likelihood as k grows. Each image is
        encoded once and one sample is held at a time, so memory does not grow with k. Sample s of
        an image depends on its seed and s alone.
        """
        if num_samples < 1:
            raise UserError(f"num_samples must be at least 1, but is {num_samples}.")
        images, labels = self._check(images, labels)
        with graph_mistakes_told():
            return self._importance_bound(images, tf.convert_to_tensor(seeds), num_samples, labels)

    @tf.function(autograph=False, reduce_retracing=True)
    def _importance_bound(self, images, seeds, num_samples, labels):
        posterior, prior = self.posterior(images, labels), self.prior()

        def add_sample(sample, total):
            epsilon = random_noise.normal(seeds, [self.latent_dim], stream=sample)
            latents = posterior.loc + posterior.scale.matvec(epsilon)
            log_weight = (
                self.log_likelihood(images, latents, labels)
                + prior.log_prob(latents)
                - posterior.log_prob(latents)
            )
            return sample + 1, tfp.math.log_add_exp(total, log_weight)

        start = tf.fill([tf.shape(images)[0]], -np.float32(np.inf))
        _, total = tf.while_loop(
            lambda sample, total: sample < num_samples, add_sample, (tf.constant(0), start)
        )
        return total - math.log(num_samples)

    # Codes

    def encode(self, images, labels=None):
        """Return the mean of q(z | x), float32 [b, latent_dim]."""
        images, labels = self._check(images, labels)
        return self.posterior(images, labels).loc

    def decode(self, latents, labels=None):
        """Return the mean of p(x | z), uint8 [b, h, w, c], for codes [b, latent_dim]."""
        latents = check_latents(latents, self.latent_dim)
        labels = check_labels(labels, self.num_classes, latents.shape[0] or tf.shape(latents)[0])
        return from_unit(self.likelihood.mean(self.decoder(inputs(latents, labels))))

    def noise(self, seeds):
        """Return the codes of int32 seeds [b] under the prior, float32 [b, latent_dim]."""
        return random_noise.normal(seeds, [self.latent_dim])

    def generate(self, noise, labels=None):
        """Return the mean images of codes drawn by `noise`, uint8 [b, h, w, c]."""
        return self.decode(noise, labels)

    # Export

    def endpoints(self):
        def elbo(images, seeds, labels=None):
            return {"elbo": self.elbo(images, seeds, labels)}

        seeds = tf.TensorSpec([None], tf.int32, name="seeds")
        signature = [self._image_spec(), seeds, *self._label_spec()]
        return {**super().endpoints(), "elbo": (elbo, signature)}

    def plain_networks(self):
        return {"decoder": pixel_network(self.decoder, self.likelihood.mean)}
